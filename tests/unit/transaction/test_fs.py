"""The file system acts, on real folders."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.tests.kit.trees import hash_tree


def test_rename_refuses_an_existing_target(tmp_path: Path) -> None:
    """A file, an empty folder and a dangling link at the target are all left alone."""
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("keep")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("folder", "file", "dangling"):
        with pytest.raises(FileExistsError):
            fs.rename(source, tmp_path / name)
    assert source.is_dir()
    assert (tmp_path / "file").read_text() == "keep"


def test_rename_waits_for_a_file_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses a rename for a moment; it is tried again, and the refusal stands when it lasts."""
    (tmp_path / "a").write_text("a")
    refusals = [PermissionError(), PermissionError()]
    real = os.rename

    def refuse_twice(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        real(source, target)

    monkeypatch.setattr(fs, "_PATIENCE", (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "rename", refuse_twice)
    fs.rename(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"
    refusals += [PermissionError()] * 4
    with pytest.raises(PermissionError):
        fs.rename(tmp_path / "b", tmp_path / "c")


def test_syncing_works_on_files_folders_and_trees(tmp_path: Path) -> None:
    """A sync changes nothing and follows no link; a missing file is an error."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_text("x")
    (tmp_path / "sub" / "dangling").symlink_to("nowhere")
    before = hash_tree(tmp_path)
    fs.fsync_file(tmp_path / "sub" / "file")
    fs.fsync_dir(tmp_path)
    fs.sync_tree(tmp_path)
    assert hash_tree(tmp_path) == before
    with pytest.raises(FileNotFoundError):
        fs.fsync_file(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        fs.fsync_dir(tmp_path / "nowhere")


@pytest.mark.parametrize(("number", "passes"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_folder_that_cannot_be_synced_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, passes: bool
) -> None:
    """A file system without folder sync is accepted; a disk error is not."""

    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if passes:
        fs.fsync_dir(tmp_path)
    else:
        with pytest.raises(OSError, match="error"):
            fs.fsync_dir(tmp_path)


def test_fsync_dir_does_nothing_where_there_is_no_such_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows the folder is not even opened."""
    monkeypatch.setattr(fs, "_WINDOWS", True)
    fs.fsync_dir(tmp_path / "nowhere")


def test_a_folder_that_may_not_be_listed_is_not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may rename in a folder that one cannot open; that is no error."""

    def refuse(_path: Path, _flags: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    fs.fsync_dir(tmp_path)


def test_json_survives_the_round_trip(tmp_path: Path) -> None:
    """What was written is read, odd file names included, and no temporary file stays."""
    value = {"name": os.fsdecode(b"caf\xe9"), "list": [1, None, "\u00e9"]}
    fs.write_json(tmp_path / "a.json", {"old": True})
    fs.write_json(tmp_path / "a.json", value)
    assert fs.read_json(tmp_path / "a.json") == value
    assert hash_tree(tmp_path).keys() == {"a.json"}


def test_a_failed_write_leaves_the_old_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the replacement cannot be put in place the old file stays, and nothing else."""
    fs.write_json(tmp_path / "a.json", 1)

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="broken"):
        fs.write_json(tmp_path / "a.json", 2)
    assert fs.read_json(tmp_path / "a.json") == 1
    assert hash_tree(tmp_path).keys() == {"a.json"}


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_unreadable_json_is_never_a_default(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, torn, undecodable and hostile files all raise the same named error."""
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(SafeInstallError) as caught:
        fs.read_json(tmp_path / "a.json")
    assert caught.value.code == "state-unreadable"
    assert "a.json" in caught.value.message


def test_remove_tree_takes_everything_but_follows_no_link(tmp_path: Path) -> None:
    """Files, folders and links go; what a link points to stays; twice is no error."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("keep")
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_text("x")
    (tree / "link").symlink_to(outside)
    fs.remove_tree(tree)
    fs.remove_tree(tree)
    fs.remove_tree(outside / "keep" / "below a file")
    (tmp_path / "link").symlink_to(outside)
    fs.remove_tree(tmp_path / "link")
    assert hash_tree(tmp_path).keys() == {"outside", "outside/keep"}


def test_remove_tree_copes_with_read_only_entries(tmp_path: Path) -> None:
    """An ordinary user can remove a folder that is read-only, with read-only files in it."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    (tree / "file").chmod(0o444)
    (tree / "sub").mkdir()
    (tree / "sub" / "file").write_text("x")
    (tree / "sub").chmod(0o500)
    tree.chmod(0o500)
    # Root is refused nothing, so another user has to do it, reached by a folder everybody may enter.
    tmp_path.chmod(0o777)
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:
        for path in (tmp_path, tree, tree / "file", tree / "sub", tree / "sub" / "file"):
            os.chown(path, nobody, nobody)
    code = textwrap.dedent(
        f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from kit.package import register_package
        register_package()
        from comfyui_safe_install.resolver.transaction import fs
        os.chdir({str(tmp_path)!r})
        if os.geteuid() == 0:
            os.setegid({nobody}); os.seteuid({nobody})
        fs.remove_tree(Path("tree"))
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not tree.exists()


def test_remove_tree_survives_a_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that someone else removes meanwhile is as good as removed."""
    (tmp_path / "tree").mkdir()
    real = os.scandir

    def too_late(path: Path) -> object:
        path.rmdir()
        return real(path)

    monkeypatch.setattr(os, "scandir", too_late)
    fs.remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_space_and_volume_are_asked_of_the_nearest_parent(tmp_path: Path) -> None:
    """Paths that do not exist yet have a volume and free space too."""
    assert fs.device(tmp_path / "a" / "b") == fs.device(tmp_path)
    assert fs.free_bytes(tmp_path / "a" / "b") > 0
    assert fs.nearest_existing(tmp_path / "a" / "b") == tmp_path
    (tmp_path / "link").symlink_to("/dev")
    assert fs.device(tmp_path / "link") == fs.device(tmp_path)
    assert fs.device(tmp_path / "link" / "nothing there") == Path("/dev").stat().st_dev


def test_volumes_differ(tmp_path: Path) -> None:
    """Two devices are not one volume."""
    if Path("/proc").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("only one volume here")
    assert fs.device(tmp_path) != fs.device(Path("/proc"))


def test_inside_is_judged_as_written_and_as_resolved(tmp_path: Path) -> None:
    """Only what is strictly below a root counts, and no link or `..` on the way may lead out."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    (outside / "sub").mkdir(parents=True)
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("sub")
    (tmp_path / "alias").symlink_to(root)
    inside = ["root/a", "root/sub/a", "root/in/a", "root/out", "root/new/deep/a", "root/sub/../a"]
    for path in inside:
        assert fs.is_inside(tmp_path / path, [root]), path
        assert not fs.is_inside(tmp_path / path, []), path
    for path in (
        "root",
        "root/",
        "outside/a",
        "root/out/a",
        "root/out/../a",
        "rooted",
        "root/..",
        "root/sub/..",
    ):
        assert not fs.is_inside(Path(f"{tmp_path}/{path}"), [root]), path
    assert fs.is_inside(root / "a", [tmp_path / "alias"])
    assert fs.is_inside(tmp_path / "alias" / "a", [outside, tmp_path / "alias"])
    assert not fs.is_inside(Path("root/a"), [root])
    assert not fs.is_inside(root / "a\0b", [root])
    assert fs.is_inside(tmp_path, [Path("/")])


def test_json_files_are_plain_text(tmp_path: Path) -> None:
    """The state files can be read by a human and by any JSON reader."""
    fs.write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": 2, "b": 1}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")
