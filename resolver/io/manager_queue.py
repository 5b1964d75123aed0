"""What ComfyUI-Manager has put off until the next start of ComfyUI. It carries it out before any pack, ours too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ..errors import one_line
from ..transaction.fs import read_regular

RESTORE = "restore-snapshot.json"
SCRIPTS = "install-scripts.txt"
_FOLDERS = (("__manager",), ("default", "ComfyUI-Manager"))
"""Below ComfyUI's user folder; in 4.3 and late 3.x, and before."""
_LARGEST = 4 * 1024 * 1024
_FEW = 3
_DEEDS = {
    "#LAZY-INSTALL-SCRIPT": "install what {} requires",
    "#LAZY-CNR-SWITCH-SCRIPT": "switch {} to another version",
    "#LAZY-DELETE-NODEPACK": "delete {}",
}


def put_off(user: Path) -> tuple[str, ...]:
    """What it will do, in words, each a part of a sentence; () where nothing waits. Reads only, raises nothing."""
    return tuple(words for folder in _FOLDERS for words in _in(user.joinpath(*folder, "startup-scripts")))


def _in(folder: Path) -> Iterator[str]:
    if (folder / RESTORE).is_file():
        yield "restore a snapshot of its own, which switches and disables packs"
    try:
        text = read_regular(folder / SCRIPTS, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return
    deeds = [_deed(line) for line in text.splitlines() if line.strip()]
    yield from deeds[:_FEW]
    if len(deeds) > _FEW:
        yield f"do {len(deeds) - _FEW} things more"


def _deed(line: str) -> str:
    """One line: the literal of a Python list, such as `['/path', '#LAZY-INSTALL-SCRIPT', '/python']`."""
    try:
        parts = [str(each) for each in ast.literal_eval(line.strip())]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return "run a script"
    subject, marks = parts[0] if parts else "", parts[1:2]
    name = one_line(Path(subject.replace("\\", "/")).name or subject)
    if marks and marks[0] in _DEEDS:
        return _DEEDS[marks[0]].format(name)
    return one_line(f"run `{' '.join(each for each in parts[1:] if each != '#FORCE')[:80]}` for {name}")
