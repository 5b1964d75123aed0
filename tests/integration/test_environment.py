"""An environment through many changes and all the way back, by the real parts together."""

from __future__ import annotations

import compileall
import random
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

from comfyui_safe_install.resolver.core.retention import RetentionPolicy, departures
from comfyui_safe_install.resolver.core.snapshot import Snapshot, diff_snapshots, take_snapshot
from comfyui_safe_install.resolver.io.environment import freeze_text
from comfyui_safe_install.resolver.io.listing import unowned_files
from comfyui_safe_install.resolver.io.payloads import PayloadStore
from comfyui_safe_install.resolver.io.records import verify_distribution
from comfyui_safe_install.resolver.io.snapshots import SnapshotStore, new_id, timestamp
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install, run_python
from comfyui_safe_install.tests.kit.wheels import make_wheel


class World:
    """A venv with a store of snapshots and one of payloads."""

    def __init__(self, venv: Venv, state: Path) -> None:
        self.live = Live(venv)
        self.snapshots = SnapshotStore(state)
        self.payloads = PayloadStore(self.live.area)
        self.counter = 0

    def tree(self) -> dict[str, tuple[str, int, str]]:
        """The environment without uv's lock file and our area."""
        return hash_tree(self.live.venv.root, exclude=[".lock", "area"])

    def snapshot(self) -> Snapshot:
        """Taken and stored."""
        environment = self.live.environment()
        created = timestamp()
        return self.snapshots.save(
            take_snapshot(
                environment,
                (),
                id=new_id(created),
                created=created,
                reason="test",
                freeze=freeze_text(environment),
                unowned=unowned_files(self.live.python, self.live.holdings()),
            )
        )

    def install(self, *wheels: Path) -> None:
        """Stage the wheels and swap them in."""
        self.counter += 1
        arrival = self.live.stage(f"stage{self.counter}", *wheels)
        leaving = [each.distribution.name for each in arrival.holdings]
        self.live.swap(leaving, [arrival], transaction=f"t{self.counter}", displaced=timestamp())
        self.compile_all()

    def compile_all(self) -> None:
        """Bytecode for everything, by content: a reinstalled file has another time, and is the same build."""
        by_content = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(str(self.live.venv.site_packages), quiet=2, invalidation_mode=by_content)

    def go_back(self, target: Snapshot) -> None:
        """What a rollback does: the difference, from payloads only, planned anew."""
        self.counter += 1
        now = self.live.environment()
        changes = diff_snapshots(self.as_snapshot(), target).changes
        arrivals = {}
        for change in changes:
            wanted = target.get(change.name)
            if wanted is None:
                continue
            payload = self.payloads.choose_whole(
                wanted.name, wanted.version, wanted.record_digest, self.live.layout, since=target.created
            )
            assert payload is not None, change
            arrivals[payload.folder] = self.payloads.arrival(payload, self.live.layout)
        leaving = [change.name for change in changes if now.get(change.name)]
        self.live.swap(
            leaving, list(arrivals.values()), transaction=f"t{self.counter}", displaced=timestamp()
        )

    def as_snapshot(self) -> Snapshot:
        """The state now, not stored."""
        environment = self.live.environment()
        return take_snapshot(environment, (), id="now", created="", reason="", freeze="")


@pytest.fixture
def world(venv: Venv, tmp_path: Path) -> World:
    """An empty world."""
    return World(venv, tmp_path / "state")


def stack(dists: Path, version: str) -> dict[str, Path]:
    """Distributions of every awkward shape, in one version."""
    folder = dists / version
    number = version[0]
    return {
        "plain": make_wheel(
            folder, "plain", version, requires=["other>=1"],
            files={"plain/__init__.py": version, f"plain/v{number}/x.py": "", "plain_single.py": version},
            entry_points={"plain": "plain:main"}, data={"share/plain/readme.txt": version},
        ),
        "ns-a": make_wheel(
            folder, "ns-a", version, files={"space/a/__init__.py": version, f"space/a{number}.py": "x"}
        ),
        "ns-b": make_wheel(
            folder, "ns-b", version, files={"space/b/__init__.py": version, "space/b.txt": "x"}
        ),
        "nvidia-x": make_wheel(
            folder, "nvidia-x", version, files={"nvidia/__init__.py": "", f"nvidia/x/lib{number}.so": version}
        ),
        "nvidia-y": make_wheel(
            folder, "nvidia-y", version, files={"nvidia/__init__.py": "", "nvidia/y/lib.so": version}
        ),
        "hook": make_wheel(
            folder, "hook", version, files={"hook.pth": f"# {version}\n", "_hook.py": version},
            scripts={"hook.sh": f"#!/bin/sh\necho {version}\n"},
        ),
    }  # fmt: skip


def test_many_changes_and_back_to_each_state(world: World, dists: Path) -> None:
    """Whatever was changed, every earlier state comes back exactly, bytecode included, in any order."""
    chance = random.Random(7)
    stacks = [stack(dists, version) for version in ("1.0", "2.0", "3.0")]
    install(world.live.venv, *(stacks[0][name] for name in ("plain", "ns-a", "nvidia-x", "hook")))
    (world.live.venv.site_packages / "plain" / "weights.bin").write_bytes(b"weights")
    (world.live.venv.site_packages / "mine.pth").write_text("# mine\n")
    world.compile_all()
    states = [(world.snapshot(), files_of(world))]
    for _ in range(8):
        version = chance.choice(stacks)
        names = chance.sample(sorted(version), chance.randint(1, 4))
        world.install(*(version[name] for name in names))
        states.append((world.snapshot(), files_of(world)))
    for snapshot, files in chance.sample(states, len(states)):
        world.go_back(snapshot)
        assert files_of(world) == files
        assert diff_snapshots(world.as_snapshot(), snapshot).changes == ()
        environment = world.live.environment()
        assert environment.findings == ()
        for distribution in environment.distributions:
            assert verify_distribution(world.live.python, distribution) == ()
    assert (world.live.venv.site_packages / "plain" / "weights.bin").read_bytes() == b"weights"
    assert run_python(world.live.venv, "import importlib.metadata as m; print(len(list(m.distributions())))")


def files_of(world: World) -> dict[str, tuple[str, int, str]]:
    """The environment's tree, but for bytecode folders left empty."""
    tree = world.tree()
    filled = {path.rpartition("/")[0] for path in tree}
    return {
        path: entry for path, entry in tree.items() if not path.endswith("/__pycache__") or path in filled
    }


def test_collecting_keeps_every_stored_state_reachable(world: World, dists: Path) -> None:
    """After pruning snapshots and collecting payloads, what is still named can still be reached."""
    for version in ("1.0", "2.0", "3.0", "4.0"):
        world.install(stack(dists, version)["plain"])
        world.snapshot()
    oldest = world.snapshots.list().snapshots[-1]
    world.snapshots.pin(oldest.id)
    going = departures(world.snapshots.list().snapshots, (), RetentionPolicy(snapshots=1))
    world.snapshots.discard(each.snapshot.id for each in going)
    snapshots = world.snapshots.list().snapshots
    assert len(snapshots) == 2
    keep = frozenset[tuple[str, str, str]]().union(*(each.payload_keys for each in snapshots))
    gone = world.payloads.collect(keep)
    assert sorted(each.note.members[0].version for each in gone) == ["2.0", "3.0"]
    world.go_back(oldest)
    assert world.live.environment().versions == {"plain": "1.0"}
