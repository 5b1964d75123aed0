"""Interrupts installs and rollbacks at random and counts what is left: before, after, or something else.

    tools/campaign --rounds 1000
    tools/campaign --baseline --rounds 200
    tools/campaign --rounds 50 --strategy "power cut, torn journal" --seed 7 --json result.json

Each round strikes a real process on a real tree, recovers, and checks: the tree is exactly one of the two states
(by hash), no distribution is listed twice, no stage or payload is left over, a second recovery changes nothing, and
the next change works. The exit code is 1 when one round fails, or when none fell into the swap.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from comfyui_safe_install.tests.faults.baseline import Baseline, baseline_table
from comfyui_safe_install.tests.faults.scene import Scene
from comfyui_safe_install.tests.faults.strategies import MOUNTED, STRATEGIES, Measured, mount, unmount
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation

PHASES = (
    "planning",
    "planned",
    "staged",
    "tried",
    "applying",
    "verifying",
    "committed",
    "rolled-back",
)
OUTCOMES = ("before", "after", "outside")

MAKERS: Mapping[str, Callable[[Installation], Scene]] = {
    "install": Scene.of_install,
    "rollback": Scene.of_rollback,
    "restore": Scene.of_restore,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One interruption."""

    command: str
    strategy: str
    seed: int
    phase: str
    """What the journal said when the process was gone."""
    in_swap: bool
    code: int
    error: str
    outcome: str
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(slots=True)
class Campaign:
    """Rounds over one or more scenes. Blocks; about two seconds a round."""

    rounds: list[Round] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)

    def run(self, scene: Scene, strategies: Sequence[str], count: int, seed: int) -> None:
        """`count` rounds of the strategies in turn, from that seed on; a line on stderr for each that fails."""
        measured = Measured(scene=scene).measure()
        for strategy in strategies:
            seeds = range(seed + strategies.index(strategy), seed + count, len(strategies))
            if strategy in MOUNTED and not mount(scene):
                self.skipped.add(strategy)
                continue
            try:
                for each in seeds:
                    self._round(measured, strategy, each)
            finally:
                if strategy in MOUNTED:
                    unmount(scene)

    def _round(self, measured: Measured, strategy: str, seed: int) -> None:
        scene = measured.scene
        began = time.monotonic()
        scene.begin_anew()
        ended = STRATEGIES[strategy](measured, random.Random(seed))
        outcome, wrong = scene.check(ended, bare=seed % 2 == 0)
        found = Round(
            command=scene.name,
            strategy=strategy,
            seed=seed,
            phase=ended.phase,
            in_swap=ended.in_swap,
            code=ended.code,
            error=ended.error,
            outcome=outcome,
            wrong=tuple(wrong),
            seconds=time.monotonic() - began,
        )
        self.rounds.append(found)
        if wrong:
            sys.stderr.write(f"{scene.name} / {strategy} / seed {seed} ({ended.phase}): {wrong}\n")

    @property
    def failures(self) -> list[Round]:
        """The rounds in which something was wrong."""
        return [each for each in self.rounds if each.wrong or each.outcome == "outside"]

    @property
    def in_swap(self) -> int:
        """Rounds that fell into the swap."""
        return sum(each.in_swap for each in self.rounds)


def table(rounds: Iterable[Round]) -> str:
    """Strategy x outcome, then how many fell into each phase; Markdown."""
    rounds = list(rounds)
    commands = sorted({each.command for each in rounds})
    lines = [_row(("struck by", "command", "rounds", *OUTCOMES, "wrong", "in the swap")), _row(["---"] * 8)]
    for strategy in STRATEGIES:
        for command in commands:
            some = [each for each in rounds if (each.strategy, each.command) == (strategy, command)]
            if some:
                lines.append(_row((strategy, command, *_counts(some))))
    lines += [_row(("**all**", "", *_counts(rounds))), ""]
    phases = Counter(each.phase for each in rounds)
    lines += [_row(("phase", *PHASES)), _row(["---"] * (len(PHASES) + 1))]
    lines.append(_row(("rounds", *(phases[phase] for phase in PHASES))))
    return "\n".join(lines)


def _counts(rounds: Sequence[Round]) -> tuple[int, ...]:
    outcomes = Counter(each.outcome for each in rounds)
    return (
        len(rounds),
        *(outcomes[outcome] for outcome in OUTCOMES),
        sum(bool(each.wrong) for each in rounds),
        sum(each.in_swap for each in rounds),
    )


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def use_only(index: str, cache: Path) -> None:
    """From now on uv knows only that index and keeps its cache there."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        del os.environ[name]
    os.environ.update(UV_DEFAULT_INDEX=index, UV_CACHE_DIR=str(cache), UV_HTTP_RETRIES="0")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="tools/campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=120, help="interruptions of each command (default: 120)"
    )
    parser.add_argument("--seed", type=int, default=1, help="where the random numbers begin (default: 1)")
    parser.add_argument(
        "--strategy", action="append", choices=list(STRATEGIES), help="only this one; may be repeated"
    )
    parser.add_argument("--command", choices=list(MAKERS), help="strike only this command")
    parser.add_argument("--baseline", action="store_true", help="strike plain pip and uv instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument(
        "--merge", type=Path, nargs="+", metavar="FILE", help="only print the table of these files"
    )
    options = parser.parse_args(arguments)
    if options.merge:
        rounds = [Round(**each) for path in options.merge for each in json.loads(path.read_text())]
        sys.stdout.write(table(rounds) + "\n")
        return 0
    campaign = Campaign()
    for name in [options.command] if options.command else MAKERS:
        with ExitStack() as stack:
            root = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="campaign-", ignore_cleanup_errors=True)
                )
            )
            (root / "dists").mkdir()
            index = stack.enter_context(IndexServer(root / "dists"))
            use_only(index.url, root / "uv-cache")
            here = Installation(root=root, dists=root / "dists")
            scene = MAKERS[name](here)
            if options.baseline:
                baseline = Baseline(scene=scene, index=index.url)
                baseline.run(options.rounds, options.seed)
                sys.stdout.write(baseline_table(baseline.found) + "\n")
                return 0
            campaign.run(scene, options.strategy or list(STRATEGIES), options.rounds, options.seed)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in campaign.rounds]))
    sys.stdout.write(table(campaign.rounds) + "\n")
    for each in campaign.failures:
        sys.stdout.write(
            f"WRONG {each.command} / {each.strategy} / seed {each.seed}: {'; '.join(each.wrong)}\n"
        )
    for strategy in sorted(campaign.skipped):
        sys.stdout.write(f"left out, because it is not allowed here: {strategy}\n")
    return 1 if campaign.failures or not campaign.in_swap else 0


if __name__ == "__main__":
    sys.exit(main())
