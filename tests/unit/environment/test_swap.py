"""Real distributions in real venvs, swapped by the planned moves and taken back."""

from __future__ import annotations

import compileall
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.ownership import contested_files, contested_groups
from comfyui_safe_install.resolver.core.swap import plan_swap
from comfyui_safe_install.resolver.errors import RefusedError
from comfyui_safe_install.resolver.io.listing import survey
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install, make_venv, run_python
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def live(venv: Venv) -> Live:
    """An empty environment."""
    return Live(venv)


def tree_of(live: Live) -> dict[str, tuple[str, int, str]]:
    """The environment without uv's own lock file and our area."""
    return hash_tree(live.venv.root, exclude=[".lock", "area"])


def clean_tree(tmp_path: Path, *wheels: Path) -> set[str]:
    """The names a clean install of these wheels has below the library and share folders."""
    venv = make_venv(tmp_path / "clean")
    if wheels:
        install(venv, *wheels)
    names = set(hash_tree(venv.root, exclude=[".lock", "__pycache__"]))
    shutil.rmtree(venv.root)
    return names


def names_of(live: Live) -> set[str]:
    """The names the environment has, bytecode aside."""
    return set(hash_tree(live.venv.root, exclude=[".lock", "area", "__pycache__"]))


def compile_all(live: Live) -> None:
    """Bytecode for everything installed, as running it would leave."""
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)


def big_wheel(dists: Path, version: str) -> Path:
    """A distribution with a package, a single module, a script, an entry point, data and a .pth."""
    return make_wheel(
        dists / version,
        "big",
        version,
        files={
            "big/__init__.py": f"__version__ = {version!r}\n",
            "big/sub/__init__.py": "",
            "big/sub/deep.py": f"x = {version!r}\n",
            f"big/only_{version.replace('.', '_')}.py": "",
            "big_single.py": f"y = {version!r}\n",
            "big.pth": f"# {version}\n",
        },
        entry_points={"big-tool": "big:main"},
        scripts={"big-script": f"#!python\nprint({version!r})\n"},
        data={"share/big/doc.txt": version, f"etc/big-{version}.conf": version},
    )


def other_wheel(dists: Path) -> Path:
    """A distribution with a module of its own beside the others'."""
    return make_wheel(dists, "other", "1.0", files={"other_single.py": "z = 1\n", "other/__init__.py": ""})


def test_an_upgrade_is_whole_folders_and_exactly_a_clean_install(
    live: Live, dists: Path, tmp_path: Path
) -> None:
    """One move for a package however many files it has; the result has the names of a clean install."""
    old, new, other = big_wheel(dists, "1.0"), big_wheel(dists, "2.0"), other_wheel(dists)
    install(live.venv, old, other)
    compile_all(live)
    done = live.swap(["big"], [live.stage("stage", new)])
    moved = {out.payload_path for out in done.swap.outgoing}
    assert {"purelib/big", "purelib/big-1.0.dist-info", "purelib/big_single.py", "purelib/big.pth"} <= moved
    assert {"scripts/big-tool", "scripts/big-script", "data/share", "data/etc"} <= moved
    assert sum("single" in path for path in moved) == 2  # with its bytecode
    assert names_of(live) == clean_tree(tmp_path, new, other)
    assert run_python(live.venv, "import big; print(big.__version__)") == "2.0\n"


def test_forward_and_back_leaves_every_byte_as_it_was(live: Live, dists: Path) -> None:
    """Bytecode, modes and empty folders included."""
    install(live.venv, big_wheel(dists, "1.0"), other_wheel(dists))
    compile_all(live)
    (live.venv.site_packages / "big" / "empty").mkdir(mode=0o700)
    (live.venv.site_packages / "big").chmod(0o750)
    before = tree_of(live)
    done = live.swap(["big"], [live.stage("stage", big_wheel(dists, "2.0"))])
    assert tree_of(live) != before
    done.undo()
    assert tree_of(live) == before


