"""A snapshot of ComfyUI-Manager (`get_current_snapshot` of 4.3) as tasks of ours. Pure.

What Manager does with it line by line at a start becomes one change: packs it does not name are disabled, others are
switched, installed or enabled, and their requirements are met together. Its list of pip packages is no part of it:
exact versions would be forced past what packs and core require, so it is told instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Hint, UsageError, visible
from .pack_origin import LOCAL, REGISTRY, PackOrigin, matching, same_repository
from .tasks import Task, TaskKind
from .types import Pack

_ID = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$")
_VERSION = re.compile(r"^[0-9A-Za-z][0-9A-Za-z._+-]*$")
_COMMIT = re.compile(r"^[0-9a-f]{7,64}$")
_REPOSITORY = re.compile(
    r"^https?://[^\s@]+$|^ssh://[^\s@]+@[^\s@]+$|^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s@]+$"
)
_SPARED = ("comfyui-manager", "safe-install", "safe_install")
"""Who restores must not go away by it."""

Known = Sequence[tuple[Pack, PackOrigin]]


@dataclass(slots=True, kw_only=True)
class ManagersWish:
    """What such a snapshot comes to."""

    tasks: list[Task] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What of it is not done, in words; each a sentence."""


def read_managers(document: Mapping[str, object], known: Known) -> ManagersWish:
    """The tasks that lead from the packs there are to those the snapshot names.

    Raises UsageError `manager-snapshot-not-understood`.
    """
    inner = document.get("custom_nodes", document)  # The YAML form has everything one level deeper.
    if not isinstance(inner, Mapping) or not {"cnr_custom_nodes", "git_custom_nodes"} & inner.keys():
        raise _not_understood("it has neither cnr_custom_nodes nor git_custom_nodes")
    wish = ManagersWish()
    named: set[str] = set()
    for identifier, version in _table(inner, "cnr_custom_nodes").items():
        _of_registry(wish, named, known, identifier, version)
    for url, state in _table(inner, "git_custom_nodes").items():
        _of_repository(wish, named, known, url, state)
    _files(wish, known, inner.get("file_custom_nodes"))
    for pack, origin in known:
        spared = any(word in pack.name.casefold() for word in _SPARED)
        if not (pack.disabled or pack.path in named or spared or pack.is_file or origin.kind == LOCAL):
            wish.tasks.append(Task(kind=TaskKind.DISABLE, subject=pack.name))
    pips = inner.get("pips")
    if isinstance(pips, Mapping) and pips:
        wish.left_out.append(
            f"Its {len(pips)} pip packages are not forced: what the packs require is met anew, beside ComfyUI."
        )
    if inner.get("comfyui"):
        wish.left_out.append("ComfyUI itself stays at its commit.")
    return wish


def _of_registry(wish: ManagersWish, named: set[str], known: Known, identifier: str, version: object) -> None:
    if not _ID.match(identifier) or not isinstance(version, str) or not _VERSION.match(version):
        raise _not_understood(f"{identifier!r} is no pack of the Registry with a version")
    found = [each for each in known if each[1].kind == REGISTRY and _is(each, identifier)]
    enabled = [pack for pack, _ in found if not pack.disabled]
    if enabled:
        named.add(enabled[0].path)
        if enabled[0].version != version:
            wish.tasks.append(Task(kind=TaskKind.UPDATE, subject=enabled[0].name, version=version))
        return
    if [pack for pack, _ in found if pack.version == version]:
        wish.tasks.append(Task(kind=TaskKind.ENABLE, subject=found[0][0].name, version=version))
        return
    wish.tasks.append(Task(kind=TaskKind.INSTALL, subject=f"{identifier}@{version}"))
    # A clone of the same pack gives way to it.
    named |= {pack.path for pack, _ in known if not pack.disabled and _is((pack, _), identifier)}


def _of_repository(wish: ManagersWish, named: set[str], known: Known, url: str, state: object) -> None:
    commit = state.get("hash") if isinstance(state, Mapping) else None
    disabled = isinstance(state, Mapping) and state.get("disabled") is True
    if not isinstance(commit, str) or not _COMMIT.match(commit):
        raise _not_understood(f"{url!r} has no commit")
    found = [pack for pack, origin in known if same_repository(origin.url, url)]
    enabled = [pack for pack in found if not pack.disabled]
    if enabled:
        named.add(enabled[0].path)
        if disabled:
            wish.tasks.append(Task(kind=TaskKind.DISABLE, subject=enabled[0].name))
        elif enabled[0].commit != commit:
            wish.tasks.append(Task(kind=TaskKind.UPDATE, subject=enabled[0].name, version=commit))
    elif disabled:
        if not found:
            wish.left_out.append(
                f"{visible(url)} was disabled then and is not here; it is not fetched for that."
            )
    elif found:
        wish.tasks.append(Task(kind=TaskKind.ENABLE, subject=found[0].name))
        if found[0].commit != commit:
            wish.left_out.append(
                f"{found[0].name} is enabled as it is, not at {commit[:10]}: update it afterwards."
            )
    elif _REPOSITORY.match(url):
        address = f"git+{url}" if "://" in url else url
        wish.tasks.append(Task(kind=TaskKind.INSTALL, subject=f"{address}@{commit}"))
    else:
        wish.left_out.append(f"{visible(url)} is no address of a server, so it is not installed.")


def _files(wish: ManagersWish, known: Known, listed: object) -> None:
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, Mapping) or not isinstance(each.get("filename"), str):
            raise _not_understood("a single file has no name")
        name = str(each["filename"]).removesuffix(".disabled").removesuffix(".py")
        found = [pack for pack, _ in matching([one for one in known if one[0].is_file], name)]
        wanted = each.get("disabled") is True
        if not found:
            wish.left_out.append(
                f"The file {visible(name)}.py is not here, and nobody knows where it came from."
            )
        elif all(pack.disabled is not wanted for pack in found):
            kind = TaskKind.DISABLE if wanted else TaskKind.ENABLE
            wish.tasks.append(Task(kind=kind, subject=found[0].name))


def _is(each: tuple[Pack, PackOrigin], identifier: str) -> bool:
    return bool(each[1].id) and each[1].id.casefold() == identifier.casefold()


def _table(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key) or {}
    if not isinstance(value, Mapping):
        raise _not_understood(f"{key} is no table")
    return {str(name): each for name, each in value.items()}


def _not_understood(why: str) -> UsageError:
    return UsageError(
        "manager-snapshot-not-understood",
        f"This is no snapshot of ComfyUI-Manager: {visible(why)}.",
        hints=(Hint("name-its-file", "Give what is in a file of its folder `snapshots`."),),
    )
