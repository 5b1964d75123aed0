"""Running other programs: the only place in the project that starts a process.

A child gets an argument list (never a shell), a process group of its own and an environment built
from a decision table. However it ends - by itself, by timeout, by cancel, by Ctrl-C here - its whole
group is gone afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import CancelledError, Hint, SafeInstallError
from .child_environment import clean_environment
from .child_output import OutputReader

__all__ = ["DEFAULT_OUTPUT_LIMIT", "Completed", "clean_environment", "run"]

DEFAULT_OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes kept of each stream: half from its head, half from its tail."""

_POLITE_SECONDS = 2.0
"""How long a child may tidy up after the first, polite signal before it is killed."""

_POLL_SECONDS = 0.05
"""How often cancel and timeout are looked at while a child runs; its end is noticed at once."""

_DRAIN_SECONDS = 1.0
"""How long output is awaited after the child itself ended; a grandchild may hold the pipe open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A program that ran to its end, with what it said. A non-zero returncode is for the caller to judge."""

    argv: tuple[str, ...]
    """What was run. May hold credentials: show it through `errors.redact`."""
    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    timeout: float | None = None,
    stdin: bytes | None = None,
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
) -> Completed:
    """Run a program to its end and return what it said. Blocks; call from a thread.

    `env` is the child's whole environment; None means `clean_environment()`. `timeout` is in seconds.
    `on_line` gets each line of both streams as it arrives, from reader threads but one at a time;
    if it raises, the child is stopped and the exception comes out of here.

    Output is decoded as UTF-8 with replacement characters; of a flood, head and tail are kept.

    Raises SafeInstallError `program-not-found`, SafeInstallError `process-timeout` and CancelledError
    `cancelled`. On any exception, KeyboardInterrupt and SystemExit included, the child and everything
    it started in its process group has been killed.
    """
    if not argv:
        raise ValueError("argv must name a program")
    if cancel is not None and cancel.is_set():
        raise _cancelled(argv)
    deadline = None if timeout is None else time.monotonic() + timeout
    process = _start(argv, clean_environment() if env is None else env, cwd, stdin is not None)
    ended = threading.Event()
    lock = threading.Lock()
    readers = [
        OutputReader(stream, limit=output_limit, on_line=on_line, lock=lock)
        for stream in (process.stdout, process.stderr)
        if stream is not None
    ]
    try:
        threading.Thread(target=_await_end, args=(process, ended), daemon=True).start()
        for reader in readers:
            reader.start()
        if stdin is not None and process.stdin is not None:
            threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True).start()
        while not ended.wait(_POLL_SECONDS):
            _raise_reader_fault(readers)
            _raise_if_over(argv, cancel, deadline, readers)
        _drain(process, readers)
        _raise_reader_fault(readers)
        if sys.platform != "win32":
            # What the child left running with its pipes closed; nobody waits for it any more.
            _signal_tree(process, kill=True)
    except BaseException:
        _stop(process, ended)
        _drain(process, readers)
        raise
    return Completed(
        argv=tuple(argv), returncode=process.returncode, stdout=readers[0].text(), stderr=readers[1].text()
    )


def _raise_if_over(
    argv: Sequence[str],
    cancel: threading.Event | None,
    deadline: float | None,
    readers: Sequence[OutputReader],
) -> None:
    if cancel is not None and cancel.is_set():
        raise _cancelled(argv)
    if deadline is not None and time.monotonic() > deadline:
        raise _timed_out(argv, readers)


def _start(
    argv: Sequence[str], env: Mapping[str, str], cwd: str | Path | None, with_stdin: bool
) -> subprocess.Popen[bytes]:
    """The started child, in a process group (POSIX: session) of its own."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
            creationflags=flags,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        # Popen raises FileNotFoundError for a missing working directory too: say which it was.
        if cwd is not None and not Path(cwd).is_dir():
            raise SafeInstallError(
                "program-not-found",
                f"{argv[0]} cannot be started in {cwd}: there is no such folder.",
                context={"program": argv[0], "cwd": cwd},
            ) from error
        raise SafeInstallError(
            "program-not-found",
            f"The program {argv[0]} cannot be started: {error.strerror}.",
            context={"program": argv[0]},
            hints=(Hint("check-program", f"Check that {argv[0]} exists and may be executed."),),
        ) from error
    except OSError as error:
        # For example "Exec format error": a file that is no program for this machine.
        raise SafeInstallError(
            "program-not-found",
            f"The program {argv[0]} cannot be started: {error}.",
            context={"program": argv[0]},
        ) from error


def _await_end(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """Set the event at the very moment the child ends; a polling wait would add up to 50 ms to each call."""
    process.wait()
    ended.set()


def _feed(stream: IO[bytes], data: bytes) -> None:
    """Give the child its input; a child that ends without reading it is no fault."""
    with suppress(OSError), stream:
        stream.write(data)


def _raise_reader_fault(readers: Sequence[OutputReader]) -> None:
    for reader in readers:
        if reader.fault is not None:
            raise reader.fault


def _drain(process: subprocess.Popen[bytes], readers: Sequence[OutputReader]) -> None:
    """Wait for the rest of the output; whoever still holds the pipe after that is ended."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    for reader in readers:
        if reader.ident is not None:
            reader.join(max(0.0, deadline - time.monotonic()))
    if any(reader.is_alive() for reader in readers):
        _signal_tree(process, kill=True)
        for reader in readers:
            reader.join(_DRAIN_SECONDS)


def _stop(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """End the whole tree: politely first, so that tools remove their temporary files, then by force."""
    _signal_tree(process, kill=False)
    try:
        ended.wait(_POLITE_SECONDS)
    finally:
        # Also when the child itself is gone: its own children may have ignored the polite signal.
        _signal_tree(process, kill=True)
        process.wait()


def _signal_tree(process: subprocess.Popen[bytes], *, kill: bool) -> None:
    if sys.platform == "win32":
        if process.poll() is None or kill:
            # taskkill walks the tree by parent id; there is no group kill on Windows.
            subprocess.run(
                [
                    os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe"),
                    "/T",
                    "/F",
                    "/PID",
                    str(process.pid),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        return
    with suppress(ProcessLookupError, PermissionError):
        # The child leads its session, so its pid is the group's id for as long as a member lives.
        os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)


def _cancelled(argv: Sequence[str]) -> CancelledError:
    return CancelledError("cancelled", f"{Path(argv[0]).name} was stopped because the job was cancelled.")


def _timed_out(argv: Sequence[str], readers: Sequence[OutputReader]) -> SafeInstallError:
    said = "\n".join(reader.text()[-2000:] for reader in readers).strip()
    return SafeInstallError(
        "process-timeout",
        f"{Path(argv[0]).name} did not finish in time and was stopped.",
        context={"program": argv[0], "output": said},
        hints=(Hint("retry", "Try again; if the network is slow, allow more time."),),
    )
