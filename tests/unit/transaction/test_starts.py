"""Marks of starts: what they say of a process that lives, has ended, or cannot be asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.healings import (
    Healing,
    HealingOutcome,
    read_healings,
    save_healing,
)
from comfyui_safe_install.resolver.transaction.starts import (
    STARTS,
    Mark,
    Outcome,
    is_running,
    judged_starts,
    make_mark,
    read_starts,
    settle_starts,
    surroundings,
)
from comfyui_safe_install.tests.kit.package import ROOT

_MAKE_A_MARK = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.transaction.starts import make_mark
mark = make_mark(Path(sys.argv[2]), transaction="T", prefix="/p", surroundings="s", durable=True)
print(mark.id, flush=True)
sys.stdin.read()
"""


@contextmanager
def another_start(state: Path) -> Iterator[str]:
    """The id of a start in another process, which lives as long as the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAKE_A_MARK, str(ROOT / "tests"), str(state)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def mark(state: Path) -> Mark:
    """A mark of this process."""
    return make_mark(state, transaction="T", prefix="/p", surroundings="s", durable=False)


def outcomes(state: Path) -> list[Outcome]:
    """What the marks say, oldest first."""
    return [each.outcome for each in read_starts(state)]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in-another-container"])
def test_a_start_has_died_when_its_process_is_gone(elsewhere: bool, tmp_path: Path) -> None:
    """Not before; and where its process cannot be asked, the lock on its mark tells."""
    with another_start(tmp_path) as start_id:
        path = tmp_path / STARTS / f"{start_id}.jsonl"
        if elsewhere:
            value = json.loads(path.read_text())
            path.write_text(json.dumps({**value, "host": "container-1"}) + "\n")
        assert [each.outcome for each in settle_starts(tmp_path)] == [Outcome.STARTING]
        assert [is_running(tmp_path, each) for each in read_starts(tmp_path)] == [True]
    assert outcomes(tmp_path) == [Outcome.STARTING]
    assert [each.outcome for each in judged_starts(tmp_path)] == [Outcome.DIED]
    assert outcomes(tmp_path) == [Outcome.STARTING]
    assert [each.outcome for each in settle_starts(tmp_path)] == [Outcome.DIED]
    assert outcomes(tmp_path) == [Outcome.DIED]
    assert [is_running(tmp_path, each) for each in read_starts(tmp_path)] == [False]


def test_what_this_process_was_before_it_executed_itself_anew_was_replaced(tmp_path: Path) -> None:
    """A mark of this very process, or one it was told to come from, is no death."""
    mark(tmp_path)
    with another_start(tmp_path) as start_id:
        pass
    assert [each.outcome for each in settle_starts(tmp_path, start_id)] == [Outcome.REPLACED] * 2


def test_the_last_word_counts_and_a_forked_child_has_none(tmp_path: Path) -> None:
    """A start that was given up and came up after all is up; what a child says is not written."""
    ours = mark(tmp_path)
    child = os.fork() if hasattr(os, "fork") else 0
    if hasattr(os, "fork") and not child:
        ours.say(Outcome.DIED)
        os._exit(0)
    if child:
        os.waitpid(child, 0)
    assert outcomes(tmp_path) == [Outcome.STARTING]
    ours.say(Outcome.REPLACED)
    ours.say(Outcome.UP, "noticed late")
    (start,) = read_starts(tmp_path)
    assert (start.outcome, start.note) == (Outcome.UP, "noticed late")
    assert start.to_dict()["outcome"] == "up"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\n", b"[]\n", b'{"pid": -1}\n', b'{"pid": 1', b"[" * 100_000, b'{"pid": true}\n'],
)
def test_a_damaged_mark_is_passed_over(content: bytes, tmp_path: Path) -> None:
    """Whatever lies in the folder, the others are read, and nothing is raised."""
    mark(tmp_path).say(Outcome.UP)
    (tmp_path / STARTS / "20990101T000000000000Z-0000.jsonl").write_bytes(content)
    (tmp_path / STARTS / "20990101T000000000001Z-0000.jsonl").mkdir()
    (tmp_path / STARTS / "notes.txt").write_bytes(content)
    assert outcomes(tmp_path) == [Outcome.UP]
    assert [each.outcome for each in settle_starts(tmp_path)] == [Outcome.UP]


def test_a_torn_or_unknown_line_is_no_outcome(tmp_path: Path) -> None:
    """After a power cut the mark says what was written whole; words of later versions are passed over."""
    ours = mark(tmp_path)
    path = tmp_path / STARTS / f"{ours.id}.jsonl"
    with path.open("a") as file:
        file.write('{"outcome": "ascended"}\n{"outcome": "up", "at"')
    assert outcomes(tmp_path) == [Outcome.STARTING]


def test_what_is_installed_is_told_by_names(tmp_path: Path) -> None:
    """Adding, removing or switching off anything changes it; what packs write for themselves does not."""
    site, packs = tmp_path / "site", tmp_path / "packs"
    (site / "a-1.0.dist-info").mkdir(parents=True)
    (packs / "pack").mkdir(parents=True)

    def now() -> str:
        return surroundings((str(site),), (packs, tmp_path / "none"))

    first = now()
    (packs / "pack" / "cache").mkdir()
    (packs / ".hidden").mkdir()
    (packs / "__pycache__").mkdir()
    assert now() == first
    (packs / "pack").rename(packs / "pack.disabled")
    assert now() != first
    (packs / "pack.disabled").rename(packs / "pack")
    assert now() == first
    (site / "a-1.0.dist-info").rename(site / "a-1.1.dist-info")
    assert now() != first


def test_healings_are_remembered_one_for_each_change(tmp_path: Path) -> None:
    """The last word on a change counts, the last ten changes are kept, and damage is no error."""
    assert read_healings(tmp_path) == ()
    for number in range(12):
        save_healing(tmp_path, Healing(transaction=f"T{number}", operation="install", deaths=("then",)))
    done = Healing(
        transaction="T5", operation="install", deaths=(), outcome=HealingOutcome.DONE, by="R", tries=1
    )
    save_healing(tmp_path, done)
    found = read_healings(tmp_path)
    assert [each.transaction for each in found] == [
        "T2",
        "T3",
        "T4",
        "T6",
        "T7",
        "T8",
        "T9",
        "T10",
        "T11",
        "T5",
    ]
    assert found[-1] == done
    path = tmp_path / STARTS / "healing.json"
    path.write_text('{"format": 1, "healings": [1, {}, {"transaction": 1, "outcome": "done"}]}')
    assert read_healings(tmp_path) == ()
    path.write_text("{")
    assert read_healings(tmp_path) == ()
