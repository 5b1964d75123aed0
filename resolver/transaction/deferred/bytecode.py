"""Making the steps of a waiting transaction fit the bytecode of now: Python writes and removes it as it likes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runner import Transaction
from ..steps import MakeDir, Move, RemoveDir, Step
from .content import is_bytecode

_CACHE = "__pycache__"
_MODE = 0o755


def follow_bytecode(transaction: Transaction) -> None:
    """The transaction moves the bytecode that is there now, instead of what was there when it was planned."""
    fitting = fitted_to_bytecode(transaction.steps, transaction.scratch)
    if fitting != transaction.steps:
        transaction.replace_steps(fitting)


def fitted_to_bytecode(steps: Sequence[Step], aside: Path | None) -> tuple[Step, ...]:
    """The steps with the bytecode that is there now; `aside` is a place that is deleted afterwards.

    Bytecode that has gone is not moved; what has come since in a folder that is to be removed is put aside.
    Bytecode of a folder that moves as a whole goes with it anyway.
    """
    kept = [step for step in steps if not _moves_gone_bytecode(step)]
    named = {step.source if isinstance(step, Move) else step.path for step in kept}
    fitting: list[Step] = []
    count = 0
    for step in kept:
        if isinstance(step, RemoveDir) and aside is not None:
            for file in _fresh_bytecode(step.path, named):
                fitting.append(Move(file, aside / "bytecode" / str(count)))
                count += 1
            cache = step.path / _CACHE
            if cache not in named and _is_folder(cache):
                fitting.append(RemoveDir(cache, stat.S_IMODE(cache.stat().st_mode)))
        fitting.append(step)
    if count and aside is not None:
        places = (*reversed(aside.parents), aside, aside / "bytecode")
        made = [MakeDir(place, _MODE) for place in places if not os.path.lexists(place)]
        fitting = [*made, *fitting]
    return tuple(fitting)


def _moves_gone_bytecode(step: Step) -> bool:
    return isinstance(step, Move) and is_bytecode(step.source) and not os.path.lexists(step.source)


def _fresh_bytecode(folder: Path, named: set[Path]) -> Iterator[Path]:
    """Bytecode in a folder that is to be removed, or in the cache in it, that no step moves yet."""
    for cache in (folder, folder / _CACHE):
        # A cache that a step of its own removes has its turn there.
        if cache.name == _CACHE and _is_folder(cache) and (cache == folder or cache not in named):
            for file in sorted(cache.iterdir()):
                if is_bytecode(file) and file not in named:
                    yield file


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
