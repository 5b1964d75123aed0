"""ComfyUI-Manager's bodies as tasks of ours: one task, several, or the rows of a legacy batch.

The versions: `latest`, `nightly`, `X.Y.Z` are the Registry's; a commit hash is one of the pack's repository;
`unknown` means the repository itself. Channels and modes say where Manager reads its catalogue from, so they are
checked and change nothing here. `update-comfyui` and `install-model` are Manager's work, and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from ...resolver.core.tasks import Task, TaskKind
from ...resolver.errors import Hint, RefusedError, UsageError
from .. import wire
from ..envelope import invalid_request
from . import shapes

EVERY = "*"
"""As the engine names an update of everything."""
NOT_OURS = {
    "update-comfyui": "ComfyUI itself is updated by ComfyUI-Manager or git, not by Safe Install.",
    "install-model": "Models are downloaded by ComfyUI-Manager or the page, not by Safe Install.",
}
_NEWEST = ("", "latest")
_CHANNELS = frozenset({"default", "recent", "legacy", "forked", "dev", "tutorial", "local"})
_COMMIT = re.compile(r"^[0-9a-f]{7,64}$")
_RELEASE = re.compile(r"^v?\d+(\.\d+)*([.+-]?[A-Za-z0-9.+-]+)?$")
_REGISTRY_ID = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$")
_GITHUB_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$")
_REPOSITORY = re.compile(r"^(https?|ssh)://[^\s@]+(@[^\s@]+)?$|^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s@]+$")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request comes to."""

    tasks: tuple[Task, ...]
    without_scripts: bool = False
    """`skip_post_install`: no install.py runs, whatever is allowed."""


def read(request: wire.TaskRequest) -> Asked:
    """The tasks of a request in any of its three forms.

    Raises UsageError `request-invalid`, `kind-not-known`, `version-not-understood`, `repository-missing`,
    `repository-not-understood`, `skip-not-shared`; RefusedError `not-our-job`.
    """
    found: list[tuple[Task, bool]] = []
    if request.kind is not None:
        found.append(_of_item(request.kind, request.params or {}))
    elif request.tasks is not None:
        found += [_of_item(item.kind, item.params) for item in request.tasks]
    else:
        found += _of_batch(request)
    skipping = {skip for task, skip in found if task.kind is TaskKind.INSTALL}
    if len(skipping) > 1:
        raise UsageError(
            "skip-not-shared",
            "skip_post_install is set for some of these packs and not for others; they are one change here.",
            hints=(Hint("ask-apart", "Ask for them in two requests."),),
        )
    return Asked(tasks=tuple(task for task, _ in found), without_scripts=True in skipping)


# --- one task -------------------------------------------------------------------------------------------------


def _of_item(kind: str, params: Mapping[str, JsonValue]) -> tuple[Task, bool]:
    _refuse_foreign(kind)
    if kind == "install" and "source" in params:
        return Task(kind=TaskKind.INSTALL, subject=_read(wire.InstallParams, params).source), False
    if kind == "install":
        asked = _read(shapes.InstallPackParams, params)
        version = asked.selected_version or asked.version
        source = source_of(asked.id, version, repository=asked.repository or "")
        return Task(kind=TaskKind.INSTALL, subject=source), bool(asked.skip_post_install)
    if kind == "enable":
        return Task(kind=TaskKind.ENABLE, subject=_read(shapes.EnablePackParams, params).cnr_id), False
    if kind in ("uninstall", "disable"):
        name = _read(shapes.NamedPackParams, params).node_name
        return Task(kind=TaskKind(kind), subject=name), False
    if kind == "fix":
        return Task(kind=TaskKind.FIX, subject=_read(shapes.InstalledPackParams, params).node_name), False
    if kind == "update":
        newer = _read(shapes.UpdatePackParams, params)
        version = _checked(newer.version) if newer.version else ""
        return Task(kind=TaskKind.UPDATE, subject=newer.node_name, version=version), False
    raise UsageError(
        "kind-not-known",
        "There is no such kind of task.",
        context={"kind": kind},
        hints=(Hint("see-openapi", "What each route takes is told at openapi.json beside it."),),
    )