@pytest.mark.parametrize("whole_folders", [True, False])
def test_an_uninstall_leaves_what_was_there_before(
    live: Live, dists: Path, tmp_path: Path, whole_folders: bool
) -> None:
    """Folders that only it had are gone, with the bytecode; going back restores all of it."""
    install(live.venv, other_wheel(dists))
    install(live.venv, big_wheel(dists, "1.0"))
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["big"], whole_folders=whole_folders)
    assert names_of(live) == clean_tree(tmp_path, other_wheel(dists))
    cached = live.venv.site_packages / "__pycache__"
    assert [path.name.partition(".")[0] for path in cached.iterdir()] == ["other_single"]
    done.undo()
    assert tree_of(live) == before


def test_single_files_only_where_folders_cannot_be_renamed(live: Live, dists: Path, tmp_path: Path) -> None:
    """On overlayfs a folder of the image cannot be renamed; then every move is a file, to the same end."""
    new = big_wheel(dists, "2.0")
    install(live.venv, big_wheel(dists, "1.0"))
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["big"], [live.stage("stage", new)], whole_folders=False)
    assert all(
        entry.kind == "file" for payload in done.displacement.payloads for entry in payload.note.entries
    )
    assert not any(Path(each.live_path).is_dir() for each in done.swap.incoming)
    assert names_of(live) == clean_tree(tmp_path, new)
    done.undo()
    assert tree_of(live) == before


def test_metadata_goes_first_and_comes_last(live: Live, dists: Path) -> None:
    """At no instant does new metadata stand beside old code."""
    install(live.venv, big_wheel(dists, "1.0"), other_wheel(dists))
    arrival = live.stage("stage", big_wheel(dists, "2.0"), other_wheel(dists))
    swap = live.plan(["big", "other"], [arrival])
    outgoing = [out.live_path.endswith(".dist-info") for out in swap.outgoing]
    incoming = [each.live_path.endswith(".dist-info") for each in swap.incoming]
    assert outgoing == sorted(outgoing, reverse=True)
    assert incoming == sorted(incoming)
    assert sum(outgoing) == sum(incoming) == 2


def test_files_nobody_owns_stay_where_they_are(live: Live, dists: Path) -> None:
    """Weights dropped into a package folder survive its upgrade, and are no part of the payload."""
    install(live.venv, big_wheel(dists, "1.0"))
    weights = live.venv.site_packages / "big" / "weights" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["big"], [live.stage("stage", big_wheel(dists, "2.0"))])
    assert weights.read_bytes() == b"weights"
    moved = {out.payload_path for out in done.swap.outgoing}
    assert "purelib/big/sub" in moved  # still whole where it can be
    assert "purelib/big" not in moved
    assert (live.venv.site_packages / "big" / "only_2_0.py").is_file()
    assert not (live.venv.site_packages / "big" / "only_1_0.py").exists()
    assert not list(live.venv.site_packages.glob("big/__pycache__/*1_0*"))
    done.undo()
    assert tree_of(live) == before


def test_bytecode_folders_of_a_folder_that_stays_are_not_removed(live: Live, dists: Path) -> None:
    """Python may write into them at any moment, and a folder that is no longer empty would stop a swap."""
    install(live.venv, big_wheel(dists, "1.0"))
    (live.venv.site_packages / "big" / "mine.bin").write_bytes(b"")
    compile_all(live)
    assert live.plan(["big"]).removed == ()


def test_stale_bytecode_goes_along_but_stays_in_a_folder_that_stays(live: Live, dists: Path) -> None:
    """What is left of modules long gone belongs to nobody; it moves only where the whole folder does."""
    install(live.venv, big_wheel(dists, "1.0"))
    stale = live.venv.site_packages / "big" / "__pycache__" / "gone.cpython-311.pyc"
    stale.parent.mkdir()
    stale.write_bytes(b"stale")
    assert live.plan(["big"]).removed == ()
    (live.venv.site_packages / "big" / "mine.bin").write_bytes(b"")
    assert str(stale) not in {out.live_path for out in live.plan(["big"]).outgoing}


