"""Which names a pack's folder may have. Pure.

A pack's name becomes a folder in custom_nodes on any of three operating systems, so the strictest of
their rules holds everywhere: an installation must be movable from Linux to Windows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..errors import Hint, UsageError

_RESERVED = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | frozenset(
    f"{device}{digit}" for device in ("com", "lpt") for digit in "123456789\u00b9\u00b2\u00b3"
)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*]')
_LONGEST = 150
"""Bytes. Linux allows 255 for a name; stages and payloads add a version and a suffix to it."""


def is_reserved_on_windows(name: str) -> bool:
    """Whether Windows takes the name for a device, with any extension (`nul.txt` is the null device)."""
    return name.partition(".")[0].rstrip(" ").casefold() in _RESERVED


def fold_name(name: str) -> str:
    """The name as a case-insensitive, Unicode-normalising file system sees it (Windows, macOS)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_pack_name(name: str) -> str:
    """The name itself, if a pack's folder may be called so; raises UsageError `pack-name-invalid`."""
    reason = _fault(name)
    if reason:
        raise UsageError(
            "pack-name-invalid",
            f"{name!r} cannot be the name of a pack's folder: {reason}.",
            context={"name": name},
            hints=(Hint("rename-the-source", "Rename the folder or archive, then try again."),),
        )
    return name


def check_name_clash(name: str, installed: Iterable[str]) -> None:
    """Raise UsageError `pack-name-clash` where an installed pack differs from the name by case only.

    The very same name is no clash: that is a pack to be replaced.
    """
    folded = fold_name(name)
    for other in installed:
        if other != name and fold_name(other) == folded:
            raise UsageError(
                "pack-name-clash",
                f"The pack {name} would share its folder with the installed pack {other}"
                " on a file system that ignores case.",
                context={"name": name, "installed": other},
                hints=(Hint("uninstall-first", f"Uninstall {other}, or rename the source to {other}."),),
            )


def _fault(name: str) -> str:
    if not name:
        return "it is empty"
    if _FORBIDDEN.search(name):
        return "it holds a character that not every file system allows"
    if name[0] in ".-":
        return "it starts with a dot or a dash"
    if name != name.strip() or name.endswith("."):
        return "it starts with a space, or ends with a dot or a space"
    if is_reserved_on_windows(name):
        return "Windows takes it for a device"
    if name == "__pycache__" or name.endswith(".disabled"):
        return "ComfyUI passes over folders of that name"
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        return f"it is longer than {_LONGEST} bytes"
    return ""
