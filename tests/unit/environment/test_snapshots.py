"""Snapshots: composed, stored, found, shared, compared."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.snapshot import (
    Artefact,
    Snapshot,
    SnapshotDistribution,
    SnapshotPack,
    UnownedFile,
    diff_snapshots,
    from_dict,
    take_snapshot,
    to_dict,
)
from comfyui_safe_install.resolver.core.types import Decision, Pack, Wish
from comfyui_safe_install.resolver.errors import RefusedError, SafeInstallError
from comfyui_safe_install.resolver.io.environment import freeze_text
from comfyui_safe_install.resolver.io.listing import unowned_files
from comfyui_safe_install.resolver.io.snapshots import SnapshotStore, new_id, timestamp
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel


def snapshot(day: int = 1, **changes: object) -> Snapshot:
    """A snapshot of that day with everything in it."""
    created = f"2026-01-{day:02}T00:00:00.000Z"
    full = Snapshot(
        id=new_id(created),
        created=created,
        reason="before install",
        comfyui_version="0.8.0",
        comfyui_commit="c0ffee",
        python="3.11.7",
        platform="linux-x86_64",
        prefix="/env",
        freeze="numpy==2.0\n",
        distributions=(
            SnapshotDistribution(
                name="numpy", version="2.0", record_digest="d1", installer="uv", hashes=("sha256:00",)
            ),
            SnapshotDistribution(name="mine", version="1.0", origin="file:///src", editable=True),
        ),
        unowned=(UnownedFile(path="lib/x.pth", size=3, digest="ab"),),
        packs=(
            SnapshotPack(pack=Pack(name="pack", path="/c/pack", commit="abc", dirty=False), digest="p1"),
            SnapshotPack(pack=Pack(name="lone", path="/c/lone.py", is_file=True), digest="p2"),
        ),
        lock="lock-1",
        decisions=(
            Decision(
                package="numpy",
                rule="core-wins",
                chosen="2.0",
                wanted=(Wish(pack="a", requirement="numpy<2"),),
            ),
        ),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """An empty store; its folder does not exist yet."""
    return SnapshotStore(tmp_path / "state")


def test_a_snapshot_survives_the_disk_unchanged(store: SnapshotStore) -> None:
    """Every field comes back as it was."""
    full = snapshot(label="good", pinned=True)
    store.save(full)
    assert store.get(full.id) == full
    assert from_dict(json.loads(json.dumps(to_dict(full)))) == full


def test_ids_sort_by_time_and_are_unique() -> None:
    """Two of one millisecond differ."""
    early, late = (timestamp(datetime(2026, 1, day, tzinfo=timezone.utc)) for day in (1, 2))
    assert (early, late) == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")
    assert new_id(early) < new_id(late)
    assert new_id(early) != new_id(early)
    assert timestamp() > late


def test_what_is_taken_later_sorts_as_later_although_the_clock_was_set_back(store: SnapshotStore) -> None:
    """Retention lets the oldest go first, and must not take the newest for it."""
    first = store.save(
        snapshot(id=store.next_id("2026-06-01T00:00:00.000Z"), created="2026-06-01T00:00:00.000Z")
    )
    yesterday = "2026-05-31T00:00:00.000Z"
    later = [store.save(snapshot(id=store.next_id(yesterday), created=yesterday)) for _ in range(3)]
    assert [each.id for each in store.list().snapshots] == [each.id for each in (*reversed(later), first)]
    assert len({each.id for each in later}) == 3
    beyond = store.next_id("2026-06-01T00:00:59.999Z")
    assert beyond.startswith("20260601-000059-999"), "the clock has caught up"


@pytest.mark.parametrize("distributions", [(), (SnapshotDistribution(name="", version="1"),)])
def test_an_empty_list_is_refused(
    store: SnapshotStore, distributions: tuple[SnapshotDistribution, ...]
) -> None:
    """Going back to it would remove everything; others do store it."""
    with pytest.raises(SafeInstallError) as caught:
        store.save(snapshot(distributions=distributions))
    assert caught.value.code == "snapshot-refused"
    assert store.list().snapshots == ()


def test_the_newest_comes_first_and_damage_is_a_finding(store: SnapshotStore, tmp_path: Path) -> None:
    """One broken file does not hide the others, and stays where it is."""
    old, new = store.save(snapshot(1)), store.save(snapshot(2))
    folder = tmp_path / "state" / "snapshots"
    (folder / "broken.json").write_text("{")
    (folder / "wrong-name.json").write_text(json.dumps(to_dict(snapshot(3))))
    (folder / ".half.json.tmp").write_text("{")
    listed = store.list()
    assert listed.snapshots == (new, old)
    assert [finding.code for finding in listed.findings] == ["snapshot-damaged", "snapshot-damaged"]
    assert (folder / "broken.json").is_file()


def test_a_snapshot_is_found_by_id_prefix_and_label(store: SnapshotStore) -> None:
    """A label wins over a prefix; what means several, or none, is an error with its own code."""
    one, two = store.save(snapshot(1)), store.save(snapshot(2, label="works"))
    assert store.get(one.id) == one
    assert store.get(one.id[:8]) == one
    assert store.get("works") == two
    assert store.get(" works ") == two
    for name, code in [
        ("2026", "snapshot-ambiguous"),
        ("nope", "snapshot-not-found"),
        ("", "snapshot-not-found"),
    ]:
        with pytest.raises(SafeInstallError) as caught:
            store.get(name)
        assert caught.value.code == code
    third = store.save(snapshot(3, label="2026"))
    assert store.get("2026") == third


def test_a_damaged_snapshot_asked_for_says_so(store: SnapshotStore, tmp_path: Path) -> None:
    """Not that it does not exist."""
    one = store.save(snapshot())
    (tmp_path / "state" / "snapshots" / f"{one.id}.json").write_text("{")
    with pytest.raises(SafeInstallError) as caught:
        store.get(one.id)
    assert caught.value.code == "state-unreadable"


def test_labels_and_pins_can_be_set_and_taken_away(store: SnapshotStore) -> None:
    """Both are kept on the disk."""
    one = store.save(snapshot())
    assert store.label(one.id, "  before flux ").label == "before flux"
    assert store.pin(one.id).pinned
    assert store.get("before flux").pinned
    assert store.label(one.id, "").label == ""
    assert not store.pin(one.id, pinned=False).pinned
    assert store.get(one.id) == one


def test_discarded_snapshots_are_gone(store: SnapshotStore, tmp_path: Path) -> None:
    """And only those; one that cannot be read goes as well, and one that is gone already is no error."""
    one, two, three = store.save(snapshot(1)), store.save(snapshot(2)), store.save(snapshot(3))
    (tmp_path / "state" / "snapshots" / f"{two.id}.json").write_text("{")
    assert store.has(two.id)
    store.discard([one.id, two.id, "20260101-000000-000aaaa"])
    found = store.list()
    assert (found.snapshots, found.findings) == ((three,), ())
    assert not store.is_empty
    store.discard([three.id])
    assert store.is_empty


def test_a_snapshot_can_be_shared(store: SnapshotStore, tmp_path: Path) -> None:
    """Exported, and imported elsewhere: pinned there, under its own id where that is free."""
    one = store.save(snapshot(label="good"))
    path = store.export("good", tmp_path / "shared.json")
    with pytest.raises(RefusedError) as caught:
        store.export("good", path)
    assert caught.value.code == "file-exists"
    elsewhere = SnapshotStore(tmp_path / "other")
    assert elsewhere.import_(path) == replace(one, pinned=True)
    # Where it came from it is there already; another state of that id gets a new one.
    assert store.import_(path) == one
    path.write_text(json.dumps({**to_dict(one), "freeze": "edited"}))
    again = store.import_(path)
    assert again.id != one.id
    assert again.label == ""
    assert store.get("good") == one


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 99}, "snapshot-format"),
        ({"format": True}, "snapshot-format"),
        ({"id": "../../evil"}, "snapshot-damaged"),
        ({"id": ""}, "snapshot-damaged"),
        ({"id": "a" * 300}, "snapshot-damaged"),
        ({"distributions": []}, "snapshot-damaged"),
        ({"distributions": [{"name": "x"}]}, "snapshot-damaged"),
        ({"distributions": [{"name": "x", "version": 1}]}, "snapshot-damaged"),
        ({"pinned": "yes"}, "snapshot-damaged"),
        ({"surprise": 1}, "snapshot-damaged"),
        ({"packs": [{"pack": {"name": "p", "path": "/p", "dirty": 3}, "digest": ""}]}, "snapshot-damaged"),
        ({"unowned": {}}, "snapshot-damaged"),
    ],
)
def test_what_somebody_sent_is_checked(
    store: SnapshotStore, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    """Anything that is no snapshot of this format is refused, and nothing is stored."""
    path = tmp_path / "sent.json"
    path.write_text(json.dumps({**to_dict(snapshot()), **change}))
    with pytest.raises(SafeInstallError) as caught:
        store.import_(path)
    assert caught.value.code == code
    assert store.list() == SnapshotStore(tmp_path / "none").list()


@pytest.mark.parametrize("content", ["[]", "null", "7", "{}", "{", "\xff"])
def test_what_is_no_object_is_refused(store: SnapshotStore, tmp_path: Path, content: str) -> None:
    """Whatever the file holds, it is an error with a code."""
    path = tmp_path / "sent.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SafeInstallError):
        store.import_(path)
    with pytest.raises(SafeInstallError):
        store.import_(tmp_path / "missing.json")


def test_equal_states_do_not_differ() -> None:
    """Time, reason and label do not count."""
    one = snapshot()
    diff = diff_snapshots(one, snapshot(2, reason="drift", label="x", pinned=True))
    assert diff.is_empty


def test_a_difference_names_everything() -> None:
    """Distributions, packs, files of nobody, Python and ComfyUI."""
    one = snapshot()
    pack, lone = one.packs
    two = snapshot(
        2,
        distributions=(
            SnapshotDistribution(name="numpy", version="2.0", record_digest="other"),
            SnapshotDistribution(name="scipy", version="1.0"),
        ),
        unowned=(UnownedFile(path="lib/x.pth", size=4, digest="cd"), UnownedFile(path="new", size=1)),
        packs=(
            replace(pack, digest="p9", pack=replace(pack.pack, version="2.0", dirty=True)),
            SnapshotPack(pack=Pack(name="added", path="/c/added", disabled=True), digest="0123456789abcdef"),
        ),
        python="3.12.1",
        comfyui_commit="beef",
    )
    assert lone.pack.name == "lone"
    diff = diff_snapshots(one, two)
    assert [(each.name, each.action) for each in diff.changes] == [
        ("mine", "remove"),
        ("numpy", "replace"),
        ("scipy", "install"),
    ]
    assert [(each.name, each.action, each.before, each.after) for each in diff.packs] == [
        ("added", "added", "", "disabled"),
        ("lone", "removed", "p2", ""),
        ("pack", "changed", "abc", "2.0, abc, changed by hand"),
    ]
    assert [(each.path, each.action) for each in diff.unowned] == [("lib/x.pth", "changed"), ("new", "added")]
    assert [each.action for each in diff_snapshots(two, one).unowned] == ["changed", "removed"]
    assert diff.python == ("3.11.7", "3.12.1")
    assert diff.comfyui == ("0.8.0 c0ffee", "0.8.0 beef")


def test_a_disabled_pack_is_a_change() -> None:
    """Though its content is the same."""
    one = snapshot()
    packs = tuple(replace(each, pack=replace(each.pack, disabled=True)) for each in one.packs)
    assert [each.action for each in diff_snapshots(one, replace(one, packs=packs)).packs] == [
        "changed",
        "changed",
    ]


def test_a_snapshot_of_a_real_environment(venv: Venv, dists: Path, store: SnapshotStore) -> None:
    """Composed of what was read; what the lock knows of a distribution is noted, without credentials."""
    live = Live(venv)
    install(venv, make_wheel(dists, "pkg", "1.0"), make_wheel(dists, "other", "2.0"))
    (venv.site_packages / "mine.pth").write_text("/somewhere\n")
    environment = live.environment()
    taken = take_snapshot(
        environment,
        (
            SnapshotPack(pack=Pack(name="b", path="/b"), digest=""),
            SnapshotPack(pack=Pack(name="a", path="/a"), digest=""),
        ),
        id=new_id(timestamp()),
        created=timestamp(),
        reason="by hand",
        freeze=freeze_text(environment),
        unowned=unowned_files(live.python, live.holdings()),
        artefacts={"pkg": Artefact(url="https://me:pw@e.example/pkg.whl", hashes=("sha256:1",))},
    )
    assert store.get(store.save(taken).id) == taken
    assert [each.name for each in taken.distributions] == ["other", "pkg"]
    pkg = taken.get("pkg")
    assert pkg is not None
    assert pkg.url == "https://***@e.example/pkg.whl"
    assert taken.get("nothing") is None
    assert [each.pack.name for each in taken.packs] == ["a", "b"]
    assert any(each.path.endswith("site-packages/mine.pth") for each in taken.unowned)
    assert ("pkg", "1.0", pkg.record_digest) in taken.payload_keys
