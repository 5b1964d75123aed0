"""One trial's child processes: the environment they see, and what each of them had to say.

Whatever an imported module does - a segmentation fault, `os._exit`, an endless loop, a flood of output -
ends its child only, and only that module counts as failed.
"""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.trials import TrialFault
from ..core.types import PythonInfo
from ..errors import SafeInstallError, redact
from .child_environment import clean_environment, without_secrets
from .process import run

_CHILD = Path(__file__).with_name("trial_child.py")
_START_SECONDS = 60.0
"""What a child may take besides its imports: starting Python from a cold disk."""
_OUTPUT_LIMIT = 64 * 1024
_TRACE_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetting:
    """What a trial's children see."""

    python: PythonInfo
    stage: tuple[str, ...] = ()
    """Site directories of the stage; empty for the live environment as it is."""
    masked: tuple[str, ...] = ()
    """Dotted names of modules that go away unless the stage has them."""
    shared: tuple[str, ...] = ()
    """Packages whose files will lie partly in the stage and partly in the live folder."""

    def without_change(self) -> TrialSetting:
        """The live environment as it is."""
        return TrialSetting(python=self.python)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """How one import ended; `fault` is None where it worked."""

    module: str
    fault: TrialFault | None = None
    error: str = ""
    detail: str = ""
    missing: str = ""
    """The module a ModuleNotFoundError names."""
    root: str = ""
    """Class and message of the first cause."""
    through: tuple[str, ...] = ()
    """The top-level modules whose code the exception came through, innermost first."""


class TrialClock:
    """The time a whole trial may take, and how it is cancelled."""

    def __init__(self, seconds: float, cancel: threading.Event | None) -> None:
        """`seconds` from now on."""
        self.cancel = cancel
        self._started = time.monotonic()
        self._end = self._started + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started


def look_for_modules(
    setting: TrialSetting, modules: Sequence[str], clock: TrialClock
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Where each dotted name leads (before, after) the change: found, missing, part-missing or unknown.

    Blocks; starts one child; nothing is imported. Raises SafeInstallError `trial-child-failed` (an
    interpreter that does not even start) and CancelledError.
    """
    if not modules:
        return {}, {}
    answers, _trace, said, code = _run_child(setting, "look", modules, clock, seconds=_START_SECONDS)
    for answer in answers:
        if "before" in answer and "after" in answer:
            return answer["before"], answer["after"]
    raise SafeInstallError(
        "trial-child-failed",
        f"{setting.python.executable} cannot look for modules (exit code {code}).",
        context={"python": setting.python.executable, "output": said[-2000:]},
    )


def import_modules(
    setting: TrialSetting,
    modules: Sequence[str],
    clock: TrialClock,
    *,
    seconds: float,
    on_result: Callable[[ImportResult], None] | None = None,
) -> tuple[ImportResult, ...]:
    """How each import ends, in order, in as few children as their deaths allow. Blocks.

    `seconds` is the time each module may take. Fewer results than modules mean that the clock ran out.
    Raises CancelledError.
    """
    results: list[ImportResult] = []
    waiting = list(modules)
    while waiting and clock.left > 0:
        answers, trace, said, code = _run_child(setting, "import", waiting, clock, seconds=seconds)
        started = ""
        finished = False
        for answer in answers:
            started = answer.get("start", started)
            finished = finished or "done" in answer
            if "module" in answer:
                results.append(_result(answer))
                started = ""
        if started and (clock.left > 0 or trace.startswith("Timeout")):
            results.append(_death(started, trace, said, code))
        for result in results[len(modules) - len(waiting) :]:
            if on_result is not None:
                on_result(result)
        still = list(modules)[len(results) :]
        if finished or len(still) == len(waiting):
            # The second: a child that dies before its first import would be started for ever.
            break
        waiting = still
    return tuple(results)


def _result(answer: Mapping[str, Any]) -> ImportResult:
    if answer["ok"]:
        return ImportResult(module=answer["module"])
    detail = "\n".join(part for part in (answer["message"].strip(), _tail(answer["trace"])) if part)
    return ImportResult(
        module=answer["module"],
        fault=TrialFault.EXCEPTION,
        error=answer["error"],
        detail=redact(detail),
        missing=answer["missing"],
        root=answer["root"],
        through=tuple(answer["through"]),
    )


def _death(module: str, trace: str, said: str, code: int | None) -> ImportResult:
    if trace.startswith("Timeout"):
        return ImportResult(
            module=module, fault=TrialFault.TIMEOUT, error="timeout", detail=redact(_tail(trace, head=True))
        )
    detail = _tail(trace, head=True) or _tail(said)
    return ImportResult(module=module, fault=TrialFault.CRASH, error=_exit_name(code), detail=redact(detail))


def _exit_name(code: int | None) -> str:
    if code is None:
        return "killed"
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"exit code {code}"


def _tail(text: str, *, head: bool = False) -> str:
    """A few lines: the last of a traceback, or the first of a crash, where the innermost frame stands."""
    lines = text.strip().splitlines()
    return "\n".join(lines[:_TRACE_LINES] if head else lines[-_TRACE_LINES:])


def _run_child(
    setting: TrialSetting, mode: str, modules: Sequence[str], clock: TrialClock, *, seconds: float
) -> tuple[list[dict[str, Any]], str, str, int | None]:
    """(answers, trace, output, exit code) of one child; no exit code where its time was over."""
    # Some packages write to the working directory when they are imported; it goes with its content.
    with tempfile.TemporaryDirectory(prefix="safe-install-trial-", ignore_cleanup_errors=True) as scratch:
        request, results, trace = (Path(scratch, name) for name in ("request.json", "results", "trace"))
        work = Path(scratch, "work")
        work.mkdir()
        request.write_text(
            json.dumps(
                {
                    "mode": mode,
                    "modules": list(modules),
                    "stage": list(setting.stage),
                    "live": list(setting.python.site_dirs),
                    "masked": list(setting.masked),
                    "shared": list(setting.shared),
                    "seconds": seconds,
                }
            ),
            encoding="utf-8",
        )
        # -I: nothing of the user's shell colours the result. -B, because it also ignores the variable:
        # bytecode written into a live or staged folder would be a change nobody planned.
        argv = [setting.python.executable, "-I", "-B", "-W", "ignore", str(_CHILD)]
        code: int | None = None
        said = ""
        try:
            done = run(
                [*argv, str(request), str(results), str(trace)],
                env=without_secrets(clean_environment(_environment(work))),
                cwd=work,
                timeout=clock.left + _START_SECONDS if mode == "look" else max(1.0, clock.left),
                cancel=clock.cancel,
                output_limit=_OUTPUT_LIMIT,
            )
            code, said = done.returncode, f"{done.stdout}\n{done.stderr}"
        except SafeInstallError as error:
            if error.code != "process-timeout":
                raise
        return _read_answers(results), _read(trace), said, code


def _environment(work: Path) -> dict[str, str]:
    return {
        # For the children of imported modules.
        "PYTHONDONTWRITEBYTECODE": "1",
        # numba would write its caches beside the sources.
        "NUMBA_CACHE_DIR": str(work),
        # No window and no question of a desktop.
        "MPLBACKEND": "Agg",
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    }


def _read_answers(path: Path) -> list[dict[str, Any]]:
    answers = []
    for line in _read(path).splitlines():
        try:
            answer = json.loads(line)
        except ValueError:  # Cut off by the death of the child.
            continue
        if isinstance(answer, dict):
            answers.append(answer)
    return answers


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
