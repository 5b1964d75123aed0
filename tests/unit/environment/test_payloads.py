"""Payloads: made before a swap, found again, checked, brought back, thrown away."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.displacement import (
    Displacement,
    plan_displacement,
    plan_pack_displacement,
    prepare,
)
from comfyui_safe_install.resolver.io.listing import digest_pack
from comfyui_safe_install.resolver.io.payload import Payload, read_payload
from comfyui_safe_install.resolver.io.payloads import PayloadStore, area_for, pack_area
from comfyui_safe_install.tests.kit.swapping import Done, Live
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install, run_python
from comfyui_safe_install.tests.kit.wheels import make_wheel

JANUARY, MARCH = "2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"


@pytest.fixture
def live(venv: Venv) -> Live:
    """An empty environment."""
    return Live(venv)


@pytest.fixture
def store(live: Live) -> PayloadStore:
    """The payloads of its area."""
    return PayloadStore(live.area)


def wheel(dists: Path, version: str) -> Path:
    """A distribution with a package, a script and data, and a file of its own for each version."""
    return make_wheel(
        dists / version,
        "pkg",
        version,
        files={"pkg/__init__.py": f"v = {version!r}\n", f"pkg/only{version[0]}.py": "", "pkg_single.py": ""},
        entry_points={"pkg-tool": "pkg:main"},
        data={"share/pkg/doc.txt": version},
    )


def tree_of(live: Live) -> dict[str, tuple[str, int, str]]:
    """The environment without uv's lock file and our area."""
    return hash_tree(live.venv.root, exclude=[".lock", "area"])


def upgrade(
    live: Live, dists: Path, version: str = "2.0", transaction: str = "t1", when: str = JANUARY
) -> Done:
    """Swap pkg for another version."""
    return live.swap(
        ["pkg"],
        [live.stage(f"stage-{transaction}", wheel(dists, version))],
        transaction=transaction,
        displaced=when,
    )


def bring_back(live: Live, store: PayloadStore, payload: Payload, transaction: str) -> Done:
    """Swap pkg for what the payload holds, as a rollback to a snapshot does."""
    return live.swap(["pkg"], [store.arrival(payload, live.layout)], transaction=transaction, displaced=MARCH)


def test_the_area_lies_beside_site_packages(live: Live) -> None:
    """On the same volume, under a name no scanner takes for a distribution."""
    area = area_for(live.python)
    assert area.parent == live.venv.site_packages.parent
    assert area.name == ".safe-install"


def test_a_payload_brings_back_exactly_what_was(live: Live, store: PayloadStore, dists: Path) -> None:
    """Planned anew, as for a rollback weeks later: every byte, mode and piece of bytecode."""
    install(live.venv, wheel(dists, "1.0"))
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    (live.venv.site_packages / "pkg" / "empty").mkdir(mode=0o700)
    before = tree_of(live)
    digest = live.environment().distributions[0].record_digest
    upgrade(live, dists)
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    upgraded = tree_of(live)
    payload = store.choose("pkg", "1.0", digest, since=JANUARY)
    assert payload is not None
    assert store.check(payload, payload.note.members[0], live.layout) == ()
    done = bring_back(live, store, payload, "t2")
    assert tree_of(live) == before
    done.undo()
    assert tree_of(live) == upgraded


def test_a_package_with_weights_in_it_comes_back_exactly(
    live: Live, store: PayloadStore, dists: Path
) -> None:
    """Single files find their way back into a folder that stayed."""
    install(live.venv, wheel(dists, "1.0"))
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    (live.venv.site_packages / "pkg" / "weights.bin").write_bytes(b"w")
    before = tree_of(live)
    upgrade(live, dists)
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    bring_back(live, store, store.list().payloads[0], "t2")
    assert tree_of(live) == before


def test_bytecode_in_the_way_does_not_stop_a_payload(live: Live, store: PayloadStore, dists: Path) -> None:
    """It is not overwritten; Python compares it with the source and writes it anew."""
    install(live.venv, wheel(dists, "1.0"))
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    live.swap(["pkg"])
    name = f"__init__.{sys.implementation.cache_tag}.pyc"
    stale = live.venv.site_packages / "pkg" / "__pycache__" / name
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"stale")
    live.swap([], [store.arrival(store.list().payloads[0], live.layout)], transaction="t2")
    assert stale.read_bytes() == b"stale"
    assert run_python(live.venv, "import pkg; print(pkg.v)") == "1.0\n"


