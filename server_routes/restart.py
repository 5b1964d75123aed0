"""Starting ComfyUI again, as ComfyUI-Manager does it (glob/manager_server.py of 4.3, `restart`)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NoReturn

from ..resolver.errors import BusyError, Hint, SafeInstallError
from .desk import Desk

COMFY_CLI, EXEC = "comfy-cli", "exec"
SESSION = "__COMFY_CLI_SESSION__"
"""Environment variable by which comfy-cli names its session; it starts ComfyUI again when a file asks it to."""
EVENT = "safe_install.restart"
"""Tells every page that a restart begins, or was called off after all."""
MOMENT = 0.5
"""Seconds between the answer and the restart, so that the answer arrives."""
PATIENCE = 10.0
"""Seconds for what runs to put things back, where the user insists."""

_LOG = logging.getLogger("safe_install")
_PORTABLE = "--windows-standalone-build"
_NEEDS_QUOTES = re.compile(r"[ \t]|^$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How this process was started."""

    executable: str
    argv: tuple[str, ...]
    original: tuple[str, ...] = ()
    """The whole command line, with the interpreter's own options."""
    windows: bool = False
    no_user_site: bool = False
    session: str = ""
    """Of comfy-cli; empty without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """How it is started again."""

    how: str
    """comfy-cli: it ends, and comfy-cli starts it; exec: this process becomes the new one."""
    executable: str = ""
    command: tuple[str, ...] = ()
    marker: str = ""
    """The file by which comfy-cli is asked."""


def this_launch() -> Launch:
    """How this very process was started."""
    return Launch(
        executable=sys.executable,
        argv=tuple(sys.argv),
        original=tuple(sys.orig_argv),
        windows=sys.platform == "win32",
        no_user_site=bool(sys.flags.no_user_site),
        session=os.environ.get(SESSION, ""),
    )


def again(launch: Launch) -> Again:
    """How to start it again. Pure.

    The portable build opens a browser for `--windows-standalone-build`; at a restart one is open. Options of the
    interpreter, such as the portable build's `-s`, are kept.
    """
    if launch.session:
        return Again(how=COMFY_CLI, marker=f"{launch.session}.reboot")
    script, rest = launch.argv[0], tuple(each for each in launch.argv[1:] if each != _PORTABLE)
    if script.endswith("__main__.py"):
        program: tuple[str, ...] = ("-m", PurePath(script.replace("\\", "/")).parent.name)
    else:
        program = (script,)
    command = (launch.executable, *_options(launch), *program, *rest)
    if launch.windows:
        # There execv pastes the parts together as they are.
        command = tuple(quoted(each) for each in command)
    return Again(how=EXEC, executable=launch.executable, command=command)


def quoted(argument: str) -> str:
    r"""One part of a command line, as programs on Windows read it back (the rules of CommandLineToArgvW).

    >>> quoted('a b')
    '"a b"'
    """
    text = re.sub(r'(\\*)"', r'\1\1\\"', argument)
    if not _NEEDS_QUOTES.search(argument):
        return text
    return '"' + re.sub(r"(\\+)$", r"\1\1", text) + '"'


def _options(launch: Launch) -> tuple[str, ...]:
    """The interpreter's own options: what stood between it and the program."""
    rest = launch.argv[1:]
    count = len(launch.original) - len(rest)
    head = launch.original[1:count]
    if count > 0 and launch.original[count:] == rest and "-c" not in head:
        if head[-2:-1] == ("-m",):
            return head[:-2]
        if head and not head[-1].startswith("-"):
            return head[:-1]
    # The host changed its arguments: what the portable build needs is known in another way.
    return ("-s",) if launch.no_user_site else ()


# --- doing it -----------------------------------------------------------------------------------------------

_pending: list[asyncio.Task[None]] = []


def refuse_while_busy(desk: Desk) -> None:
    """Raise BusyError `restart-while-busy` while prompts or jobs run or wait."""
    prompts, jobs = desk.host.tasks_remaining, desk.jobs.open_jobs()
    if not prompts and not jobs:
        return
    what = [f"{prompts} of ComfyUI's queue"] if prompts else []
    what += (
        [f"{len(jobs)} of Safe Install ({', '.join(job.operation or job.kind for job in jobs)})"]
        if jobs
        else []
    )
    raise BusyError(
        "restart-while-busy",
        f"ComfyUI is at work: {' and '.join(what)}. It was not restarted.",
        context={"prompts": prompts, "jobs": ", ".join(job.id for job in jobs)},
        hints=(
            Hint("wait", "Wait until the work is done."),
            Hint(
                "insist", 'Or send "force": true. What runs is cut off; a change of ours is put back first.'
            ),
        ),
    )


def restart_soon(desk: Desk, *, force: bool) -> Again:
    """Restart in a moment, and say how. To be called on the event loop.

    BusyError `restart-while-busy`, unless `force`; SafeInstallError `restart-impossible`. Where something begins
    to run in that moment, and the user did not insist, the restart is called off, which the log tells.
    """
    way = again(this_launch())
    if way.how == EXEC and not Path(way.executable).is_file():
        raise SafeInstallError(
            "restart-impossible",
            f"The interpreter {way.executable or '(unknown)'} is not there, so ComfyUI cannot start itself again.",
            hints=(Hint("restart-by-hand", "Stop ComfyUI and start it as usual."),),
        )
    if not force:
        refuse_while_busy(desk)
    if not _pending:
        desk.host.send(EVENT, {"state": "begins", "message": ""})
        _pending.append(asyncio.get_running_loop().create_task(_restart(desk, way, force=force)))
    return way


async def _restart(desk: Desk, way: Again, *, force: bool) -> None:
    try:
        await asyncio.sleep(MOMENT)
        if not force:
            refuse_while_busy(desk)
        # From here on no job begins; one that was begun is taken back, or ends by itself within moments.
        await desk.in_thread(desk.jobs.close, PATIENCE)
    except BusyError as error:  # Something began in that moment.
        _LOG.warning("Safe Install: the restart was called off. %s", error.message)
        desk.host.send(EVENT, {"state": "called-off", "message": error.message})
        return
    finally:
        _pending.clear()
    begin_again(way)


def begin_again(way: Again) -> NoReturn:
    """End this process and have it start again. Does not return."""
    _LOG.info("Safe Install: restarting ComfyUI.")
    if way.how == COMFY_CLI:
        Path(way.marker).touch()
    _close_listeners()
    _flush()
    if way.how == EXEC:
        with contextlib.suppress(OSError):
            os.execv(way.executable, way.command)  # noqa: S606 - our own command line
    # Neither `exit` nor an exception: other threads of the host would be waited for, perhaps for ever.
    os._exit(0 if way.how == COMFY_CLI else 1)


def _close_listeners() -> None:
    """Give the port free. On Windows the new process starts while this one still ends.

    Nothing keeps the servers of a loop where they could be asked for.
    """
    for each in gc.get_objects():
        with contextlib.suppress(Exception):
            if isinstance(each, asyncio.AbstractServer):
                each.close()


def _flush() -> None:
    close_log: Callable[[], object] | None = getattr(sys.stdout, "close_log", None)
    steps: Sequence[Callable[[], object]] = (
        logging.shutdown,
        sys.stdout.flush,
        sys.stderr.flush,
        # Manager's own log file; it does the same.
        *((close_log,) if callable(close_log) else ()),
    )
    for step in steps:
        with contextlib.suppress(Exception):  # A closed console must not keep it from restarting.
            step()