def namespace_wheels(dists: Path, version: str = "1.0") -> tuple[Path, Path]:
    """Two distributions in one namespace package, with a file each beside their folders."""
    one = make_wheel(
        dists / version,
        "ns-one",
        version,
        files={"google/one/__init__.py": version, "google/flat_one.py": ""},
    )
    two = make_wheel(
        dists / version,
        "ns-two",
        version,
        files={"google/two/__init__.py": version, "google/flat_two.py": ""},
    )
    return one, two


def test_a_namespace_folder_stays_for_the_one_that_stays(live: Live, dists: Path, tmp_path: Path) -> None:
    """Single files and inner folders move where distributions share a folder."""
    one, two = namespace_wheels(dists)
    install(live.venv, one, two)
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["ns-one"])
    moved = {out.payload_path for out in done.swap.outgoing}
    assert "purelib/google/one" in moved
    assert "purelib/google" not in moved
    assert names_of(live) == clean_tree(tmp_path, two)
    done.undo()
    assert tree_of(live) == before


def test_a_namespace_folder_goes_with_the_last_one(live: Live, dists: Path, tmp_path: Path) -> None:
    """Each distribution gets a payload of its own, and the folder they shared is removed."""
    install(live.venv, *namespace_wheels(dists))
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["ns-one", "ns-two"])
    assert len(done.displacement.payloads) == 2
    assert names_of(live) == clean_tree(tmp_path)
    assert not (live.venv.site_packages / "google").exists()
    done.undo()
    assert tree_of(live) == before


def test_a_namespace_folder_that_refills_is_kept(live: Live, dists: Path, tmp_path: Path) -> None:
    """When all its owners change at once, the new folder takes its place and nothing is left over."""
    old, new = namespace_wheels(dists, "1.0"), namespace_wheels(dists, "2.0")
    install(live.venv, *old)
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["ns-one", "ns-two"], [live.stage("stage", *new)])
    assert names_of(live) == clean_tree(tmp_path, *new)
    assert run_python(live.venv, "import google.flat_one, google.flat_two, google.one") == ""
    done.undo()
    assert tree_of(live) == before


def opencv(dists: Path, name: str, version: str = "4.9", extra: str = "") -> Path:
    """A wheel of one of the distributions that all install `cv2`."""
    return make_wheel(
        dists / version,
        name,
        version,
        files={
            "cv2/__init__.py": f"which = {name!r}\n",
            "cv2/data/haar.xml": "<same/>",
            "cv2/cv2.so": f"{name} {version}{extra}",
            f"{name.replace('-', '_')}.libs/lib.so": name,
        },
    )


def test_two_opencv_variants_are_one_group(live: Live, dists: Path) -> None:
    """They own the same files with other contents; a bystander is in no group."""
    install(live.venv, opencv(dists, "opencv-python"), other_wheel(dists))
    install(live.venv, opencv(dists, "opencv-python-headless"))
    holdings = live.holdings()
    (group,) = contested_groups(holdings)
    assert [key.rpartition("/")[2].partition("-")[0] for key in group] == [
        "opencv_python",
        "opencv_python_headless",
    ]
    agreed = {each.path.rpartition("/")[2]: each.agree for each in contested_files(holdings)}
    assert agreed == {"__init__.py": False, "haar.xml": True, "cv2.so": False}


def test_moving_one_opencv_variant_alone_is_said_to_divide(live: Live, dists: Path) -> None:
    """The plan names every file that the other owner would lose or keep with a wrong content."""
    install(live.venv, opencv(dists, "opencv-python"))
    install(live.venv, opencv(dists, "opencv-python-headless"))
    swap = live.plan(["opencv-python"])
    assert sorted(each.path.rpartition("/")[2] for each in swap.divided) == ["__init__.py", "cv2.so"]
    assert swap.divided[0].staying[0].endswith("opencv_python_headless-4.9.dist-info")


