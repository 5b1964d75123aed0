"""One owner at a time, between processes and between threads."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import BusyError, SafeInstallError
from comfyui_safe_install.resolver.transaction import lockfile
from comfyui_safe_install.resolver.transaction.lockfile import OwnerLock, lock_path

TESTS = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock lies."""
    return lock_path(tmp_path / "state")


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that cannot lock (this process only)."""

    def refuse(_descriptor: int, _act: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted."""
    return sorted(child.name for child in folder.iterdir())


def child_code(path: Path, *, locks: bool) -> str:
    """A program that takes the lock, says so, and holds it until its input ends."""
    return textwrap.dedent(
        f"""
        import errno, fcntl, sys
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from kit.package import register_package
        register_package()
        from comfyui_safe_install.resolver.transaction.lockfile import OwnerLock
        def refuse(*_):
            raise OSError(errno.ENOLCK, "No locks available")
        if not {locks}:
            fcntl.flock = refuse
        with OwnerLock(Path({str(path)!r}), "install torch"):
            print("held", flush=True)
            sys.stdin.read()
        """
    )


@contextmanager
def held_by_another_process(path: Path, *, locks: bool = True) -> Iterator[subprocess.Popen[str]]:
    """A real process that holds the lock; ended at exit."""
    process = subprocess.Popen(
        [sys.executable, "-c", child_code(path, locks=locks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def refused(path: Path) -> BusyError:
    """The error one gets while another holds the lock."""
    with pytest.raises(BusyError) as caught, OwnerLock(path, "mine"):
        pass
    assert caught.value.code == "busy"
    return caught.value


def test_another_process_is_named(path: Path) -> None:
    """Who has it, since when and what for is in the error; once it ends, the lock is free."""
    with held_by_another_process(path) as process:
        error = refused(path)
        assert error.context["pid"] == str(process.pid)
        assert error.context["operation"] == "install torch"
        assert error.context["since"].endswith("+00:00")
        assert "install torch" in error.message
        assert str(process.pid) in error.message
        assert [hint.code for hint in error.hints] == ["wait", "end-process"]
        process.communicate("")
    with OwnerLock(path, "mine"):
        pass


def test_a_killed_owner_is_no_obstacle(path: Path) -> None:
    """The system drops the lock of a dead process; its owner file is stale and is overwritten."""
    with held_by_another_process(path) as process:
        process.kill()
        process.wait()
        owner = json.loads(path.with_name("lock.owner").read_text())
        assert owner["pid"] == process.pid
        with OwnerLock(path, "mine") as lock:
            held = lock.held
            owner = json.loads(path.with_name("lock.owner").read_text())
            assert (owner["pid"], owner["operation"]) == (os.getpid(), "mine")
            assert owner.keys() == {"pid", "host", "since", "operation"}
    assert (held, lock.held) == (True, False)
    assert not path.with_name("lock.owner").exists()


def test_threads_exclude_each_other(path: Path) -> None:
    """A second thread of the same process is refused like another process."""
    errors: list[BusyError] = []

    def try_it() -> None:
        try:
            with OwnerLock(path, "second"):
                pass
        except BusyError as error:
            errors.append(error)

    with OwnerLock(path, "first"):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert [error.context["operation"] for error in errors] == ["first"]
    assert errors[0].context["pid"] == str(os.getpid())
    with OwnerLock(path, "again"):
        pass


def test_only_one_of_many_threads_is_let_in_at_a_time(path: Path) -> None:
    """Under contention no two are ever inside together."""
    inside, most, entered = 0, 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most, entered
        for _ in range(5):
            try:
                with OwnerLock(path, "work"):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                        entered += 1
                    with guard:
                        inside -= 1
            except BusyError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert entered >= 1


def test_the_lock_is_released_by_an_exception(path: Path) -> None:
    """A failure inside the block does not leave it locked."""
    with pytest.raises(LookupError), OwnerLock(path, "fails"):
        raise LookupError
    with OwnerLock(path, "next"):
        pass


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"[1]"])
def test_an_owner_without_a_name_is_still_busy(path: Path, content: bytes | None) -> None:
    """Where the owner file is missing or unreadable, the lock counts all the same."""
    with OwnerLock(path, "first"):
        owner = path.with_name("lock.owner")
        owner.unlink()
        if content is not None:
            owner.write_bytes(content)
        error = refused(path)
    assert error.context["pid"] == "unknown"


def test_an_owner_file_that_cannot_be_written_is_no_obstacle(path: Path) -> None:
    """The name is only information; the lock itself is what counts."""
    (path.with_name("lock.owner") / "in the way").mkdir(parents=True)
    with OwnerLock(path, "first") as lock:
        assert lock.held
        assert names(path.parent) == ["lock", "lock.owner"]


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A state folder that cannot exist is an error of ours, and frees the name again."""
    (tmp_path / "file").write_text("")
    for _ in range(2):
        with pytest.raises(SafeInstallError) as caught, OwnerLock(tmp_path / "file" / "lock", "x"):
            pass
        assert caught.value.code == "lock-unavailable"


def test_an_unknown_refusal_of_the_system_is_passed_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what means `this file system has no locks` leads to the stand-in."""

    def refuse(_descriptor: int, _act: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(SafeInstallError, match="Input/output error"), OwnerLock(path, "x"):
        pass


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_claim_file_stands_in(path: Path) -> None:
    """On a file system that cannot lock, another process is still seen, named, and waited for."""
    with held_by_another_process(path, locks=False) as process:
        assert refused(path).context["pid"] == str(process.pid)
        process.communicate("")
    with OwnerLock(path, "mine"):
        assert refused(path).context["operation"] == "mine"
    assert names(path.parent) == ["lock"]


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_killed_owner_is_no_obstacle(path: Path) -> None:
    """A claim whose process is gone is taken away."""
    with held_by_another_process(path, locks=False) as process:
        process.kill()
        process.wait()
        with OwnerLock(path, "mine"):
            assert json.loads(path.with_name("lock.claim").read_text())["pid"] == os.getpid()
    assert names(path.parent) == ["lock"]


def claim(path: Path, **owner: object) -> Path:
    """A claim file left by someone."""
    path.parent.mkdir(exist_ok=True)
    file = path.with_name("lock.claim")
    file.write_text(json.dumps({"pid": 1, "host": lockfile._host(), "operation": "old", **owner}))
    return file


@pytest.mark.usefixtures("no_locks")
def test_a_claim_with_our_own_number_is_stale(path: Path) -> None:
    """In a container every start may get the same process number."""
    claim(path, pid=os.getpid())
    with OwnerLock(path, "mine"):
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_claim_of_another_machine_or_user_counts(path: Path) -> None:
    """What cannot be asked is taken for alive."""
    claim(path, host="elsewhere", pid=2**22)
    assert refused(path).context["host"] == "elsewhere"
    claim(path, pid=os.getppid())
    assert refused(path).context["pid"] == str(os.getppid())


@pytest.mark.usefixtures("no_locks")
def test_a_process_of_another_user_is_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not being allowed to signal a process means that it exists."""

    def forbid(_pid: int, _signal: int) -> None:
        raise PermissionError

    claim(path, pid=1)
    monkeypatch.setattr(os, "kill", forbid)
    refused(path)


@pytest.mark.usefixtures("no_locks")
def test_an_unreadable_claim_is_stale_only_after_a_while(path: Path) -> None:
    """It may be in the making; a minute later it was left by a crash."""
    file = claim(path)
    file.write_text("{")
    refused(path)
    old = time.time() - 61
    os.utime(file, (old, old))
    with OwnerLock(path, "mine"):
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_stale_claim_taken_by_another_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a rival was quicker with the stale claim, its fresh one is left in place."""
    stale = claim(path, pid=os.getpid())
    real = os.rename

    def rival_first(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "rename", real)
        claim(path, pid=os.getppid(), operation="rival")
        real(source, target)

    monkeypatch.setattr(os, "rename", rival_first)
    assert refused(path).context["operation"] == "rival"
    assert json.loads(stale.read_text())["operation"] == "rival"
    assert names(path.parent) == ["lock", "lock.claim"]


@pytest.mark.usefixtures("no_locks")
def test_a_stale_claim_that_vanishes_is_as_good_as_taken_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever removed it: there is none any more."""
    file = claim(path, pid=os.getpid())

    def vanish(owner_file: Path) -> bool:
        owner_file.unlink()
        return real(owner_file)

    real = lockfile._is_stale
    monkeypatch.setattr(lockfile, "_is_stale", vanish)
    with OwnerLock(path, "mine"):
        assert json.loads(file.read_text())["operation"] == "mine"
