"""A host that dies: killed in the middle of an install, or by the very pack that was installed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .ground import Ground, lay_ground

pytestmark = pytest.mark.slow

WITNESS = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
site = next(pathlib.Path(sys.prefix).glob("lib/python*/site-packages"))
seen = sorted(path.name for path in site.glob("many_*.dist-info"))
seen += sorted(path.name for path in here.parent.iterdir() if path.name == "many-pack")
(here / "seen.json").write_text(json.dumps(seen))
NODE_CLASS_MAPPINGS = {}
"""
"""A pack that writes down what is there when packs load."""
MANY = 40
"""Distributions of the pack in whose install the host is killed: moving them takes long enough to be met."""
ENDS_THE_HOST = "import sys\nif 'server' in sys.modules: sys.exit(3)"


@pytest.fixture(scope="module")
def ground(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A host that runs, with a pack that looks around when it is loaded."""
    with lay_ground(kind, tmp_path_factory.mktemp("deaths")) as made:
        for number in range(MANY):
            made.wheel(f"many-{number:02}", "1.0")
        witness = made.packs / "witness"
        witness.mkdir()
        (witness / "__init__.py").write_text(WITNESS)
        made.start()
        yield made


def seen(ground: Ground) -> list[str]:
    """What the pack saw that looks around."""
    found: list[str] = json.loads((ground.packs / "witness" / "seen.json").read_text())
    return found


def picture(ground: Ground) -> dict[str, object]:
    """Everything live, less what the witness writes."""
    return {path: each for path, each in ground.picture().items() if not path.startswith("packs/witness")}


def journal_of(ground: Ground, known: set[Path]) -> Path | None:
    """The journal of the transaction that is new."""
    found = set((ground.state / "transactions").glob("2*/journal.jsonl")) - known
    return next(iter(found), None)


def test_killed_while_it_downloads(ground: Ground) -> None:
    """Killed with kill -9 while wheels come in, the next start has nothing of it, and tells of the job."""
    wheel = ground.wheel("show-late", "1.0")
    before = picture(ground)
    with ground.index.hold(wheel):
        accepted = ground.install(ground.pack("late-pack", "show-late"))
        assert ground.index.asked.wait(60)
        ground.host.kill()
    ground.start()
    assert picture(ground) == before
    job = ground.host.get(f"./jobs/{accepted.json()['id']}").json()
    assert (job["state"], bool(job["ended"])) == ("interrupted", True)
    assert ground.host.get("./status").json()["unfinished"] == []


def test_killed_while_files_are_moved(ground: Ground) -> None:
    """Killed with kill -9 amid the swap, the next start heals it before any pack loads, exactly to before."""
    source = ground.pack("many-pack", *(f"many-{number:02}" for number in range(MANY)))
    before = picture(ground)
    for _ in range(5):
        accepted = _kill_amid_the_swap(ground, source)
        if accepted is not None:
            break
        # It was over too soon: take it back, and try to be quicker.
        ground.roll_back()
        assert picture(ground) == before
    else:
        pytest.fail("the swap was never met")
    ground.start()
    assert seen(ground) == []
    assert picture(ground) == before
    job = ground.host.get(f"./jobs/{accepted['id']}").json()
    assert job["state"] == "interrupted", job
    assert "Safe Install: " in ground.host.text_of_log()
    ground.have(source)


def _kill_amid_the_swap(ground: Ground, source: str) -> dict[str, Any] | None:
    """The job, where the host was killed between the first move and the commit."""
    known = set((ground.state / "transactions").glob("2*/journal.jsonl"))
    accepted = ground.install(source)
    journal = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        journal = journal_of(ground, known)
        text = journal.read_text() if journal is not None else ""
        if '"applying"' in text and text.count("\n") > MANY // 2:
            ground.host.process.kill()
            ground.host.kill()
            break
    assert journal is not None
    if '"committed"' in journal.read_text():
        ground.start()
        return None
    assert '"rolled-back"' not in journal.read_text()
    moved = list((ground.python.parent.parent).glob("lib/python*/site-packages/many_*"))
    assert moved, "nothing live was touched yet"
    found: dict[str, Any] = accepted.json()
    return found


def test_a_pack_that_ends_the_host(ground: Ground) -> None:
    """A pack that ends the host as it loads is taken back by itself at the third start, loudly."""
    before = picture(ground)
    ground.have(ground.pack("deadly-pack", "many-00", code=ENDS_THE_HOST))
    ground.stop()
    assert [ground.start_and_die() for _ in range(2)] == [3, 3]
    ground.start()
    assert picture(ground) == before
    assert not (ground.packs / "deadly-pack").exists()
    log = ground.host.text_of_log()
    assert "is taken back now, before any pack loads" in log
    assert "others changed" not in log
    transactions = ground.host.get("./transactions").json()["transactions"]
    assert transactions[0]["operation"].startswith("rollback")
