"""Listings, files nobody owns, and digests of packs."""

from __future__ import annotations

import compileall
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.snapshot import UnownedFile
from comfyui_safe_install.resolver.io.listing import (
    LARGE_FILE,
    describe_unowned,
    digest_pack,
    list_tree,
    survey,
    unowned_files,
)
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def live(venv: Venv) -> Live:
    """An empty environment."""
    return Live(venv)


def sha256(data: bytes) -> str:
    """The hexadecimal digest."""
    return hashlib.sha256(data).hexdigest()


def test_a_tree_is_listed_whole_without_following_links(tmp_path: Path) -> None:
    """Folders with their modes, files, links as files, empty folders."""
    (tmp_path / "a" / "empty").mkdir(parents=True, mode=0o700)
    (tmp_path / "a" / "file").write_text("")
    (tmp_path / "a" / "link").symlink_to("/")
    (tmp_path / "a" / "broken").symlink_to("nowhere")
    root = f"{tmp_path}/a"
    tree = list_tree([root, f"{tmp_path}/gone", f"{root}/file", f"{root}/link"])
    assert tree.keys() == {root, f"{root}/empty"}
    assert sorted(tree[root].files) == ["broken", "file", "link"]
    assert tree[root].folders == ("empty",)
    assert tree[f"{root}/empty"].mode == 0o700


def test_a_survey_looks_only_where_it_must(live: Live, dists: Path) -> None:
    """Below the top-level entries asked for, and one level deep in the environment's own folders."""
    install(
        live.venv,
        make_wheel(dists, "one", "1.0", data={"share/x/y.txt": ""}),
        make_wheel(dists, "two", "1.0"),
    )
    site = live.layout.purelib
    found = survey(
        live.layout, [f"{site}/one/__init__.py", f"{site}/single.py", f"{live.layout.data}/share/x/y.txt"]
    )
    assert f"{site}/one" in found
    assert f"{site}/two" not in found
    assert f"{live.layout.data}/share/x" in found
    assert {live.layout.data, f"{live.layout.data}/lib", live.layout.scripts, site} <= found.keys()
    assert str(live.venv.root.parent) not in found
    assert "two" in found[site].folders


def test_a_survey_needs_no_folder_to_exist(live: Live) -> None:
    """An environment has no `include` until something needs it; the first folder above is listed."""
    assert not Path(live.layout.headers).exists()
    layout = replace(live.layout, headers=f"{live.layout.data}/a/b", scripts=f"{live.layout.data}/c")
    assert live.layout.data in survey(layout, [])


def test_what_nobody_owns_is_found(live: Live, dists: Path) -> None:
    """With size, and for small files the digest; bytecode of owned sources does not count."""
    install(live.venv, make_wheel(dists, "pkg", "1.0", files={"pkg/__init__.py": "", "single.py": ""}))
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    site = live.venv.site_packages
    (site / "extra.pth").write_text("/x\n")
    (site / "pkg" / "weights.bin").write_bytes(b"w" * 100_000)
    (site / "mine.py").write_text("")
    compileall.compile_file(str(site / "mine.py"), quiet=2)
    (site / "link").symlink_to("/etc/passwd")
    (site / "pkg" / "__pycache__" / "stale.cpython-311.pyc").write_bytes(b"")
    (live.venv.scripts / "by-hand").write_text("#!")
    found = {each.path: each for each in unowned_files(live.python, live.holdings())}
    home = live.layout.purelib.removeprefix(f"{live.layout.data}/")
    assert found[f"{home}/extra.pth"] == UnownedFile(path=f"{home}/extra.pth", size=3, digest=sha256(b"/x\n"))
    assert found[f"{home}/pkg/weights.bin"] == UnownedFile(path=f"{home}/pkg/weights.bin", size=100_000)
    assert found[f"{home}/link"].digest == sha256(b"/etc/passwd")
    assert "bin/by-hand" in found
    names = {path.rpartition("/")[2].partition(".")[0] for path in found if path.startswith(home)}
    assert names == {"extra", "weights", "mine", "link", "_virtualenv"} - {"_virtualenv"}


