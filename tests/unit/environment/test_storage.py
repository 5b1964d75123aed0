"""What killed runs leave goes in time, what others may be using stays, and folders are weighed by what they free."""

from __future__ import annotations

import os
import time
from pathlib import Path

from comfyui_safe_install.resolver.io.snapshots import SnapshotStore
from comfyui_safe_install.resolver.io.storage import Storage
from comfyui_safe_install.resolver.io.stubs import Stub, write_stubs
from comfyui_safe_install.resolver.io.trash import Trash
from comfyui_safe_install.resolver.io.weights import Remembered, weigh

DAY = 24 * 3600.0


def aged(path: Path, days: float) -> Path:
    """A file with some bytes that was last changed so long ago, its folder as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 5000)
    moment = time.time() - days * DAY
    for each in (path, path.parent):
        os.utime(each, (moment, moment))
    return path


def storage_in(folder: Path) -> Storage:
    """The storage of a state folder `state` and an area `area`."""
    state = folder / "state"
    return Storage(state, folder / "area", (folder / "packs",), snapshots=SnapshotStore(state))


def test_what_killed_runs_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    """Trash at once; unfinished files, stages and remembered answers when nobody can be using them any more."""
    old = [
        aged(tmp_path / "area" / "stages" / "t1" / "file", 8),
        aged(tmp_path / "state" / ".x.json.12345678.tmp", 1),
        aged(tmp_path / "state" / "snapshots" / ".y.json.12345678.tmp", 1),
        aged(tmp_path / "state" / "cache" / "solves" / "a.json", 1),
        aged(tmp_path / "state" / "cache" / "stubs" / "old" / "x.whl", 40),
        aged(tmp_path / "packs" / "trash" / "abc" / "file", 0),
    ]
    young = [
        aged(tmp_path / "area" / "stages" / "t2" / "file", 1),
        aged(tmp_path / "state" / ".z.json.12345678.tmp", 0),
        aged(tmp_path / "state" / "cache" / "solves" / "b.json", 0),
        aged(tmp_path / "state" / "snapshots" / "s.json", 400),
        aged(tmp_path / "state" / "record.jsonl", 400),
    ]
    stubs = write_stubs([Stub("torch", "1.0")], tmp_path / "state" / "cache")
    os.utime(stubs, (0, 0))
    assert write_stubs([Stub("torch", "1.0")], tmp_path / "state" / "cache") == stubs
    storage_in(tmp_path).sweep()
    assert [path for path in old if path.exists()] == []
    assert [path for path in young if not path.exists()] == []
    assert stubs.is_dir()


def test_trash_takes_whole_folders_and_what_is_held_stays(tmp_path: Path) -> None:
    """One that cannot be renamed is not gone, and is said not to be."""
    first, second = aged(tmp_path / "p" / "one" / "f", 0).parent, tmp_path / "p" / "missing"
    trash = Trash(tmp_path / "area")
    assert trash.take([first, second]) == (first,)
    assert not (tmp_path / "p").exists()
    assert len(list(trash.folder.iterdir())) == 1
    trash.empty()
    assert not trash.folder.exists()


def test_only_what_removing_frees_counts(tmp_path: Path) -> None:
    """A file with another name elsewhere frees nothing; one whose names all lie inside counts once."""
    inside = aged(tmp_path / "here" / "a", 0)
    (tmp_path / "here" / "again").hardlink_to(inside)
    alone = weigh(tmp_path / "here")
    assert alone.linked == 0
    assert 5000 <= alone.bytes < 3 * 8192 + 4096
    (tmp_path / "elsewhere").hardlink_to(inside)
    assert weigh(tmp_path / "here").linked == alone.bytes - weigh(tmp_path / "here").bytes > 0
    assert weigh(tmp_path / "nothing").bytes == 0


def test_weights_are_remembered_until_a_part_goes(tmp_path: Path) -> None:
    """A cache that cannot be read costs time and nothing else."""
    folder = aged(tmp_path / "payload" / "a", 0).parent
    cache = tmp_path / "weights.json"
    first = Remembered(cache)
    weight = first.weigh(folder, 2, fresh=False)
    first.keep()
    aged(folder / "b", 0)
    assert Remembered(cache).weigh(folder, 2, fresh=False) == weight
    assert Remembered(cache).weigh(folder, 1, fresh=False).bytes > weight.bytes
    assert Remembered(cache).weigh(folder, 2, fresh=True).bytes > weight.bytes
    cache.write_text('{"x": [1, "2", 3]}')
    assert Remembered(cache).weigh(folder, 2, fresh=False).bytes > weight.bytes
