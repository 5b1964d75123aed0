"""What became of the last starts of ComfyUI, and what was taken back because of them; for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.types import Finding
from ..errors import Hint
from ..transaction.healings import Healing, HealingOutcome, read_healings
from ..transaction.history import last_committed
from ..transaction.starts import Outcome, Start, judged_starts

__all__ = ["Healing", "Start", "StartsReport", "starts_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsReport:
    """The starts that are remembered, and the notice to show."""

    starts: tuple[Start, ...]
    """Newest first, twenty at most."""
    healings: tuple[Healing, ...]
    """Changes after which starts died, newest first, with what was done about each."""
    notice: Finding | None
    """What the user should know now: about the last change, until another one is made."""

    def to_dict(self) -> dict[str, object]:
        """The report as a JSON object."""
        return {
            "starts": [each.to_dict() for each in self.starts],
            "healings": [each.to_dict() for each in self.healings],
            "notice": self.notice.to_dict() if self.notice else None,
        }


def starts_report(state: Path) -> StartsReport:
    """What the state folder says of the last starts. Blocks for some small files; never raises for damaged ones."""
    starts = tuple(reversed(judged_starts(state)))
    healings = tuple(reversed(read_healings(state)))
    last = last_committed(state)
    about = next((each for each in healings if last and last.id in (each.by, each.transaction)), None)
    if about is not None:
        return StartsReport(starts=starts, healings=healings, notice=_about(about))
    notice = _died_since(last.id, last.operation, starts) if last else None
    return StartsReport(starts=starts, healings=healings, notice=notice)


def _about(healing: Healing) -> Finding | None:
    what = f"{healing.operation} ({healing.transaction})"
    died = f"ComfyUI ended {len(healing.deaths)} times before it was up after the change {what}"
    if healing.outcome is HealingOutcome.DONE:
        return Finding(
            code="taken-back-after-crashes",
            message=f"{died}, so that change was taken back by itself. "
            + (healing.message or "What it changed is as it was before it."),
            hints=(
                Hint("roll-back", "If it was not to blame, `safe-install rollback` brings it back.")
                if healing.how == "usual"
                else Hint("install-again", "If it was not to blame, install it again."),
            ),
        )
    if healing.outcome is HealingOutcome.WAITS:
        return Finding(
            code="taking-back-waits",
            message=f"{died}. It is taken back as soon as its files are not in use any more.",
            hints=(Hint("restart", "Close what uses these files, then start ComfyUI again."),),
        )
    if healing.outcome in (HealingOutcome.FAILED, HealingOutcome.BEGUN):
        why = f": {healing.message}" if healing.message else ", for it was interrupted."
        return Finding(
            code="taking-back-failed",
            message=f"{died}. Taking it back by itself did not succeed{why}",
            hints=(Hint("roll-back", f"Try `safe-install rollback --undo {healing.transaction}`."),),
        )
    return None


def _died_since(change: str, operation: str, starts: tuple[Start, ...]) -> Finding | None:
    """A word on starts that died right after the change; what dies after one that came up is not its doing."""
    since = [each.outcome for each in reversed(starts) if each.transaction == change]
    until_up = since[: since.index(Outcome.UP)] if Outcome.UP in since else since
    died = until_up.count(Outcome.DIED)
    if not died:
        return None
    return Finding(
        code="start-died",
        message=f"After the change {operation} ({change}) ComfyUI ended {'once' if died == 1 else f'{died} times'} "
        f"before it was up{', and then came up' if Outcome.UP in since else ''}.",
        hints=(Hint("see-log", "ComfyUI's log of that start shows which pack was being loaded."),),
    )
