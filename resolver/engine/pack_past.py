"""When changes of ours brought packs, or put other files in their place, as the journals tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ..core.states import TransactionState
from ..transaction.history import TransactionRecord
from .restoration import EXACT

_BRINGING = ("add", "replace", "remove", EXACT)
"""Words for it, with something the pack is afterwards; `remove` too, where a removal was taken back."""
_WAKING = ("enable",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A committed change that brought a pack."""

    transaction: str
    operation: str
    at: str
    """When it was committed, ISO."""
    snapshot: str
    """Id of the one taken before it, whether it is kept still or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A moment at which a pack became other than it was."""

    at: float
    like: float | None
    """The moment it is again as it was at; None for what was never there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPast:
    """What became of packs, by name."""

    arrivals: dict[str, Arrival] = field(hash=False)
    """{pack: the last change that added or replaced it}."""
    _turns: dict[str, list[_Turn]] = field(hash=False)

    def changed_since(self, name: str, moment: float) -> bool:
        """Whether the pack is another than at that moment (seconds since 1970), by a change of ours.

        One that was replaced since, and is back as it was, is the same.
        """
        turns = self._turns.get(name, [])
        if not turns or turns[-1].at <= moment:
            return False
        like = turns[-1].like
        if like is None:
            return True
        early, late = sorted((like, moment))
        return any(early < turn.at <= late for turn in turns[:-1])


def read_pack_past(records: Sequence[TransactionRecord]) -> PackPast:
    """What became of packs by these transactions, the newest first."""
    arrivals: dict[str, Arrival] = {}
    turns: dict[str, list[_Turn]] = {}
    committed = [each for each in records if each.state is TransactionState.COMMITTED]
    # Who had waited was begun before others that were committed earlier.
    for record in sorted(committed, key=lambda each: (each.ended, each.id)):
        like = _moment_of_snapshot(str(record.summary.get("target") or ""))
        for name, action, after in _packs_of(record):
            if action in _BRINGING and (after or action == EXACT):
                arrivals[name] = Arrival(
                    transaction=record.id,
                    operation=record.operation,
                    at=record.ended,
                    snapshot=str(record.summary.get("snapshot") or ""),
                )
            elif action not in _WAKING:
                continue
            turns.setdefault(name, []).append(_Turn(at=_seconds(record.ended), like=like))
    return PackPast(arrivals=arrivals, _turns=turns)


def _packs_of(record: TransactionRecord) -> Iterable[tuple[str, str, str]]:
    """(name, what was done, what it is afterwards) of each; a change says `action`, a way back `how`."""
    listed = record.summary.get("packs")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict):
            yield str(each.get("name")), str(each.get("action") or each.get("how")), str(each.get("to") or "")


def _seconds(iso: str) -> float:
    try:
        return datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 0.0


def _moment_of_snapshot(identifier: str) -> float | None:
    """When it was taken, by its id (`20260131-120000-000ab12`); None for one of another making."""
    try:
        moment = datetime.strptime(identifier[:15], "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)
        return moment.timestamp() + int(identifier[16:19]) / 1000
    except ValueError:
        return None
