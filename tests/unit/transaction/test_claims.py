"""The stand-in for file systems that refuse locks: as exclusive as a lock, and as robust."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import BusyError
from comfyui_safe_install.resolver.transaction.locks import claims, lockfile, owners
from comfyui_safe_install.resolver.transaction.locks.claims import Claim, ClaimTakenError
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, who_holds
from comfyui_safe_install.resolver.transaction.locks.owners import Owner, Standing, read_owner, this_process
from comfyui_safe_install.tests.kit.contention import can_refuse_flock, hammer

TESTS = Path(__file__).parents[2]

needs_filter = pytest.mark.skipif(
    not can_refuse_flock(), reason="needs Linux, to let the kernel refuse flock"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock lies."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "lock"


def claim_file(path: Path, number: int, content: bytes) -> Path:
    """A claim left by someone."""
    file = path.with_name(f"lock.claim.{number}")
    file.write_bytes(content)
    return file


def dead() -> Owner:
    """The owner that was a process which is gone."""
    code = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "from kit.package import register_package; register_package()\n"
        "from comfyui_safe_install.resolver.transaction.locks.owners import this_process\n"
        "sys.stdout.write(this_process('work').to_bytes().decode())"
    )
    said = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    return Owner(**said)


def changed(owner: Owner, **fields: object) -> bytes:
    """The owner as in a file, with other fields."""
    return json.dumps({**json.loads(owner.to_bytes()), **fields}).encode()


@needs_filter
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL])
def test_where_the_kernel_refuses_flock_the_stand_in_is_exclusive(path: Path, number: int) -> None:
    """Four processes fight for it, for each error a file system without locks may give: never two at once."""
    assert hammer(path, 4, 40, refused=number) > 10
    assert who_holds(path) is None
    assert len(list(path.parent.glob("*claim*"))) == 1


@needs_filter
def test_owners_that_are_killed_let_the_next_one_in(path: Path) -> None:
    """Four of five kill themselves while they hold it; the fifth goes on alone."""
    assert hammer(path, 5, 60, refused=errno.ENOLCK, deadly=3) > 12


@needs_filter
def test_a_busy_stand_in_names_its_owner(path: Path) -> None:
    """Another process is named, as with a real lock, also to one that could lock; its death frees it."""
    code = (
        f"import sys, time; sys.path.insert(0, {str(TESTS)!r})\n"
        "from kit.package import register_package; register_package()\n"
        "from kit.contention import refuse_flock; refuse_flock()\n"
        "from pathlib import Path\n"
        "from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock\n"
        f"with OwnerLock(Path({str(path)!r}), 'install torch'):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as caught, OwnerLock(path, "mine"):
            pass
        process.kill()
        process.wait()
    assert caught.value.context["pid"] == str(process.pid)
    assert caught.value.context["operation"] == "install torch"
    with OwnerLock(path, "mine") as lock:
        assert lock.held


def test_a_claim_is_had_once(path: Path) -> None:
    """A second one is refused until the first is given up, and the numbers only ever grow."""
    first, second = Claim(path), Claim(path)
    first.take(this_process("first"))
    with pytest.raises(ClaimTakenError) as caught:
        second.take(this_process("second"))
    assert caught.value.owner is not None
    assert caught.value.owner.operation == "first"
    first.give_up()
    second.take(this_process("second"))
    assert [each.name for each in path.parent.iterdir()] == ["lock.claim.2"]


def test_a_number_that_another_process_has_now_is_not_the_owner(path: Path) -> None:
    """The process of that number was started later than the owner: the owner is gone."""
    mine = this_process("x")
    file = claim_file(path, 1, changed(mine, birth=mine.birth.rpartition("/")[0] + "/1"))
    if not mine.birth:
        pytest.skip("this system does not tell when a process was started")
    owner = read_owner(file)
    assert owner is not None
    assert owner.standing() is Standing.GONE
    Claim(path).take(mine)


@pytest.mark.parametrize("host", ["elsewhere", ""])
def test_a_claim_of_another_machine_counts(path: Path, host: str) -> None:
    """What cannot be asked is taken for alive, and the hint says which file to remove when it is not."""
    claim_file(path, 4, changed(dead(), host=host))
    with pytest.raises(ClaimTakenError):
        Claim(path).take(this_process("mine"))
    with pytest.raises(BusyError) as caught, OwnerLock(path, "mine"):
        pass
    assert caught.value.context["host"] == (host or "unknown")


def test_a_claim_of_before_a_restart_is_free(path: Path) -> None:
    """Process numbers of an earlier start of the machine mean nothing."""
    owner = this_process("x")
    if not owner.birth:
        pytest.skip("this system does not tell when it was started")
    claim_file(path, 1, changed(owner, birth="another-boot/1/1"))
    Claim(path).take(owner)


def test_a_claim_of_another_container_counts(path: Path) -> None:
    """The same machine's name, but process numbers that mean other processes: it cannot be asked."""
    owner = this_process("x")
    if not owner.birth:
        pytest.skip("this system does not tell containers apart")
    boot = owner.birth.partition("/")[0]
    claim_file(path, 1, changed(owner, birth=f"{boot}/1/1"))
    with pytest.raises(ClaimTakenError):
        Claim(path).take(owner)