@pytest.mark.parametrize("whole_folders", [True, False])
def test_an_empty_folder_comes_back_into_a_folder_that_stayed(
    live: Live, store: PayloadStore, dists: Path, whole_folders: bool
) -> None:
    """Though nothing in it says whose it is."""
    install(live.venv, wheel(dists, "1.0"))
    (live.venv.site_packages / "pkg" / "empty").mkdir(mode=0o700)
    before = tree_of(live)
    live.swap(["pkg"])
    mine = live.venv.site_packages / "pkg" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("made meanwhile")
    live.swap(
        [],
        [store.arrival(store.list().payloads[0], live.layout)],
        transaction="t2",
        whole_folders=whole_folders,
    )
    mine.unlink()
    assert tree_of(live) == before


def test_the_note_says_everything(live: Live, store: PayloadStore, dists: Path) -> None:
    """What, of which transaction, when, and each entry with its live place, kind and mode."""
    install(live.venv, wheel(dists, "1.0"))
    upgrade(live, dists)
    (payload,) = store.list().payloads
    note = json.loads((payload.folder / "payload.json").read_text())
    assert (note["format"], note["kind"], note["transaction"], note["displaced"]) == (
        1,
        "distribution",
        "t1",
        JANUARY,
    )
    assert note["members"][0]["name"] == "pkg"
    assert note["members"][0]["metadata"] == "purelib/pkg-1.0.dist-info"
    entries = {entry["path"]: entry for entry in note["entries"]}
    assert entries["purelib/pkg"]["kind"] == "folder"
    assert entries["purelib/pkg"]["live_path"] == str(live.venv.site_packages / "pkg")
    assert entries["scripts/pkg-tool"] == {
        "path": "scripts/pkg-tool",
        "live_path": str(live.venv.scripts / "pkg-tool"),
        "kind": "file",
        "mode": 0o755,
        "copied": False,
    }
    assert payload.folder.parent.name == f"pkg-1.0-{note['members'][0]['digest'][:12]}"


def test_the_nearest_payload_is_chosen(live: Live, store: PayloadStore, dists: Path) -> None:
    """The first displaced after the moment asked for; else the last before, for its content is the same."""
    install(live.venv, wheel(dists, "1.0"))
    digest = live.environment().distributions[0].record_digest
    upgrade(live, dists, "2.0", "t1", JANUARY)
    upgrade(live, dists, "1.0", "t2", "2026-02-01T00:00:00.000Z")
    again = live.environment().distributions[0].record_digest
    upgrade(live, dists, "2.0", "t3", MARCH)
    # A wheel from another time has another RECORD where uv notes the file's age; then it is another build.
    for key in {digest, again}:
        found = store.find("pkg", "1.0", key)
        assert [each.note.displaced for each in found] == sorted(each.note.displaced for each in found)
        assert store.choose("pkg", "1.0", key, since="2025") == found[0]
        assert store.choose("pkg", "1.0", key, since="2027") == found[-1]
        assert store.choose_whole("pkg", "1.0", key, live.layout, since="2027") == found[-1]
        (found[-1].tree / "purelib" / "pkg" / "__init__.py").write_text("changed")
        others = found[-2] if len(found) > 1 else None
        assert store.choose_whole("pkg", "1.0", key, live.layout, since="2027") == others
    assert store.choose("pkg", "9.9", digest) is None
    assert store.find("pkg", "1.0", "") == ()


@pytest.mark.parametrize("fault", ["record", "missing", "content", "gone"])
def test_a_payload_that_is_not_whole_is_not_used(
    live: Live, store: PayloadStore, dists: Path, fault: str
) -> None:
    """A changed RECORD, a missing or edited file: said before anything starts."""
    install(live.venv, wheel(dists, "1.0"))
    upgrade(live, dists)
    (payload,) = store.list().payloads
    library = payload.tree / "purelib"
    if fault == "record":
        record = library / "pkg-1.0.dist-info" / "RECORD"
        record.write_text(record.read_text() + "\n")
    elif fault == "missing":
        (library / "pkg" / "only1.py").unlink()
    elif fault == "content":
        (library / "pkg" / "__init__.py").write_text("v = '1.X'\n")
    else:
        shutil.rmtree(payload.tree)
    (finding,) = store.check(payload, payload.note.members[0], live.layout)
    assert finding.code == "payload-unusable"
    if fault == "content":
        assert store.check(payload, payload.note.members[0], live.layout, hashes=False) == ()


