"""Files that others changed, grouped so that one program's cache is one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..errors import Hint
from .drift_items import DriftItem, item
from .snapshot import FileChange

_CODE = (".py", ".pth", ".so", ".pyd", ".dll", ".dylib", ".egg-link")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedFile:
    """A file of a distribution that is not what its RECORD says."""

    owner: str
    """Canonical name of the distribution."""
    version: str
    path: str
    kind: str
    """`missing`, `size` or `content`."""
    digest: str = ""
    """sha256 of what is there now; empty where nothing is."""


def edited_items(edited: Sequence[EditedFile]) -> list[DriftItem]:
    """One item for each distribution with files that were edited in place."""
    found = []
    for owner in sorted({each.owner for each in edited}):
        own = [each for each in edited if each.owner == owner]
        paths = [each.path for each in own]
        where = paths[0] if len(paths) == 1 else f"{len(paths)} files in {_common_folder(paths)}"
        version = own[0].version
        found.append(
            item(
                "drift-edited",
                owner,
                version,
                version,
                f"{owner} {version}: {where} {'was' if len(paths) == 1 else 'were'} edited in place",
                files=paths,
                hints=(Hint("repair", f"`safe-install repair {owner}` brings back what was installed."),),
            )
        )
    return found


def unowned_items(changes: Sequence[FileChange], owned_folders: Collection[str]) -> list[DriftItem]:
    """One item for each `.pth` file, and one for each folder in which other files came, went or changed.

    Bytecode is passed over, and metadata folders, for those are told as distributions. What is no code and
    lies where a distribution has files is minor: programs write caches and settings there.
    """
    found: list[DriftItem] = []
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if "__pycache__" in change.path.split("/") or change.path.endswith(".pyc"):
            continue
        if ".dist-info/" in change.path:
            continue
        if change.path.endswith(".pth"):
            found.append(_pth_item(change))
        else:
            groups.setdefault((_group(change.path), change.action), []).append(change.path)
    for (folder, action), paths in sorted(groups.items()):
        at_home = any(folder == each or folder.startswith(f"{each}/") for each in owned_folders)
        minor = not any(path.endswith(_CODE) for path in paths) and (at_home or not _is_tool_place(folder))
        verb = {"added": "appeared", "removed": "vanished"}.get(action, "changed")
        what = paths[0] if len(paths) == 1 else f"{len(paths)} files in {folder}"
        text = f"{what} {verb}; no distribution owns {'it' if len(paths) == 1 else 'them'}"
        found.append(item("drift-unowned", folder, *_sides(action), text, files=paths, minor=minor))
    return found


def _pth_item(change: FileChange) -> DriftItem:
    verb = {"added": "appeared", "removed": "vanished"}.get(change.action, "changed")
    text = f"{change.path} {verb}: Python obeys such a file at each start, and no distribution owns it"
    return item("drift-unowned", change.path, *_sides(change.action), text, files=[change.path])


def _sides(action: str) -> tuple[str, str]:
    return ("" if action == "added" else "there", "" if action == "removed" else "there")


def _group(path: str) -> str:
    """The folder a file is counted with: the top one in site-packages, else its own."""
    head, found, rest = path.partition("site-packages/")
    if not found:
        return path.rpartition("/")[0]
    top, below, _ = rest.partition("/")
    return f"{head}site-packages/{top}" if below else f"{head}site-packages"


def _is_tool_place(folder: str) -> bool:
    """Whether a loose file there is worth a word whatever it is: among the scripts."""
    return folder.rpartition("/")[2] in ("bin", "Scripts", "")


def _common_folder(paths: Sequence[str]) -> str:
    parts = [path.split("/")[:-1] for path in paths]
    common = []
    for column in zip(*parts, strict=False):
        if len(set(column)) != 1:
            break
        common.append(column[0])
    return "/".join(common) or "/"
