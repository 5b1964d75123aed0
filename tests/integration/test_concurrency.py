"""Several at once: one works, the others are told who, wait when asked, and read nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from comfyui_safe_install.resolver.cli import changes
from comfyui_safe_install.resolver.cli.console import Console
from comfyui_safe_install.resolver.cli.progress import TerminalReporter
from comfyui_safe_install.resolver.cli.work import open_work
from comfyui_safe_install.resolver.engine import stillness
from comfyui_safe_install.resolver.engine.applying import Applied
from comfyui_safe_install.resolver.engine.exclusion import alone
from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.errors import BusyError, RefusedError
from comfyui_safe_install.resolver.ports import Site
from comfyui_safe_install.resolver.transaction.locks.lockfile import (
    OwnerLock,
    area_lock_path,
    lock_path,
    who_holds,
)
from comfyui_safe_install.tests.kit.contention import can_refuse_flock
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.kill_after import NO_LOCKS
from comfyui_safe_install.tests.kit.waiting import wait_until


@pytest.fixture(autouse=True)
def _furnished(here: Installation) -> None:
    """Something is installed: of an empty environment no snapshot is taken."""
    here.have("base", "1.0")


def site_of(here: Installation) -> Site:
    """The site as the engine knows it."""
    return cast("Site", here.site())


@contextmanager
def stopped(here: Installation, line: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that stands still, holding its locks, right after that journal line."""
    process = here.start(*arguments, kill_after=f"{line}:SIGSTOP")
    try:
        wait_until(lambda: os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)[1] or 0))
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def test_one_works_and_the_other_is_told_who(here: Installation) -> None:
    """A second change, by process or thread, ends with 4 and names process, host, work and time."""
    here.wheel("demo", "1.0")
    source, other = here.source("one", "demo"), here.source("two", "demo")
    with stopped(here, "tried", "install", source, "--yes") as process:
        answer = here.run("install", other, "--yes")
        assert (answer.code, answer.error) == (4, "busy")
        context = answer.document["error"]["context"]
        assert context["pid"] == str(process.pid)
        assert context["operation"] == "install one"
        assert context["host"]
        assert context["since"]
        assert {hint["code"] for hint in answer.document["error"]["hints"]} == {"wait", "end-process"}
        for command in (["rollback", "--yes"], ["snapshot", "create"], ["prune"], ["recover"]):
            answer = here.run(*command)
            assert (answer.code in (0, 4)) or answer.error == "nothing-to-roll-back", answer
            assert answer.error in ("", "busy", "nothing-to-roll-back"), answer
        process.send_signal(signal.SIGCONT)
        assert here.finish(process).code == 0
    assert here.run("install", other, "--yes").code == 0
    assert not area_lock_path(here.area).exists()