def group_wheel(dists: Path, name: str) -> Path:
    """One of two distributions that contest a file."""
    return make_wheel(dists, name, "1.0", files={"cv2/__init__.py": name, f"{name}_only.py": ""})


def test_a_group_is_one_payload_that_each_member_finds(live: Live, store: PayloadStore, dists: Path) -> None:
    """What contests a file leaves together and comes back together; a member alone only where it is whole."""
    install(live.venv, group_wheel(dists, "cvone"))
    install(live.venv, group_wheel(dists, "cvtwo"))
    before = tree_of(live)
    digests = {each.name: each.record_digest for each in live.environment().distributions}
    live.swap(["cvone", "cvtwo"])
    (one,) = store.find("cvone", "1.0", digests["cvone"])
    (two,) = store.find("cvtwo", "1.0", digests["cvtwo"])
    assert one == two
    by_name = {member.name: member for member in one.note.members}
    assert store.check(one, by_name["cvtwo"], live.layout) == ()  # it was written last
    assert store.check(one, by_name["cvone"], live.layout) != ()
    live.swap([], [store.arrival(one, live.layout)], transaction="t2")
    assert tree_of(live) == before


def test_one_member_of_a_group_can_come_alone(live: Live, store: PayloadStore, dists: Path) -> None:
    """Only its own files move in."""
    install(live.venv, group_wheel(dists, "cvone"))
    install(live.venv, group_wheel(dists, "cvtwo"))
    live.swap(["cvone", "cvtwo"])
    (payload,) = store.list().payloads
    member = next(each for each in payload.note.members if each.name == "cvtwo")
    live.swap([], [store.arrival(payload, live.layout, [member])], transaction="t2")
    assert live.environment().versions == {"cvtwo": "1.0"}
    assert not (live.venv.site_packages / "cvone_only.py").exists()


def test_nothing_is_made_twice(live: Live, dists: Path) -> None:
    """A payload folder that exists may hold somebody's files: an error, and it stays as it is."""
    install(live.venv, wheel(dists, "1.0"))
    swap = live.plan(["pkg"])
    planned = plan_displacement(
        live.area, live.layout, swap, live.holdings(), transaction="t1", displaced=JANUARY
    )
    prepare(planned)
    before = hash_tree(live.area)
    with pytest.raises(SafeInstallError) as caught:
        prepare(planned)
    assert caught.value.code == "displacement-failed"
    assert hash_tree(live.area) == before


def test_a_failure_while_preparing_leaves_nothing(live: Live, dists: Path) -> None:
    """Nothing live changes, and what was made is removed."""
    install(live.venv, wheel(dists, "1.0"), make_wheel(dists, "other", "1.0"))
    swap = live.plan(["pkg", "other"])
    planned = plan_displacement(
        live.area, live.layout, swap, live.holdings(), transaction="t1", displaced=JANUARY
    )
    blocked = planned.payloads[-1].folder
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    before = tree_of(live)
    with pytest.raises(SafeInstallError):
        prepare(planned)
    assert tree_of(live) == before
    assert not list(live.area.rglob("payload.json"))
    assert blocked.read_text() == "in the way"


def test_what_is_not_there_cannot_be_displaced(live: Live, dists: Path) -> None:
    """An environment that changed since it was listed is noticed before anything moves."""
    install(live.venv, wheel(dists, "1.0"))
    swap = live.plan(["pkg"])
    holdings = live.holdings()
    (live.venv.scripts / "pkg-tool").unlink()
    with pytest.raises(SafeInstallError) as caught:
        plan_displacement(live.area, live.layout, swap, holdings, transaction="t1", displaced=JANUARY)
    assert caught.value.code == "displacement-failed"


