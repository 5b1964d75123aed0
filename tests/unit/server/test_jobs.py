"""Jobs: one after another, told to whom it concerns, cancelled in time, and remembered over a restart."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.resolver.engine.job_history import JobHistory
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.errors import (
    BusyError,
    CancelledError,
    RefusedError,
    SafeInstallError,
    UsageError,
)
from comfyui_safe_install.resolver.ports import Reporter
from comfyui_safe_install.resolver.transaction.locks.owners import Owner
from comfyui_safe_install.server_routes.job import JobOrder, JobOutcome, JobWork
from comfyui_safe_install.server_routes.jobs import Jobs
from comfyui_safe_install.tests.kit.waiting import wait_until

DONE = JobOutcome(result={"answer": 42})


@dataclass(slots=True)
class Room:
    """Jobs of a state folder, and everything they have told."""

    state: Path
    jobs: Jobs = field(init=False)
    told: list[tuple[str | None, dict[str, Any], float]] = field(default_factory=list)
    site: Any = None

    def __post_init__(self) -> None:
        self.jobs = self.again()

    def again(self) -> Jobs:
        """Jobs as a process that starts now finds them."""
        return Jobs(JobHistory(self.state), self._open, self._hear, patience=0.6)

    def ask(self, act: Callable[[JobWork], JobOutcome], client: str = "") -> str:
        """A job that does `act`; its id."""
        order = JobOrder(kind="test", operation="test it", act=act, ui_ids=("ui",), client_id=client)
        return self.jobs.submit(order).id

    def ended(self, identifier: str) -> dict[str, Any]:
        """The job once it is over."""
        wait_until(lambda: bool(self.jobs.get(identifier).ended))
        return self.jobs.get(identifier).model_dump()

    def heard(self, client: str | None, identifier: str = "") -> list[dict[str, Any]]:
        """What that page (None: every page) was told of a job."""
        return [each for to, each, _ in self.told if to == client and identifier in ("", each["id"])]

    def _open(self, report: Reporter | None, cancel: threading.Event | None) -> Session:
        return Session(site=self.site, probe=None, report=report, cancel=cancel)  # type: ignore[arg-type]

    def _hear(self, event: str, data: Mapping[str, object], client: str | None = None) -> None:
        assert event == "safe_install.job"
        job: Any = data["job"]
        self.told.append((client, json.loads(json.dumps(job)), time.monotonic()))


def _when(go: threading.Event) -> Callable[[JobWork], JobOutcome]:
    """What is done once it may go on."""

    def act(_work: JobWork) -> JobOutcome:
        assert go.wait(10)
        return DONE

    return act


def _noting(begun: list[int]) -> Callable[[JobWork], JobOutcome]:
    """What notes that it began."""

    def act(_work: JobWork) -> JobOutcome:
        begun.append(1)
        return DONE

    return act


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """An empty room."""
    made = Room(tmp_path / "state")
    yield made
    made.jobs.close(5)


def test_jobs_run_one_after_another_in_the_order_they_were_asked_for(room: Room) -> None:
    """The second waits while the first is at work."""
    go, order = threading.Event(), []

    def slow(_work: JobWork) -> JobOutcome:
        order.append("first")
        assert go.wait(10)
        return DONE

    def quick(_work: JobWork) -> JobOutcome:
        order.append("second")
        return DONE

    first, second = room.ask(slow), room.ask(quick)
    wait_until(lambda: room.jobs.get(first).state == "running")
    assert [job.id for job in room.jobs.open_jobs()] == [first, second]
    assert room.jobs.get(second).state == "queued"
    go.set()
    done = room.ended(second)
    assert order == ["first", "second"]
    assert done["state"] == "done"
    assert done["result"] == {"answer": 42}
    assert done["status"] == {"status_str": "success", "completed": True, "messages": ["Done."]}
    assert [job.id for job in room.jobs.all()] == [second, first]


def test_the_page_that_asked_hears_everything_and_all_others_a_summary(room: Room) -> None:
    """Stages, new lines and the result to the one; state, stage and progress to all."""

    def act(work: JobWork) -> JobOutcome:
        work.job.stage("solve", "Resolving")
        work.job.log("a line with https://user:secret@example.org/")
        work.job.stage("stage", "Downloading")
        work.job.progress(1, 2, "bytes")
        return DONE

    job = room.ask(act, client="page")
    room.ended(job)
    mine, all_ = room.heard("page", job), room.heard(None, job)
    stages = [each["stage"]["name"] if each["stage"] else each["state"] for each in mine]
    assert list(dict.fromkeys(stages)) == ["queued", "running", "solve", "stage"]
    assert [each["state"] for each in mine][-1] == "done"
    assert "log" not in mine[-1]
    lines = [line for each in mine for line in each["new_log"]]
    assert lines == ["Resolving ...", "a line with https://***@example.org/", "Downloading ..."]
    assert {frozenset(each) for each in all_} == {frozenset({"id", "kind", "state", "stage", "progress"})}
    assert all_[-1]["state"] == "done"


def test_progress_is_told_at_most_ten_times_a_second_and_the_last_of_it_always(room: Room) -> None:
    """A flood does not reach the pages; what it came to does, though nothing follows it for a while."""
    go = threading.Event()

    def act(work: JobWork) -> JobOutcome:
        for done in range(5000):
            work.job.progress(done, 5000, "files")
        assert go.wait(10)
        return DONE

    begun = time.monotonic()
    job = room.ask(act)
    wait_until(
        lambda: any(each["progress"] and each["progress"]["done"] == 4999 for each in room.heard(None))
    )
    seconds = time.monotonic() - begun
    assert len(room.heard(None)) <= 5 + seconds * 11
    go.set()
    room.ended(job)


def test_a_job_that_waits_is_cancelled_at_once(room: Room) -> None:
    """It never begins."""
    go = threading.Event()
    begun: list[int] = []
    first = room.ask(_when(go))
    second = room.ask(_noting(begun))
    assert room.jobs.cancel(second).state == "cancelled"
    go.set()
    room.ended(first)
    third = room.ask(lambda _work: DONE)
    room.ended(third)
    assert begun == []


def test_a_running_job_is_cancelled_until_the_swap_and_not_after_it(room: Room) -> None:
    """Before: the engine is told, and says so itself. After: 409, with what to do instead."""
    reached, go = threading.Event(), threading.Event()

    def until_cancelled(work: JobWork) -> JobOutcome:
        work.job.stage("stage", "Downloading")
        assert work.session.cancel is not None
        assert work.session.cancel.wait(10)
        raise CancelledError("cancelled", "Cancelled; nothing was changed.")

    def swapping(work: JobWork) -> JobOutcome:
        work.job.stage("swap", "Swapping")
        reached.set()
        assert go.wait(10)
        return DONE

    first = room.ask(until_cancelled)
    wait_until(lambda: room.jobs.get(first).stage is not None)
    assert room.jobs.cancel(first).state == "cancelling"
    assert room.ended(first)["state"] == "cancelled"
    second = room.ask(swapping)
    assert reached.wait(10)
    assert room.jobs.get(second).cancellable is False
    with pytest.raises(RefusedError, match="moved already") as refused:
        room.jobs.cancel(second)
    assert refused.value.code == "too-late-to-cancel"
    assert [hint.code for hint in refused.value.hints] == ["roll-back"]
    go.set()
    assert room.ended(second)["state"] == "done"
    with pytest.raises(RefusedError) as over:
        room.jobs.cancel(second)
    assert over.value.code == "job-ended"
    with pytest.raises(UsageError) as unknown:
        room.jobs.cancel("nothing")
    assert unknown.value.code == "job-not-found"


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (RefusedError("trial-failed", "No."), "refused", "trial-failed"),
        (SafeInstallError("disk-full", "No room."), "failed", "disk-full"),
        (ValueError("https://user:secret@example.org/"), "failed", "internal-error"),
        (PermissionError(13, "Permission denied", "/x"), "failed", "not-permitted"),
        (ImportError("no such module", name="pydantic"), "failed", "packages-broken"),
        (SystemExit(3), "failed", "internal-error"),
    ],
)
def test_a_job_that_fails_says_how_and_the_next_one_runs(
    room: Room, error: BaseException, state: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is raised becomes an error with a code; no secret of it reaches the job or the log."""

    def act(_work: JobWork) -> JobOutcome:
        raise error

    failed = room.ended(room.ask(act))
    assert (failed["state"], failed["error"]["code"]) == (state, code)
    assert failed["status"]["status_str"] == "error"
    assert room.ended(room.ask(lambda _work: DONE))["state"] == "done"
    assert "secret" not in json.dumps(failed)
    assert "secret" not in caplog.text


