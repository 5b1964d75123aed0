"""What was tried against starts that died after a change of ours, so that each change is taken back only once.

Standard library only; read at each start, and by whoever shows what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from . import folder, fs
from .starts import STARTS
from .state_errors import explained
from .watch import read_object

HEALINGS = "healing.json"
"""In the folder of the marks."""

_KEPT = 10


class HealingOutcome(str, Enum):
    """What came of taking a change back; the value is what the file holds."""

    BEGUN = "begun"
    """It was interrupted: nothing of it is in effect, or all of it."""
    DONE = "done"
    WAITS = "waits"
    """Files were in use; it is applied at this start or at a later one."""
    NEEDLESS = "needless"
    """There was nothing to take back."""
    REFUSED = "refused"
    """Something else was changed meanwhile."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """One change after which starts died, and what was done about it without asking."""

    transaction: str
    operation: str
    """What the user had asked for, in words."""
    deaths: tuple[str, ...]
    """ISO times, UTC, at which the starts that died had begun."""
    outcome: HealingOutcome = HealingOutcome.BEGUN
    tries: int = 0
    at: str = ""
    """ISO time, UTC, of the last try."""
    by: str = ""
    """The transaction that took it back; empty where none did."""
    code: str = ""
    """Of the error; empty without one."""
    message: str = ""
    how: str = field(default="")
    """`usual`, or `bare` where the packages we need were broken and the standard library alone did it."""

    def to_dict(self) -> dict[str, object]:
        """The healing as a JSON object."""
        return {
            "transaction": self.transaction,
            "operation": self.operation,
            "deaths": list(self.deaths),
            "outcome": self.outcome.value,
            "tries": self.tries,
            "at": self.at,
            "by": self.by,
            "code": self.code,
            "message": self.message,
            "how": self.how,
        }


def read_healings(state_dir: Path) -> tuple[Healing, ...]:
    """All that is remembered, oldest first; what cannot be read is left out. Reads only."""
    found = read_object(_path(state_dir)).get("healings")
    values = found if isinstance(found, list) else []
    return tuple(each for each in map(_from_dict, values) if each is not None)


def save_healing(state_dir: Path, healing: Healing) -> None:
    """It is remembered, durable, in the place of an earlier word on the same change.

    SafeInstallError `state-unwritable`.
    """
    others = [each for each in read_healings(state_dir) if each.transaction != healing.transaction]
    kept = [*others, healing][-_KEPT:]
    with explained(_path(state_dir)):
        _path(state_dir).parent.mkdir(parents=True, exist_ok=True)
        fs.write_json(_path(state_dir), {"format": 1, "healings": [each.to_dict() for each in kept]})


def now() -> str:
    """The time, ISO, UTC."""
    return folder.now().isoformat(timespec="seconds")


def _path(state_dir: Path) -> Path:
    return state_dir / STARTS / HEALINGS


def _from_dict(value: object) -> Healing | None:
    if not isinstance(value, Mapping):
        return None
    deaths, tries = value.get("deaths"), value.get("tries")
    words = {
        key: found
        for key in ("transaction", "operation", "at", "by", "code", "message", "how")
        if isinstance(found := value.get(key), str)
    }
    try:
        return Healing(
            **{"operation": "", **words},
            deaths=tuple(str(each) for each in deaths) if isinstance(deaths, list) else (),
            tries=tries if type(tries) is int else 0,
            outcome=HealingOutcome(value.get("outcome")),
        )
    except (TypeError, ValueError):
        return None
