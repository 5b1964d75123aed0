"""Which ComfyUI is meant, and where its parts lie. Standard library alone: recovery stands on this."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import Hint, SafeInstallError, UsageError
from ..transaction.history import read_transactions

_STATE = ("user", "__safe_install")
"""Where the host's system user folder `safe_install` lies by default."""
_NEIGHBOURS = (".safe-install", ".safe-install.disabled")
"""The hidden folders beside site-packages and beside (or in) custom_nodes that hold stages and payloads."""
_ASK = (
    "import json, os, sys, sysconfig; p = sysconfig.get_paths(); "
    "print(json.dumps([p['purelib'], p['platlib'], p['scripts'], p['data'], "
    "os.path.join(sys.prefix, 'include', 'site', 'python%d.%d' % sys.version_info[:2])]))"
)


def find_comfyui(given: Path | None) -> Path:
    """The ComfyUI folder: the one named, the one we are a custom node of, or the current folder.

    Raises UsageError `comfyui-not-named`.
    """
    if given is not None:
        return given
    for pack in _our_folders():
        if pack.parent.name == "custom_nodes" and (pack.parent.parent / "requirements.txt").is_file():
            return pack.parent.parent
    here = Path.cwd()
    if (here / "custom_nodes").is_dir():
        return here
    raise UsageError(
        "comfyui-not-named",
        "No ComfyUI is named, and none is found from here.",
        context={"folder": here},
        hints=(Hint("name-comfyui", "Name its folder with --comfyui DIR, or start from inside it."),),
    )


def _our_folders() -> Iterator[Path]:
    yield Path(__file__).absolute().parents[2]
    # As it was called: a pack that is a link would otherwise count as the folder it points to.
    yield Path(os.path.abspath(sys.argv[0]))  # noqa: PTH100 - resolving would follow the link


def state_folder(comfyui: Path, state: Path | None) -> Path:
    """Safe Install's own folder of that ComfyUI. Raises UsageError `comfyui-not-found`."""
    if state is not None:
        return Path(os.path.normpath(state.absolute()))
    if not comfyui.is_dir():
        raise UsageError(
            "comfyui-not-found",
            f"There is no folder {comfyui}.",
            context={"comfyui": comfyui},
            hints=(Hint("name-comfyui", "Name the folder that holds ComfyUI's main.py with --comfyui DIR."),),
        )
    return comfyui.resolve().joinpath(*_STATE)


def recovery_roots(comfyui: Path, python: Path | None, state: Path) -> tuple[Path, ...]:
    """The folders recovery may change things in, found without any package. Starts the interpreter once.

    Folders a journal names count only inside ComfyUI or the environment of that Python: a journal is a file
    anybody could have put there.
    """
    root = comfyui.resolve()
    # Not resolved: the target of a venv's link is another environment.
    executable = Path(os.path.abspath(python or _likely_python(root)))  # noqa: PTH100
    roots = {root / "custom_nodes", *_python_folders(executable)}
    roots |= {each.parent / name for each in roots for name in _NEIGHBOURS}
    roots.add(root / "custom_nodes" / _NEIGHBOURS[1])
    fences = (root, _prefix_of(executable))
    for recorded in _recorded_roots(state):
        if any(fence == recorded.resolve() or fence in recorded.resolve().parents for fence in fences):
            roots.add(recorded)
    return tuple(sorted(roots))


def _likely_python(comfyui: Path) -> Path:
    from ..io.default_python import default_python

    return default_python(comfyui).executable


def _prefix_of(executable: Path) -> Path:
    """The environment of an interpreter, by its place: `<prefix>/bin/python` or `<prefix>/python.exe`."""
    folder = executable.parent
    return (folder.parent if folder.name in ("bin", "Scripts") else folder).resolve()


def _python_folders(executable: Path) -> set[Path]:
    """What the interpreter says of its folders; none when it does not start any more."""
    from ..io import process

    try:
        done = process.run([str(executable), "-I", "-B", "-c", _ASK], timeout=60)
        places = json.loads(done.stdout.strip().splitlines()[-1])
        return {Path(os.path.normpath(place)) for place in places}
    except (SafeInstallError, ValueError, IndexError, TypeError):
        return set()


def _recorded_roots(state: Path) -> Iterator[Path]:
    from ..transaction import folder

    for record in read_transactions(state):
        if record.state is not None and not record.state.is_final:
            yield from folder.load_progress(state, record.id).roots
