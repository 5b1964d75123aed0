"""What a journal says: only what a runner could have written is believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import RecoveryNeededError
from comfyui_safe_install.resolver.transaction.journal import Entry
from comfyui_safe_install.resolver.transaction.progress import Progress, read_progress

Line = Mapping[str, object]
AT = "2026-01-02T03:04:05+00:00"


def state(name: str, **more: object) -> Line:
    """A state line."""
    return {"kind": "state", "state": name, "at": AT, **more}


PLANNED = state("planned", format=1, operation="install", roots=["/live"], summary={"a": 1})
TRIED = [PLANNED, state("staged"), state("tried")]
APPLYING = [*TRIED, state("applying", steps="digest")]


def step(kind: str, number: int, *, synced: bool = False) -> Line:
    """A step line."""
    return {"kind": kind, "step": number, "synced": synced} if kind in ("intent", "undo") else {
        "kind": kind, "step": number
    }  # fmt: skip


def done(number: int) -> list[Line]:
    """A step that was done."""
    return [step("intent", number), step("done", number)]


def read(lines: list[Line]) -> Progress:
    """The progress in these lines."""
    return read_progress([Entry(seq=seq, body=body) for seq, body in enumerate(lines, 1)], Path("j"))


def test_the_first_line_tells_what_it_is_about() -> None:
    """Operation, roots, summary and start come from the planned line."""
    progress = read([PLANNED])
    assert (progress.operation, progress.roots, progress.summary) == ("install", (Path("/live"),), {"a": 1})
    assert (progress.started, progress.ended, progress.is_open) == (AT, "", True)
    assert (progress.reached, progress.claim, progress.window) == (0, (0,), (0, 0))


@pytest.mark.parametrize(
    ("lines", "reached", "claim", "window"),
    [
        ([], 0, (0,), (0, 0)),
        ([step("intent", 0)], 1, (0, 1), (0, 1)),
        (done(0), 1, (1,), (0, 1)),
        ([*done(0), step("intent", 1)], 2, (1, 2), (0, 2)),
        ([*done(0), step("intent", 1, synced=True)], 2, (1, 2), (1, 2)),
        ([*done(0), step("intent", 1), step("failed", 1)], 1, (1,), (0, 1)),
        ([*done(0), step("intent", 1), step("undo", 0, synced=True)], 2, (1, 0), (0, 1)),
        ([*done(0), *done(1), state("verifying")], 2, (2,), (2, 2)),
        ([*done(0), *done(1), state("verifying"), step("undo", 1)], 2, (2, 1), (1, 2)),
        ([*done(0), *done(1), step("undo", 1, synced=True), step("undone", 1)], 2, (1,), (1, 2)),
        ([*done(0), step("undo", 0, synced=True), step("undo", 0, synced=True)], 1, (1, 0), (0, 1)),
    ],
)
def test_the_lines_narrow_down_where_the_disk_stands(
    lines: list[Line], reached: int, claim: tuple[int, ...], window: tuple[int, int]
) -> None:
    """Each line moves the positions that a kill, or a power cut, can have left."""
    progress = read([*APPLYING, *lines])
    assert (progress.reached, progress.claim, progress.window) == (reached, claim, window)
    assert progress.steps_digest == "digest"


def test_the_end_is_noted() -> None:
    """A final state has a time; cleaning up comes after it; waiting ends with applying."""
    assert read([*TRIED, {"kind": "deferred", "at": AT}]).deferred
    assert not read([*TRIED, {"kind": "deferred", "at": AT}, state("rolled-back")]).deferred


def test_what_waits_was_taken_back_in_full() -> None:
    """Begun, taken back and waiting again it stands where it stood; each time in vain counts."""
    waits = {"kind": "deferred", "at": AT, "steps": "digest", "note": "note"}
    begun = [state("applying", steps="digest"), *done(0), step("intent", 1), step("failed", 1)]
    back = [step("undo", 0, synced=True), step("undone", 0)]
    once = read([*TRIED, *begun, *back, waits])
    assert (once.state, once.deferred, once.tries) == (TransactionState.TRIED, True, 0)
    assert (once.reached, once.claim, once.window, once.note_digest) == (0, (0,), (0, 0), "note")
    twice = read([*TRIED, waits, *begun, *back, waits])
    assert (twice.deferred, twice.tries) == (True, 1)
    again = read([*TRIED, waits, *begun, *back, waits, state("applying", steps="digest"), *done(0)])
    assert (again.state, again.deferred, again.reached) == (TransactionState.APPLYING, False, 1)
    assert read([*TRIED, *begun[:1], waits]).deferred
    for lines in ([*begun], [*begun, back[0]], begun[:2], begun[:3], [*begun[:3], state("verifying")]):
        with pytest.raises(RecoveryNeededError):
            read([*TRIED, *lines, waits])
    progress = read([PLANNED, state("rolled-back"), {"kind": "cleaned"}])
    assert (progress.state, progress.ended, progress.cleaned) == (TransactionState.ROLLED_BACK, AT, True)
    assert not progress.is_open


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{}],
        [state("staged")],
        [{"kind": "cleaned"}],
        [{**PLANNED, "operation": 1}],
        [{**PLANNED, "roots": "/live"}],
        [{**PLANNED, "summary": None}],
        [{**PLANNED, "at": None}],
        [PLANNED, PLANNED],
        [PLANNED, state("tried")],
        [PLANNED, state("committed")],
        [PLANNED, state("molten")],
        [PLANNED, state([])],  # type: ignore[arg-type]
        [PLANNED, {"kind": "state", "state": "rolled-back"}],
        [PLANNED, {"kind": "explode"}],
        [PLANNED, {"kind": "cleaned"}],
        [PLANNED, {"kind": "deferred"}],
        [PLANNED, step("intent", 0)],
        [*TRIED, state("applying")],
        [*APPLYING, step("done", 0)],
        [*APPLYING, step("intent", 1)],
        [*APPLYING, step("intent", -1)],
        [*APPLYING, {"kind": "intent", "step": True}],
        [*APPLYING, step("intent", 0), step("intent", 0)],
        [*APPLYING, step("intent", 0), step("done", 1)],
        [*APPLYING, step("intent", 0), step("failed", 1)],
        [*APPLYING, step("intent", 0), step("failed", 0), step("intent", 0)],
        [*APPLYING, step("intent", 0), state("verifying")],
        [*APPLYING, *done(0), step("undo", 1)],
        [*APPLYING, *done(0), step("undone", 0)],
        [*APPLYING, *done(0), step("undo", 0), step("undone", 0), step("intent", 1)],
        [*APPLYING, *done(0), step("undo", 0), step("undone", 0), state("verifying")],
        [*APPLYING, *done(0), state("verifying"), state("committed"), step("undo", 0)],
        [*APPLYING, *done(0), state("verifying"), state("committed"), state("rolled-back")],
    ],
)
def test_lines_in_an_impossible_order_are_refused(lines: list[Line]) -> None:
    """A journal that no runner can have written is damaged or hostile."""
    with pytest.raises(RecoveryNeededError) as caught:
        read(lines)
    assert caught.value.code == "journal-damaged"


def test_a_later_format_is_not_guessed_at() -> None:
    """After a downgrade, the journal of the newer version is left for that version."""
    with pytest.raises(RecoveryNeededError) as caught:
        read([{**PLANNED, "format": 2}])
    assert caught.value.code == "journal-newer"
    assert [hint.code for hint in caught.value.hints] == ["update-safe-install"]