def test_a_job_waits_for_another_process_and_then_says_who_is_at_work(room: Room) -> None:
    """It is begun anew until the other is done, or its patience is."""
    tries = []

    def act(_work: JobWork) -> JobOutcome:
        tries.append(time.monotonic())
        raise BusyError("busy", "Process 7 installs something.", context={"lock": room.state / "lock"})

    job = room.ended(room.ask(act))
    assert job["state"] == "failed"
    assert job["error"]["code"] == "busy"
    assert "Waiting: Process 7 installs something." in job["log"]
    assert len(tries) > 1

    def at_last(_work: JobWork) -> JobOutcome:
        tries.append(0)
        if len(tries) < count + 2:
            raise BusyError("busy", "Process 7 installs something.", context={"lock": room.state / "lock"})
        return DONE

    count = len(tries)
    assert room.ended(room.ask(at_last))["state"] == "done"


def test_the_end_of_a_job_is_waited_for_without_holding_anything_up(room: Room) -> None:
    """As long as it runs the answer waits, the loop does not; it comes at the end, or when the time is over."""
    go = threading.Event()
    job = room.ask(_when(go))

    async def wait() -> tuple[float, float, int]:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.005)
                turns += 1

        turning = asyncio.ensure_future(turn())
        begun = time.monotonic()
        await room.jobs.wait(job, 0.2)
        in_vain = time.monotonic() - begun
        asyncio.get_running_loop().call_later(0.1, go.set)
        await room.jobs.wait(job, 10)
        turning.cancel()
        return in_vain, time.monotonic() - begun - in_vain, turns

    in_vain, waited, turns = asyncio.run(wait())
    assert in_vain >= 0.2
    assert waited < 5
    assert turns > 20


