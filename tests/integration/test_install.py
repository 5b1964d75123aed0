"""Installing, through the command line, into a real environment."""

from __future__ import annotations

import json
import subprocess

from comfyui_safe_install.tests.kit.installation import Installation, differences

EVERYTHING = {
    "everything/__init__.py": "from . import part\n",
    "everything/part.py": "import single_module\nVALUE = single_module.VALUE\n",
    "everything/data/table.txt": "one\n",
    "single_module.py": "VALUE = 7\n",
    "shared_space/mine/__init__.py": "",
    "everything-path.pth": "import sys; sys.everything_path_was_read = True\n",
}
"""A package, a single module, a share in a namespace and a `.pth`: all shapes files of a wheel come in."""


def everything(here: Installation, version: str) -> dict[str, object]:
    """Offer a wheel that has all kinds of files, and say what it was made of."""
    details: dict[str, object] = {
        "files": {**EVERYTHING, f"everything/only_in_{version[0]}.py": ""},
        "entry_points": {"everything-tool": "everything.part:main"},
        "scripts": {"everything-script": "#!python\nprint('ran')\n"},
        "data": {"share/everything/doc.txt": f"version {version}\n"},
    }
    here.wheel("everything", version, **details)
    return details


def test_a_pack_and_what_it_needs_are_installed_and_can_be_taken_back(here: Installation) -> None:
    """The pack is in place, its requirements work, and a rollback leaves not one byte changed."""
    here.have("base", "1.0")
    here.have("neighbour", "1.0", files={"shared_space/theirs/__init__.py": ""})
    everything(here, "1.0")
    here.compile()
    before = here.tree()

    applied = here.run("install", here.source("demo", "everything"), "--yes").applied

    assert here.versions() == {"base": "1.0", "neighbour": "1.0", "everything": "1.0"}
    assert (here.packs / "demo" / "__init__.py").is_file()
    works = "import sys, everything.part as p; print(p.VALUE, sys.everything_path_was_read)"
    assert here.python(works) == "7 True"
    assert here.python("import shared_space.mine, shared_space.theirs") == ""
    script = here.venv.scripts / "everything-script"
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "ran\n"
    assert (here.venv.scripts / "everything-tool").is_file()
    assert (here.venv.root / "share" / "everything" / "doc.txt").read_text() == "version 1.0\n"
    assert here.run("verify").document["ok"] is True

    assert here.run("rollback", applied["snapshot"], "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_an_upgrade_moves_out_all_of_the_old_version_and_back(here: Installation) -> None:
    """After an upgrade no file of the old version is left, bytecode included; a rollback brings all back."""
    here.have("everything", "1.0", **everything(here, "1.0"))
    everything(here, "2.0")
    here.compile()
    before = here.tree()

    here.run("install", here.source("demo", "everything>=2"), "--yes")

    assert here.versions() == {"everything": "2.0"}
    assert [path for path in here.tree() if "only_in_1" in path] == []
    after = here.tree()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("rollback", "--yes").code == 0, "a rollback can itself be taken back"
    assert differences(after, here.tree()) == []


def test_an_unowned_file_in_the_way_is_kept_and_comes_back(here: Installation) -> None:
    """What nobody owns and something new would overwrite is put aside, and a rollback brings it back."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0", files={"tool/__init__.py": "", "tool/config.py": "NEW = 1\n"})
    folder = here.venv.site_packages / "tool"
    (folder / "own").mkdir(parents=True, mode=0o700)
    (folder / "config.py").write_text("MINE = 1\n")
    (folder / "config.py").chmod(0o640)
    (folder / "own" / "notes.txt").write_text("mine\n")
    before = here.tree()

    here.run("install", here.source("demo", "tool"), "--yes")

    assert here.python("import tool.config; print(tool.config.NEW)") == "1"
    assert (folder / "own" / "notes.txt").read_text() == "mine\n"
    after = here.tree()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("rollback", "--yes").code == 0
    assert differences(after, here.tree()) == []


def test_a_folder_that_vanished_in_between_is_made_again_for_what_comes_back(here: Installation) -> None:
    """An unowned file was all there was in its folder; the rollback makes the folder again, with its mode."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0", files={"tool/__init__.py": "", "tool/deep/config.py": "NEW = 1\n"})
    folder = here.venv.site_packages / "tool" / "deep"
    folder.mkdir(parents=True)
    folder.chmod(0o750)
    (folder / "config.py").write_text("MINE = 1\n")
    before = here.tree()
    assert here.run("install", here.source("demo", "tool"), "--yes").code == 0
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_a_conflict_is_settled_said_recorded_and_explained(here: Installation) -> None:
    """Two packs want what cannot be: it needs a yes, is decided by rule, recorded, and `why` tells later."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("install", here.source("old", "tool==1.0"), "--yes")
    before = here.tree()
    new = here.source("new", "tool>=2")

    refused = here.run("install", new)
    assert (refused.code, refused.error) == (3, "consent-needed")
    assert differences(before, here.tree()) == []

    answer = here.run("install", new, "--yes")
    (decision,) = answer.document["plan"]["decisions"]
    assert (decision["package"], decision["rule"], decision["chosen"]) == ("tool", "newest-wins", "2.0")
    assert decision["violates"] == [{"pack": "old", "requirement": "tool==1.0"}]
    assert "tool==1.0" in answer.words, "loud, although nobody asked"
    (entry,) = map(json.loads, (here.state / "record.jsonl").read_text().splitlines())
    assert entry["decision"] == decision
    assert entry["transaction"] == answer.applied["transaction"]
    assert (entry["policy"], entry["strategy"]) == ("newest", "merged")

    why = here.run("why", "tool").document
    assert why["installed"] == "2.0"
    assert {(wish["pack"], wish["met"]) for wish in why["wishes"]} == {("old", False), ("new", True)}
    assert [each["decision"] for each in why["decisions"]] == [decision]


def test_the_policy_that_breaks_fewest_lines_is_recorded_as_such(here: Installation) -> None:
    """With `fewest-broken` two old wishes outweigh one new one, and the record says which policy it was."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0"):
        here.wheel("tool", version)
    sources = [here.source(name, "tool==1.0") for name in ("a", "b")] + [here.source("c", "tool==2.0")]
    answer = here.run("install", *sources, "--yes", "--policy", "fewest-broken")
    assert here.versions()["tool"] == "1.0"
    assert answer.applied
    (entry,) = map(json.loads, (here.state / "record.jsonl").read_text().splitlines())
    assert entry["policy"] == "fewest-broken"
    assert entry["decision"]["violates"] == [{"pack": "c", "requirement": "tool==2.0"}]


