"""Real children: their output, their end by timeout and cancel, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import CancelledError, SafeInstallError
from comfyui_safe_install.resolver.io.process import run

PYTHON = sys.executable
POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="signals and /proc of POSIX")

# A child with a child of its own, which writes its pid and then sleeps.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""


def wait_for(condition: object, seconds: float = 10.0) -> None:
    """Wait until the callable is true, or fail."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if callable(condition) and condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_says_what_the_program_said() -> None:
    """Both streams, the exit code and the arguments come back; a failure is no exception."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run([PYTHON, "-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv == (PYTHON, "-c", code)


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    """An argument with shell characters arrives as it is."""
    evil = f"; touch {tmp_path / 'hit'} $(id) `id` *"
    done = run([PYTHON, "-c", "import sys; print(sys.argv[1])", evil])
    assert done.stdout == evil + "\n"
    assert not (tmp_path / "hit").exists()


def test_feeds_stdin() -> None:
    """The given bytes are the child's input, also when they are more than a pipe holds."""
    data = b"x" * 300_000
    done = run([PYTHON, "-c", "import sys; print(len(sys.stdin.buffer.read()))"], stdin=data)
    assert done.stdout == "300000\n"


def test_a_child_that_ignores_its_input_is_no_fault() -> None:
    """A child may end without reading what it is given."""
    assert run([PYTHON, "-c", "pass"], stdin=b"x" * 1_000_000).returncode == 0


def test_without_input_stdin_is_empty() -> None:
    """A child that asks a question gets an end of file at once, and does not hang."""
    assert run([PYTHON, "-c", "input()"], timeout=20).returncode == 1


def test_output_that_is_no_utf8_is_replaced() -> None:
    """Bytes of another encoding never raise."""
    done = run([PYTHON, "-c", r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb')"])
    assert done.stdout == "a\ufffd\ufffdb"


def test_of_a_flood_head_and_tail_are_kept() -> None:
    """Fifty megabytes pass without growing our memory, and both ends can be read."""
    code = "import sys\nprint('first')\nfor _ in range(800): sys.stdout.write('x' * 65536)\nprint('last')"
    done = run([PYTHON, "-c", code], output_limit=10_000)
    assert done.stdout.startswith("first\n")
    assert done.stdout.endswith("last\n")
    assert "bytes left out" in done.stdout
    assert len(done.stdout) < 11_000


def test_lines_are_handed_on_as_they_come() -> None:
    """A line arrives while the child still runs; carriage returns of progress bars end lines too."""
    seen: list[tuple[str, float]] = []
    code = (
        "import sys, time\nprint('one', flush=True)\ntime.sleep(0.4)\n"
        r"sys.stdout.write('10%\r20%\r\nlast'); print('bad', file=sys.stderr)"
    )
    begun = time.monotonic()
    run([PYTHON, "-c", code], on_line=lambda line: seen.append((line, time.monotonic() - begun)))
    ended = time.monotonic() - begun
    assert sorted(line for line, _ in seen) == ["10%", "20%", "bad", "last", "one"]
    assert dict(seen)["one"] < ended - 0.3


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    """A megabyte without a line end is handed on in pieces."""
    pieces: list[str] = []
    run([PYTHON, "-c", "import sys; sys.stdout.write('y' * 1_000_000)"], on_line=pieces.append)
    assert "".join(pieces) == "y" * 1_000_000
    assert len(pieces) > 5


def test_what_on_line_raises_comes_out_and_the_child_is_stopped() -> None:
    """An exception of the listener ends the run at once."""

    def refuse(line: str) -> None:
        raise RuntimeError(line)

    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="hello"):
        run([PYTHON, "-c", "import time; print('hello', flush=True); time.sleep(60)"], on_line=refuse)
    assert time.monotonic() - begun < 10


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """The error says which program, with a stable code."""
    with pytest.raises(SafeInstallError, match="no-such-thing") as caught:
        run([str(tmp_path / "no-such-thing")])
    assert caught.value.code == "program-not-found"


@POSIX_ONLY
def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    """A file without the right to be executed, or of another kind, gives the same code."""
    plain = tmp_path / "plain"
    plain.write_bytes(b"\x00\x01")
    for mode in (0o644, 0o755):
        plain.chmod(mode)
        with pytest.raises(SafeInstallError) as caught:
            run([str(plain)])
        assert caught.value.code == "program-not-found"


def test_nothing_to_run_is_a_mistake() -> None:
    """An empty list names no program."""
    with pytest.raises(ValueError, match="program"):
        run([])


def test_a_missing_working_folder_is_named(tmp_path: Path) -> None:
    """It is the folder that is missing, and the message says so."""
    with pytest.raises(SafeInstallError, match="no such folder"):
        run([PYTHON, "-c", "pass"], cwd=tmp_path / "gone")


@POSIX_ONLY
def test_a_timeout_kills_the_whole_tree(tmp_path: Path) -> None:
    """Neither the child nor its own child is left, and the error holds what was said so far."""
    note = tmp_path / "pid"
    with pytest.raises(SafeInstallError) as caught:
        run([PYTHON, "-c", "print('so far', flush=True)\n" + FAMILY, str(note)], timeout=1.0)
    assert caught.value.code == "process-timeout"
    assert "so far" in caught.value.context["output"]
    wait_for(lambda: not is_running(int(note.read_text())))


@POSIX_ONLY
def test_a_cancel_kills_the_whole_tree(tmp_path: Path) -> None:
    """The event stops a child that ignores polite signals, and the one it started."""
    note = tmp_path / "pid"
    cancel = threading.Event()

    def cancel_when_running() -> None:
        wait_for(lambda: note.is_file() and note.read_text())
        cancel.set()

    threading.Thread(target=cancel_when_running).start()
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FAMILY
    with pytest.raises(CancelledError) as caught:
        run([PYTHON, "-c", stubborn, str(note)], cancel=cancel)
    assert caught.value.code == "cancelled"
    wait_for(lambda: not is_running(int(note.read_text())))


def test_a_cancel_before_the_start_starts_nothing(tmp_path: Path) -> None:
    """A job cancelled while it waited does not run at all."""
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        run([PYTHON, "-c", "open('hit', 'w')"], cwd=tmp_path, cancel=cancel)
    assert not (tmp_path / "hit").exists()


@POSIX_ONLY
def test_a_grandchild_that_holds_the_pipe_does_not_hold_us() -> None:
    """A program that leaves a background process behind is over when it ends itself."""
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    begun = time.monotonic()
    assert run([PYTHON, "-c", code + "; print('done')"]).stdout == "done\n"
    assert time.monotonic() - begun < 20


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_us_kills_the_tree(tmp_path: Path, root: Path, number: int) -> None:
    """Ctrl-C, or a SystemExit out of a signal handler, leaves no child behind."""
    note = tmp_path / "pid"
    program = f"""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
sys.path.insert(0, {str(root / "tests")!r})
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.io.process import run
run([sys.executable, "-c", {FAMILY!r}, {str(note)!r}])
"""
    outer = subprocess.Popen([PYTHON, "-c", program], stderr=subprocess.DEVNULL)
    wait_for(lambda: note.is_file() and note.read_text())
    outer.send_signal(number)
    outer.wait(20)
    wait_for(lambda: not is_running(int(note.read_text())))


def test_the_end_of_a_child_is_noticed_at_once() -> None:
    """No polling interval is added to a call; uv is called hundreds of times in a plan."""
    if os.name == "nt":
        pytest.skip("no /bin/true")
    begun = time.monotonic()
    for _ in range(20):
        run(["/bin/true"])
    assert time.monotonic() - begun < 20 * 0.04