def test_payloads_no_snapshot_names_are_collected(live: Live, store: PayloadStore, dists: Path) -> None:
    """What a snapshot names stays; the rest goes, trash included."""
    install(live.venv, wheel(dists, "1.0"))
    first = live.environment().distributions[0]
    upgrade(live, dists, "2.0", "t1")
    second = live.environment().distributions[0]
    upgrade(live, dists, "3.0", "t2")
    third = live.environment().distributions[0]
    upgrade(live, dists, "4.0", "t3")
    assert len(store.list().payloads) == 3
    keep = {
        (first.name, first.version, first.record_digest),
        (third.name, third.version, third.record_digest),
    }
    (gone,) = store.unnamed(keep)
    assert gone.note.members[0].key == (second.name, second.version, second.record_digest)
    assert store.collect(keep) == (gone,)
    assert [each.note.members[0].version for each in store.list().payloads] == ["1.0", "3.0"]
    (gone,) = store.collect([(first.name, first.version, first.record_digest)])
    assert gone.note.members[0].version == third.version
    assert sorted(path.name for path in live.area.iterdir()) == ["payloads"]
    assert len(list((live.area / "payloads").iterdir())) == 1


def test_a_payload_that_went_back_is_collected(live: Live, store: PayloadStore, dists: Path) -> None:
    """Its files are live again, so the empty shell is worth nothing, whatever a snapshot names."""
    install(live.venv, wheel(dists, "1.0"))
    upgrade(live, dists)
    (payload,) = store.list().payloads
    bring_back(live, store, payload, "t2")
    keep = {member.key for each in store.list().payloads for member in each.note.members}
    assert store.collect(keep) == (payload,)
    assert [each.note.transaction for each in store.list().payloads] == ["t2"]


def test_a_payload_can_be_discarded(live: Live, store: PayloadStore, dists: Path) -> None:
    """After a rolled-back transaction nothing of it is kept."""
    install(live.venv, wheel(dists, "1.0"))
    done = upgrade(live, dists)
    done.undo()
    store.discard(done.displacement.payloads[0])
    assert store.list().payloads == ()
    assert store.area.is_dir()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "kind": "distribution"}', "null"],
)
def test_a_damaged_note_is_a_finding_and_stays(
    live: Live, store: PayloadStore, dists: Path, text: str
) -> None:
    """A person may still make sense of the files, so nothing is thrown away."""
    install(live.venv, wheel(dists, "1.0"))
    upgrade(live, dists)
    (payload,) = store.list().payloads
    (payload.folder / "payload.json").write_text(text)
    listed = store.list()
    assert listed.payloads == ()
    assert [finding.code for finding in listed.findings] == ["payload-damaged"]
    assert store.collect(set()) == ()
    assert payload.tree.is_dir()


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "purelib/../../x", "C:/x", "a\\b"])
def test_a_note_that_names_places_outside_is_damaged(
    live: Live, store: PayloadStore, dists: Path, path: str
) -> None:
    """Somebody could have written it."""
    install(live.venv, wheel(dists, "1.0"))
    upgrade(live, dists)
    (payload,) = store.list().payloads
    note = json.loads((payload.folder / "payload.json").read_text())
    note["entries"][0]["path"] = path
    (payload.folder / "payload.json").write_text(json.dumps(note))
    with pytest.raises(SafeInstallError) as caught:
        read_payload(payload.folder)
    assert caught.value.code == "payload-damaged"


def pack_folder(custom_nodes: Path, name: str = "ComfyUI-Pack") -> Pack:
    """A pack with code, git, bytecode and a link."""
    folder = custom_nodes / name
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "index").write_bytes(b"changes when git is asked")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"")
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (folder / "web").mkdir()
    (folder / "web" / "main.js").write_text("")
    (folder / "link").symlink_to("web")
    return Pack(name=name, path=str(folder), version="1.0", commit="abc")


def carry_out(displacement: Displacement) -> None:
    """Make it ready and do its moves."""
    prepare(displacement)
    for source, target in displacement.moves:
        source.rename(target)


