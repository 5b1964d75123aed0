"""Reading the JSON of the Registry: absent and null fields are taken for empty, a wrong type is refused. Pure.

Every reader raises SafeInstallError `registry-answer-invalid` for what it cannot be, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Hint, SafeInstallError, one_line
from .registry import ACTIVE, ComfyNode, RegistryPack, RegistryVersion, SearchPage, Support, VersionState

_MOST_ITEMS = 10_000
"""Of one list. The largest page has 1000; a server may not fill the memory with a list of nothing."""


def parse_page(value: object) -> SearchPage:
    """A page of `GET /nodes` and `GET /nodes/search`."""
    table = _table(value, "the page")
    packs = tuple(parse_pack(each) for each in _list(table, "nodes"))
    return SearchPage(
        packs=packs,
        total=_number(table, "total"),
        page=_number(table, "page") or 1,
        limit=_number(table, "limit"),
        pages=_number(table, "totalPages"),
    )


def parse_pack(value: object) -> RegistryPack:
    """A `Node`."""
    table = _table(value, "the pack")
    name = _needed(table, "id")
    publisher = _table(table.get("publisher") or {}, "publisher")
    latest = _table(table.get("latest_version") or {}, "latest_version")
    return RegistryPack(
        id=name,
        name=_text(table, "name"),
        description=_text(table, "description"),
        author=_text(table, "author"),
        publisher=_text(publisher, "id"),
        publisher_name=_text(publisher, "name"),
        repository=_text(table, "repository"),
        license=_text(table, "license"),
        icon=_text(table, "icon"),
        category=_text(table, "category"),
        tags=_texts(table, "tags"),
        downloads=_number(table, "downloads"),
        github_stars=_number(table, "github_stars"),
        rating=_real(table, "rating"),
        created=_text(table, "created_at"),
        status=_status(table, "NodeStatus"),
        status_detail=_text(table, "status_detail"),
        # An empty object stands where there is none; ComfyUI-Manager writes `nightly` there itself.
        latest=parse_version(latest, pack=name) if latest.get("version") else None,
        preempted_nodes=_texts(table, "preempted_comfy_node_names"),
        support=_support(table),
    )


def parse_versions(value: object, *, pack: str) -> tuple[RegistryVersion, ...]:
    """The list of `GET /nodes/{id}/versions`, newest first."""
    if not isinstance(value, list):
        raise _invalid("the versions should be a list")
    _check_length(value, "the versions")
    found = [parse_version(each, pack=pack) for each in value]
    return tuple(sorted(found, key=lambda each: each.order, reverse=True))


def parse_version(value: object, *, pack: str = "") -> RegistryVersion:
    """A `NodeVersion`; `pack` is its pack's id where the answer does not say it."""
    table = _table(value, "the version")
    return RegistryVersion(
        pack=_text(table, "node_id") or pack,
        version=_needed(table, "version"),
        status=_status(table, "NodeVersionStatus"),
        status_reason=_text(table, "status_reason"),
        download_url=_text(table, "downloadUrl"),
        dependencies=_texts(table, "dependencies"),
        changelog=_text(table, "changelog"),
        created=_text(table, "createdAt"),
        deprecated=_flag(table, "deprecated"),
        support=_support(table),
    )


def parse_states(value: object) -> tuple[VersionState, ...]:
    """The answer of `POST /bulk/nodes/versions`."""
    states = []
    for each in _list(_table(value, "the states"), "node_versions"):
        row = _table(each, "a state")
        names = _table(row.get("identifier") or {}, "identifier")
        pack, version = _needed(names, "node_id"), _needed(names, "version")
        found = row.get("node_version")
        said = _text(row, "error_message")
        unknown = _text(row, "status") in ("", "success", "not_found")
        states.append(
            VersionState(
                pack=pack,
                version=version,
                found=None if not found else parse_version(found, pack=pack),
                error="" if unknown else said or "the Registry could not tell",
            )
        )
    return tuple(states)


def parse_nodes(value: object) -> tuple[tuple[ComfyNode, ...], int]:
    """The nodes of `GET /nodes/{id}/versions/{v}/comfy-nodes`, and how many pages there are."""
    table = _table(value, "the nodes")
    nodes = tuple(
        ComfyNode(
            name=_needed(row, "comfy_node_name"),
            category=_text(row, "category"),
            description=_text(row, "description"),
            deprecated=_flag(row, "deprecated"),
            experimental=_flag(row, "experimental"),
            policy=_text(row, "policy").removeprefix("ComfyNodePolicy").lower() or ACTIVE,
        )
        for row in (_table(each, "a node") for each in _list(table, "comfy_nodes"))
    )
    return nodes, _number(table, "totalNumberOfPages")


def parse_message(value: object) -> str:
    """What an error's body says, as one line; empty where it says nothing."""
    if not isinstance(value, Mapping):
        return ""
    words = [value.get("message"), value.get("error")]
    return next((one_line(each)[:300] for each in words if isinstance(each, str) and each.strip()), "")


# --- fields -----------------------------------------------------------------------------------------------


def _support(table: Mapping[str, object]) -> Support:
    return Support(
        systems=_texts(table, "supported_os"),
        accelerators=_texts(table, "supported_accelerators"),
        comfyui=_text(table, "supported_comfyui_version"),
        frontend=_text(table, "supported_comfyui_frontend_version"),
    )


def _status(table: Mapping[str, object], prefix: str) -> str:
    return _text(table, "status").removeprefix(prefix).lower() or ACTIVE


def _table(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} should be an object")
    return value


def _list(table: Mapping[str, object], key: str) -> list[object]:
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _invalid(f"{key} should be a list")
    return _check_length(value, key)


def _check_length(value: list[object], what: str) -> list[object]:
    if len(value) > _MOST_ITEMS:
        raise _invalid(f"{what} should have at most {_MOST_ITEMS} items")
    return value


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    found = []
    for each in _list(table, key):
        if not isinstance(each, str):
            raise _invalid(f"{key} should be a list of strings")
        found.append(_sound(each))
    return tuple(found)


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _invalid(f"{key} should be a string")
    return _sound(value)


def _sound(text: str) -> str:
    """The text without halves of characters: JSON can hold them, and no file or terminal can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _needed(table: Mapping[str, object], key: str) -> str:
    value = _text(table, key)
    if not value:
        raise _invalid(f"{key} is missing")
    return value


def _flag(table: Mapping[str, object], key: str) -> bool:
    value = table.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _invalid(f"{key} should be true or false")
    return value


def _number(table: Mapping[str, object], key: str) -> int:
    value = table.get(key)
    if value is None:
        return 0
    # `type(...) is`, because True is an int as well.
    if type(value) is not int:
        raise _invalid(f"{key} should be a whole number")
    return value


def _real(table: Mapping[str, object], key: str) -> float:
    value = table.get(key)
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(f"{key} should be a number")
    try:
        return float(value)
    except OverflowError as error:  # JSON knows integers of any length.
        raise _invalid(f"{key} is too large") from error


def _invalid(why: str) -> SafeInstallError:
    return SafeInstallError(
        "registry-answer-invalid",
        f"The Registry's answer is not what it should be: {why}.",
        hints=(
            Hint(
                "try-later", "Try again later; if it stays so, the Registry has changed: update Safe Install."
            ),
        ),
    )
