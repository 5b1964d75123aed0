"""The law of retention: as long as a snapshot is kept, what came back exactly comes back exactly."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.retention import RetentionPolicy
from comfyui_safe_install.resolver.engine.applying import Applier, Order
from comfyui_safe_install.resolver.engine.collecting import collect, remove_snapshot
from comfyui_safe_install.resolver.engine.exclusion import alone
from comfyui_safe_install.resolver.engine.movement import Movement
from comfyui_safe_install.resolver.engine.rolling_back import Rollback
from comfyui_safe_install.resolver.io.site import LiveSite
from comfyui_safe_install.resolver.ports import Silence
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation

NAMES = ("alpha", "beta", "pair-a", "pair-b")
"""The two of the pair contest a file, so they are put aside together."""
VERSIONS = ("1.0", "2.0", "3.0")

WISHES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("", *VERSIONS)), min_size=1)
STEPS = st.one_of(
    st.tuples(st.just("change"), WISHES),
    st.tuples(st.just("change"), WISHES),
    st.tuples(st.just("edit"), st.sampled_from(NAMES)),
    st.tuples(st.just("rollback"), st.integers(0, 9)),
    st.tuples(st.just("rollback"), st.integers(0, 9)),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("pin"), st.integers(0, 9)),
    st.tuples(st.just("prune"), st.integers(0, 4)),
)


@dataclass(slots=True)
class World:
    """A real environment whose changes are real transactions, with wheels unpacked beforehand."""

    here: Installation
    site: LiveSite = field(init=False)
    rollback: Rollback = field(init=False)
    exact: set[str] = field(default_factory=set)
    """The snapshots of which everything comes back byte for byte."""
    edited: bool = False

    def __post_init__(self) -> None:
        self.here.have("base", "1.0")
        for name in NAMES:
            for version in VERSIONS:
                files = {f"{name.replace('-', '_')}/__init__.py": f"v = {version!r}\n"}
                if name.startswith("pair"):
                    files["shared/__init__.py"] = "both of the pair bring this\n"
                self.here.wheel(name, version, files=files, entry_points={f"{name}-tool": f"{name}:x"})
        session = self.here.session()
        session.site.retention = RetentionPolicy(snapshots=6, transactions=3, gigabytes=0)
        self.site, self.rollback = cast("LiveSite", session.site), Rollback(session)

    def change(self, wishes: dict[str, str]) -> None:
        """Install, replace and remove these, as a plan would that has been solved."""
        site = self.rollback.session.site
        seen = site.environment()
        leaving = {name for name, version in wishes.items() if seen.versions.get(name, version) != version}
        coming = {name: each for name, each in wishes.items() if each and seen.versions.get(name) != each}
        if not leaving and not coming:
            return
        expected = {name: each for name, each in {**seen.versions, **wishes}.items() if each}
        lock = site.lock_pins(coming, {}, offline=False) if coming else ""
        order = Order(
            operation=f"change {wishes}",
            seen=seen,
            summary={},
            fill=lambda stage: (site.fill_stage(lock, stage, coming, allow_builds=False),) if coming else (),
            movement=Movement(leaving=frozenset(leaving), expected=expected, touched=frozenset(coming)),
        )
        Applier(site=site, report=Silence()).apply(order)

    def edit(self, name: str) -> None:
        """Change a file of a distribution by hand, which its RECORD then does not know."""
        path = self.here.venv.site_packages / name.replace("-", "_") / "__init__.py"
        if path.is_file():
            content = path.read_text() + "# by hand\n"
            path.unlink()  # It may share its bytes with uv's cache.
            path.write_text(content)

    def do(self, kind: str, what: object) -> None:
        """One step of a history."""
        site = self.rollback.session.site
        known = site.snapshots.list().snapshots
        chosen = known[what % len(known)] if isinstance(what, int) and known else None
        if isinstance(what, dict):
            self.change(what)
        elif kind == "edit":
            self.edit(str(what))
        elif kind == "prune" and isinstance(what, int):
            with alone(site, "prune"):
                collect(site, RetentionPolicy(snapshots=what, transactions=2, gigabytes=0))
        elif chosen is None:
            return
        elif kind == "pin":
            self.site.snapshots.pin(chosen.id)
        elif kind == "remove":
            with alone(site, "snapshot remove"):
                remove_snapshot(site, chosen.id)
        else:
            plan = self.rollback.plan(chosen)
            if not plan.is_empty:
                self.rollback.apply(plan)

    def check(self, kind: str) -> None:
        """The law. An edit by hand may cost exactness when the next change comes, but no collection may."""
        kept = self.site.snapshots.list().snapshots
        now = {each.id for each in kept if self.rollback.plan(each).is_exact}
        self.edited |= kind == "edit"
        if kind in ("prune", "remove", "pin") or not self.edited:
            assert self.exact & {each.id for each in kept} <= now
        self.exact = now


@contextmanager
def new_world() -> Iterator[World]:
    """A world of its own, with an index and a cache of uv that nobody else uses."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder)
        (root / "dists").mkdir()
        with IndexServer(root / "dists") as index:
            patch.setenv("UV_DEFAULT_INDEX", index.url)
            patch.setenv("UV_CACHE_DIR", str(root / "uv-cache"))
            yield World(here=Installation(root=root, dists=root / "dists"))


HISTORIES = os.environ.get("SAFE_INSTALL_HISTORIES", "")
"""How many histories a long run tries; without it a few, always the same."""


@pytest.mark.slow
@settings(
    max_examples=int(HISTORIES or "6"),
    deadline=None,
    derandomize=not HISTORIES,
    # A history takes a second, and making a failing one smaller would take some hundred.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEPS, min_size=6, max_size=10))
def test_no_collection_costs_a_snapshot_that_stays_its_exactness(steps: list[tuple[str, object]]) -> None:
    """Random histories of changes, edits by hand, rollbacks, removals, pins and prunings of a real environment."""
    with new_world() as world:
        world.change(dict.fromkeys(NAMES, "1.0"))
        world.check("change")
        for kind, what in steps:
            world.do(kind, what)
            world.check(kind)
