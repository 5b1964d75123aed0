"""The least that must happen after a change before it counts: nothing, a reload of the page, a restart. Pure.

What a running ComfyUI can take up by itself was tried on 0.8.0: nodes of a pack that came late work at once; its
prestartup script is not run, its routes answer 404 (the route table was copied), and its web files are not served
(the router is frozen). A module that was imported stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from .pack_names import fold_name
from .types import Change

FEW = 5
"""Names that are told; of more, how many."""


class Least(str, Enum):
    """The least that must happen, in rising order."""

    NONE = "none"
    RELOAD = "reload"
    """Of the page."""
    RESTART = "restart"


class AtStart(str, Enum):
    """What of a pack only a start of ComfyUI, or only a new page, brings to life."""

    PRESTARTUP = "prestartup"
    ROUTES = "routes"
    WEB = "web"
    INSTALL_SCRIPT = "install-script"


class Difference(str, Enum):
    """How far a pack's new version differs from the one whose place it takes."""

    NOTHING = "nothing"
    PAGES = "pages"
    """Only files that are served to pages."""
    CODE = "code"
    """Anything else, or nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackMove:
    """One pack that comes, goes, or is replaced, as far as it matters here."""

    name: str
    comes: bool
    """False where it only goes, or is disabled."""
    at_start: frozenset[AtStart] | None = None
    """None where nobody looked."""
    difference: Difference = Difference.CODE
    """From the version that is there; of what is new, everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The ComfyUI that runs."""

    imported: frozenset[str] = frozenset()
    """Canonical names of distributions of which it has imported a module."""
    loaded: frozenset[str] = frozenset()
    """Names of the packs it has loaded."""
    failed: frozenset[str] = frozenset()
    """Names of enabled packs it has not loaded, most likely because they failed."""
    loads_late: bool = False
    """Whether it can load a pack while it runs."""
    serves_late: bool = False
    """Whether it can serve the web files of such a pack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What must happen, and why."""

    least: Least
    reasons: tuple[str, ...] = ()
    """Sentences, one for each thing that asks for just that; none where nothing must happen."""

    def to_dict(self) -> dict[str, object]:
        """The need as a JSON object."""
        return {"restart": self.least.value, "reasons": list(self.reasons)}


_ORDER = tuple(Least)
_UNKNOWN = "A ComfyUI that runs has the state of before; it takes up the change when it is started again."


def least_needed(changes: Sequence[Change], packs: Sequence[PackMove], running: Running | None) -> Need:
    """The least after these changes. `running` is None where nothing is known of the host: then any needs a restart.

    >>> least_needed((), (), None).least.value
    'none'
    """
    if not changes and not packs:
        return Need(least=Least.NONE)
    if running is None:
        return Need(least=Least.RESTART, reasons=(_UNKNOWN,))
    going = {fold_name(move.name) for move in packs if not move.comes}
    waiting = frozenset(name for name in running.failed if fold_name(name) not in going)
    found = [*_of_distributions(changes, running.imported, waiting)]
    for move in packs:
        found += _of_pack(move, running)
    least = max((each for each, _ in found), key=_ORDER.index, default=Least.NONE)
    reasons = (reason for each, reason in found if each is least and reason)
    return Need(least=least, reasons=tuple(dict.fromkeys(reasons)))


def _of_distributions(
    changes: Sequence[Change], imported: frozenset[str], waiting: frozenset[str]
) -> Iterator[tuple[Least, str]]:
    in_use = [change.name for change in changes if change.name in imported]
    if in_use:
        yield Least.RESTART, f"ComfyUI has imported {_named(in_use)}, and goes on with what it imported."
    if changes and waiting:
        yield Least.RESTART, f"ComfyUI has not loaded {_named(waiting)}; it tries again when it is started."


def _of_pack(move: PackMove, running: Running) -> Iterator[tuple[Least, str]]:
    name = move.name
    if fold_name(name) in {fold_name(each) for each in running.loaded}:
        if not move.comes or move.difference is Difference.CODE:
            yield Least.RESTART, f"ComfyUI has loaded {name}, and goes on with what it loaded."
        elif move.difference is Difference.PAGES:
            yield Least.RELOAD, f"Of {name} only web files change, which a page loads when it is opened."
        return
    if not move.comes:
        return
    if move.at_start is None:
        yield Least.RESTART, f"{name} is loaded when ComfyUI starts."
        return
    late = [words for mark, words in _ONLY_AT_START.items() if mark in move.at_start]
    for words in late:
        yield Least.RESTART, f"{name} {words}"
    if not running.loads_late and not late:
        yield Least.RESTART, f"{name} is loaded when ComfyUI starts."
    elif AtStart.WEB in move.at_start and not running.serves_late:
        yield Least.RESTART, f"{name} has web files, which are served from the next start on."
    elif AtStart.WEB in move.at_start:
        yield Least.RELOAD, f"{name} has web files, which a page loads when it is opened."


_ONLY_AT_START = {
    AtStart.PRESTARTUP: "has a prestartup script, which runs only when ComfyUI starts.",
    AtStart.ROUTES: "adds routes to the server, which it can do only when ComfyUI starts.",
    AtStart.INSTALL_SCRIPT: "runs its install.py, and nobody knows what that changes.",
}


def _named(names: Iterable[str]) -> str:
    told = sorted(names)
    more = len(told) - FEW
    if more > 0:
        return f"{', '.join(told[:FEW])} and {more} more"
    return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))