def test_jobs_are_remembered_over_a_restart(room: Room) -> None:
    """With their result and their log; and a list leaves the logs out."""

    def act(work: JobWork) -> JobOutcome:
        work.job.log("a line")
        return DONE

    job = room.ask(act)
    before = room.ended(job)
    room.jobs.close(5)
    after = room.again()
    assert after.get(job).model_dump() == before
    assert after.get(job).log == ["a line"]
    assert [(each.id, each.log) for each in after.all()] == [(job, [])]
    with pytest.raises(SafeInstallError) as ended:
        room.ask(act)
    assert ended.value.code == "shutting-down"


_DIE = """
import sys, threading, os
sys.path.insert(0, sys.argv[1])
from kit.package import register_package
register_package()
from pathlib import Path
from comfyui_safe_install.resolver.engine.job_history import JobHistory
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.server_routes.job import JobOrder
from comfyui_safe_install.server_routes.jobs import Jobs
jobs = Jobs(JobHistory(Path(sys.argv[2])), lambda report, cancel: Session(site=None, probe=None), lambda *a: None)
def act(work):
    work.session.begun.append("20260101T000000000000Z-dead")
    work.job.stage("stage", "Downloading")
    print(work.job.id, flush=True)
    threading.Event().wait()
jobs.submit(JobOrder(kind="test", operation="one", act=act))
print(jobs.submit(JobOrder(kind="test", operation="two", act=act)).id, flush=True)
threading.Event().wait()
"""