def test_two_opencv_variants_are_replaced_by_one(live: Live, dists: Path, tmp_path: Path) -> None:
    """The group leaves as one payload with one move for `cv2`; the new owner stands alone; and back."""
    new = opencv(dists, "opencv-contrib-python-headless", "4.10")
    install(live.venv, opencv(dists, "opencv-python"))
    install(live.venv, opencv(dists, "opencv-python-headless"))
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["opencv-python", "opencv-python-headless"], [live.stage("stage", new)])
    assert [len(each.members) for each in done.swap.units] == [2]
    assert [out.payload_path for out in done.swap.outgoing if "cv2" in out.payload_path] == ["purelib/cv2"]
    assert names_of(live) == clean_tree(tmp_path, new)
    assert run_python(live.venv, "import cv2; print(cv2.which)") == "opencv-contrib-python-headless\n"
    done.undo()
    assert tree_of(live) == before


def nvidia(dists: Path, name: str, version: str = "1.0") -> Path:
    """A wheel that shares an empty `nvidia/__init__.py` with its siblings, as NVIDIA's do."""
    return make_wheel(
        dists / version,
        f"nvidia-{name}",
        version,
        files={"nvidia/__init__.py": "", f"nvidia/{name}/lib.so": version},
    )


def test_owners_that_agree_on_a_file_move_alone(live: Live, dists: Path, tmp_path: Path) -> None:
    """The shared file stays for the others, the payload gets a copy, and the new version needs none."""
    stays = nvidia(dists, "cudnn")
    install(live.venv, nvidia(dists, "cublas"), stays)
    assert contested_groups(live.holdings()) == ()
    compile_all(live)
    before = tree_of(live)
    new = nvidia(dists, "cublas", "2.0")
    done = live.swap(["nvidia-cublas"], [live.stage("stage", new)])
    (payload,) = done.displacement.payloads
    assert [entry.path for entry in payload.note.entries if entry.copied] == ["purelib/nvidia/__init__.py"]
    assert (payload.tree / "purelib" / "nvidia" / "__init__.py").is_file()
    assert names_of(live) == clean_tree(tmp_path, new, stays)
    done.undo()
    assert tree_of(live) == before


def test_owners_that_agree_and_all_leave_have_a_copy_each(live: Live, dists: Path, tmp_path: Path) -> None:
    """Each payload is whole on its own, and nothing is left behind."""
    install(live.venv, nvidia(dists, "cublas"), nvidia(dists, "cudnn"))
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["nvidia-cublas", "nvidia-cudnn"])
    for payload in done.displacement.payloads:
        assert (payload.tree / "purelib" / "nvidia" / "__init__.py").is_file()
    assert names_of(live) == clean_tree(tmp_path)
    done.undo()
    assert tree_of(live) == before


def test_what_another_distribution_owns_clashes(live: Live, dists: Path) -> None:
    """A new distribution that brings a file of an installed one is named, with the owner."""
    install(live.venv, other_wheel(dists))
    intruder = make_wheel(dists, "intruder", "1.0", files={"other/__init__.py": "mine", "intruder.py": ""})
    (clash,) = live.plan([], [live.stage("stage", intruder)]).clashes
    assert clash.path == f"{live.layout.purelib}/other/__init__.py"
    assert clash.owners == ("other 1.0",)


def test_a_file_both_have_alike_is_no_clash(live: Live, dists: Path) -> None:
    """What is already there with the same hash stays, and the rest comes in."""
    install(live.venv, other_wheel(dists))
    friend = make_wheel(dists, "friend", "1.0", files={"other/__init__.py": "", "other/friend.py": ""})
    done = live.swap([], [live.stage("stage", friend)])
    assert (live.venv.site_packages / "other" / "friend.py").is_file()
    done.undo()


