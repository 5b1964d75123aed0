"""Filling a stage: what uv brings there is looked at before it counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from ..core.types import PythonInfo
from ..errors import CancelledError, Hint, SafeInstallError
from ..storage_ports import Arriving
from ..transaction import fs
from .staging import Stage, cache_damaged, read_stage
from .unpacking import Unpacking
from .uv import Uv


def fill_stage(
    uv: Uv,
    python: PythonInfo,
    lock_text: str,
    folder: Path,
    expected: Mapping[str, str],
    *,
    allow_builds: bool,
    offline: bool = False,
    cancel: threading.Event | None = None,
    watch: Arriving | None = None,
) -> Stage:
    """The stage in `folder`, filled by uv, checked against every RECORD, and on the disk when this returns.

    Some published wheels do not match their own RECORD. A second copy past uv's cache tells those (they are
    the flaws of the result) from a damaged cache, which is then passed over; SafeInstallError `stage-damaged`
    where that cannot be (offline). `watch` hears how it comes, where the net is asked.
    Blocks; raises what `Uv.stage` and `read_stage` raise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pylock = folder / "pylock.toml"
    pylock.write_text(lock_text, encoding="utf-8")
    prefix = folder / "prefix"
    if offline or not _filled_from_cache(uv, pylock, prefix, cancel):
        with Unpacking(watch.unpacked) if watch else nullcontext():
            uv.stage(
                pylock,
                prefix,
                allow_builds=allow_builds,
                offline=offline,
                cancel=cancel,
                on_line=watch.line if watch else None,
            )
    stage = read_stage(prefix, python, expected)
    if stage.flaws and offline:
        raise cache_damaged(stage.flaws[0])
    if stage.flaws:
        again = folder / "again"
        names = {flaw.distribution: expected[flaw.distribution] for flaw in stage.flaws}
        lock = uv.lock(_pins(names), allow_builds=allow_builds, cancel=cancel)
        pylock.write_text(lock, encoding="utf-8")
        uv.stage(pylock, again, allow_builds=allow_builds, past_cache=True, cancel=cancel)
        fresh = set(read_stage(again, python, names).flaws)
        if not fresh.issuperset(stage.flaws):
            # Somebody edited an installed file in place, and with it the bytes it shares with uv's cache.
            whole = folder / "whole"
            pylock.write_text(lock_text, encoding="utf-8")
            uv.stage(pylock, whole, allow_builds=allow_builds, past_cache=True, cancel=cancel)
            stage = read_stage(whole, python, expected)
            if not fresh.issuperset(stage.flaws):
                raise cache_damaged(stage.flaws[0])
    fs.sync_volume()
    return stage


def _filled_from_cache(uv: Uv, pylock: Path, prefix: Path, cancel: threading.Event | None) -> bool:
    """Whether uv's cache alone filled the stage: the lock has hashes, so asking the index again tells nothing new.

    An index without cache headers would be asked for every file, which takes longer than all the rest.
    """
    try:
        uv.stage(pylock, prefix, allow_builds=False, offline=True, cancel=cancel)
    except CancelledError:
        raise
    except SafeInstallError:
        fs.remove_tree(prefix)
        return False
    return True


def lock_exactly(
    uv: Uv,
    pins: Mapping[str, str],
    hashes: Mapping[str, Sequence[str]],
    *,
    offline: bool,
    cancel: threading.Event | None = None,
) -> str:
    """PEP 751 text for exactly these {name: version}; blocks.

    With `hashes`, SafeInstallError `hash-mismatch` where the index offers none of the files of then.
    """
    text = uv.lock(_pins(pins), allow_builds=False, offline=offline, cancel=cancel)
    for name, wanted in hashes.items():
        if wanted and not any(each.partition(":")[2] in text for each in wanted):
            raise SafeInstallError(
                "hash-mismatch",
                f"The index no longer offers the file of {name} {pins[name]} that was installed then.",
                hints=(Hint("other-index", "Use the index it came from, or keep what is installed now."),),
            )
    return text


def _pins(versions: Mapping[str, str]) -> list[str]:
    return [f"{name}=={version}" for name, version in sorted(versions.items())]