def test_whoever_waits_gets_its_turn(here: Installation) -> None:
    """With --wait the other plans again on what the first has done; too short a wait ends with 4."""
    here.wheel("demo", "1.0")
    source, other = here.source("one", "demo"), here.source("two", "demo==1.0")
    with stopped(here, "tried", "install", source, "--yes") as process:
        assert here.run("--wait", "0.3", "install", other, "--yes").error == "busy"
        second = here.start("--wait", "60", "install", other, "--yes")
        assert second.stderr is not None
        waiting = next(line for line in second.stderr if "Waiting" in line)
        process.send_signal(signal.SIGCONT)
        assert here.finish(process).code == 0
        answer = here.finish(second)
    assert answer.code == 0, answer
    assert "Waiting: Safe Install is already at work: install one" in waiting
    assert sorted(each.name for each in here.packs.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("wait", ["-1", "x", "nan", "inf"])
def test_a_wait_that_is_no_time_is_refused(here: Installation, wait: str) -> None:
    """Usage errors end with 2."""
    assert here.run(f"--wait={wait}", "verify").code == 2


def test_readers_see_nothing_half_done(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files move, reading waits, then says who moves them; lists of what is stored are not concerned."""
    here.have("demo", "1.0", files={f"demo/{number}.py": "x = 1\n" for number in range(30)})
    here.wheel("demo", "2.0", files={f"demo/{number}.py": "x = 2\n" for number in range(30)})
    source, other = here.source("one", "demo>=2"), here.source("two", "demo")
    commands = (["verify"], ["why", "demo"], ["plan", other], ["plan"], ["snapshot", "diff", "now", "now"])
    with stopped(here, "4", "install", source, "--yes") as process:
        monkeypatch.setattr(stillness, "PATIENCE", 0.2)
        for command in commands:
            answer = here.run(*command)
            assert (answer.code, answer.error) == (4, "busy"), answer
            assert answer.document["error"]["context"]["pid"] == str(process.pid)
        for command in (["snapshot", "list"], ["history"]):
            assert here.run(*command).code == 0
        monkeypatch.setattr(stillness, "PATIENCE", 60.0)
        threading.Timer(1.0, process.send_signal, [signal.SIGCONT]).start()
        answer = here.run("verify")
        assert here.finish(process).code == 0
    assert answer.document["faults"] == []
    assert here.versions()["demo"] == "2.0"


def test_what_was_read_while_something_moved_is_read_again(here: Installation) -> None:
    """A whole change between two looks: what counts is from after it; errors of the first look are forgotten."""
    here.wheel("demo", "1.0")
    source = here.source("one", "demo")
    seen: list[str] = []

    def look() -> str:
        seen.append("looked")
        if len(seen) == 1:
            assert here.finish(here.start("install", source, "--yes")).code == 0
            raise FileNotFoundError("a file that had moved")
        return here.versions()["demo"]

    assert stillness.look_when_still(site_of(here), look)[0] == "1.0"
    assert len(seen) == 2


def test_an_interrupted_change_is_read_as_it_is(here: Installation) -> None:
    """Nobody moves anything any more: readers do not wait for a dead process."""
    here.wheel("demo", "1.0")
    assert here.run("install", here.source("zero"), "--yes").code == 0
    process = here.start("install", here.source("one", "demo"), "--yes", kill_after="verifying")
    assert here.finish(process).code == -signal.SIGKILL
    before = here.run("snapshot", "list").document["snapshots"]
    answer = here.run("verify")
    assert answer.code in (0, 1)
    # What we began ourselves is not told as what others changed, and no snapshot is taken of it.
    assert answer.document["drift"]["items"] == []
    assert here.run("plan").code in (0, 5)
    assert here.run("snapshot", "list").document["snapshots"] == before
    assert here.run("snapshot", "create").error == "recovery-needed"
    assert here.run("recover").code == 0


def test_a_plan_does_not_outlive_a_change_of_packs(here: Installation) -> None:
    """The same distributions, but another pack since: only the plan that was shown is applied."""
    first, second = here.source("one"), here.source("two")
    session = here.session()
    with session.plan_install([first], Options(), to_apply=True) as planned:
        assert here.run("install", second, "--yes").code == 0
        with pytest.raises(RefusedError) as caught:
            session.apply(planned)
    assert caught.value.code == "plan-outdated"
    assert [each.name for each in here.packs.iterdir()] == ["two"]


def test_a_failure_is_not_told_as_somebody_elses_success(here: Installation) -> None:
    """Another's transaction is committed while ours fails: ours has failed."""
    source = here.source("one")
    console = Console(as_json=True)
    reporter = TerminalReporter(console)
    cancel, calm = threading.Event(), threading.Event()
    work = open_work(console, reporter, cancel, calm.set, here.comfy, python=None, state=None, refresh=False)

    def fail() -> Applied:
        assert here.run("install", source, "--yes").code == 0
        raise BusyError("busy", "somebody is at work")

    with pytest.raises(BusyError):
        changes.carry_out(work, fail)


def test_install_scripts_run_under_the_lock(here: Installation) -> None:
    """What they write to the live environment must not meet another change."""
    code = (
        "import json, pathlib, sys\n"
        f"owner = json.loads(pathlib.Path({str(here.state / 'lock.owner')!r}).read_text())\n"
        "pathlib.Path('seen.txt').write_text(owner['operation'])\n"
    )
    source = here.source("one", files={"install.py": code})
    assert here.run("install", source, "--yes", "--allow", "install-py").code == 0
    assert (here.packs / "one" / "seen.txt").read_text() == "install one"


# --- a file system without locks --------------------------------------------------------------------------------


@pytest.mark.skipif(not can_refuse_flock(), reason="needs Linux, to let the kernel refuse flock")
def test_without_locks_one_works_and_the_other_is_told_who(here: Installation) -> None:
    """As with locks; a killed owner's work is recovered, and what uv cannot do there has a name of its own."""
    no_locks = {NO_LOCKS: "1"}
    for name in ("one", "two"):
        assert here.run("install", here.source(name), "--yes").code == 0
    process = here.start("uninstall", "one", "--yes", kill_after="tried:SIGSTOP", environment=no_locks)
    try:
        wait_until(lambda: os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)[1] or 0))
        for environment in (no_locks, {}):
            answer = here.finish(here.start("uninstall", "two", "--yes", environment=environment))
            assert (answer.code, answer.error) == (4, "busy"), answer
            assert answer.document["error"]["context"]["pid"] == str(process.pid)
            assert answer.document["error"]["context"]["operation"] == "uninstall one"
    finally:
        process.kill()
        process.communicate()
    for command in (["recover"], ["uninstall", "two", "--yes"], ["rollback", "--yes"], ["verify"]):
        answer = here.finish(here.start(*command, environment=no_locks))
        assert answer.code == 0, answer
    assert sorted(each.name for each in here.packs.iterdir()) == ["one", "two"]
    answer = here.finish(here.start("plan", here.source("three", "base"), environment=no_locks))
    assert answer.error == "cache-not-lockable", answer.document


