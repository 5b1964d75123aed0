"""Full copies: every byte by its digest, safe from kills, and honest about what was damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.guard import AUTO, COPY, MIXED, REFLINK, FullCopy
from comfyui_safe_install.resolver.core.guard_port import FullPlan
from comfyui_safe_install.resolver.core.guard_restore import plan_restore
from comfyui_safe_install.resolver.core.inventory import FILE, diff
from comfyui_safe_install.resolver.errors import CancelledError, SafeInstallError
from comfyui_safe_install.resolver.io.guard.copy import can_clone, copy_hashed
from comfyui_safe_install.resolver.io.guard.making import GuardStore
from comfyui_safe_install.resolver.io.guard.restoring import Staging, faults_after, find_bytes
from comfyui_safe_install.resolver.io.guard.scrub import scrub
from comfyui_safe_install.resolver.io.inventory import Grounds, take_inventory

LIBRARY = b"\x7fELF\0" + os.urandom(1024) * 1100
"""A large binary file, such as `mixed` hardlinks."""


@dataclass
class World:
    """A small tree beside a place where full copies are kept."""

    root: Path
    strategy: str = COPY

    def __post_init__(self) -> None:
        """Make the tree."""
        self.site = self.root / "venv" / "lib" / "site"
        (self.site / "foo").mkdir(parents=True)
        (self.site / "foo" / "__init__.py").write_text("x = 1\n")
        (self.site / "foo" / "same.py").write_text("x = 1\n")
        (self.site / "foo" / "large.so").write_bytes(LIBRARY)
        (self.root / "packs" / "pack").mkdir(parents=True)
        (self.root / "packs" / "pack" / "__init__.py").write_text("")
        self.area = self.root / "venv" / "lib" / ".safe-install"
        self.store = GuardStore(
            folder=self.root / "state" / "guard",
            environment_area=self.area,
            pack_area=lambda: self.root / ".safe-install",
        )
        self.grounds = Grounds(
            roots={
                "data": str(self.root / "venv"),
                "purelib": str(self.site),
                "packs-0": str(self.root / "packs"),
            },
            walked=(str(self.root / "venv"), str(self.root / "packs")),
        )

    def keep(self, name: str) -> FullCopy:
        """A full copy under that name."""
        return self.store.keep(name, self.grounds, self.strategy)

    def plan(self, name: str) -> FullPlan:
        """The way back to it."""
        then, now = self.store.manifest(name), take_inventory(self.grounds, digests=True)
        wanted = {
            each.before.content: (each.path, each.before.size)
            for each in diff(then, now)
            if each.before and each.before.kind == FILE
        }
        found = find_bytes(wanted, self.store.stores, now, lambda _path: ())
        moves = plan_restore(
            then, now, missing=wanted.keys() - found.keys(), fixed=frozenset(self.grounds.roots)
        )
        return FullPlan(identifier=name, then=then, now=now, moves=moves, sources=found, owners={})

    def restore(self, name: str) -> FullPlan:
        """Go back to it, by plain renames."""
        plan = self.plan(name)
        staging = Staging(
            plan=plan,
            environment=self.area / "stage",
            packs=self.root / ".safe-install" / "stage",
            clone=False,
        )
        stage = staging.fill()
        for source, target in (*stage.outgoing, *stage.incoming):
            assert not os.path.lexists(target)
            Path(source).rename(target)
        assert list(faults_after(plan)) == []
        return plan

    def objects(self) -> list[Path]:
        """The files of the store of the environment."""
        return sorted(path for path in (self.area / "guard").rglob("*") if path.is_file())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A tree whose bytes are copied."""
    return World(tmp_path)


@pytest.fixture
def linking(tmp_path: Path) -> World:
    """A tree whose large libraries are hardlinked."""
    if can_clone(tmp_path):
        pytest.skip("this file system clones, so nothing is ever hardlinked")
    return World(tmp_path, MIXED)


def test_the_same_bytes_are_kept_once(world: World) -> None:
    """Equal files share one object, a second copy of the same tree writes nothing, an edit writes one file."""
    first = world.keep("a")
    assert (first.files, first.stored_files) == (4, 3)
    assert len(world.objects()) == 2
    assert world.keep("b").stored_files == 0
    (world.site / "foo" / "same.py").write_text("x = 2\n")
    third = world.keep("c")
    assert (third.stored_files, third.stored_bytes) == (1, 6)
    assert world.store.usage("a").own == 0
    assert world.store.usage("c").own == 6
    assert world.store.sizes() == {"a": 0, "b": 0, "c": 6}