def test_verify_names_what_was_damaged_by_hand(here: Installation) -> None:
    """A missing file and a changed one are faults, each with the distribution and the path."""
    here.have("first", "1.0", files={"first/__init__.py": "", "first/gone.py": ""})
    here.have("second", "1.0")
    assert here.run("verify").document["ok"] is True
    (here.venv.site_packages / "first" / "gone.py").unlink()
    (here.venv.site_packages / "second" / "__init__.py").write_text("changed = True\n")
    document = here.run("verify").document
    assert document["ok"] is False
    faults = {fault["code"]: fault["message"] for fault in document["faults"]}
    assert "first/gone.py" in faults["files-missing"]
    assert "second/__init__.py" in faults["files-changed"]


def test_uninstalling_takes_what_only_that_pack_brought(here: Installation) -> None:
    """The pack and what only it needed go; what others need, and what was there before, stay."""
    here.have("there-before", "1.0")
    for name in ("alone", "shared"):
        here.wheel(name, "1.0")
    here.run("install", here.source("one", "alone", "shared", "there-before"), "--yes")
    here.run("install", here.source("two", "shared"), "--yes")
    before = here.tree()

    assert here.run("uninstall", "one", "--yes").code == 0

    assert here.versions() == {"there-before": "1.0", "shared": "1.0"}
    assert [path.name for path in here.packs.iterdir()] == ["two"]
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_uninstalling_is_refused_where_another_pack_would_break(here: Installation) -> None:
    """A pack that imports what it never asked for counts: the trial finds it, and nothing is changed."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.run("install", here.source("one", "tool"), "--yes")
    here.run("install", here.source("two", files={"__init__.py": "import tool\n"}), "--yes")
    before = here.tree()
    answer = here.run("uninstall", "one", "--yes")
    assert (answer.code, answer.error) == (3, "trial-failed")
    assert "two imports tool" in answer.document["error"]["message"]
    assert differences(before, here.tree()) == []


def test_looking_at_an_environment_writes_nothing_into_it(here: Installation) -> None:
    """Starting its Python imports what a `.pth` names; that leaves no bytecode, and neither does a plan."""
    here.have("hook", "1.0", files={"hook_module.py": "", "hook.pth": "import hook_module\n"})
    (here.venv.site_packages / "sitecustomize.py").write_text("# mine\n")
    here.wheel("tool", "1.0")
    before = here.tree()
    assert here.run("plan", here.source("demo", "tool")).code == 0
    assert here.run("verify").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("install", here.source("demo", "tool"), "--yes").applied
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []
