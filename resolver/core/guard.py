"""The words of guard mode: how bytes are kept, what a full snapshot costs and takes, what a check found."""

from __future__ import annotations

from dataclasses import dataclass, field

from .types import Finding

AUTO, REFLINK, COPY, MIXED = "auto", "reflink", "copy", "mixed"
STRATEGIES = (AUTO, COPY, MIXED)
"""What can be asked for. `auto`: reflink where the file system can, else copy. `mixed`: instead of copying large
binary files, hardlink them."""

LARGE = 1024 * 1024
"""Bytes from which `mixed` hardlinks a binary file. In an environment with torch these are 1 file in 200 and
9 bytes of 10."""

WEIGHTS = 64 * 1024 * 1024
"""Bytes from which a model file in a pack is hardlinked, whatever the strategy."""

_WEIGHT_SUFFIXES = (
    ".safetensors",
    ".ckpt",
    ".pt",
    ".pth",
    ".bin",
    ".onnx",
    ".gguf",
    ".npz",
    ".tflite",
    ".engine",
)


def is_weight(path: str, size: int) -> bool:
    """Whether a file of a pack is a model: downloaded, large, and replaced rather than edited."""
    return size >= WEIGHTS and path.lower().endswith(_WEIGHT_SUFFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What the user has set."""

    on: bool = False
    """Whether every automatic snapshot is a full one."""
    strategy: str = AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardCost:
    """What one full snapshot would take now, at most."""

    files: int
    """Files whose bytes are not kept yet."""
    bytes: int
    """Bytes to write for them; what is reflinked or hardlinked takes none."""
    free: int
    """Bytes free on the volume with the least room left over."""
    enough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardUsage:
    """The room one full snapshot takes, or all together."""

    files: int
    bytes: int
    """Size of everything in it, each content once."""
    own: int = 0
    """Bytes on the disk that go when it goes."""
    shared: int = 0
    """Bytes on the disk that other full snapshots need too."""
    linked: int = 0
    """Bytes that lie in the live environment as well, by hardlink, and take no room as long as they do."""

    def to_dict(self) -> dict[str, int]:
        """The usage as a JSON object."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "own_bytes": self.own,
            "shared_bytes": self.shared,
            "linked_bytes": self.linked,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FullCopy:
    """A full copy that was made."""

    files: int
    bytes: int
    stored_files: int
    """Files whose bytes were not kept before."""
    stored_bytes: int
    """Bytes written for them."""
    seconds: float
    method: str
    """reflink, copy or mixed."""
    findings: tuple[Finding, ...] = field(default=())

    def to_dict(self) -> dict[str, object]:
        """The copy as a JSON object."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "stored_files": self.stored_files,
            "stored_bytes": self.stored_bytes,
            "seconds": round(self.seconds, 3),
            "method": self.method,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardCheck:
    """What hashing everything that is kept has found."""

    objects: int
    bytes: int
    healed: int = 0
    """Damaged or missing ones whose bytes were found in the live tree and are kept again."""
    lost: tuple[tuple[str, str], ...] = ()
    """(id of the snapshot, path) of every file that cannot be brought back."""
    unreadable: tuple[str, ...] = ()
    """Ids of snapshots whose list cannot be read."""

    @property
    def is_whole(self) -> bool:
        """Whether every full snapshot can bring back everything."""
        return not self.lost and not self.unreadable

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "healed": self.healed,
            "lost": [{"snapshot": identifier, "path": path} for identifier, path in self.lost],
            "unreadable": list(self.unreadable),
        }
