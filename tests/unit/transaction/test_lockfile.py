"""One owner at a time, between processes and between threads."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import BusyError, SafeInstallError
from comfyui_safe_install.resolver.transaction.locks import lockfile
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path, who_holds
from comfyui_safe_install.tests.kit.contention import hammer

TESTS = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock lies."""
    return lock_path(tmp_path / "state")


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted."""
    return sorted(child.name for child in folder.iterdir())


def child_code(path: Path) -> str:
    """A program that takes the lock, says so, and holds it until its input ends."""
    return textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from kit.package import register_package
        register_package()
        from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock
        with OwnerLock(Path({str(path)!r}), "install torch"):
            print("held", flush=True)
            sys.stdin.read()
        """
    )


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A real process that holds the lock; ended at exit."""
    process = subprocess.Popen(
        [sys.executable, "-c", child_code(path)],
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
            assert owner.keys() == {"pid", "host", "since", "operation", "birth"}
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


@pytest.mark.parametrize(
    "content", [None, b"", b"nonsense", b"[1]", b'{"pid": 12', b"[" * 9000, b'{"pid": true}', b'{"pid": -1}']
)
def test_an_owner_without_a_name_is_still_busy(
    path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the owner file is missing, half-written or garbage, the lock counts all the same."""
    monkeypatch.setattr(lockfile, "_NAMELESS_SECONDS", 0.1)
    with held_by_another_process(path):
        owner = path.with_name("lock.owner")
        owner.unlink()
        if content is not None:
            owner.write_bytes(content)
        error = refused(path)
    assert error.context["pid"] == "unknown"


def test_the_name_of_an_earlier_owner_is_never_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file still names a killed owner when the next one has the lock and has not written its name yet."""
    monkeypatch.setattr(lockfile, "_NAMELESS_SECONDS", 20.0)
    with held_by_another_process(path) as process:
        owner = path.with_name("lock.owner")
        right = owner.read_bytes()
        with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
            dead.wait()
        birth = json.loads(right)["birth"].rpartition("/")[0] + "/1"
        for wrong in ({"pid": dead.pid, "birth": birth}, {"pid": os.getpid(), "birth": birth}):
            owner.write_text(json.dumps({**json.loads(right), **wrong}))
            threading.Timer(0.2, owner.write_bytes, [right]).start()
            assert refused(path).context["pid"] == str(process.pid)


def test_an_owner_elsewhere_is_named(path: Path) -> None:
    """On a shared file system the other machine is told; nobody here can say whether its process lives."""
    with held_by_another_process(path):
        elsewhere = {"pid": 7, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00", "operation": "x"}
        path.with_name("lock.owner").write_text(json.dumps(elsewhere))
        error = refused(path)
    assert (error.context["pid"], error.context["host"]) == ("7", "elsewhere")


def test_a_hostile_owner_file_shows_no_secrets_and_no_escapes(path: Path) -> None:
    """What others wrote into the file is told like any text from outside."""
    with held_by_another_process(path):
        words = "get https://u:hunter2@host/" + "\x1b[2J" + "x" * 5000
        path.with_name("lock.owner").write_text(json.dumps({"pid": os.getpid(), "operation": words}))
        error = refused(path)
    assert "hunter2" not in json.dumps(error.to_dict())
    assert "\x1b" not in error.message
    assert len(error.message) < 600


def test_many_spellings_are_one_lock(path: Path) -> None:
    """A link to the state folder, dots in its path, another working directory: the same lock."""
    path.parent.mkdir()
    link = path.parent.with_name("link")
    link.symlink_to(path.parent)
    for spelling in (link / "lock", path.parent / ".." / "state" / "lock", Path(os.path.relpath(path))):
        with OwnerLock(path, "first"):
            assert refused(spelling).context["operation"] == "first"
        with held_by_another_process(path) as process:
            assert refused(spelling).context["pid"] == str(process.pid)


def test_a_forked_child_does_not_have_the_lock(path: Path) -> None:
    """It neither keeps it when its parent is gone, nor unlocks it for its parent by leaving the block."""
    code = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock
lock = OwnerLock(Path({str(path)!r}), "install torch")
with lock:
    child = os.fork()
    if not child:
        lock.__exit__(None, None, None)
    os.write(1, f"held {{lock.held}} {{child}}\\n".encode())
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        said = sorted(parent.stdout.readline().split() for _ in range(2))
        assert [words[1] for words in said] == ["False", "True"]
        child = int(said[1][2])
        try:
            assert refused(path).context["pid"] == str(parent.pid)
            parent.kill()
            parent.wait()
            with OwnerLock(path, "mine"):
                os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_fleeting_lock_leaves_nothing(path: Path) -> None:
    """Neither file nor folder, also after a kill; and however often it comes and goes, it lets one in."""
    with OwnerLock(path, "first", fleeting=True):
        assert refused(path).context["operation"] == "first"
    assert not path.parent.exists()
    with held_by_another_process(path) as process:
        process.kill()
        process.wait()
    with OwnerLock(path, "next", fleeting=True):
        pass
    assert not path.parent.exists()


def test_a_fleeting_lock_is_exclusive(path: Path) -> None:
    """Four processes take and drop it as fast as they can: never two at once."""
    assert hammer(path, 4, 60, fleeting=True) > 20
    assert not path.parent.exists()


def test_who_holds_it_is_told_without_taking_it(path: Path) -> None:
    """Looking makes no file, names the holder in this and in another process, and is in nobody's way."""
    assert who_holds(path) is None
    assert not path.parent.exists()
    with OwnerLock(path, "mine"):
        owner = who_holds(path)
        assert owner is not None
        assert owner.operation == "mine"
    assert who_holds(path) is None
    with held_by_another_process(path) as process:
        owner = who_holds(path)
        assert owner is not None
        assert owner.pid == process.pid


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
