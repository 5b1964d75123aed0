"""Real processes, killed for real: the tree is exactly before or exactly after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.recover import unfinished
from comfyui_safe_install.resolver.transaction.signals import deferred_signals
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop

HERE = Path(__file__).parent


def drive(folder: Path, *story: str) -> dict[str, object]:
    """Run the kill driver; its report without faults."""
    command = [sys.executable, str(HERE / "kill_driver.py"), str(folder), *story]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    report: dict[str, object] = json.loads(result.stdout)
    assert report["faults"] == []
    return report


def test_killed_before_every_system_call(tmp_path: Path) -> None:
    """SIGKILL before each call that changes the disk, and half way through lines; every phase is hit."""
    phases = drive(tmp_path, "single")["phases"]
    assert isinstance(phases, dict)
    assert phases.keys() == {"unborn", "planned", "staged", "tried", "applying", "verifying", "committed"}
    assert phases["applying"] > 50


def test_recovery_is_killed_too_and_run_again(tmp_path: Path) -> None:
    """Killed after each journal line, and recovery killed at many of its calls: still before or after."""
    kills = drive(tmp_path, "double", "23")["kills"]
    assert isinstance(kills, int)
    assert kills > 100


def test_recovery_is_killed_again_and_again(tmp_path: Path) -> None:
    """Random kills of the change and of up to six recoveries in a row."""
    phases = drive(tmp_path, "random", "20")["phases"]
    assert isinstance(phases, dict)
    assert phases["applying"] > 0


def run_with_signal(workshop: Workshop, number: signal.Signals) -> int:
    """A process whose last step fails, and that gets a signal while it goes back; its exit code."""
    code = textwrap.dedent(
        f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(HERE.parents[1])!r})
        from kit.package import register_package
        register_package()
        from comfyui_safe_install.resolver.transaction.journal import Journal
        from comfyui_safe_install.tests.unit.transaction.workshop import Workshop
        append = Journal.append
        def append_and_signal(journal, body):
            append(journal, body)
            if body == {{"kind": "undo", "step": 3, "synced": False}}:
                os.kill(os.getpid(), {int(number)})
        Journal.append = append_and_signal
        def fail(done, total):
            if done == total:
                raise LookupError("verification failed")
        Workshop(Path({str(workshop.root)!r})).ready().apply(fail)
        """
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_way_back_is_gone(workshop: Workshop, number: signal.Signals) -> None:
    """Ctrl-C and termination while undoing end the process, but only after everything is as before."""
    before = workshop.tree()
    assert run_with_signal(workshop, number) == -number
    assert workshop.tree() == before
    assert unfinished(workshop.state) == ()


def test_signals_come_once_and_only_afterwards() -> None:
    """Several of a kind are delivered as one, when the block is left; the old handlers are back then."""
    seen: list[int] = []
    old = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    try:
        with deferred_signals():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
            assert seen == []
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_handler_set_by_other_code_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python cannot put a handler of C code back, so it is not replaced."""
    monkeypatch.setattr(signal, "getsignal", lambda _number: None)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with deferred_signals():
            assert signal.signal(signal.SIGTERM, signal.SIG_DFL) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_undo_in_a_worker_thread_leaves_signals_alone(workshop: Workshop) -> None:
    """Python delivers signals to the main thread only; a worker rolls back without touching handlers."""
    import threading

    before = workshop.tree()
    transaction = workshop.ready()
    transaction.apply()
    thread = threading.Thread(target=transaction.roll_back, args=["cancelled"])
    thread.start()
    thread.join()
    assert workshop.tree() == before
