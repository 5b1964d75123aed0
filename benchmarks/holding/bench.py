"""The host's event loop, measured from within, while fifty pages read and packs are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...tests.e2e.ground import Ground, lay_ground
from ...tests.e2e.hosts import COMFYUI_ARGUMENTS, REAL, kinds
from ..report import Table
from ..workshop import Workshop
from .manager_install import allow_git_urls, manager_installs

_HERE = Path(__file__).parent
CLIENTS = 50
PAUSE = 0.5
"""Seconds between two requests of one client: fifty of them make a hundred requests a second."""
PATHS = tuple(f"/safe_install/v1/{name}" for name in ("status", "packs", "jobs", "snapshots", "transactions"))
DISTRIBUTIONS = 100
FILES = 40
"""Files of each distribution."""
REST = 5.0
"""Seconds each of the quiet measurements lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """What the loop was like in one part of the run. Times in milliseconds."""

    host: str
    doing: str
    seconds: float
    ticks: int
    p99: float
    p999: float
    most: float
    most_waiting: float
    """Of the longest hold, what the loop waited for a processor, as Linux tells it."""
    most_collecting: float
    """Of the longest hold, what Python's garbage collection took."""
    requests: int = 0
    answer_p99: float = 0.0
    worst: list[Any] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """For the JSON file."""
        return asdict(self)


def bench_holding(workshop: Workshop, distributions: int = DISTRIBUTIONS) -> list[HoldRow]:
    """Ours in every kind of host there is, and Manager's own install in a real one that has it."""
    rows: list[HoldRow] = []
    for kind in kinds():
        print(f"  {kind} ...", flush=True)
        folder = workshop.folder("holding", kind, fresh=True)
        with lay_ground(kind, folder / "ground") as ground:
            rows += _ours(ground, kind, distributions)
        shutil.rmtree(folder)
    return rows


def _ours(ground: Ground, kind: str, distributions: int) -> Iterator[HoldRow]:
    put_probe(ground)
    names = make_wheels(ground, distributions)
    source = ground.pack("wide-pack", *names)
    has_manager = kind == REAL and "--enable-manager-legacy-ui" in os.environ.get(COMFYUI_ARGUMENTS, "")
    if has_manager:
        allow_git_urls(ground)
    ground.start()
    look(ground)
    time.sleep(REST)
    yield _row(kind, "nothing", look(ground))
    with reading(ground) as told:
        time.sleep(1)
        look(ground)
        time.sleep(REST)
        quiet = look(ground)
    yield _row(kind, "50 pages read", quiet, told)
    work: list[tuple[str, Callable[[], object]]] = [
        (f"an install of {distributions} distributions", partial(ground.have, source)),
        ("its rollback", ground.roll_back),
    ]
    if has_manager:
        work += manager_installs(ground, names)
    for doing, act in work:
        with reading(ground) as told:
            time.sleep(1)
            look(ground)
            act()
            working = look(ground)
            time.sleep(REST)
            after = look(ground)
        yield _row(kind, f"50 pages read, {doing}", working, told)
        yield _row(kind, "the five seconds after it", after)


def put_probe(ground: Ground) -> None:
    """The clock among the packs."""
    pack = ground.packs / "holding-probe"
    pack.mkdir()
    shutil.copy(_HERE / "probe.py", pack / "__init__.py")


def make_wheels(ground: Ground, distributions: int) -> list[str]:
    """So many distributions that the index offers; their names."""
    names = [f"wide-{number:03}" for number in range(distributions)]
    for number, name in enumerate(names):
        module = name.replace("-", "_")
        files = {f"{module}/part_{part}.py": f"VALUE = {part}\n" * 60 for part in range(FILES - 1)}
        follower = names[number + 1 : number + 2]
        ground.wheel(name, "1.0", requires=follower, files={f"{module}/__init__.py": "", **files})
    return names


def look(ground: Ground) -> dict[str, Any]:
    """What the loop was like since the last look."""
    found: dict[str, Any] = ground.host.get("/holding_probe", timeout=300).json()
    return found


@contextmanager
def reading(ground: Ground) -> Iterator[dict[str, Any]]:
    """Fifty pages read for as long as this lasts; afterwards the mapping tells what they saw."""
    command = [sys.executable, str(_HERE / "clients.py"), ground.host.url, str(CLIENTS), str(PAUSE), *PATHS]
    told: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield told
        finally:
            out, _ = child.communicate("")
    told.update(json.loads(out))


def _row(host: str, doing: str, found: dict[str, Any], told: dict[str, Any] | None = None) -> HoldRow:
    longest = (found["worst"] or [[0, 0, 0, 0]])[0]
    return HoldRow(
        host=host,
        doing=doing,
        seconds=found["seconds"],
        ticks=found["ticks"],
        p99=found["p99"],
        p999=found["p99.9"],
        most=found["max"],
        most_waiting=longest[1],
        most_collecting=longest[2],
        requests=(told or {}).get("requests", 0),
        answer_p99=(told or {}).get("p99", 0.0),
        worst=found["worst"],
    )


def holding_table(rows: list[HoldRow]) -> Table:
    """All of it in one table."""
    table = Table(
        title="How long the event loop is held",
        heads=(
            "host",
            "what goes on",
            "s",
            "p99, ms",
            "p99.9, ms",
            "longest, ms",
            "of that no processor free",
            "of that collecting garbage",
            "answers, p99 ms",
        ),
    )
    for row in rows:
        times = (row.p99, row.p999, row.most, row.most_waiting, row.most_collecting)
        answered = f"{row.answer_p99:.0f}" if row.requests else "-"
        table.add(row.host, row.doing, f"{row.seconds:.1f}", *(f"{each:.1f}" for each in times), answered)
    return table