def test_a_file_written_a_moment_ago_is_read_again_the_next_time(world: World) -> None:
    """Written again within one tick of the clock it would show the same times, so its digest is not taken over."""
    old = world.site / "foo" / "large.so"
    os.utime(old, ns=(1_000_000_001, 1_000_000_001))
    (world.site / "foo" / "same.py").write_text("just now\n")
    world.keep("a")
    entries = world.store.manifest("a").entries
    assert entries["purelib/foo/large.so"].ctime_ns == old.stat().st_ctime_ns
    assert entries["purelib/foo/same.py"].ctime_ns == 0
    assert world.keep("b").stored_files == 0


@pytest.mark.parametrize(
    "strategy",
    [AUTO, COPY, MIXED],
)
def test_every_way_of_keeping_brings_everything_back(tmp_path: Path, strategy: str) -> None:
    """A tree that was removed comes back from copies, clones and hardlinks alike."""
    world = World(tmp_path, strategy)
    kept = world.keep("a")
    assert kept.method in (strategy, REFLINK, COPY)
    (world.site / "foo" / "large.so").unlink()
    (world.site / "foo" / "__init__.py").write_text("broken")
    world.restore("a")
    assert (world.site / "foo" / "large.so").read_bytes() == LIBRARY
    assert (world.site / "foo" / "__init__.py").read_text() == "x = 1\n"


def test_a_copy_does_not_share_edits_with_the_live_file(world: World) -> None:
    """Whoever edits the live file, or its twin in a cache, in place, does not reach what is kept."""
    twin = world.root / "cache.so"
    os.link(world.site / "foo" / "large.so", twin)
    world.keep("a")
    with twin.open("r+b") as stream:
        stream.write(b"edited in the cache")
    (world.site / "foo" / "large.so").chmod(0o600)
    world.restore("a")
    assert (world.site / "foo" / "large.so").read_bytes() == LIBRARY
    assert twin.read_bytes().startswith(b"edited")


def test_a_hardlink_takes_room_once_its_live_file_is_gone(linking: World) -> None:
    """As long as both are one file it costs nothing; afterwards the kept one is a file of its own."""
    linking.keep("a")
    usage = linking.store.usage("a")
    assert (usage.linked, usage.own) == (len(LIBRARY), 6)
    (linking.site / "foo" / "large.so").unlink()
    usage = linking.store.usage("a")
    assert (usage.linked, usage.own) == (0, len(LIBRARY) + 6)
    assert linking.store.sizes() == {"a": len(LIBRARY) + 6}


def test_a_hardlink_that_was_edited_is_noticed_before_anything_starts(linking: World) -> None:
    """The kept file is the live one, so an edit in place takes it too: the plan says so, and brings back the rest."""
    linking.keep("a")
    large = linking.site / "foo" / "large.so"
    with large.open("r+b") as stream:
        stream.write(b"edited in place")
    (linking.site / "foo" / "__init__.py").unlink()
    plan = linking.plan("a")
    assert [each.difference.path for each in plan.moves.lost] == ["purelib/foo/large.so"]
    assert "damaged" in plan.moves.lost[0].reason
    linking.restore("a")
    assert (linking.site / "foo" / "__init__.py").read_text() == "x = 1\n"
    assert large.read_bytes().startswith(b"edited")


def test_the_next_copy_tells_that_a_hardlink_was_edited(linking: World) -> None:
    """What older copies cannot bring back any more is said when the next one is made, not when it is needed."""
    linking.keep("a")
    with (linking.site / "foo" / "large.so").open("r+b") as stream:
        stream.write(b"edited in place")
    found = linking.keep("b").findings
    assert [each.code for each in found] == ["guard-object-damaged"]
    assert linking.keep("c").findings == ()


def test_damage_is_healed_where_the_same_bytes_lie_elsewhere(linking: World) -> None:
    """A second file of the same content, anywhere in the tree, gives back what a damaged hardlink lost."""
    (linking.site / "twin.so").write_bytes(LIBRARY)
    linking.keep("a")
    (linked,) = [path for path in linking.objects() if "links" in path.parts]
    names = (linking.site / "foo" / "large.so", linking.site / "twin.so")
    (edited,) = [path for path in names if path.stat().st_ino == linked.stat().st_ino]
    with edited.open("r+b") as stream:
        stream.write(b"edited in place")
    assert linking.plan("a").moves.lost == ()
    linking.restore("a")
    assert edited.read_bytes() == LIBRARY


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: b"X" + data[1:], lambda _data: b""])
def test_a_damaged_object_is_never_used(world: World, spoil: Callable[[bytes], bytes]) -> None:
    """A torn or changed object counts as lost; a check finds it, and mends it where the live file is whole."""
    world.keep("a")
    kept = max(world.objects(), key=lambda path: path.stat().st_size)
    kept.write_bytes(spoil(kept.read_bytes()))
    now = take_inventory(world.grounds, digests=True)
    found = scrub(world.store, now, COPY)
    assert (found.healed, found.lost) == (1, ())
    kept.write_bytes(spoil(kept.read_bytes()))
    large = world.site / "foo" / "large.so"
    large.unlink()
    assert [each.difference.path for each in world.plan("a").moves.lost] == ["purelib/foo/large.so"]
    found = scrub(world.store, take_inventory(world.grounds, digests=True), COPY)
    assert found.lost == (("a", "purelib/foo/large.so"),)
    assert not found.is_whole


