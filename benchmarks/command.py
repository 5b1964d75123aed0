"""The command line of the harness."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from . import synthetic
from .applying import bench_applying, tables
from .guarding import bench_guarding, guarding_table
from .index_pages import fresh_pages
from .pack_sets import corpus_folder, corpus_set
from .peers import comfy_cli, manager, pip, safe_install, uv
from .places import prepare, remove_places
from .planning import bench_planning, planning_table
from .values import Contender, PackSet
from .workshop import ROOT, BenchError, Workshop

CONTENDERS: tuple[Contender, ...] = (
    *safe_install.CONTENDERS,
    *uv.CONTENDERS,
    *manager.CONTENDERS,
    *comfy_cli.CONTENDERS,
    *pip.CONTENDERS,
)
TOPICS = ("plan", "apply", "guard", "hold", "panel")
USUAL = TOPICS[:3]
"""The others start servers; `hold` a real ComfyUI too where SAFE_INSTALL_COMFYUI names one."""


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; print tables; 1 where something needed could not be made."""
    options = _parser().parse_args(arguments)
    workshop = Workshop(cache=options.cache.resolve())
    chosen = [each for each in CONTENDERS if any(word in each.name for word in options.only or [""])]
    document: dict[str, object] = {"uv": workshop.uv_version(), "python": platform.python_version()}
    try:
        if "plan" in options.topics:
            document["plan"] = _plan(workshop, chosen, options)
        if "apply" in options.topics:
            document["apply"] = _apply(workshop, chosen, options)
        if "guard" in options.topics:
            document["guard"] = _guard(workshop, options)
        if "hold" in options.topics:
            document["hold"] = _hold(workshop)
        if "panel" in options.topics:
            document["panel"] = _panel(workshop)
    except BenchError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "topics", nargs="*", choices=TOPICS, default=list(USUAL), help=f"default: {' '.join(USUAL)}"
    )
    parser.add_argument(
        "--sets",
        default="S10,S30",
        help="packs to plan for, by comma: S and a number, with -clean to leave out URLs and "
        "invalid lines; or synthetic",
    )
    parser.add_argument(
        "--only",
        action="append",
        help="contenders whose name holds this word; may be repeated",
        metavar="WORD",
    )
    parser.add_argument(
        "--distributions", default="100,300", help="sizes of the environments for full snapshots, by comma"
    )
    parser.add_argument("--strategies", default="auto,copy,mixed", help="how full snapshots keep bytes")
    parser.add_argument(
        "--environment",
        type=Path,
        help="a real virtual environment, to be copied, for full snapshots",
        metavar="DIR",
    )
    parser.add_argument("--runs", type=int, default=3, help="timed runs after one untimed; the median counts")
    parser.add_argument("--cold", action="store_true", help="one run each with empty caches")
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="let each tool decide how long a page of the index stays fresh; by default ten minutes for all",
    )
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".cache" / "bench", help="folder for all that is made"
    )
    parser.add_argument("--json", type=Path, help="file to write all figures to", metavar="FILE")
    return parser


def _plan(workshop: Workshop, chosen: Sequence[Contender], options: argparse.Namespace) -> list[object]:
    found: list[object] = []
    for name in options.sets.split(","):
        with _pack_set(workshop, name) as packs:
            if packs is not None:
                if not options.as_is:
                    packs = replace(packs, variables=fresh_pages(workshop, packs.variables))  # noqa: PLW2901
                rows = bench_planning(workshop, packs, chosen, cold=options.cold, runs=options.runs)
                print(planning_table(rows), flush=True)
                found += [row.to_dict() for row in rows]
    return found


def _apply(workshop: Workshop, chosen: Sequence[Contender], options: argparse.Namespace) -> list[object]:
    ground = prepare(workshop)
    rows = bench_applying(ground, chosen, runs=options.runs)
    for table in tables(rows):
        print(table, flush=True)
    remove_places(workshop)
    return [row.to_dict() for row in rows]


def _guard(workshop: Workshop, options: argparse.Namespace) -> list[object]:
    counts = [int(count) for count in options.distributions.split(",") if count]
    rows = bench_guarding(workshop, counts, options.strategies.split(","), options.environment)
    print(guarding_table(rows), flush=True)
    return [row.to_dict() for row in rows]


def _hold(workshop: Workshop) -> list[object]:
    from .holding.bench import bench_holding, holding_table

    rows = bench_holding(workshop)
    print(holding_table(rows), flush=True)
    return [row.to_dict() for row in rows]


def _panel(workshop: Workshop) -> dict[str, object]:
    from .panel.bench import bench_answers, panel_host, panel_table
    from .panel.opening import bench_opening, opening_table

    with panel_host(workshop.folder("panel", fresh=True)) as host:
        answers = bench_answers(host)
        print(panel_table(answers), flush=True)
        views = bench_opening(host)
        print("\n" + opening_table(views), flush=True)
    return {"answers": [row.to_dict() for row in answers], "views": [row.to_dict() for row in views]}


@contextmanager
def _pack_set(workshop: Workshop, name: str) -> Iterator[PackSet | None]:
    if name == synthetic.NAME:
        with synthetic.synthetic_set(workshop) as made_up:
            yield made_up
        return
    corpus = corpus_folder()
    if corpus is None:
        print(f"{name} is left out: no folder of real dependency files here (set SAFE_INSTALL_CORPUS).")
        yield None
        return
    yield corpus_set(workshop, name, corpus)