@pytest.mark.parametrize("content", [b"", b"{", b"nonsense", b"[" * 100_000, b'{"pid": "x"}'])
def test_an_unreadable_claim_counts_for_a_while(path: Path, content: bytes) -> None:
    """It may be in the making; a minute later it was left by a crash."""
    file = claim_file(path, 9, content)
    with pytest.raises(ClaimTakenError):
        Claim(path).take(this_process("mine"))
    old = time.time() - 61
    os.utime(file, (old, old))
    Claim(path).take(this_process("mine"))
    assert [each.name for each in path.parent.iterdir()] == ["lock.claim.10"]


def test_a_sleeper_yields_to_who_took_its_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asleep between creating its claim and writing it, it was judged dead; awake again, it sees that."""
    sleeper, quick = Claim(path), Claim(path)
    real = os.write

    def sleep(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", real)
        file = path.with_name("lock.claim.1")
        os.utime(file, (1, 1))
        quick.take(this_process("quick"))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", sleep)
    with pytest.raises(ClaimTakenError) as caught:
        sleeper.take(this_process("sleeper"))
    assert caught.value.owner is not None
    assert caught.value.owner.operation == "quick"
    assert (sleeper.taken, quick.taken) == (False, True)


def test_who_takes_the_place_of_a_sleeper_that_wakes_yields_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other order: it wakes after it was judged and before the new claim is there; one has it, not two."""
    late = claim_file(path, 1, b"")
    os.utime(late, (1, 1))
    real = os.open

    def wake(file: Path, flags: int, mode: int = 0o777) -> int:
        monkeypatch.setattr(os, "open", real)
        late.write_bytes(this_process("late").to_bytes())
        return real(file, flags, mode)

    monkeypatch.setattr(os, "open", wake)
    with pytest.raises(ClaimTakenError) as caught:
        Claim(path).take(this_process("new"))
    assert caught.value.owner is not None
    assert caught.value.owner.operation == "late"
    assert [each.name for each in path.parent.iterdir()] == ["lock.claim.1"]


def test_without_a_birth_the_process_number_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that tell no start time; of a process one may not signal it is known that it exists."""
    monkeypatch.setattr(owners, "_birth", lambda _pid: "")
    gone = dead()
    assert Owner(pid=gone.pid, host=gone.host, since="", operation="").standing() is Standing.GONE
    assert Owner(pid=os.getpid(), host=gone.host, since="", operation="").standing() is Standing.GONE
    parent = Owner(pid=os.getppid(), host=gone.host, since="", operation="")
    assert parent.standing() is Standing.ALIVE

    def forbid(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbid)
    assert parent.standing() is Standing.ALIVE


def test_a_zombie_is_gone() -> None:
    """A process that has ended and that nobody waited for holds nothing any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        owner = Owner(
            pid=process.pid, host=owners.this_host(), since="", operation="", birth=owners._birth(process.pid)
        )
        if not owner.birth:
            pytest.skip("this system does not tell")
        deadline = time.monotonic() + 20
        while owner.standing() is not Standing.GONE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_patience_for_names_is_short() -> None:
    """Nobody waits long for a name that does not come."""
    assert lockfile._NAMELESS_SECONDS <= 5
    assert claims._UNFINISHED_SECONDS >= 30