def source_of(name: str, version: str, *, repository: str = "", files: tuple[str, ...] = ()) -> str:
    """The source, as the command line takes it, that Manager means by an id and a version.

    >>> source_of("comfyui-kjnodes", "1.0.5")
    'comfyui-kjnodes@1.0.5'
    """
    address = files[0] if files else repository
    if version == "unknown":
        return _git(address or (f"https://github.com/{name}" if _GITHUB_ID.match(name) else ""), "")
    if _GITHUB_ID.match(name):
        ref = "" if version in (*_NEWEST, "nightly") else version
        return _git(address or f"https://github.com/{name}", _checked(ref) if ref else "")
    if not _REGISTRY_ID.match(name):
        raise UsageError(
            "pack-id-not-understood", "The pack's id is neither the Registry's nor author/repository."
        )
    if _COMMIT.match(version) and not version.isdigit():
        return _git(address, version)
    return f"{name}@{'latest' if version in _NEWEST else _checked(version)}"


def _checked(version: str) -> str:
    if version == "nightly" or _RELEASE.match(version) or _COMMIT.match(version):
        return version
    raise UsageError(
        "version-not-understood",
        "The version is neither latest, nightly, a release nor a commit.",
        context={"version": version},
    )


def _git(address: str, ref: str) -> str:
    if not address:
        raise UsageError(
            "repository-missing",
            "This version comes from the pack's repository, and no repository is named.",
            hints=(Hint("name-repository", "Name it as `repository`, or as the first of `files`."),),
        )
    if not _REPOSITORY.match(address) or PurePosixPath(address).suffix in (".py", ".zip"):
        raise UsageError(
            "repository-not-understood", "The pack's address is no git repository.", context={"url": address}
        )
    text = address if "://" not in address else f"git+{address}"
    return f"{text}@{ref}" if ref else text


# --- the legacy batch -----------------------------------------------------------------------------------------


def _of_batch(request: wire.TaskRequest) -> list[tuple[Task, bool]]:
    if request.update_comfyui:
        _refuse_foreign("update-comfyui")
    if request.install_model:
        _refuse_foreign("install-model")
    found: list[tuple[Task, bool]] = []
    for row in request.uninstall or ():
        found.append((Task(kind=TaskKind.UNINSTALL, subject=_name_of(_read(shapes.Row, row))), False))
    for kind, rows in (("install", request.install), ("reinstall", request.reinstall)):
        for row in rows or ():
            found.append(_of_install_row(_read(shapes.InstallRow, row), again=kind == "reinstall"))
    named = {
        "update": request.update,
        "fix": request.fix,
        "disable": request.disable,
        "enable": request.enable,
    }
    for kind, rows in named.items():
        for row in rows or ():
            found.append((Task(kind=TaskKind(kind), subject=_name_of(_read(shapes.Row, row))), False))
    if request.update_all is not None:
        if request.update_all not in ("remote", "local", "cache", "default"):
            raise UsageError("request-invalid", "update_all must be a mode: remote, local or cache.")
        found.append((Task(kind=TaskKind.UPDATE, subject=EVERY), False))
    return found


def _of_install_row(row: shapes.InstallRow, *, again: bool) -> tuple[Task, bool]:
    if "://" not in row.channel and row.channel not in _CHANNELS:
        raise UsageError("request-invalid", "channel: ComfyUI-Manager has no such channel.")
    if row.install_type not in (None, "git-clone", "cnr"):
        raise UsageError(
            "install-type-not-taken",
            "Only git repositories and the Registry's packs are installed, no single files.",
            context={"install_type": row.install_type},
        )
    wanted = row.selected_version
    if row.version == "unknown":
        wanted = "unknown"
    elif wanted == "unknown":
        raise UsageError("request-invalid", "selected_version: unknown, for a pack whose version is known.")
    name = row.id or ""
    source = source_of(name, wanted or "latest", repository=row.repository or "", files=tuple(row.files))
    # As Manager does: a reinstall runs everything.
    return Task(kind=TaskKind.INSTALL, subject=source), bool(row.skip_post_install) and not again


def _name_of(row: shapes.Row) -> str:
    """The pack a row is about, as Manager names it: by its repository where it knows no version."""
    if row.version == "unknown" and row.files:
        return row.files[0].rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    if row.id:
        return row.id
    raise UsageError(
        "request-invalid", "A row names its pack by id, or by files where its version is unknown."
    )


def _refuse_foreign(kind: str) -> None:
    if kind in NOT_OURS:
        raise RefusedError(
            "not-our-job",
            NOT_OURS[kind],
            context={"kind": kind},
            hints=(Hint("ask-manager", "Ask ComfyUI-Manager for it."),),
        )


def _read(model: type[M], value: Mapping[str, JsonValue]) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_request(error, "params") from None
