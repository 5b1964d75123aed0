"""The planning topic: every contender plans the same sets; one judge scores what comes out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from .report import Table, figure, ratio
from .scoring import Judge, Score
from .values import OURS, Contender, PackSet, PlanJob, PlanResult
from .workshop import BenchError, Workshop

LONG = 20.0
"""A run of more seconds is not repeated: its noise is small beside it."""
SLOW_LIMIT = 120.0
MOST_PACKS_FOR_SLOW = 10
TIME_LIMIT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one contender made of one set."""

    contender: str
    set: str
    cold: bool
    runs: int
    result: PlanResult
    score: Score | None

    def to_dict(self) -> dict[str, object]:
        """For the JSON file: the figures, and the lock."""
        return {
            "contender": self.contender,
            "set": self.set,
            "cold": self.cold,
            "runs": self.runs,
            "seconds": self.result.seconds,
            "process_seconds": self.result.process_seconds,
            "locked": self.result.locked,
            "error": self.result.error,
            "parts": dict(self.result.parts),
            "score": asdict(self.score) if self.score else None,
            "versions": dict(self.result.versions),
        }


def bench_planning(
    workshop: Workshop, packs: PackSet, contenders: Sequence[Contender], *, cold: bool, runs: int
) -> list[Planned]:
    """Every contender that can plan, on one set."""
    judge = Judge(packs, workshop)
    done = []
    for contender in contenders:
        if contender.plan is None or (contender.slow and len(packs.pack_files) > MOST_PACKS_FOR_SLOW):
            continue
        print(f"  {packs.name}: {contender.name} ...", flush=True)
        job = PlanJob(
            packs=packs,
            workshop=workshop,
            folder=workshop.folder("plan", packs.name, _file_name(contender.name)),
            time_limit=SLOW_LIMIT if contender.slow else TIME_LIMIT,
        )
        try:
            result, count = _measure(contender, job, cold=cold, runs=runs)
        except BenchError as error:
            result, count = PlanResult(seconds=0.0, locked=False, error=str(error)), 0
        done.append(
            Planned(
                contender=contender.name,
                set=packs.name,
                cold=cold,
                runs=count,
                result=result,
                score=judge.score(result),
            )
        )
    return done


def _measure(contender: Contender, job: PlanJob, *, cold: bool, runs: int) -> tuple[PlanResult, int]:
    plan = contender.plan
    if plan is None:
        raise BenchError(f"{contender.name} does not plan")
    if cold:
        shutil.rmtree(job.folder)
        job.folder.mkdir()
        return plan(job), 1
    first = plan(job)
    if first.seconds > LONG and first.process_seconds == first.seconds:
        return first, 1
    again = [plan(job) for _ in range(runs)]
    whole = [result.process_seconds for result in again if result.process_seconds is not None]
    return (
        replace(
            again[-1],
            seconds=median(result.seconds for result in again),
            process_seconds=median(whole) if whole else None,
        ),
        runs,
    )


def _file_name(contender: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in contender)


def planning_table(rows: Sequence[Planned]) -> Table:
    """One table for one set, with ratios to ours."""
    ours = next((row for row in rows if row.contender == OURS), None)
    table = Table(
        title=f"Planning {rows[0].set}, {'cold' if rows[0].cold else 'warm'}",
        heads=(
            "tool", "lock", "work s", "ratio", "command s", "packs locked", "lines violated", "of these lost",
            "library lines broken", "core changed", "shared modules", "why not",
        ),
    )  # fmt: skip
    for row in rows:
        score, result = row.score, row.result
        cells = ["-"] * 6
        if score is not None:
            cells = [
                f"{score.packs_locked}/{score.packs}",
                f"{score.lines_violated}/{score.lines}",
                str(score.lines_lost),
                f"{score.library_lines_broken}/{score.library_lines}",
                str(score.core_changed),
                str(score.shared_modules),
            ]
        table.add(
            row.contender,
            "yes" if result.locked else "no",
            figure(result.seconds),
            ratio(result.seconds, ours.result.seconds if ours else None),
            figure(result.process_seconds),
            *cells,
            result.error.replace("\n", " ")[-90:],
        )
    return table
