"""What is installed, told and verified by the standard library alone; who uses a file."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.deferred.content import mark_of
from comfyui_safe_install.resolver.transaction.deferred.holders import holders_of
from comfyui_safe_install.resolver.transaction.deferred.installed import Listed, faults_after, list_installed
from comfyui_safe_install.resolver.transaction.deferred.premises import wishes


def install(site: Path, name: str, version: str, **files: str) -> str:
    """A distribution put there; its metadata folder."""
    metadata = site / f"{name}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    rows = [f"{metadata.name}/RECORD,,"]
    for stem, text in files.items():
        (site / f"{stem}.py").write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{stem}.py,sha256={digest},{len(text)}")
    (metadata / "RECORD").write_text("\n".join(rows) + "\n")
    return str(metadata)


def listed(site: Path) -> dict[str, Listed]:
    """The listing of one folder."""
    return list_installed([str(site)])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site directory with a core package and an old one."""
    install(tmp_path / "site", "Core_Thing", "1.0", core="CORE = 1\n")
    install(tmp_path / "site", "old", "1.0", old="OLD = 1\n")
    return tmp_path / "site"


def faults(site: Path, before: dict[str, Listed], new: str) -> tuple[str, ...]:
    """What is wrong after `old` 1.0 was to be replaced by `new`."""
    after = listed(site)
    digest = after[new].digest if new in after else "none"
    gone = next(path for path in before if "old-1.0" in path)
    return faults_after(before, after, arriving={new: digest}, leaving=[gone], accepted=[])


def test_the_listing_tells_names_versions_and_digests(site: Path) -> None:
    """Names are canonical; what pip left half way is passed over, and what cannot be read has no digest."""
    (site / "~ld-1.0.dist-info").mkdir()
    (site / "bare-2.0.egg-info").mkdir()
    found = {each.name: each for each in listed(site).values()}
    assert {name: each.version for name, each in found.items()} == {
        "core-thing": "1.0",
        "old": "1.0",
        "bare": "2.0",
    }
    assert len(found["old"].digest) == 64
    assert found["bare"].digest == ""
    assert list_installed([str(site / "nowhere")]) == {}


def test_a_swap_as_planned_has_no_fault(site: Path) -> None:
    """The old one is gone, the new one is whole, everything else is listed as before."""
    before = listed(site)
    for path in site.glob("old*"):
        subprocess.run(["rm", "-r", path], check=True)
    assert faults(site, before, install(site, "old", "2.0", old="OLD = 2\n")) == ()


def test_every_deviation_is_named(site: Path) -> None:
    """A second copy, core changed, a file missing or other than recorded: each is said."""
    before = listed(site)
    new = install(site, "old", "2.0", fresh="NEW = 1\n", lost="")
    (site / "lost.py").unlink()
    (site / "fresh.py").write_text("edited\n")
    (core,) = site.glob("Core_Thing-1.0.dist-info")
    (core / "RECORD").write_text("")
    found = " ".join(faults(site, before, new))
    assert "old-1.0.dist-info should not be there" in found
    assert "Core_Thing-1.0.dist-info is not as planned" in found
    assert "fresh.py" in found
    assert "lost.py" in found
    (Path(new) / "RECORD").write_bytes(b'"torn')
    assert "cannot be read" in " ".join(faults(site, before, new))


def test_whoever_asks_for_a_name_is_found(site: Path, tmp_path: Path) -> None:
    """Core, packs and distributions, by any spelling, comments aside; other names are nobody's business."""
    core, packs = tmp_path / "requirements.txt", tmp_path / "custom_nodes"
    core.write_text("Num_Py>=1\n# numpy in a comment\nother\n")
    (packs / "one").mkdir(parents=True)
    (packs / "one" / "pyproject.toml").write_text('dependencies = ["numpy<3", "x"]\n')
    (packs / "one" / "requirements-dev.txt").write_text("numpy\n")
    (packs / "one" / "notes.txt").write_text("numpy\n")
    with (site / "old-1.0.dist-info" / "METADATA").open("a") as file:
        file.write("Requires-Dist: numpy (>=1)\nRequires-Dist: numpydoc\n\nnumpy in prose\n")
    assert wishes(str(core), [str(packs)], listed(site).values(), {"num-py", "numpy"}) == (
        "ComfyUI: Num_Py>=1",
        'the pack one: dependencies = ["numpy<3", "x"]',
        "the pack one: numpy",
        "old: numpy (>=1)",
    )


def test_a_mark_changes_with_what_it_marks(tmp_path: Path) -> None:
    """Content, names and modes count, bytecode does not, nor does a move."""
    folder = tmp_path / "a"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x.py").write_text("1")
    seen = [mark_of(folder)]
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("")
    folder.rename(tmp_path / "b")
    assert mark_of(tmp_path / "b") == seen[0]
    for change in (
        lambda: (tmp_path / "b" / "deep" / "x.py").write_text("22"),
        lambda: (tmp_path / "b" / "deep" / "x.py").chmod(0o600),
        lambda: (tmp_path / "b" / "link").symlink_to("x"),
        (tmp_path / "b" / "new").mkdir,
    ):
        change()
        seen.append(mark_of(tmp_path / "b"))
    assert len(set(seen)) == len(seen)
    assert mark_of(tmp_path / "nothing") == ""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells")
def test_open_mapped_and_current_folders_have_holders(tmp_path: Path) -> None:
    """A process that has a file open, stands in the folder, or maps a file of it is found by its number."""
    (tmp_path / "f").write_text("x" * 5000)
    code = (
        "import mmap, os, sys; os.chdir(sys.argv[1]); file = open('f', 'rb'); "
        "kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); file.close(); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (holder,) = holders_of([tmp_path])
        (by_map,) = holders_of([tmp_path / "f"])
        assert holder.process == by_map.process == process.pid
        assert str(process.pid) in holder.words
        process.communicate("")
    assert holders_of([tmp_path]) == ()
    with (tmp_path / "f").open():
        (mine,) = holders_of([tmp_path])
    assert mine.process == os.getpid()
    assert "this very process" in mine.words
