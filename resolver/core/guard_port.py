"""What the engine needs of guard mode. Folders are absolute paths as text; everything blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .guard import FullCopy, GuardCheck, GuardCost, GuardSettings, GuardUsage
from .guard_restore import RestorePlan
from .inventory import Difference, Inventory

Progress = Callable[[int, int], None]
Check = Callable[[], None]
"""Called now and then; raises to end the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPlan:
    """What going back to a full copy takes, entry by entry."""

    identifier: str
    """Of the snapshot."""
    then: Inventory = field(repr=False)
    now: Inventory = field(repr=False)
    moves: RestorePlan
    sources: Mapping[str, str] = field(repr=False)
    """{digest: file that holds these bytes}, each hashed."""
    owners: Mapping[str, str] = field(repr=False)
    """{path: name of the distribution that owned it then, or owns it now}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullStage:
    """Everything made ready aside."""

    folders: tuple[str, ...]
    """To be deleted afterwards, with what was moved aside into them."""
    outgoing: tuple[tuple[str, str], ...]
    """(live place, place aside)."""
    incoming: tuple[tuple[str, str], ...]
    """(place aside, live place)."""


class Guard(Protocol):
    """Full snapshots of one environment and its packs. Writers hold the lock."""

    @property
    def settings(self) -> GuardSettings:
        """What the user has set. SafeInstallError `guard-settings-damaged`."""

    def configure(self, settings: GuardSettings) -> None:
        """Set it, durable."""

    def is_full(self, identifier: str) -> bool:
        """Whether that snapshot has a full copy."""

    def manifest_file(self, identifier: str) -> str:
        """Where what makes that snapshot a full one is, or would be."""

    def cost(self) -> GuardCost:
        """What a full copy would take now."""

    def keep(
        self, identifier: str, *, check: Check | None = None, progress: Progress | None = None
    ) -> FullCopy:
        """A full copy of what is live now, for that snapshot. RefusedError `guard-no-space`; changes nothing live."""

    def usage(self, identifier: str) -> GuardUsage:
        """The room that copy takes. SafeInstallError `full-copy-unreadable`."""

    def compare(self, identifier: str) -> tuple[Difference, ...]:
        """What differs now from that copy, less what running Python and git write by themselves."""

    def plan(self, identifier: str) -> FullPlan:
        """What going back to that copy takes. SafeInstallError `full-copy-unreadable`. Touches nothing."""

    def stage_folders(self, transaction: str) -> Sequence[str]:
        """Where `stage` will put things."""

    def stage(
        self,
        plan: FullPlan,
        transaction: str,
        *,
        check: Check | None = None,
        progress: Progress | None = None,
    ) -> FullStage:
        """Everything that comes in, made ready on its volume, durable, every byte hashed.

        SafeInstallError `guard-object-damaged` where bytes have changed since the plan; RefusedError `guard-no-space`.
        """

    def faults(self, plan: FullPlan) -> tuple[str, ...]:
        """The live places that are not as the plan says, after it was carried out."""

    def scrub(self, *, check: Check | None = None, progress: Progress | None = None) -> GuardCheck:
        """Hash everything that is kept, throw away what is damaged, and mend it from the live files."""
