"""Collecting is killed after each of its operations: nothing is lost but what was to go, and the next run ends it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.retention import RetentionPolicy
from comfyui_safe_install.resolver.engine.collecting import collect, remove_snapshot
from comfyui_safe_install.resolver.engine.exclusion import alone
from comfyui_safe_install.resolver.engine.rolling_back import Rollback
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.transaction.folder import identifiers, unsettled
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.tests.kit.dying import dies_after
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.trees import hash_tree

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="it kills forked processes"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

STRIDE = 1 if os.environ.get("SAFE_INSTALL_EVERY_INSTANT") else 5
"""Every which operation is killed after; the variable is for long runs."""

POLICY = RetentionPolicy(snapshots=2, transactions=2, gigabytes=0)


@dataclass(slots=True)
class Scene:
    """Snapshots, payloads and transactions, of which some are to go; they can be put back as they were."""

    here: Installation
    session: Session = field(init=False)
    saved: Path = field(init=False)
    before: dict[str, object] = field(init=False)
    exact: dict[str, bool] = field(init=False)
    history: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.session = self.here.session()
        self.saved = self.here.root / "saved"
        for number, place in enumerate(self.places):
            shutil.copytree(place, self.saved / str(number), symlinks=True)
        self.before = self.payloads()
        self.exact = self.exactness()
        self.history = self.past()

    @property
    def places(self) -> tuple[Path, ...]:
        """All that is ours."""
        return self.here.state, self.here.area, self.here.comfy / ".safe-install"

    def restore(self) -> None:
        """Everything as it was."""
        for number, place in enumerate(self.places):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.saved / str(number), place, symlinks=True)

    def payloads(self) -> dict[str, object]:
        """{folder of a payload: its content}."""
        folders = [note.parent for area in self.places[1:] for note in area.glob("payloads/*/*/payload.json")]
        return {str(folder): hash_tree(folder) for folder in folders}

    def exactness(self) -> dict[str, bool]:
        """{snapshot: whether everything comes back byte for byte}."""
        site = self.session.site
        found = site.snapshots.list()
        assert found.findings == ()
        return {each.id: Rollback(self.session).plan(each).is_exact for each in found.snapshots}

    def past(self) -> list[str]:
        """The ids of the whole history."""
        assert unsettled(self.here.state) == ()
        return [each.id for each in read_transactions(self.here.state)]

    def outcome(self) -> tuple[object, ...]:
        """What is left: snapshots, payloads, transactions, and what else lies in the areas."""
        left = [path for path in self.here.leftovers() if "/lock" not in path]
        ids = [each.id for each in self.session.site.snapshots.list().snapshots]
        return ids, self.payloads(), identifiers(self.here.state), left, self.past()

    def look(self, staying: set[str]) -> None:
        """The test fails where anything was harmed that was to stay, or harmed only in part."""
        assert self.past() == self.history
        now, exact = self.payloads(), self.exactness()
        assert all(self.before[folder] == content for folder, content in now.items())
        assert staying <= exact.keys()
        assert {each: self.exact[each] for each in staying} == {each: exact[each] for each in staying}
        # What goes loses its name before it loses anything else.
        assert {each: self.exact[each] for each in exact} == exact


@pytest.fixture
def scene(here: Installation) -> Scene:
    """Five changes of two distributions and a pack."""
    here.have(
        "tool", "1.0", files={"tool/__init__.py": "", "tool/a.py": "a"}, entry_points={"tool": "tool:x"}
    )
    here.have("other", "1.0", files={"other.py": "1"})
    for version in ("2.0", "3.0", "4.0"):
        here.wheel("tool", version, files={"tool/__init__.py": version})
        here.wheel("other", version, files={"other.py": version})
    for number in (2, 3, 4):
        lines = (f"tool=={number}.0", *([f"other=={number}.0"] if number > 2 else []))
        pack = here.source("demo", *lines, files={"data.txt": str(number)})
        assert here.run("install", pack, "--yes").applied
    assert here.run("rollback", "--yes").applied
    assert here.run("uninstall", "demo", "--yes").applied
    return Scene(here=here)


def campaign(scene: Scene, act: Callable[[], object]) -> int:
    """Kill `act` after its operations; how many there were. Each time the next run ends as if nothing had been."""
    assert not dies_after(10**9, act)
    wanted = scene.outcome()
    staying = set(scene.exactness())
    number = 0
    while True:
        scene.restore()
        if not dies_after(number, act):
            return number
        scene.look(staying)
        assert not dies_after(10**9, act)
        assert scene.outcome() == wanted, number
        number += STRIDE


def test_pruning_can_be_killed_at_any_instant(scene: Scene) -> None:
    """Snapshots, payloads of distributions and packs, and transactions: each is whole or gone."""
    site = scene.session.site

    def act() -> None:
        with alone(site, "prune"):
            collect(site, POLICY)
            site.tidy()

    operations = campaign(scene, act)
    assert operations > 40
    assert all(scene.exact.values())


def test_removing_a_snapshot_can_be_killed_at_any_instant(scene: Scene) -> None:
    """First its file goes, then what only it kept; killed in between, the next run takes that away."""
    site = scene.session.site
    oldest = site.snapshots.list().snapshots[-1].id

    def act() -> None:
        with alone(site, "snapshot remove"):
            remove_snapshot(site, oldest)
            site.tidy()

    assert campaign(scene, act) > 15
