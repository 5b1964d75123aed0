"""What the harness hands to a contender, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .workshop import Workshop

OURS = "safe-install"
"""The contender to which every ratio is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSet:
    """Some packs in the custom_nodes of one ComfyUI, beside one environment with core installed."""

    name: str
    comfyui: Path
    python: Path
    """Interpreter of the environment core is installed in. Planning never changes it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables every tool gets, such as the index to ask."""

    @property
    def core_file(self) -> Path:
        """Core's own requirements."""
        return self.comfyui / "requirements.txt"

    @property
    def pack_files(self) -> tuple[Path, ...]:
        """The packs' requirements, sorted by the pack's name."""
        return tuple(sorted((self.comfyui / "custom_nodes").glob("*/requirements.txt")))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanJob:
    """One planning task for one contender."""

    packs: PackSet
    workshop: Workshop
    folder: Path
    """The contender's own: its caches and whatever else it keeps between runs. Emptied for a cold run."""
    time_limit: float
    """Seconds after which a run counts as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """What one contender planned."""

    seconds: float
    """The work alone, as a program that has been started already does it."""
    process_seconds: float | None = None
    """The same as a command of its own, start and imports included; None where there is none."""
    locked: bool
    versions: Mapping[str, str] = field(default_factory=dict)
    """{canonical name: version} of what it would install or keep; "" for a direct URL."""
    urls: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    """Installed distributions it would take away."""
    error: str = ""
    """Why there is no lock, in its own last words."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Where the time went, where the contender tells: {stage: seconds}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A live environment a contender may change, with a ComfyUI beside it; made anew for each run."""

    comfyui: Path
    venv: Path
    workshop: Workshop
    folder: Path
    """The contender's own, outside the environment and the ComfyUI."""
    lock: Path
    """What is to be installed, as `name==version` lines: the same for all."""
    pack: Path
    """Folder of a pack, not installed yet, whose requirements lead to that lock."""
    freeze: Path
    """What was installed before, as `name==version` lines."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables every tool gets: index, caches."""
    time_limit: float = 900.0

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One act on a Place."""

    seconds: float
    """The work alone, as a program that has been started already does it."""
    error: str = ""
    extra: Mapping[str, float] = field(default_factory=dict)
    """Parts of the time, where the contender tells: {stage: seconds}."""


Act = Callable[[Place], Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One tool in one mode of working. What it cannot do is None."""

    name: str
    plan: Callable[[PlanJob], PlanResult] | None = None
    apply: Act | None = None
    rollback: Act | None = None
    """Back to what was before `apply`, called on the Place after it."""
    applied_by: str = ""
    """Name of the contender that applies before this one rolls back; itself where empty."""
    snapshot: Act | None = None
    slow: bool = False
    """Left out of large sets and repeated less."""
