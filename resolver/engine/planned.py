"""A plan that waits to be applied, with what it was made from and how the user wanted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ..core.merge import Policy
from ..core.plan import Plan
from ..core.types import Pack
from ..ports import Fetched
from .aside import Aside, Scratch
from .stillness import Moment

MERGED, ONE_BY_ONE = "merged", "one-by-one"
STRATEGIES = (MERGED, ONE_BY_ONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the user wants a plan to be made."""

    policy: Policy = Policy.NEWEST
    prefer: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{canonical package: pack} where packs clash, that pack's wish is followed; see `core.choices.read_choices`."""
    strategy: str = MERGED
    allowed: frozenset[str] = frozenset()
    """Consents: builds, indexes, urls, install-py, flagged."""
    at_next_start: bool = False
    """Keep what is planned waiting, staged and tried, until ComfyUI starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with the sources it was made from.

    Leave its `with` block, or `close` it, to remove what was fetched and not used.
    """

    plan: Plan
    operation: str
    options: Options
    fetched: tuple[Fetched, ...] = ()
    replaced: tuple[Pack, ...] = ()
    """Packs that go away or are replaced."""
    relocated: tuple[tuple[Path, Path], ...] = ()
    """(where it is, where it goes) of packs that are enabled or disabled."""
    aside: Aside | Scratch | None = None
    moment: Moment | None = None
    """What it was made on: applied only while nothing of ours has changed since. None: only the environment counts."""

    @property
    def arriving(self) -> tuple[Fetched, ...]:
        """The packs that are to be moved into place."""
        return tuple(each for each in self.fetched if not each.in_place)

    def close(self) -> None:
        """Remove what was fetched and not used."""
        if self.aside is not None:
            self.aside.close()

    def __enter__(self) -> Planned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