def test_what_nobody_owns_clashes_until_it_may_be_displaced(live: Live, dists: Path) -> None:
    """Leftovers of a broken installer are named; with consent they move aside, and back."""
    left_over = live.venv.site_packages / "big" / "__init__.py"
    left_over.parent.mkdir()
    left_over.write_text("left over")
    before = tree_of(live)
    arrival = live.stage("stage", big_wheel(dists, "2.0"))
    (clash,) = live.plan([], [arrival]).clashes
    assert (clash.path, clash.owners) == (str(left_over), ())
    planned = live.plan([], [arrival], displaced=[clash.path])
    assert planned.clashes == ()
    done = live.carry_out(planned)
    assert left_over.read_text() == "__version__ = '2.0'\n"
    (payload,) = done.displacement.payloads
    assert payload.note.kind == "unowned"
    assert run_python(live.venv, "import big; print(big.__version__)") == "2.0\n"
    shutil.rmtree(live.venv.site_packages / "big" / "__pycache__", ignore_errors=True)
    done.undo()
    assert tree_of(live) == before


def test_a_folder_where_a_file_comes_clashes(live: Live, dists: Path) -> None:
    """A package that becomes a module of another distribution is a clash, not an overwrite."""
    install(live.venv, other_wheel(dists))
    odd = make_wheel(dists, "odd", "1.0", files={"other": "a file named as a folder"})
    (clash,) = live.plan([], [live.stage("stage", odd)]).clashes
    assert clash.path == f"{live.layout.purelib}/other"


def test_a_package_may_become_a_module_and_back(live: Live, dists: Path, tmp_path: Path) -> None:
    """`kind/` gives way to `kind.py` and the other way round, in one swap."""
    folder = make_wheel(dists / "1", "kind", "1.0", files={"kind/__init__.py": "", "kind/a.py": ""})
    module = make_wheel(dists / "2", "kind", "2.0", files={"kind.py": ""})
    install(live.venv, folder)
    compile_all(live)
    before = tree_of(live)
    done = live.swap(["kind"], [live.stage("stage", module)])
    assert names_of(live) == clean_tree(tmp_path, module)
    back = live.swap(["kind"], [live.stage("stage2", folder)], transaction="t2")
    assert names_of(live) == clean_tree(tmp_path, folder)
    back.undo()
    done.undo()
    assert tree_of(live) == before


def test_the_same_version_can_be_replaced(live: Live, dists: Path) -> None:
    """A reinstall has a metadata folder of the same name; the old one is out before the new one comes."""
    install(live.venv, big_wheel(dists, "1.0"))
    init = live.venv.site_packages / "big" / "__init__.py"
    init.write_text("tampered")
    done = live.swap(["big"], [live.stage("stage", big_wheel(dists, "1.0"))])
    assert init.read_text() == "__version__ = '1.0'\n"
    done.undo()
    assert init.read_text() == "tampered"


def test_two_metadata_folders_of_one_name_leave_together(live: Live, dists: Path, tmp_path: Path) -> None:
    """An environment with two versions' metadata is cleaned by one swap."""
    old, new = big_wheel(dists, "1.0"), big_wheel(dists, "2.0")
    install(live.venv, old)
    kept = tmp_path / "kept"
    shutil.copytree(live.venv.site_packages / "big-1.0.dist-info", kept)
    install(live.venv, new)
    shutil.copytree(kept, live.venv.site_packages / "big-1.0.dist-info")
    before = tree_of(live)
    assert [finding.code for finding in live.environment().findings] == ["duplicate-metadata"]
    done = live.swap(["big"], [live.stage("stage", new)])
    assert names_of(live) == clean_tree(tmp_path, new)
    assert live.environment().findings == ()
    done.undo()
    assert tree_of(live) == before