def test_what_ran_when_the_process_died_is_interrupted_and_says_what_became_of_it(room: Room) -> None:
    """While the other process lives its jobs are shown as they are; once it is dead, as what the journal says."""
    kit = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _DIE, str(kit), str(room.state)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        names = {process.stdout.readline().strip(), process.stdout.readline().strip()}
        alive = room.again()
        assert sorted((each.state, each.operation) for each in alive.all()) == [
            ("queued", "two"),
            ("running", "one"),
        ]
        assert alive.open_jobs() == []
        with pytest.raises(RefusedError):
            alive.cancel(max(names))
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert {each.id for each in alive.all()} == names
    found = {job.operation: alive.get(job.id) for job in alive.all()}
    assert {each.state for each in found.values()} == {"interrupted"}
    one, two = found["one"], found["two"]
    assert one.error is not None
    assert two.error is not None
    assert one.transaction_id == "20260101T000000000000Z-dead"
    assert one.error.code == "interrupted"
    assert one.error.context["outcome"] == "unknown"
    assert two.error.message.startswith("ComfyUI ended before this was begun.")
    assert two.error.context["outcome"] == "nothing"
    assert room.again().get(one.id).state == "interrupted"


def test_only_the_newest_jobs_are_kept_and_damaged_files_are_passed_over(tmp_path: Path) -> None:
    """Two hundred by default; whatever else lies in the folder harms nobody."""
    room = Room(tmp_path / "state")
    room.jobs = Jobs(JobHistory(room.state, keep=3), room._open, room._hear)
    ids = [room.ask(lambda _work: DONE) for _ in range(6)]
    room.ended(ids[-1])
    assert ids == sorted(ids)
    room.jobs.close(5)
    folder = room.state / "jobs"
    assert sorted(path.stem for path in folder.iterdir()) == ids[-3:]
    (folder / "broken.json").write_text("{")
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "other.json").write_text('{"format": 1, "job": {"id": "x"}, "owner": {}}')
    (folder / "nothing.json").mkdir()
    assert [each.id for each in room.again().all()] == ids[:2:-1]


def test_a_restart_in_place_counts_as_the_end_of_the_process(tmp_path: Path) -> None:
    """execv keeps the number and the birth of a process; its jobs are over all the same."""
    history = JobHistory(tmp_path)
    history.save("20260101-000000000000-aaaaaa", {})
    stored = history.read("20260101-000000000000-aaaaaa")
    assert stored is not None
    assert not stored.is_elsewhere
    assert Owner(**json.loads(next((tmp_path / "jobs").iterdir()).read_text())["owner"]).pid


def test_a_full_disk_stops_neither_the_job_nor_the_next_one(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only being asked for needs the disk; what cannot be written down later is told in the log."""
    begun, go = threading.Event(), threading.Event()

    def act(_work: JobWork) -> JobOutcome:
        begun.set()
        assert go.wait(10)
        return DONE

    job = room.ask(act)
    assert begun.wait(10)  # That it runs is written down by then.
    folder = room.state / "jobs"
    folder.rename(room.state / "away")
    folder.write_text("in the way")
    go.set()
    assert room.ended(job)["state"] == "done"
    wait_until(lambda: "could not be written down" in caplog.text)
    with pytest.raises(FileExistsError):
        room.ask(lambda _work: DONE)
    folder.unlink()
    assert room.ended(room.ask(lambda _work: DONE))["state"] == "done"


def test_jobs_are_read_where_nothing_can_be_written(room: Room) -> None:
    """A state folder on a disk that is read-only now, with a job that was broken off."""
    job = room.ask(lambda _work: DONE)
    room.ended(job)
    room.jobs.close(5)  # It is written down by then.
    file = room.state / "jobs" / f"{job}.json"
    file.write_text(file.read_text().replace('"done"', '"running"'))
    file.parent.chmod(0o555)
    try:
        assert room.again().get(job).state == "interrupted"
    finally:
        file.parent.chmod(0o755)
