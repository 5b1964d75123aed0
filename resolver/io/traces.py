"""What other programs leave behind: ComfyUI-Manager's logs and startup scripts, git's reflog, conda's history.

Places as ComfyUI-Manager 3.41 and 4.3 have them: `<user>/__manager` or `<user>/default/ComfyUI-Manager`, logs
in `<user>/comfyui*.log`, a `.tracking` file in each pack it took from the registry.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import canonicalize_name

from ..core.blame import Trace
from ..core.drift_items import DriftItem
from ..core.types import Pack, PythonInfo
from ..errors import one_line
from ..transaction.fs import open_regular
from .git_folder import find_git_dir
from .metadata import read_small
from .workspace import Workspace

_LOG_TAIL = 256 * 1024
"""Bytes of a log that are read, from its end."""
_REFLOG_TAIL = 8 * 1024
_MOST_TRACES = 200
_LONGEST = 160
_TELLING = re.compile(
    r"EXECUTE =>|Install: (?:pip packages|install script)|Starting dependency installation"
    r"|Startup script completed|(?:-m pip|uv pip|'pip',) ?'?(?:install|uninstall)|Restore snapshot|DELETE =>"
    r"|UnifiedDepResolver",
)
_STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION_TAIL = re.compile(r"[=<>!~\[;@ ].*$")


def read_traces(
    workspace: Workspace,
    python: PythonInfo,
    packs: Sequence[Pack],
    items: Sequence[DriftItem],
    *,
    fresh_packs: frozenset[str],
    since: str,
) -> tuple[Trace, ...]:
    """What has a time after `since` (UTC, as snapshots write it), sorted by it. Reads only; never raises."""
    begin = _seconds(since) - 60
    found = [
        *_manager(workspace),
        *_conda(python),
        *(trace for pack in packs for trace in _pack(pack, fresh_packs)),
        *_git(workspace.comfyui, "ComfyUI"),
        *_files(items, python),
    ]
    recent = sorted((trace for trace in found if trace.at >= begin), key=lambda trace: trace.at)
    return tuple(recent[-_MOST_TRACES:])


def _manager(workspace: Workspace) -> Iterator[Trace]:
    user = user_folder(workspace)
    for log in sorted({*user.glob("comfyui*.log"), *workspace.comfyui.glob("comfyui*.log")}):
        yield from _log(log)
    for folder in (user / "__manager", user / "default" / "ComfyUI-Manager"):
        scripts = folder / "startup-scripts"
        at = _mtime(scripts)
        if at:
            yield Trace(
                kind="manager-startup", at=at, text="ComfyUI-Manager's startup scripts were written or run"
            )
        for snapshot in sorted((folder / "snapshots").glob("*.json")):
            name = one_line(snapshot.name)
            yield Trace(
                kind="manager-snapshot",
                at=_mtime(snapshot),
                text=f"ComfyUI-Manager saved its snapshot {name}",
            )


def user_folder(workspace: Workspace) -> Path:
    """ComfyUI's own folder for what users have; ComfyUI-Manager keeps its things there too."""
    # Our own state folder lies in the host's user folder, wherever that is, unless --state named another.
    above = workspace.state.parent
    return above if workspace.state.name == "__safe_install" else workspace.comfyui / "user"


def _log(path: Path) -> Iterator[Trace]:
    """Lines of ComfyUI-Manager that tell of an installation; a line without a time has that of the one before."""
    at = _mtime(path)
    for line in _tail(path, _LOG_TAIL).splitlines():
        stamp = _STAMP.search(line)
        if stamp:
            # The log has local time.
            at = datetime.strptime(stamp[1], "%Y-%m-%d %H:%M:%S").timestamp()  # noqa: DTZ007
        if _TELLING.search(line):
            text = one_line(line)[:_LONGEST]
            yield Trace(
                kind="manager-log", at=at, text=f"the log {path.name} says: {text}", names=_names(line)
            )


def _names(line: str) -> frozenset[str]:
    words = (_VERSION_TAIL.sub("", word) for word in re.split(r"[\s'\",]+", line))
    return frozenset(canonicalize_name(word) for word in words if _WORD.fullmatch(word))


def _conda(python: PythonInfo) -> Iterator[Trace]:
    if not python.is_conda:
        return
    at = _mtime(Path(python.prefix, "conda-meta", "history"))
    if at:
        yield Trace(kind="conda", at=at, text="conda-meta/history was written")


def _pack(pack: Pack, fresh_packs: frozenset[str]) -> Iterator[Trace]:
    root = Path(pack.path)
    if pack.is_file:
        return
    tracking = _mtime(root / ".tracking")
    if tracking:
        yield Trace(
            kind="tracking",
            at=tracking,
            text="it has a .tracking file, which ComfyUI-Manager writes for packs of the registry",
            pack=pack.name,
        )
    yield from _git(root, pack.name)
    if pack.name in fresh_packs and (root / "install.py").is_file():
        yield Trace(
            kind="install-py",
            at=max(_mtime(root), _mtime(root / "install.py")),
            text=f"the pack {pack.name}, which came or changed at that time, has an install.py",
            pack=pack.name,
        )


def _git(work_tree: Path, name: str) -> Iterator[Trace]:
    """The last line of git's reflog: `OLD NEW Name <mail> 1700000000 +0000`, a tab, `pull: Fast-forward`."""
    git_dir = find_git_dir(work_tree)
    if git_dir is None:
        return
    lines = _tail(git_dir / "logs" / "HEAD", _REFLOG_TAIL).splitlines()
    head, _, act = (lines[-1] if lines else "").partition("\t")
    words = head.split()
    if len(words) > 2 and words[-2].isdecimal():  # noqa: PLR2004 - a time and its zone
        said = one_line(act)[:_LONGEST] or "a change"
        yield Trace(kind="git", at=float(words[-2]), text=f"git's reflog says: {said}", pack=name)


def _files(items: Sequence[DriftItem], python: PythonInfo) -> Iterator[Trace]:
    """When the files of the items were written, and what a `.pth` file says."""
    for each in items:
        if each.code not in ("drift-edited", "drift-unowned"):
            continue
        for path in each.files:
            place = path if os.path.isabs(path) else os.path.join(python.data, path)
            at = _mtime(Path(place))
            if at:
                text = ""
                if place.endswith(".pth"):
                    raw = (read_small(place) or b"").decode("utf-8", errors="replace")
                    first = next((line for line in raw.splitlines() if line.strip()), "")
                    text = f"it says: {one_line(first)[:_LONGEST]}" if first else ""
                yield Trace(kind="file", at=at, text=text, path=path)


def _tail(path: Path, most: int) -> str:
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return file.read(most).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _mtime(path: Path) -> float:
    """0 where there is nothing."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0