def test_a_distribution_without_record_is_refused(live: Live, dists: Path) -> None:
    """Nobody knows its files, so nothing is moved (PEP 627)."""
    install(live.venv, big_wheel(dists, "1.0"))
    (live.venv.site_packages / "big-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(RefusedError) as caught:
        live.plan(["big"])
    assert caught.value.code == "distribution-without-record"


def test_a_file_that_record_names_twice_or_that_is_gone_is_no_trouble(live: Live, dists: Path) -> None:
    """Damaged installs can be replaced; that is how they are healed."""
    install(live.venv, big_wheel(dists, "1.0"))
    record = live.venv.site_packages / "big-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "big/__init__.py,,\n")
    (live.venv.site_packages / "big" / "sub" / "deep.py").unlink()
    (live.venv.scripts / "big-tool").unlink()
    before = tree_of(live)
    done = live.swap(["big"], [live.stage("stage", big_wheel(dists, "2.0"))])
    assert live.environment().versions == {"big": "2.0"}
    done.undo()
    assert tree_of(live) == before


def test_links_are_moved_and_never_followed(live: Live, dists: Path, tmp_path: Path) -> None:
    """A link to a folder outside stays what it is, and what it points to is not touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    install(live.venv, big_wheel(dists, "1.0"))
    (live.venv.site_packages / "big" / "linked").symlink_to(outside)
    before = tree_of(live)
    done = live.swap(["big"], [live.stage("stage", big_wheel(dists, "2.0"))])
    assert (live.venv.site_packages / "big" / "linked").is_symlink()  # nobody's, so it stays
    assert (outside / "precious.txt").read_text() == "precious"
    done.undo()
    assert tree_of(live) == before


def test_a_file_where_a_folder_comes_clashes(live: Live, dists: Path) -> None:
    """The other way round as well."""
    install(live.venv, make_wheel(dists, "odd", "1.0", files={"other": "a file named as a folder"}))
    (clash,) = live.plan([], [live.stage("stage", other_wheel(dists))]).clashes
    assert (clash.path, clash.owners) == (f"{live.layout.purelib}/other", ("odd 1.0",))


def test_bytecode_that_pip_recorded_follows_its_source(live: Live, dists: Path) -> None:
    """pip writes it into RECORD without a hash; caches of other tools in the same folder go along."""
    install(live.venv, big_wheel(dists, "1.0"), other_wheel(dists))
    compile_all(live)
    cached = live.venv.site_packages / "big" / "__pycache__"
    (cached / "numba.jit-1.py311.nbi").write_bytes(b"cache")
    record = live.venv.site_packages / "big-1.0.dist-info" / "RECORD"
    lines = [f"big/__pycache__/{path.name},,\n" for path in sorted(cached.glob("*.pyc"))]
    lines += [
        f"__pycache__/{path.name},,\n" for path in live.venv.site_packages.glob("__pycache__/big_*.pyc")
    ]
    record.write_text(record.read_text() + "".join(lines))
    before = tree_of(live)
    done = live.swap(["big"])
    assert {"purelib/big"} <= {out.payload_path for out in done.swap.outgoing}
    assert not list(live.venv.site_packages.glob("__pycache__/big_*"))
    done.undo()
    assert tree_of(live) == before


def test_units_have_different_names(live: Live, dists: Path) -> None:
    """Two copies of one build in two site directories are two payloads."""
    install(live.venv, other_wheel(dists))
    (one,) = live.holdings()
    elsewhere = [replace(file, path=file.path.replace("site-packages", "other-site")) for file in one.files]
    two = replace(
        one, metadata_path=one.metadata_path.replace("site-packages", "other-site"), files=tuple(elsewhere)
    )
    swap = plan_swap(
        layout=live.layout,
        live=survey(live.layout, []),
        holdings=[one, two],
        leaving=[one.metadata_path, two.metadata_path],
    )
    names = [unit.id for unit in swap.units]
    assert len(set(names)) == 2
    assert names[1] == f"{names[0]}-2"


def test_a_listing_that_misses_a_folder_is_refused(live: Live, dists: Path) -> None:
    """Guessing that a place is free would overwrite something; the planner says what it lacks."""
    install(live.venv, other_wheel(dists))
    arrival = live.stage("stage", make_wheel(dists, "friend", "1.0", files={"other/friend.py": ""}))
    with pytest.raises(ValueError, match="not in the listing"):
        plan_swap(
            layout=live.layout,
            live=survey(live.layout, []),
            holdings=live.holdings(),
            leaving=(),
            arrivals=[arrival],
        )


def test_nothing_to_do_is_nothing(live: Live) -> None:
    """An empty swap has no moves."""
    swap = live.plan()
    assert (swap.units, swap.outgoing, swap.incoming, swap.made, swap.removed) == ((), (), (), (), ())