def test_a_pack_is_a_payload_too(tmp_path: Path, live: Live) -> None:
    """Found by name, version and digest; checked; and back by the same rename."""
    custom_nodes = tmp_path / "ComfyUI" / "custom_nodes"
    pack = pack_folder(custom_nodes)
    area = pack_area(custom_nodes)
    assert area == tmp_path / "ComfyUI" / ".safe-install"
    before = hash_tree(custom_nodes)
    digest = digest_pack(Path(pack.path))
    carry_out(plan_pack_displacement(area, pack, digest, transaction="t1", displaced=JANUARY))
    assert list(custom_nodes.iterdir()) == []
    store = PayloadStore(area)
    (payload,) = store.find("ComfyUI-Pack", "1.0", digest)
    assert store.check(payload, payload.note.members[0], live.layout) == ()
    for aside, home in payload.ways_back:
        aside.rename(home)
    assert hash_tree(custom_nodes) == before
    assert store.collect({("ComfyUI-Pack", "1.0", digest)}) == (payload,)


def test_a_pack_payload_that_was_changed_is_not_used(tmp_path: Path, live: Live) -> None:
    """Its content is compared, for a pack has no RECORD."""
    custom_nodes = tmp_path / "custom_nodes"
    pack = pack_folder(custom_nodes)
    digest = digest_pack(Path(pack.path))
    area = pack_area(custom_nodes)
    carry_out(plan_pack_displacement(area, pack, digest, transaction="t1", displaced=JANUARY))
    store = PayloadStore(area)
    (payload,) = store.list().payloads
    (payload.tree / "pack" / "ComfyUI-Pack" / "__init__.py").write_text("changed")
    assert [each.code for each in store.check(payload, payload.note.members[0], live.layout)] == [
        "payload-unusable"
    ]
    shutil.rmtree(payload.tree)
    assert [each.code for each in store.check(payload, payload.note.members[0], live.layout)] == [
        "payload-unusable"
    ]


def test_a_single_file_pack_is_a_payload_too(tmp_path: Path, live: Live) -> None:
    """Some packs are one `.py` file."""
    custom_nodes = tmp_path / "custom_nodes"
    custom_nodes.mkdir()
    file = custom_nodes / "lone.py"
    file.write_text("NODE_CLASS_MAPPINGS = {}\n")
    pack = Pack(name="lone", path=str(file), is_file=True)
    digest = digest_pack(file)
    carry_out(
        plan_pack_displacement(pack_area(custom_nodes), pack, digest, transaction="t1", displaced=JANUARY)
    )
    store = PayloadStore(pack_area(custom_nodes))
    (payload,) = store.find("lone", "", digest)
    assert payload.note.entries[0].kind == "file"
    assert store.check(payload, payload.note.members[0], live.layout) == ()


def test_the_pack_area_is_inside_where_no_rename_reaches(tmp_path: Path) -> None:
    """A custom_nodes folder mounted into a container has its parent's device number, but renames stop."""
    shared = Path("/dev/shm")  # noqa: S108 - another file system that every Linux has
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at hand")
    elsewhere = shared / f"safe-install-test-{os.getpid()}"
    elsewhere.mkdir()
    try:
        (tmp_path / "custom_nodes").symlink_to(elsewhere)
        assert pack_area(tmp_path / "custom_nodes") == tmp_path / "custom_nodes" / ".safe-install.disabled"
        assert list(elsewhere.iterdir()) == []
        assert [path.name for path in tmp_path.iterdir()] == ["custom_nodes"]
    finally:
        elsewhere.rmdir()


def test_displaced_files_of_nobody_can_be_found_again(live: Live, store: PayloadStore, dists: Path) -> None:
    """By their path and content, as a snapshot names them."""
    left_over = live.venv.site_packages / "pkg" / "__init__.py"
    left_over.parent.mkdir()
    left_over.write_text("left over")
    arrival = live.stage("stage", wheel(dists, "1.0"))
    live.carry_out(live.plan([], [arrival], displaced=[str(left_over)]))
    (payload,) = store.list().payloads
    (member,) = payload.note.members
    assert member.name.endswith("site-packages/pkg/__init__.py")
    assert store.find(member.name, "", member.digest) == (payload,)
    assert store.check(payload, member, live.layout) == ()
    assert store.check(payload, replace(member, digest="0"), live.layout) != ()
    assert payload.ways_back[0][1] == left_over
