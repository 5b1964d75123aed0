"""Room on the disk, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.retention import FOR_SPACE
from ..engine.collecting import Collected
from ..engine.disk_use import DiskUse
from .console import Style, plain

_SHOWN = 10


def size_words(size: int) -> str:
    """Bytes in powers of 1000, as disks are sold: `1.2 GB`."""
    if size < 1000:  # noqa: PLR2004
        return f"{size} B"
    number = float(size)
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5:  # noqa: PLR2004 - the next would be shown as 1000
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} TB"


def disk_lines(use: DiskUse, style: Style) -> Iterator[str]:
    """What takes how much, and what each snapshot keeps."""
    yield f"{style('bold', size_words(use.total))} taken by Safe Install, {size_words(use.free)} free"
    for space in use.spaces:
        if space.count or space.bytes:
            shared = f", {size_words(space.linked)} more shared with uv's cache" if space.linked else ""
            yield f"  {size_words(space.bytes):>9}  {plain(space.name)} ({space.count}{shared})"
    if use.snapshots:
        yield "Freed when a snapshot is removed:"
    for snapshot, share in use.snapshots:
        marks = [f'"{plain(snapshot.label)}"'] if snapshot.label else []
        marks += ["pinned"] if snapshot.pinned else []
        shared = f"  (and {size_words(share.shared)} that others keep too)" if share.shared else ""
        line = "  ".join([plain(snapshot.id), plain(snapshot.reason), *marks])
        yield f"  {size_words(share.own):>9}  {line}{style('dim', shared)}"
    if use.unnamed:
        size = sum(payload.bytes for payload in use.unnamed)
        yield f"{size_words(size)} nobody goes back with; `safe-install prune` removes it."


def collected_lines(gone: Collected, style: Style) -> Iterator[str]:
    """What went, or would go."""
    verb = "Would go" if gone.dry_run else "Gone"
    for departure in gone.snapshots:
        snapshot = departure.snapshot
        why = "for its room" if departure.why == FOR_SPACE else "old"
        yield f"  snapshot {plain(snapshot.id)}  {plain(snapshot.reason)}  {style('dim', f'({why})')}"
    largest = sorted(gone.payloads, key=lambda each: -each.bytes)
    for payload in largest[:_SHOWN]:
        yield f"  {size_words(payload.bytes):>9}  {plain(payload.name)}"
    if len(largest) > _SHOWN:
        rest = sum(payload.bytes for payload in largest[_SHOWN:])
        yield f"  {size_words(rest):>9}  {len(largest) - _SHOWN} more"
    counts = [
        (len(gone.snapshots), "snapshot"),
        (len(gone.payloads), "kept item"),
        (len(gone.transactions), "old transaction"),
    ]
    words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    if words:
        yield f"{verb}: {', '.join(words)}; {size_words(gone.freed)} {'would be ' if gone.dry_run else ''}freed."
    else:
        yield "Nothing is to go."


def freed_lines(gone: Collected) -> Iterator[str]:
    """How much a removal freed."""
    yield f"Freed {size_words(gone.freed)}."
