"""The trial: what would stop working, tried in child processes before anything goes live."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ..core.imports import HOST_MODULES, ImportUse, read_pack_imports
from ..core.trials import Before, TrialFailure, TrialFault, TrialReport, sort_failures
from ..core.types import Finding, PythonInfo
from .trial_runs import ImportResult, TrialClock, TrialSetting, import_modules, look_for_modules

MODULE_SECONDS = 60.0
"""What one import may take. A first import of torch from a slow disk takes half of it."""
_LARGEST_SOURCE = 4 * 1024 * 1024
_MOST_OWN_NAMES = 20_000
_ENTRIES = ("__init__.py", "prestartup_script.py")
"""What ComfyUI loads of a pack."""

OfferedModule = tuple[str, str]
"""A distribution and the import name of one of its modules."""


def try_stage(
    python: PythonInfo,
    stage_sites: Sequence[Path],
    masked: Mapping[str, Sequence[str]],
    packs: Sequence[tuple[str, Path]],
    changed_modules: Sequence[OfferedModule],
    *,
    shared: Sequence[str] = (),
    host: Path | None = None,
    timeout: float = 600.0,
    module_timeout: float = MODULE_SECONDS,
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
) -> TrialReport:
    """What the environment would be like with the stage in front and the masked modules gone.

    First every module the `packs` (name and folder or single file) import when ComfyUI loads them is looked
    for, without importing it; then `changed_modules` (core's own belong among them) are really imported.
    What fails is tried again alone, and then in the live environment as it is: only what works there, or is
    new and needed, is a new failure.

    `masked` maps each distribution that goes away or is replaced to the dotted names of its live modules
    (`core.offered.vanishing_modules`), `shared` are packages the stage has only a part of
    (`core.offered.shared_packages`), `host` is the ComfyUI folder, whose modules count as present.
    `timeout` and `module_timeout` are seconds for all and for one import; where the former ends the trial,
    what was left is named as unchecked.

    Blocks, and runs the code of the changed modules, but writes nothing to the live or staged folders.
    Raises SafeInstallError `trial-child-failed`, CancelledError.
    """
    clock = TrialClock(timeout, cancel)
    setting = TrialSetting(
        python=python,
        stage=tuple(str(site) for site in stage_sites),
        masked=tuple(sorted({name for names in masked.values() for name in names})),
        shared=tuple(shared),
    )
    owners = {name: distribution for distribution, names in masked.items() for name in names}
    owners |= {module.partition(".")[0]: distribution for distribution, module in changed_modules}
    uses, findings = _imports_of(packs, present=_host_modules(host) | python.stdlib_modules)
    absent, looked_for = _look(setting, uses, owners, clock, module_timeout)
    failures, unchecked, tried = _import(setting, changed_modules, clock, module_timeout, on_line)
    new, known, doubtful = sort_failures(
        (*absent, *failures),
        needed=frozenset(use.module.partition(".")[0] for _pack, use in uses),
        offered=changed_modules,
    )
    return TrialReport(
        new_failures=new,
        known_failures=known,
        doubtful_failures=doubtful,
        unchecked=unchecked,
        static_checked=looked_for,
        import_checked=tried,
        seconds=clock.spent,
        findings=findings,
    )


def _imports_of(
    packs: Sequence[tuple[str, Path]], *, present: Collection[str]
) -> tuple[tuple[tuple[str, ImportUse], ...], tuple[Finding, ...]]:
    """What packs need of the environment: (pack, import) without what the host and the pack itself bring."""
    uses: list[tuple[str, ImportUse]] = []
    findings: list[Finding] = []
    for name, tree in packs:
        entries = _ENTRIES if tree.is_dir() else (tree.name,)
        imports = read_pack_imports(_reader(tree), pack=name, entries=entries)
        findings += imports.findings
        own = _own_names(tree)
        for use in imports.uses:
            top = use.module.partition(".")[0]
            # A pack that puts its own folder on the path imports its own files by absolute names.
            if not use.optional and top not in present and top not in own:
                uses.append((name, use))
    return tuple(uses), tuple(findings)


def _look(
    setting: TrialSetting,
    uses: Sequence[tuple[str, ImportUse]],
    owners: Mapping[str, str],
    clock: TrialClock,
    seconds: float,
) -> tuple[tuple[TrialFailure, ...], int]:
    """The imports of packs that lead nowhere after the change."""
    modules = sorted({use.module for _pack, use in uses})
    before, after = look_for_modules(setting, modules, clock)
    # A package may make submodules when it is imported (six.moves): only importing it can tell.
    parts = [module for module in modules if after[module] == "part-missing"]
    worked = {
        each.module: each.fault is None for each in import_modules(setting, parts, clock, seconds=seconds)
    }
    gone = {module for module in modules if after[module] == "missing" or worked.get(module) is False}
    unsure = [module for module in sorted(gone) if before[module] == "part-missing"]
    live = import_modules(setting.without_change(), unsure, clock, seconds=seconds)
    past = {each.module: Before.WORKED if each.fault is None else Before.ABSENT for each in live}
    failures: list[TrialFailure] = []
    seen: set[tuple[str, str]] = set()
    for pack, use in uses:
        if use.module not in gone or (pack, use.module) in seen:
            continue
        seen.add((pack, use.module))
        was_there = Before.ABSENT if before[use.module] == "missing" else Before.WORKED
        failures.append(
            TrialFailure(
                module=use.module,
                fault=TrialFault.MISSING,
                before=past.get(use.module, was_there),
                distribution=owners.get(use.module, owners.get(use.module.partition(".")[0], "")),
                pack=pack,
                file=use.file,
                line=use.line,
                error="ModuleNotFoundError",
            )
        )
    return tuple(failures), len(modules)


def _import(
    setting: TrialSetting,
    offered: Sequence[OfferedModule],
    clock: TrialClock,
    seconds: float,
    on_line: Callable[[str], None] | None,
) -> tuple[tuple[TrialFailure, ...], tuple[str, ...], int]:
    """(failures, unchecked modules, number of modules imported)."""
    owners = {module: distribution for distribution, module in offered}

    def tell(result: ImportResult) -> None:
        if on_line is not None:
            on_line(f"import {result.module}: {'ok' if result.fault is None else result.error}")

    results = import_modules(setting, list(owners), clock, seconds=seconds, on_result=tell)
    unchecked = set(list(owners)[len(results) :])
    failures: list[TrialFailure] = []
    for first in results:
        result: ImportResult | None = first
        if first.fault in (TrialFault.EXCEPTION, TrialFault.CRASH) and len(results) > 1:
            # What was imported before it in the same process may be to blame.
            result = _alone(setting, first.module, clock, seconds)
        if result is None:
            unchecked.add(first.module)
        elif result.fault is not None:
            past = _alone(setting.without_change(), first.module, clock, seconds)
            if past is None:
                unchecked.add(first.module)
                continue
            before = _before(past)
            if before is Before.ABSENT and _was_broken_below(setting, result, owners, clock, seconds):
                before = Before.FAILED
            failure = TrialFailure(
                module=result.module,
                fault=result.fault,
                before=before,
                distribution=owners[result.module],
                error=result.error,
                detail=result.detail,
            )
            failures.append(failure)
    return tuple(failures), tuple(sorted(unchecked)), len(results)


def _alone(setting: TrialSetting, module: str, clock: TrialClock, seconds: float) -> ImportResult | None:
    """How the import ends in a process of its own; None where the trial's time is over."""
    results = import_modules(setting, [module], clock, seconds=seconds)
    return results[0] if results else None


def _was_broken_below(
    setting: TrialSetting,
    result: ImportResult,
    changed: Collection[str],
    clock: TrialClock,
    seconds: float,
) -> bool:
    """Whether a new module fails only because something under it, which stays as it is, fails already.

    A torchvision built for another torch, say: every new package that imports it fails with its error, and
    refusing them all would not mend it.
    """
    tops = {module.partition(".")[0] for module in changed}
    for module in result.through:
        if module in tops or module in ("importlib", "__main__"):
            continue
        below = _alone(setting.without_change(), module, clock, seconds)
        if below is not None and below.fault is result.fault and below.root == result.root:
            return True
    return False


def _before(past: ImportResult) -> Before:
    if past.fault is None:
        return Before.WORKED
    # `google.protobuf` is absent too where there is no `google`.
    if past.missing and (past.module == past.missing or past.module.startswith(past.missing + ".")):
        return Before.ABSENT
    return Before.FAILED


def _reader(tree: Path) -> Callable[[str], bytes | None]:
    def read(file: str) -> bytes | None:
        path = tree / file if tree.is_dir() else tree.with_name(file)
        try:
            return path.read_bytes() if path.stat().st_size <= _LARGEST_SOURCE else None
        except OSError:
            return None

    return read


def _own_names(tree: Path) -> set[str]:
    """Names a pack's own files and folders could be imported by."""
    names: set[str] = set()
    for _folder, folders, files in os.walk(tree):
        folders[:] = [each for each in folders if each not in (".git", "node_modules", "__pycache__")]
        names.update(folders)
        names.update(file.partition(".")[0] for file in files if file.endswith((".py", ".pyd", ".so")))
        if len(names) > _MOST_OWN_NAMES:
            break
    return names


def _host_modules(host: Path | None) -> frozenset[str]:
    """Modules of the ComfyUI folder, which a running host has on its path."""
    if host is None or not host.is_dir():
        return HOST_MODULES
    with os.scandir(host) as entries:
        names = {
            entry.name.removesuffix(".py")
            for entry in entries
            if entry.name.endswith(".py") or (entry.is_dir() and any(Path(entry.path).glob("*.py")))
        }
    return HOST_MODULES | names