# --- two state folders, one environment -------------------------------------------------------------------------


def test_another_state_folder_does_not_get_past_the_lock(here: Installation, tmp_path: Path) -> None:
    """The environment has a lock of its own: two ComfyUI with one Python exclude each other."""
    here.wheel("demo", "1.0")
    source, other = here.source("one", "demo"), here.source("two", "demo")
    elsewhere = ("--state", str(tmp_path / "elsewhere"))
    with stopped(here, "tried", "install", source, "--yes") as process:
        for command in (["install", other, "--yes"], ["snapshot", "create"]):
            answer = here.run(*elsewhere, *command)
            assert (answer.code, answer.error) == (4, "busy"), answer
            assert answer.document["error"]["context"]["pid"] == str(process.pid)
        assert who_holds(lock_path(tmp_path / "elsewhere")) is None
    assert here.run("recover").code == 0
    assert here.run(*elsewhere, "install", other, "--yes").code == 0


def test_what_another_state_folder_left_unfinished_is_noticed(here: Installation, tmp_path: Path) -> None:
    """Nothing is built on a half changed environment; the error says where to recover."""
    here.have("demo", "1.0")
    here.wheel("demo", "2.0")
    before = here.tree()
    elsewhere = ("--state", str(tmp_path / "elsewhere"))
    process = here.start("install", here.source("one", "demo>=2"), "--yes", kill_after="verifying")
    assert here.finish(process).code == -signal.SIGKILL
    answer = here.run(*elsewhere, "install", here.source("two", "demo"), "--yes")
    assert (answer.code, answer.error) == (5, "recovery-needed-elsewhere"), answer
    assert answer.document["error"]["context"]["state"] == str(here.state)
    assert "recover" in json.dumps(answer.document["error"]["hints"])
    assert here.run("recover").code == 0
    assert here.tree() == before
    assert here.run(*elsewhere, "install", here.source("two", "demo"), "--yes").code == 0


def test_two_spellings_of_a_state_folder_are_one(here: Installation, tmp_path: Path) -> None:
    """A link to it, given by --state, is the same state: busy, not a second one."""
    here.state.mkdir(parents=True)
    (tmp_path / "link").symlink_to(here.state)
    with OwnerLock(lock_path(here.state), "install something"):
        answer = here.run("--state", str(tmp_path / "link"), "snapshot", "create")
    assert answer.error == "busy"
    assert answer.document["error"]["context"]["operation"] == "install something"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_environment_one_may_not_write_to_needs_no_lock(here: Installation) -> None:
    """Whoever only looks at it can take a snapshot of it."""
    here.area.parent.chmod(0o555)
    try:
        assert here.run("snapshot", "create").code == 0
    finally:
        here.area.parent.chmod(0o755)


def test_areas_are_locked_only_while_it_lasts(here: Installation) -> None:
    """Neither lock file nor folder stays beside site-packages."""
    with alone(site_of(here), "look at it"):
        assert who_holds(area_lock_path(here.area)) is not None
    assert not here.area.exists()
