"""What a file system can do with a folder."""

from __future__ import annotations

import os
from pathlib import Path

_LAYERED = ("overlay", "fuse.fuse-overlayfs", "aufs")
"""File systems made of layers, as in container images: no folder of a lower layer can be renamed (EXDEV)."""

_MOUNTS = Path("/proc/self/mountinfo")


def renames_folders(path: Path) -> bool:
    """Whether a folder below `path` can be renamed; single files always can.

    False on layered file systems (Linux's overlayfs without `redirect_dir`, overlayfs.rst): ComfyUI is often
    part of a container image, and then site-packages lies in a lower layer. True wherever nothing is known.
    """
    place = os.path.realpath(path)
    best, kind = "", ""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:  # noqa: PLR2004 - proc(5): the fifth field is the mount point
            continue
        point = fields[4].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split(" ", 1)[0]
    return kind not in _LAYERED