def test_scripts_of_a_system_python_are_nobodys_business(live: Live) -> None:
    """Its script folder is shared with every other program of the machine."""
    (live.venv.scripts / "by-hand").write_text("#!")
    python = replace(live.python, base_prefix=live.python.prefix)
    assert [each.path for each in unowned_files(python, ()) if each.path.startswith("bin/")] == []


def test_what_is_no_file_is_not_described(live: Live) -> None:
    """Folders, pipes, and what has gone meanwhile."""
    pipe = live.venv.root / "pipe"
    os.mkfifo(pipe)
    assert describe_unowned(live.layout, str(pipe)) is None
    assert describe_unowned(live.layout, str(live.venv.root / "gone")) is None


def make_pack(folder: Path) -> Path:
    """A small pack."""
    (folder / "web").mkdir(parents=True)
    (folder / "__init__.py").write_text("x = 1\n")
    (folder / "web" / "main.js").write_text("")
    (folder / "link").symlink_to("web")
    return folder


def test_equal_packs_have_one_digest(tmp_path: Path) -> None:
    """On any machine, at any time, whatever git or Python noted beside."""
    one, two = make_pack(tmp_path / "one"), make_pack(tmp_path / "two")
    os.utime(two / "__init__.py", (1, 1))
    (two / ".git").mkdir()
    (two / "web" / "__pycache__").mkdir()
    assert digest_pack(one) == digest_pack(two)


@pytest.mark.parametrize("change", ["content", "name", "new", "link", "empty folder", "kind"])
def test_every_difference_shows(tmp_path: Path, change: str) -> None:
    """A changed byte, name, link, an added file or folder gives another digest."""
    pack = make_pack(tmp_path / "pack")
    before = digest_pack(pack)
    if change == "content":
        (pack / "__init__.py").write_text("x = 2\n")
    elif change == "name":
        (pack / "__init__.py").rename(pack / "__init_.py")
    elif change == "new":
        (pack / "new.txt").write_text("")
    elif change == "link":
        (pack / "link").unlink()
        (pack / "link").symlink_to("elsewhere")
    elif change == "empty folder":
        (pack / "empty").mkdir()
    else:
        (pack / "web" / "main.js").unlink()
        (pack / "web" / "main.js").mkdir()
    assert digest_pack(pack) != before


def test_large_files_count_by_their_size(tmp_path: Path) -> None:
    """Model weights inside a pack are not read at each snapshot."""
    pack = make_pack(tmp_path / "pack")
    with (pack / "model.bin").open("wb") as file:
        file.truncate(LARGE_FILE)
    before = digest_pack(pack)
    with (pack / "model.bin").open("r+b") as file:
        file.write(b"other")
    assert digest_pack(pack) == before
    with (pack / "model.bin").open("r+b") as file:
        file.truncate(LARGE_FILE + 1)
    assert digest_pack(pack) != before


def test_names_that_are_no_text_count_too(tmp_path: Path) -> None:
    """A file name on Linux is bytes; a pack that has an odd one can still be kept."""
    pack = make_pack(tmp_path / "pack")
    before = digest_pack(pack)
    Path(os.fsdecode(os.fsencode(pack) + b"/\xff.txt")).write_text("")
    assert digest_pack(pack) != before


def test_a_missing_pack_is_an_error(tmp_path: Path) -> None:
    """It has no digest."""
    with pytest.raises(FileNotFoundError):
        digest_pack(tmp_path / "gone")


def test_a_pack_may_be_one_file(tmp_path: Path) -> None:
    """Then its content is the digest's."""
    lone = tmp_path / "lone.py"
    lone.write_text("x")
    before = digest_pack(lone)
    lone.write_text("y")
    assert digest_pack(lone) != before
