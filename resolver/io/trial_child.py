"""Runs in the target interpreter, in a process that may die: looks for modules, or imports them.

    python -I -B trial_child.py REQUEST RESULTS TRACE

Standard library only, and nothing of ours: the interpreter is the user's. REQUEST is a JSON file, RESULTS
gets one JSON object a line at once as it is known, TRACE the last words of a crash or time-out.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import pkgutil
import site
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, TextIO

_LONGEST_TEXT = 6000


class StageFinder:
    """Makes the staged files look as they will after the commit, without moving a file.

    Modules that go away are refused unless the stage has them, though their files still lie in the live
    folder. A package whose folder will hold files of the stage and of others is looked for in both.
    """

    def __init__(
        self, stage: Sequence[str], live: Sequence[str], masked: Iterable[str], shared: Iterable[str]
    ) -> None:
        """Stage and live site directories; dotted names of modules that go away, and of shared packages."""
        self.stage = stage
        self.live = live
        self.real_live = {os.path.normcase(os.path.realpath(entry)) for entry in live}
        self.masked = frozenset(masked)
        self.shared = frozenset(shared)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: object = None,  # noqa: ARG002 - the finder protocol
    ) -> ModuleSpec | None:
        """The spec of a module this change decides about; None leaves the question to other finders."""
        if fullname in self.masked:
            spec = PathFinder.find_spec(fullname, self.staged_part(path))
            if spec is None:
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            return self.joined(fullname, spec)
        if fullname in self.shared:
            return self.joined(fullname, PathFinder.find_spec(fullname, path))
        return None

    def staged_part(self, path: Sequence[str] | None) -> list[str]:
        """The entries of a search path without those of the live environment."""
        if path is None:
            # Not the stage alone: while it loads, a package may put its own folder in front (OpenCV does).
            return [
                entry for entry in sys.path if os.path.normcase(os.path.realpath(entry)) not in self.real_live
            ]
        return [entry for entry in path if any(_is_below(entry, stage) for stage in self.stage)]

    def joined(self, fullname: str, spec: ModuleSpec | None) -> ModuleSpec | None:
        """The spec with the live folder of a shared package behind the staged one."""
        locations = getattr(spec, "submodule_search_locations", None)
        if fullname in self.shared and isinstance(locations, list):
            for folder in self.live:
                candidate = os.path.join(folder, *fullname.split("."))
                if os.path.isdir(candidate) and candidate not in locations:
                    locations.append(candidate)
        return spec


def _is_below(path: str, folder: str) -> bool:
    return path == folder or str(path).startswith(folder.rstrip(os.sep) + os.sep)


def put_stage_in_place(
    stage: list[str], live: Sequence[str], masked: Iterable[str], shared: Iterable[str]
) -> None:
    """Search the stage where the live site directory is searched: behind the standard library."""
    known = list(sys.path)
    for folder in stage:
        # What .pth files of the stage will do at every start after the commit, they do now.
        # A broken one does not stop a start of Python either.
        with contextlib.suppress(Exception):
            site.addsitedir(folder)
    added = [entry for entry in sys.path if entry not in known and entry not in stage]
    rest = [entry for entry in sys.path if entry not in added and entry not in stage]
    # By their real names: `lib64` may be a link to `lib`, and Windows does not care for case.
    real = {os.path.normcase(os.path.realpath(entry)) for entry in live}
    place = next(
        (number for number, entry in enumerate(rest) if os.path.normcase(os.path.realpath(entry)) in real),
        len(rest),
    )
    sys.path[:] = rest[:place] + stage + added + rest[place:]
    sys.meta_path.insert(0, StageFinder(stage, live, masked, shared))
    importlib.invalidate_caches()


def look_for(name: str) -> str:
    """Where a dotted name leads, found without importing anything: found, missing, part-missing, unknown.

    `part-missing`: the first name is there, one behind it is not; only an import can tell whether the
    package makes it by itself. `unknown`: it is an attribute of a plain module.
    """
    parts = name.split(".")
    spec = _find_top(parts[0])
    if spec is None:
        return "missing"
    for number in range(1, len(parts)):
        path = spec.submodule_search_locations
        if path is None:
            return "unknown"
        spec = _find_below(".".join(parts[: number + 1]), list(path))
        if spec is None:
            return "part-missing"
    return "found"


def _find_top(name: str) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find_spec = getattr(finder, "find_spec", None)
        if find_spec is None:
            continue
        try:
            spec: ModuleSpec | None = find_spec(name, None)
        except ModuleNotFoundError:
            return None
        except Exception:  # noqa: BLE001, S112 - a foreign finder's fault is not the module's
            continue
        if spec is not None:
            return spec
    return None


def _find_below(fullname: str, path: list[str]) -> ModuleSpec | None:
    """A submodule by the path of its package. PathFinder would want the parents imported (namespaces)."""
    first: object = sys.meta_path[0]
    ours = first if isinstance(first, StageFinder) else None
    if ours is not None and fullname in ours.masked:
        path = ours.staged_part(path)
    portions: list[str] = []
    for entry in path:
        find_spec = getattr(pkgutil.get_importer(entry), "find_spec", None)
        spec: ModuleSpec | None = find_spec(fullname) if find_spec is not None else None
        if spec is not None and spec.loader is not None:
            return spec if ours is None else ours.joined(fullname, spec)
        if spec is not None:
            portions += list(spec.submodule_search_locations or ())
    if not portions:
        return None
    spec = ModuleSpec(fullname, None, is_package=True)
    spec.submodule_search_locations = portions
    return spec


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as a JSON object."""
    message = _text_of(error)
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
    except Exception:  # noqa: BLE001
        lines = []
    root = _root_of(error)
    return {
        "root": f"{type(root).__name__}: {_text_of(root)[:_LONGEST_TEXT]}",
        "error": type(error).__name__,
        "message": message[:_LONGEST_TEXT],
        "trace": "".join(lines)[-_LONGEST_TEXT:],
        "through": _modules_on_the_way(error),
        "missing": str(getattr(error, "name", "") or "") if isinstance(error, ModuleNotFoundError) else "",
    }


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - somebody else's __str__
        return ""


