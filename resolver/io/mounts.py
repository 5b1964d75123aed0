"""What the file system under a folder can do."""

from __future__ import annotations

import os
import re
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
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return True
    place = os.path.realpath(folder)
    point, kind, options = "", "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, behind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(behind) < 3:  # noqa: PLR2004 - proc_pid_mountinfo(5)
            continue
        # Blanks in a mount point are written as \040.
        here = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
        inside = place == here or place.startswith(here.rstrip("/") + "/")
        if inside and len(here) >= len(point):  # the last of several mounts on one point is on top
            point, kind, options = here, behind[0], behind[2]
    if kind != "overlay":
        return True
    for option in options.split(","):
        if option.startswith("redirect_dir="):
            return option == "redirect_dir=on"
    # An option at its default is not shown.
    try:
        return redirect.read_text(encoding="ascii").strip() == "Y"
    except OSError:
        return False
