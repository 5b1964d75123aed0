"""What the file system under a folder can do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_REDIRECT_DEFAULT = Path("/sys/module/overlay/parameters/redirect_dir")
_OCTAL = re.compile(r"\\([0-7]{3})")


def renames_folders(folder: Path, *, mounts: Path = _MOUNTS, redirect: Path = _REDIRECT_DEFAULT) -> bool:
    """Whether folders below can be renamed; False where only single files can.

    Inside a container the root is an overlay, and a folder that comes from the image cannot be renamed
    (EXDEV) unless the overlay was mounted with `redirect_dir=on` (Linux, overlayfs.rst). It cannot be
    asked folder by folder without trying, so the kind of mount decides. `plan_swap(whole_folders=...)`
    takes the answer. True wherever mounts cannot be looked up: other systems have no overlays.
    """
    mount = _mount_of(folder, mounts)
    if mount is None or mount.kind != "overlay":
        return True
    for option in mount.options.split(","):
        if option.startswith("redirect_dir="):
            return option == "redirect_dir=on"
    # An option at its default is not shown.
    try:
        return redirect.read_text(encoding="ascii").strip() == "Y"
    except OSError:
        return False


def reached_by_rename(first: Path, second: Path, *, mounts: Path = _MOUNTS) -> bool:
    """Whether a rename leads from one folder to the other. Nothing is tried out, so nothing can be left behind.

    The device tells most (btrfs subvolumes included), but a folder that is mounted into a container has its
    parent's device, and no rename crosses the mount: rename(2), EXDEV. OSError where one is not there.
    """
    if first.stat().st_dev != second.stat().st_dev:
        return False
    one, other = _mount_of(first, mounts), _mount_of(second, mounts)
    return (one.point if one else "") == (other.point if other else "")


@dataclass(frozen=True, slots=True)
class _Mount:
    point: str
    kind: str
    options: str


def _mount_of(folder: Path, mounts: Path) -> _Mount | None:
    """The mount a folder lies in; None where that cannot be looked up."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = os.path.realpath(folder)
    found: _Mount | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, behind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(behind) < 3:  # noqa: PLR2004 - proc_pid_mountinfo(5)
            continue
        # Blanks in a mount point are written as \040.
        here = _OCTAL.sub(lambda byte: chr(int(byte[1], 8)), fields[4])
        inside = place == here or place.startswith(here.rstrip("/") + "/")
        # The last of several mounts on one point is on top.
        if inside and (found is None or len(here) >= len(found.point)):
            found = _Mount(here, behind[0], behind[2])
    return found