def _chain_of(error: BaseException) -> list[BaseException]:
    """The exception and those it came from, the first cause last."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    return chain


def _root_of(error: BaseException) -> BaseException:
    return _chain_of(error)[-1]


def _modules_on_the_way(error: BaseException) -> list[str]:
    """The top-level modules whose code the exception and its causes came through, innermost first."""
    found: list[str] = []
    for each in _chain_of(error):
        step = each.__traceback__
        while step is not None:
            name = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
            if name and name not in found:
                found.insert(0, name)
            step = step.tb_next
    return found


def import_all(request: dict[str, Any], say: Callable[[dict[str, Any]], None], trace: TextIO) -> None:
    """Import one module after another; each has its own time, guarded by a thread that needs no lock."""
    own = os.getpid()
    for name in request["modules"]:
        say({"start": name})
        trace.seek(0)
        trace.truncate()
        # Ends the process even while native code holds the interpreter.
        faulthandler.dump_traceback_later(request["seconds"], exit=True, file=trace)
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are failures too
            result: dict[str, Any] = {"module": name, "ok": False, **describe(error)}
        else:
            result = {"module": name, "ok": True}
        if os.getpid() != own:
            # The module forked while it was imported, and this is the copy, which lacks the guard's thread.
            os._exit(0)
        faulthandler.cancel_dump_traceback_later()
        say(result)
    say({"done": True})


def main() -> None:
    """Do what the request says."""
    request_file, results_file, trace_file = sys.argv[1:4]
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    results = os.open(results_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    trace = open(trace_file, "w+", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    faulthandler.enable(file=trace, all_threads=False)

    def say(line: dict[str, Any]) -> None:
        os.write(results, json.dumps(line).encode() + b"\n")

    sys.argv[:] = [""]
    stage = request["stage"]
    if request["mode"] == "look":
        names = request["modules"]
        before = {name: look_for(name) for name in names}
        put_stage_in_place(stage, request["live"], request["masked"], request["shared"])
        say({"before": before, "after": {name: look_for(name) for name in names}})
    else:
        if stage or request["masked"]:
            put_stage_in_place(stage, request["live"], request["masked"], request["shared"])
        import_all(request, say, trace)
    for stream in (sys.stdout, sys.stderr):
        # An imported module may have replaced or closed it.
        with contextlib.suppress(Exception):
            stream.flush()
    # Threads and exit handlers of what was imported must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
