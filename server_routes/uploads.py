"""Archives pages send: written to the disk piece by piece, kept for a day, never in the way of anything."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..resolver.core.uploads import FOLDER, archive_name, is_place
from ..resolver.errors import BusyError, Hint, RefusedError, UsageError
from ..resolver.wiring import LARGEST_ARCHIVE, check_archive

KEEP = 20
"""Archives that are kept: one is asked for twice, for its plan and to be installed."""
OLD = 24 * 3600.0
"""Seconds until one goes."""
ABANDONED = 3600.0
"""Seconds without a byte after which one that is still coming has lost its sender, and its process too."""
MOST_AT_ONCE = 4
SPARE = 512 * 1024**2
"""Bytes of the disk that stay free: an install needs some too, and so does the rest of the machine."""

_PART = "part"
_MAGIC = b"PK"
"""What every zip begins with, an empty one too (APPNOTE 4.3)."""
_LOOK_EVERY = 64 * 1024**2


class Uploads:
    """The archives in the state folder. Safe to share between threads; everything blocks."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self._lock = threading.Lock()
        self._coming: set[Path] = set()

    def begin(self, name: str, size: int | None) -> Arriving:
        """Room for an archive of that name; `size` as far as it is said. What is old goes.

        Raises RefusedError `upload-too-large`, `upload-no-space`; BusyError `uploads-busy`; OSError.
        """
        self.remove_old(room_for=1)
        if size is not None and size > LARGEST_ARCHIVE:
            raise too_large()
        self.check_space(size or 0)
        place = self.folder / secrets.token_hex(8)
        with self._lock:
            if len(self._coming) >= MOST_AT_ONCE:
                raise BusyError(
                    "uploads-busy",
                    f"{MOST_AT_ONCE} archives are being sent already.",
                    hints=(Hint("wait", "Send this one when they are here."),),
                )
            self._coming.add(place)
        try:
            place.mkdir(parents=True)
            return Arriving(self, place, archive_name(name), size)
        except BaseException:
            self.drop(place)
            raise

    def remove_old(self, *, room_for: int = 0) -> None:
        """Those of yesterday go, those beyond the newest that are kept, and what a process that died left."""
        now = time.time()
        with self._lock:
            spared = set(self._coming)
        kept = 0
        for place, is_whole, at in sorted(self._places(), key=lambda each: each[2], reverse=True):
            if place in spared:
                continue
            kept += is_whole
            if now - at > (OLD if is_whole else ABANDONED) or kept > KEEP - room_for:
                shutil.rmtree(place, ignore_errors=True)

    def _places(self) -> Iterator[tuple[Path, bool, float]]:
        """(folder, whether its archive is there in full, when something was last written to it)."""
        # Whoever put a link here has other folders in mind than ours.
        if self.folder.is_symlink() or not self.folder.is_dir():
            return
        for place in [each for each in self.folder.iterdir() if is_place(each.name)]:
            part = place / _PART
            with suppress(OSError):  # Another process removed it just now.
                is_coming = part.is_file()
                yield (
                    place,
                    not is_coming,
                    (part if is_coming else place).stat(follow_symlinks=False).st_mtime,
                )

    def check_space(self, size: int) -> None:
        """Raise RefusedError `upload-no-space` where so many more bytes would fill the disk."""
        there = next(each for each in (self.folder, *self.folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        if free - size < SPARE:
            raise RefusedError(
                "upload-no-space",
                f"The disk of {self.folder.parent} has too little room for the archive: {free // 1024**2} MiB.",
                context={"folder": self.folder.parent, "free_bytes": free, "bytes": size},
                hints=(Hint("free-space", "Make room on that disk, then send it again."),),
            )

    def arrived(self, place: Path) -> None:
        """It is no longer on its way."""
        with self._lock:
            self._coming.discard(place)

    def drop(self, place: Path) -> None:
        """Nothing of it is left, nor an empty folder for the others."""
        shutil.rmtree(place, ignore_errors=True)
        self.arrived(place)
        with suppress(OSError):
            self.folder.rmdir()


class Arriving:
    """One archive on its way. From one thread after the other; `discard` also while another writes."""

    def __init__(self, uploads: Uploads, place: Path, name: str, announced: int | None) -> None:
        self._uploads, self._place, self._name, self._announced = uploads, place, name, announced
        self._lock = threading.Lock()
        self._file: BinaryIO = (place / _PART).open("xb")
        self._over = False
        self._looked = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """These bytes are on the disk too.

        Raises UsageError `not-a-zip` at the first bytes; RefusedError `upload-too-large`, `upload-no-space`; OSError.
        """
        with self._lock:
            if self._over:
                return
            if self.size == 0 and not data.startswith(_MAGIC):
                raise _not_a_zip(self._name)
            self.size += len(data)
            if self.size > LARGEST_ARCHIVE:
                raise too_large()
            if self._announced is None and self.size - self._looked > _LOOK_EVERY:
                self._looked = self.size
                self._uploads.check_space(0)
            self._file.write(data)

    def finish(self) -> Path:
        """The archive, in full, under its name. Its list of entries has been judged.

        Raises UsageError `not-a-zip`, `upload-cut-off`; RefusedError `unsafe-archive`; SafeInstallError
        `archive-unreadable`; OSError.
        """
        with self._lock:
            self._file.close()
            if self.size == 0:
                raise _not_a_zip(self._name)
            if self._announced not in (None, self.size):
                raise cut_off(self._name)
            part, whole = self._place / _PART, self._place / self._name
            check_archive(part, self._name)
            part.replace(whole)
            self._over = True
        self._uploads.arrived(self._place)
        return whole

    def discard(self) -> None:
        """Nothing of it is left."""
        with self._lock:
            self._over = True
            with suppress(OSError):
                self._file.close()
            self._uploads.drop(self._place)


def too_large() -> RefusedError:
    """The refusal of an archive beyond every pack's size."""
    return RefusedError(
        "upload-too-large",
        f"An archive of more than {LARGEST_ARCHIVE // 1024**2} MiB is no pack.",
        context={"largest_bytes": LARGEST_ARCHIVE},
        hints=(Hint("use-git", "Leave its models out, or install the pack from its repository."),),
    )


def cut_off(name: str) -> UsageError:
    """The error of an archive of which not everything came."""
    return UsageError(
        "upload-cut-off",
        f"Not all of {name} came.",
        context={"name": name},
        hints=(Hint("send-again", "Send it again."),),
    )


def _not_a_zip(name: str) -> UsageError:
    return UsageError(
        "not-a-zip",
        f"{name} is no zip archive.",
        context={"name": name},
        hints=(Hint("send-a-zip", "Send the pack as .zip: GitHub gives one under Code > Download ZIP."),),
    )
