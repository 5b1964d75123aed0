"""The ComfyUI we work on: its folder, where its packs lie, where our own state lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import Hint, SafeInstallError, UsageError
from ..transaction.fs import read_regular

_STATE = ("user", "__safe_install")
"""Where `folder_paths.get_system_user_directory("safe_install")` of a host lies by default."""
_VERSION_LINE = re.compile(r"""^\s*(?:__version__|version)\s*=\s*["']([^"'\s]+)["']""", re.MULTILINE)
_LARGEST_CONFIG = 1024 * 1024
"""Bytes of a file of ComfyUI's own that is read."""
_HINT = Hint(
    "name-comfyui", "Name the folder that holds ComfyUI's main.py and custom_nodes with --comfyui DIR."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One ComfyUI installation. Paths are absolute; links to the folders themselves are resolved."""

    comfyui: Path
    custom_nodes: tuple[Path, ...]
    """The folders ComfyUI loads packs from, in its order; new packs go to the first."""
    core_requirements: Path
    """ComfyUI's own requirements.txt."""
    state: Path
    """Our state folder; it may not exist yet (`make_state_folder`)."""
    comfyui_version: str = ""
    """As ComfyUI states it; empty where it does not."""


def open_workspace(
    comfyui: Path, state: Path | None = None, *, custom_nodes: Sequence[Path] | None = None
) -> Workspace:
    """The workspace of a ComfyUI folder. Reads a few small files, writes nothing.

    `custom_nodes` are the folders a running host told us (`folder_paths.get_folder_paths`); without them
    they are found as the host would at its start: its own folder and those of extra_model_paths.yaml.

    Raises UsageError `comfyui-not-found`, `not-a-comfyui-folder`, `custom-nodes-missing`,
    `extra-paths-unreadable`.
    """
    if not comfyui.is_dir():
        raise UsageError(
            "comfyui-not-found",
            f"There is no folder {comfyui}.",
            context={"comfyui": comfyui},
            hints=(_HINT,),
        )
    root = comfyui.resolve()
    requirements = root / "requirements.txt"
    if not requirements.is_file():
        raise UsageError(
            "not-a-comfyui-folder",
            f"{root} is no ComfyUI folder: it has no requirements.txt.",
            context={"comfyui": root},
            hints=(_HINT,),
        )
    wanted = _as_host_would(root) if custom_nodes is None else custom_nodes
    present = _existing(wanted)
    if not present:
        raise UsageError(
            "custom-nodes-missing",
            f"{root} has no custom_nodes folder to install packs into.",
            context={"comfyui": root, "looked_in": ", ".join(map(str, wanted))},
            hints=(_HINT,),
        )
    return Workspace(
        comfyui=root,
        custom_nodes=present,
        core_requirements=requirements,
        state=(root.joinpath(*_STATE) if state is None else Path(os.path.normpath(state.absolute()))),
        comfyui_version=_read_version(root),
    )


def make_state_folder(workspace: Workspace) -> Path:
    """The state folder, made if it was missing. Raises SafeInstallError `folder-not-writable`."""
    check_writable(_nearest_existing(workspace.state))
    try:
        workspace.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(workspace.state, error.strerror or str(error)) from error
    check_writable(workspace.state)
    return workspace.state


def check_writable(folder: Path) -> None:
    """Raise SafeInstallError `folder-not-writable` where we may not create files in `folder`."""
    # Asking is not enough on Windows, where os.access ignores ACLs, but it leaves no file behind; a write
    # that fails later is reported by whoever writes.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _not_writable(folder, "no permission")


def _not_writable(folder: Path, reason: str) -> SafeInstallError:
    return SafeInstallError(
        "folder-not-writable",
        f"Safe Install cannot write to {folder}: {reason}.",
        context={"folder": folder},
        hints=(
            Hint(
                "fix-permissions",
                "Run as the user who owns the folder, or name another state folder with --state DIR.",
            ),
        ),
    )


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _existing(folders: Sequence[Path]) -> tuple[Path, ...]:
    """The folders that exist, resolved, each once and in order.

    Resolved, because stages are made beside a folder and must lie on the volume it really lies on.
    """
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def _as_host_would(root: Path) -> list[Path]:
    """ComfyUI's own custom_nodes and those of extra_model_paths.yaml, defaults first.

    Follows `folder_paths.add_model_folder_path`: a default one is put in front of all before it.
    """
    folders = [root / "custom_nodes"]
    config = root / "extra_model_paths.yaml"
    if not config.is_file():
        return folders
    for folder, is_default in _extra_custom_nodes(config):
        if is_default and folder in folders:
            folders.remove(folder)
        if is_default:
            folders.insert(0, folder)
        elif folder not in folders:
            folders.append(folder)
    return folders


def _extra_custom_nodes(config: Path) -> Iterator[tuple[Path, bool]]:
    """Each custom_nodes path of the file and whether its section is a default one.

    Follows `utils.extra_config.load_extra_path_config`: one path a line, relative to `base_path`, which
    is itself relative to the file; `~` and variables are expanded in `base_path` only.
    """
    try:
        sections = yaml.safe_load(read_regular(config, _LARGEST_CONFIG).decode("utf-8"))
    # Not only YAMLError: impossible dates, and brackets without end.
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(
            "extra-paths-unreadable",
            f"{config} cannot be read: {str(error) or type(error).__name__}",
            context={"file": config},
            hints=(Hint("fix-extra-paths", "ComfyUI does not start with it either: correct or remove it."),),
        ) from error
    for section in sections.values() if isinstance(sections, dict) else ():
        if not isinstance(section, dict):
            continue
        home = os.path.expanduser(str(section.get("base_path") or ""))
        base = os.path.expandvars(home)
        listed = section.get("custom_nodes") or ()
        if not isinstance(listed, (str, list, tuple)):
            continue
        for line in listed.split("\n") if isinstance(listed, str) else map(str, listed):
            # A literal block may indent its lines.
            if line.strip() and "\0" not in line:
                folder = os.path.normpath(config.parent / base / line.strip())
                yield Path(folder), section.get("is_default") is True


def _read_version(root: Path) -> str:
    for name in ("comfyui_version.py", "pyproject.toml"):
        try:
            text = read_regular(root / name, _LARGEST_CONFIG).decode("utf-8", "replace")
        except OSError:
            continue
        if found := _VERSION_LINE.search(text):
            return found[1]
    return ""
