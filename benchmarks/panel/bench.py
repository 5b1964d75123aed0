"""How long the stand-in takes to answer what the panel asks first: cold, right after its start, and warm."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ...tests.e2e.hosts import STAND_IN, Running, start
from .workspace import PanelWorkspace, make_workspace

ASKED = (
    "status",
    "packs",
    "wishes",
    "snapshots?limit=50",
    "transactions?limit=50",
    "why/numpy",
)
_ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question."""

    path: str
    cold: float
    """Milliseconds; of `status` with the import of all that answers."""
    warm: float
    """The median of some."""
    bytes: int

    def to_dict(self) -> dict[str, object]:
        """The row as a JSON object."""
        return asdict(self)


@contextmanager
def panel_host(folder: Path, workspace: PanelWorkspace | None = None) -> Iterator[Running]:
    """The stand-in on a workspace of full size, made in `folder` where none is given; ended with the block."""
    made = workspace or make_workspace(folder)
    with start(STAND_IN, made.comfyui, python=made.python, log=folder / "host.log") as running:
        yield running


def bench_answers(host: Running) -> list[Answered]:
    """The questions, one after the other, on a host nobody has asked anything yet."""
    cold = {path: _ask(host, path) for path in ASKED}
    return [
        Answered(
            path=path,
            cold=cold[path][0],
            warm=statistics.median(_ask(host, path)[0] for _ in range(_ROUNDS)),
            bytes=cold[path][1],
        )
        for path in ASKED
    ]


def panel_table(rows: list[Answered]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| GET | cold, ms | warm, ms | kB |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {row.path} | {row.cold:.0f} | {row.warm:.0f} | {row.bytes // 1000} |" for row in rows]
    return "\n".join(lines)


def _ask(host: Running, path: str) -> tuple[float, int]:
    begun = time.perf_counter()
    answer = host.get(f"./{path}")
    took = (time.perf_counter() - begun) * 1000
    if answer.status != 200:  # noqa: PLR2004
        raise RuntimeError(f"{path}: {answer.status} {answer.text[:500]}")
    return took, len(answer.text)