def test_an_object_that_changes_after_the_plan_stops_the_change(world: World) -> None:
    """Bytes are hashed once more while they are brought aside; nothing live has moved by then."""
    world.keep("a")
    (world.site / "foo" / "large.so").unlink()
    plan = world.plan("a")
    kept = max(world.objects(), key=lambda path: path.stat().st_size)
    kept.write_bytes(b"X" + kept.read_bytes()[1:])
    with pytest.raises(SafeInstallError) as caught:
        Staging(plan=plan, environment=world.area / "s", packs=world.root / "p", clone=False).fill()
    assert caught.value.code == "guard-object-damaged"


def test_half_a_copy_counts_for_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped while objects are written, there is no object, no list, and nothing is left in the way."""
    taken = 0

    def stop() -> None:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise CancelledError("cancelled", "stop")

    with pytest.raises(CancelledError):
        world.store.keep("a", world.grounds, COPY, check=stop)
    assert world.objects() == []
    assert world.store.manifests() == ()

    def cut(_source: str, _target: str) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", cut)
        with pytest.raises(OSError, match="power cut"):
            world.keep("a")
    assert world.objects() == []
    world.keep("a")
    assert scrub(world.store, take_inventory(world.grounds, digests=True), COPY).is_whole


def test_what_no_snapshot_names_goes(world: World) -> None:
    """Objects and lists of snapshots that are gone are removed, all others stay; twice makes no difference."""
    world.keep("a")
    (world.site / "foo" / "large.so").unlink()
    world.keep("b")
    assert world.store.collect(["a", "b", "no-full-one"]) == 0
    assert world.store.collect(["b"]) == len(LIBRARY)
    assert world.store.collect(["b"]) == 0
    assert world.store.manifests() == ("b",)
    (world.site / "foo" / "same.py").unlink()
    world.restore("b")
    assert (world.site / "foo" / "same.py").read_text() == "x = 1\n"
    world.store.collect([])
    assert world.objects() == []


def test_an_unreadable_list_keeps_everything(world: World) -> None:
    """Where one list cannot be read it may name anything, so nothing is removed."""
    world.keep("a")
    world.keep("b")
    manifest = world.store.manifest_path("b")
    manifest.write_bytes(manifest.read_bytes()[:-20])
    (world.site / "foo" / "large.so").unlink()
    assert world.store.collect(["b"]) == 0
    assert len(world.objects()) == 2
    with pytest.raises(SafeInstallError) as caught:
        world.store.manifest("b")
    assert caught.value.code == "full-copy-unreadable"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "x" * 80])
def test_a_name_that_leads_elsewhere_is_no_snapshot(world: World, name: str) -> None:
    """Names come from files somebody may have written."""
    assert not world.store.is_full(name)
    with pytest.raises(SafeInstallError):
        world.keep(name)


def test_an_unreadable_file_is_said_and_not_restorable(world: World) -> None:
    """A file that may not be read is left out, with a finding."""
    secret = world.site / "secret"
    secret.write_text("x")
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("this user may read everything")
    assert [each.code for each in world.keep("a").findings] == ["guard-unreadable"]


def test_copying_leaves_nothing_where_it_fails(tmp_path: Path) -> None:
    """What cannot be cloned here leaves no empty file behind, and nothing is ever overwritten."""
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x")
    if not can_clone(tmp_path):
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the file system
            copy_hashed(str(source), str(target), clone=True)
        assert not target.exists()
    target.write_bytes(b"y")
    with pytest.raises(FileExistsError):
        copy_hashed(str(source), str(target))
    assert target.read_bytes() == b"y"


def test_a_store_whose_name_cannot_be_read_is_given_no_other(world: World) -> None:
    """Under a new name every copy made so far would be lost; the error says what the system said."""
    world.keep("a")
    name = world.store.folder / "id"
    kept = name.read_bytes()
    name.unlink()
    name.mkdir()
    with pytest.raises(IsADirectoryError):
        world.keep("b")
    name.rmdir()
    name.write_bytes(kept)
    assert world.keep("b").stored_files == 0, "everything is there already"
