"""The concurrency campaign: many processes and threads at once on one installation, some of them killed.

    python tests/faults/concurrency.py --rounds 200 --seed 1

A round is one piece of work (install, uninstall, rollback, sync, snapshot create or remove, prune, recover, verify,
plan, history): by the command line in a process of its own, or in a thread of a long-lived server process. Several
run at once; now and then one is killed, or the server. When all have ended, at each quiet point, the environment
must be what the committed transactions, in the order of the journals, say.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    importlib.import_module("kit.package").register_package()

from comfyui_safe_install.tests.faults.concurrency_world import World  # noqa: E402
from comfyui_safe_install.tests.kit.index import IndexServer  # noqa: E402
from comfyui_safe_install.tests.kit.installation import NEVER, Installation  # noqa: E402
from comfyui_safe_install.tests.kit.kill_after import SLOW  # noqa: E402

BUSY, OUTDATED, KILLED, DONE = "busy", "plan-outdated", "killed", "done"

_HONEST = {
    BUSY,
    OUTDATED,
    # What another did meanwhile: the snapshot or pack is gone, or there is none yet.
    "snapshot-not-found",
    "pack-not-found",
    "nothing-to-roll-back",
}
"""Error codes that tell the truth when others are at work."""
_HONEST_AFTER_A_KILL = {"recovery-needed", "recovery-needed-elsewhere", "transaction-open", "faults"}
"""And those that do only where somebody was killed in the same burst, whose work must be recovered first."""

_WAYS = ("install",) * 6 + ("uninstall",) * 3 + ("rollback",) * 3 + (
    "sync", "create", "create", "remove", "prune", "recover", "verify", "plan", "history", "list", "why",
)  # fmt: skip
_IN_THREADS = frozenset({"install", "uninstall", "rollback", "sync", "recover", "verify", "plan"})
_LONGEST = 120.0


@dataclass(slots=True)
class Tally:
    """What happened."""

    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """{(work, by whom, outcome): how often}."""
    faults: list[str] = field(default_factory=list)
    quiet_points: int = 0
    committed: int = 0
    killed_midway: int = 0
    """Kills that left a transaction to be recovered."""
    seconds: float = 0.0

    def table(self) -> str:
        """Work x outcome, as text."""
        shown = sorted({outcome for _, _, outcome in self.outcomes})
        works = sorted({(work, by) for work, by, _ in self.outcomes})
        lines = [f"| {'work':20} |" + "".join(f" {outcome:>20} |" for outcome in shown)]
        lines.append("|" + "-" * 22 + "|" + ("-" * 21 + ":|") * len(shown))
        for work, by in works:
            cells = [self.outcomes[work, by, outcome] or "" for outcome in shown]
            lines.append(f"| {f'{work} ({by})':20} |" + "".join(f" {cell:>20} |" for cell in cells))
        total = sum(self.outcomes.values())
        lines.append(
            f"{total} rounds, {self.quiet_points} quiet points, {self.committed} transactions committed, "
            f"{self.killed_midway} killed midway and recovered, {len(self.faults)} faults, {self.seconds:.0f} s"
        )
        return "\n".join(lines)


@dataclass(slots=True)
class Campaign:
    """One run of it."""

    world: World
    random_: random.Random
    tally: Tally = field(default_factory=Tally)
    _server: subprocess.Popen[str] | None = None
    _labels: int = 0
    _killed: bool = False
    """Whether anybody was killed in this burst."""
    _doubtful: list[str] = field(default_factory=list)
    """What is a fault unless somebody was."""

    def run(self, rounds: int, at_once: int) -> Tally:
        """So many rounds, some at once; then everything is looked at."""
        begun = time.monotonic()
        done = 0
        while done < rounds:
            count = min(self.random_.randint(2, at_once), rounds - done)
            self._burst(count)
            self._look()
            done += count
        self._end_server()
        self.tally.seconds = time.monotonic() - begun
        return self.tally

    # --- one burst ------------------------------------------------------------------------------------------

    def _burst(self, count: int) -> None:
        # The server has the usual state folder; processes may have another one.
        usual, *_ = states = self.world.states
        places = [usual if index % 2 else self.random_.choice(states) for index in range(count)]
        works = [self._any_work(state) for state in places]
        threads = [index for index, (do, _) in enumerate(works) if do in _IN_THREADS and index % 2]
        server = self._ask_server({index: works[index] for index in threads}) if threads else None
        processes = {
            index: (work, self._start(places[index], *work))
            for index, work in enumerate(works)
            if index not in threads
        }
        victims = [each for _, each in processes.values() if self.random_.random() < 0.15]
        kill_server = server is not None and self.random_.random() < 0.08
        time.sleep(self.random_.uniform(0.3, 1.5) if victims or kill_server else 0)
        for victim in victims:
            victim.send_signal(signal.SIGKILL)
        if kill_server and server is not None:
            server.kill()
        for work, process in processes.values():
            self._judge_process(work[0], process)
        if server is not None:
            self._judge_server(server, {index: works[index] for index in threads})

    def _any_work(self, state: Path) -> tuple[str, list[str]]:
        do, pick = self.random_.choice(_WAYS), self.random_
        if do in ("install", "plan"):
            return do, [self.world.any_source(pick)]
        if do == "uninstall":
            packs = sorted(self.world.packs())
            return (do, [pick.choice(packs)]) if packs else ("install", [self.world.any_source(pick)])
        if do in ("rollback", "remove"):
            known = [each.stem for each in sorted((state / "snapshots").glob("*.json"))]
            if not known:
                return "install", [self.world.any_source(pick)]
            return do, [pick.choice(known)] if do == "remove" or pick.random() < 0.5 else []
        return do, []

    def _start(self, state: Path, do: str, arguments: list[str]) -> subprocess.Popen[str]:
        self._labels += 1
        words = {
            "install": ["install", "--yes"],
            "uninstall": ["uninstall", "--yes"],
            "rollback": ["rollback", "--yes"],
            "sync": ["sync", "--yes"],
            "create": ["snapshot", "create", "--label", f"label {self._labels}"],
            "remove": ["snapshot", "remove"],
            "prune": ["prune", "--keep", "6"],
            "list": ["snapshot", "list"],
            "why": ["why", "core-lib"],
        }.get(do, [do])
        # Some wait for the others instead of being told; some end right after a journal line.
        wait = ["--wait", "20"] if self.random_.random() < 0.25 else []
        deadly = do in ("install", "uninstall", "rollback") and self.random_.random() < 0.25
        line = str(self.random_.randint(3, 30)) if deadly else NEVER
        slow = {SLOW: str(self.random_.choice((0.0, 0.02, 0.06)))}
        return self.world.here.start(
            "--state", str(state), *wait, *words, *arguments, kill_after=line, environment=slow
        )

    def _judge_process(self, do: str, process: subprocess.Popen[str]) -> None:
        answer = self.world.here.finish(process)
        if answer.code == -signal.SIGKILL:
            return self._count(do, "process", KILLED)
        if "Traceback" in answer.words:
            self.tally.faults.append(f"{do}: {answer.words}")
        error = dict(answer.document.get("error", {}))
        if do == "verify" and answer.code == 1 and answer.document.get("faults"):
            error = {"code": "faults", "message": json.dumps(answer.document["faults"])}
        return self._judge(do, "process", answer.code, error)

    def _judge(self, do: str, by: str, code: int, error: dict[str, Any]) -> None:
        outcome = str(error.get("code") or (DONE if code == 0 else f"exit {code}"))
        self._count(do, by, outcome)
        if outcome == BUSY:
            context = error["context"]
            named = context["pid"].isdigit() and context["operation"] != "unknown" and "T" in context["since"]
            if code != 4 or not named or not error["hints"]:
                self.tally.faults.append(f"{do}: busy names nobody: {error}")
        elif outcome in _HONEST_AFTER_A_KILL:
            self._doubtful.append(f"{do} ({by}): {outcome}, and nobody was killed: {error.get('message')}")
        elif outcome not in (DONE, *_HONEST):
            self.tally.faults.append(f"{do} ({by}): {outcome}: {error.get('message')}")

    def _count(self, do: str, by: str, outcome: str) -> None:
        self.tally.outcomes[do, by, outcome] += 1
        self._killed |= outcome == KILLED

    # --- the server -----------------------------------------------------------------------------------------

    def _ask_server(self, works: dict[int, tuple[str, list[str]]]) -> subprocess.Popen[str]:
        if self._server is not None and self._server.poll() is not None:
            self._end_server()  # It was killed after its last answer; its pipes are still open.
        if self._server is None:
            script = Path(__file__).with_name("concurrency_server.py")
            self._server = subprocess.Popen(
                [sys.executable, str(script), str(self.world.here.comfy)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, SLOW: "0.03"},
            )
        assert self._server.stdin is not None
        for index, (do, arguments) in works.items():
            self._server.stdin.write(json.dumps({"id": index, "do": do, "arguments": arguments}) + "\n")
        self._server.stdin.flush()
        return self._server

    def _judge_server(self, server: subprocess.Popen[str], works: dict[int, tuple[str, list[str]]]) -> None:
        assert server.stdout is not None
        for _ in range(len(works)):
            line = server.stdout.readline()
            if not line:
                break
            answer = json.loads(line)
            do, _ = works.pop(answer["id"])
            self._judge(do, "thread", answer["code"], answer["error"])
        for do, _ in works.values():
            self._count(do, "thread", KILLED)
        if works:
            self._end_server()

    def _end_server(self) -> None:
        if self._server is not None:
            with suppress(OSError), self._server as server:  # A pipe that nobody reads any more.
                server.kill()
            self._server = None

    # --- quiet points ---------------------------------------------------------------------------------------

    def _look(self) -> None:
        here = self.world.here
        self.tally.faults += [] if self._killed else self._doubtful
        self._killed, self._doubtful = False, []
        for state in self.world.states:
            first, again = (here.run("--state", str(state), "recover") for _ in range(2))
            if first.code or again.code or again.document["recovered"]:
                self.tally.faults.append(f"recover: {first} {again}")
            self.tally.killed_midway += len(first.document.get("recovered", ()))
        self.tally.quiet_points += 1
        self.tally.faults += self.world.faults()
        self.tally.committed = sum(1 for each in self.world.records() if each["state"] == "committed")


def run_campaign(root: Path, *, rounds: int, seed: int, at_once: int = 5, states: int = 1) -> Tally:
    """A campaign in the empty folder `root`. Blocks; sets the environment variables of uv for this process."""
    dists = root / "dists"
    dists.mkdir()
    with IndexServer(dists) as index:
        os.environ.update(
            UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(root / "uv-cache"), UV_HTTP_RETRIES="0"
        )
        here = Installation(root=root, dists=dists)
        others = [root / f"state-{number}" for number in range(1, states)]
        world = World(here, states=(here.state, *others))
        world.furnish()
        campaign = Campaign(world, random.Random(seed))
        try:
            return campaign.run(rounds, at_once)
        finally:
            campaign._end_server()


def main() -> int:
    """Run it as the arguments say, and print the table; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--states", type=int, default=1, help="state folders that share the environment")
    parser.add_argument("--keep", type=Path, help="an empty folder to work in, which is left as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        tally = run_campaign(
            root,
            rounds=options.rounds,
            seed=options.seed,
            at_once=options.at_once,
            states=options.states,
        )
    sys.stdout.write(tally.table() + "\n" + "".join(f"FAULT {fault}\n" for fault in tally.faults))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
