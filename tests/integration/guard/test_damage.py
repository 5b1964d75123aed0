"""Full snapshots undo exactly whatever somebody else has done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.installation import Installation, State, differences

Damage = Callable[[Installation], object]


def times(here: Installation) -> dict[str, int]:
    """When each file was last written, by its path; by these Python judges bytecode."""
    return {
        str(path): path.lstat().st_mtime_ns
        for root in (here.venv.root, here.packs)
        for path in root.rglob("*")
        if ".safe-install" not in path.parts and path.name != ".lock" and not path.is_dir()
    }


def uv_pip(here: Installation, *arguments: str) -> None:
    """What somebody types into a terminal."""
    target = ["--python", str(here.venv.python)]
    index = ["--no-index", "--find-links", str(here.dists)] if arguments[0] == "install" else []
    subprocess.run(
        [find_uv_bin(), "pip", arguments[0], "-q", *index, *target, *arguments[1:]], check=True, timeout=120
    )


def real_pip(here: Installation, *arguments: str) -> None:
    """The same by pip itself."""
    index = ["--no-index", "--find-links", str(here.dists)] if arguments[0] == "install" else []
    command = [sys.executable, "-m", "pip", "--python", str(here.venv.python), "-q", arguments[0]]
    subprocess.run(
        [*command, *index, *arguments[1:]], check=True, timeout=120, env={**os.environ, "PIP_NO_INPUT": "1"}
    )


def site(here: Installation, *parts: str) -> Path:
    """A place in site-packages."""
    return here.venv.site_packages.joinpath(*parts)


def double_metadata(here: Installation) -> None:
    """A second dist-info of another version, as interrupted installs leave it."""
    (old,) = here.venv.site_packages.glob("tool-*.dist-info")
    new = old.with_name("tool-0.5.dist-info")
    shutil.copytree(old, new)
    text = (new / "METADATA").read_text().replace("Version: 1.0", "Version: 0.5")
    (new / "METADATA").write_text(text)


def replace_bin(here: Installation) -> None:
    """A script with other content, one that is gone, and one nobody knows."""
    scripts = sorted(path for path in here.venv.python.parent.iterdir() if path.name.startswith("tool"))
    scripts[0].write_text("#!/bin/sh\n")
    for path in scripts[1:]:
        path.unlink()
    (here.venv.python.parent / "stray").write_text("#!/bin/sh\n")


def spoil_packs(here: Installation) -> None:
    """A pack edited, one more pack, files of git changed."""
    pack = here.packs / "pack"
    (pack / ".git" / "HEAD").write_text("ref: refs/heads/other\n")
    (pack / "__init__.py").write_text("broken(\n")
    (pack / "new.txt").write_text("new")
    (here.packs / "stranger").mkdir()
    (here.packs / "stranger" / "__init__.py").write_text("")


def stray_files(here: Installation) -> None:
    """Files and folders nobody owns."""
    site(here, "stray.pth").write_text("import os\n")
    site(here, "deep", "er").mkdir(parents=True)
    site(here, "deep", "er", "file").write_text("x")


def modes_and_links(here: Installation) -> None:
    """Nothing but modes, and a link in the place of a file."""
    site(here, "tool", "__init__.py").chmod(0o600)
    site(here, "tool").chmod(0o700)
    site(here, "base", "__init__.py").unlink()
    site(here, "base", "__init__.py").symlink_to("/dev/null")


def everything(here: Installation) -> None:
    """All at once, and a file in the place of a folder."""
    real_pip(here, "install", "--upgrade", "tool==2.0")
    (old,) = here.venv.site_packages.glob("tool-*.dist-info")
    shutil.copytree(old, old.with_name("tool-1.5.dist-info"))
    spoil_packs(here)
    shutil.rmtree(site(here, "base"))
    site(here, "base").write_text("a file in the place of a folder")


BY_TOOLS: dict[str, Damage] = {
    "uv pip install": lambda here: uv_pip(here, "install", "tool==2.0", "fresh"),
    "pip install": lambda here: real_pip(here, "install", "--upgrade", "tool==2.0", "fresh"),
    "uv pip uninstall": lambda here: uv_pip(here, "uninstall", "tool", "base"),
    "pip uninstall": lambda here: real_pip(here, "uninstall", "-y", "tool", "neighbour"),
    "everything at once": everything,
}

BY_HAND: dict[str, Damage] = {
    "edit in place": lambda here: site(here, "tool", "__init__.py").write_text("__version__ = '9.9'\n"),
    "rm -rf": lambda here: shutil.rmtree(site(here, "tool")),
    "stray files": stray_files,
    "doubled metadata": double_metadata,
    "bin": replace_bin,
    "packs": spoil_packs,
    "modes and links": modes_and_links,
}


def furnish(here: Installation) -> None:
    """Scripts, data files, a namespace package, a single module, two owners of one folder, a stray file, a pack."""
    here.have("base", "1.0")
    here.have("neighbour", "1.0", files={"space/theirs/__init__.py": ""})
    for version in ("2.0", "1.0"):
        here.have(
            "tool",
            version,
            files={
                "tool/__init__.py": f"__version__ = {version!r}\n",
                f"tool/only_{version[0]}.py": "",
                "tool/data.bin": bytes(range(256)) * 8,
                "space/mine/__init__.py": "",
                "single.py": f"VERSION = {version!r}\n",
                **({"tool.pth": "import sys\n"} if version == "2.0" else {}),
                **{f"bulk/part_{number}.py": f"PART = {number, version}\n" for number in range(60)},
            },
            scripts={"tool-script": f"#!python\nprint({version!r})\n"},
            entry_points={"tool-entry": "tool:main"},
            data={"share/tool.txt": version},
        )
    for name in ("opencv-python", "opencv-contrib-python"):
        here.have(name, "4.10", files={"cv2/__init__.py": name, f"cv2/{name}.txt": name})
    here.wheel("fresh", "1.0")
    site(here, "mine.pth").write_text("# mine\n")
    pack = here.packs / "pack"
    (pack / ".git" / "refs" / "heads").mkdir(parents=True)
    (pack / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (pack / ".git" / "refs" / "heads" / "main").write_text("0" * 40)
    (pack / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")


@pytest.fixture
def furnished(here: Installation) -> tuple[Installation, State]:
    """An environment of every shape, with bytecode, in a full snapshot labelled `good`; and its tree."""
    furnish(here)
    here.compile()
    taken = here.run("snapshot", "create", "--full", "--label", "good")
    assert taken.code == 0, taken
    assert taken.document["full"]["files"] > 150
    return here, here.tree()


@pytest.mark.slow
@pytest.mark.parametrize("damages", [BY_TOOLS, BY_HAND], ids=["tools", "hands"])
def test_any_damage_is_undone_exactly(
    furnished: tuple[Installation, State], damages: dict[str, Damage]
) -> None:
    """Bytes, modes, links and times are as they were, after one damage as after the next."""
    here, before = furnished
    when = times(here)
    for name, damage in damages.items():
        damage(here)
        assert differences(before, here.tree()), name
        back = here.run("rollback", "good", "--yes")
        assert back.code == 0, (name, back)
        assert back.document["plan"]["full"] is True
        assert back.document["plan"]["exact"] is True
        assert differences(before, here.tree()) == [], name
        assert {path for path, time in times(here).items() if when.get(path) != time} == set(), name
    assert here.run("rollback", "good", "--plan").document["items"] == []


def test_going_back_can_itself_be_undone(furnished: tuple[Installation, State]) -> None:
    """What was displaced is kept in full too, so the damage can be had again, exactly."""
    here, before = furnished
    everything(here)
    damaged = here.tree()
    found = here.run("verify", "--snapshot", "good")
    assert found.code == 1
    actions = {each["path"]: each["action"] for each in found.document["differences"]}
    assert actions["purelib/base"] == "changed"
    assert actions["packs-0/stranger"] == "added"
    assert here.run("rollback", "good", "--yes").applied
    assert here.run("verify", "--snapshot", "good").document["differences"] == []
    assert here.run("rollback", "--yes").applied
    assert differences(damaged, here.tree()) == []
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []


def test_a_plan_says_whose_files_come_back(furnished: tuple[Installation, State]) -> None:
    """Distributions, packs and files nobody owns are named, with what is wrong with them."""
    here, _ = furnished
    uv_pip(here, "install", "tool==2.0", "fresh")
    shutil.rmtree(site(here, "base"))
    stray_files(here)
    spoil_packs(here)
    items = {
        (item["kind"], Path(item["name"]).name): item
        for item in here.run("rollback", "good", "--plan").document["items"]
    }
    assert (items["distribution", "tool"]["from"], items["distribution", "tool"]["to"]) == ("2.0", "1.0")
    assert items["distribution", "fresh"]["how"] == "remove"
    assert items["distribution", "base"]["how"] == "exact"
    assert {name for kind, name in items if kind == "file"} == {"stray.pth", "deep", "er", "file"}
    assert items["pack", "stranger"]["how"] == "remove"
    assert items["pack", "pack"]["how"] == "exact"
    assert items["file", "stray.pth"]["how"] == "remove"
    assert {item["how"] for item in items.values()} == {"exact", "remove"}


def test_bytecode_alone_is_no_difference(furnished: tuple[Installation, State]) -> None:
    """What running Python and git write by themselves is nothing to go back from."""
    here, _ = furnished
    here.wheel("fresh", "1.0")
    cache = site(here, "tool", "__pycache__")
    shutil.rmtree(cache)
    site(here, "base", "__pycache__", "more.cpython-399.pyc").write_bytes(b"x")
    (here.packs / "pack" / ".git" / "FETCH_HEAD").write_text("0" * 40)
    assert here.run("verify", "--snapshot", "good").code == 0
    assert here.run("rollback", "good", "--plan").document["items"] == []
