"""Tasks of several kinds as one change: install, uninstall, update, fix, enable and disable packs."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.engine.applying import Applied
from comfyui_safe_install.resolver.engine.planned import Options, Planned
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.registry_server import RegistryServer, pack_files
from comfyui_safe_install.tests.kit.repositories import git, make_repository

PYPROJECT = '[project]\nname = "{name}"\nversion = "{version}"\n'


def pack(here: Installation, place: str, *requirements: str, version: str = "", name: str = "") -> Path:
    """A pack that lies in custom_nodes already."""
    folder = here.packs / place
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
    if version:
        (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name or place, version=version))
        (folder / ".tracking").write_text("__init__.py\nrequirements.txt\npyproject.toml\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"bytecode")
    return folder


def do(here: Installation, *tasks: Task, options: Options | None = None) -> tuple[Planned, Applied]:
    """The tasks as one change, carried out."""
    session = here.session()
    with session.plan_tasks(tasks, options or Options(), to_apply=True) as planned:
        return planned, session.apply(planned)


def refusal(here: Installation, *tasks: Task) -> str:
    """Code of the error that planning the tasks ends with."""
    with pytest.raises(SafeInstallError) as caught:
        here.session().plan_tasks(tasks, Options())
    return caught.value.code


def a(kind: TaskKind, subject: str, version: str = "") -> Task:
    """One task."""
    return Task(kind=kind, subject=subject, version=version)


def furnish(here: Installation) -> list[Task]:
    """Packs of every kind, and tasks of every kind about them."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0"):
        here.wheel("tool", version)
    for name in ("only-old", "needed", "sleepy"):
        here.wheel(name, "1.0")
    assert here.run("install", here.source("old", "only-old", "tool==1.0"), "--yes").applied
    pack(here, "quiet", "tool", version="1.2.0")
    pack(here, ".disabled/asleep@0_9_0", "sleepy", version="0.9.0", name="asleep")
    (here.packs / "broken.disabled").mkdir()
    (here.packs / "broken.disabled" / "__init__.py").write_text("")
    pack(here, "lame", "needed")
    upstream = make_repository(here.root / "upstream", {"__init__.py": "V = 1\n", "requirements.txt": ""})
    git(here.packs, "clone", "--quiet", upstream.as_uri(), "followed")
    (here.packs / "followed" / "model.bin").write_bytes(b"downloaded")
    (upstream / "requirements.txt").write_text("tool>=2\n")
    git(upstream, "commit", "--quiet", "--all", "--message=second")
    return [
        a(TaskKind.INSTALL, here.source("new", "tool")),
        a(TaskKind.UNINSTALL, "old"),
        a(TaskKind.UPDATE, "followed"),
        a(TaskKind.FIX, "lame"),
        a(TaskKind.ENABLE, "asleep"),
        a(TaskKind.DISABLE, "quiet"),
    ]


@pytest.mark.slow
def test_tasks_of_every_kind_are_one_change_and_one_rollback(here: Installation) -> None:
    """All is planned together and swapped together; the way back leaves not one byte changed, nor does its own."""
    tasks = furnish(here)
    here.compile()
    before = here.tree()

    planned, applied = do(here, *tasks)

    assert applied.operation == (
        "install new; update followed; fix lame; enable asleep; disable quiet; uninstall old"
    )
    kinds = {(change.name, change.action) for change in planned.plan.pack_changes}
    assert kinds == {
        ("new", "add"), ("old", "remove"), ("followed", "replace"), ("asleep", "enable"), ("quiet", "disable"),
    }  # fmt: skip
    assert here.versions() == {"base": "1.0", "tool": "2.0", "needed": "1.0", "sleepy": "1.0"}
    enabled = {path.name for path in here.packs.iterdir() if path.suffix != ".disabled"}
    assert enabled == {"new", "followed", "lame", "asleep", ".disabled", *_hidden(here)}
    assert (here.packs / ".disabled" / "quiet@1_2_0" / "__pycache__" / "x.pyc").is_file()
    assert (here.packs / "followed" / "model.bin").read_bytes() == b"downloaded"
    assert git(here.packs / "followed", "status", "--short", "--branch").startswith("## main...origin/main")
    assert here.run("verify").document["ok"] is True
    (history, *_) = here.run("history").document["transactions"]
    assert history["operation"] == applied.operation

    after = here.tree()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("rollback", "--yes").code == 0, "a rollback can itself be taken back"
    assert differences(after, here.tree()) == []


def _hidden(here: Installation) -> set[str]:
    return {path.name for path in here.packs.iterdir() if path.name.startswith(".safe-install")}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("line", ["tried", "10", "verifying"])
def test_a_kill_in_the_middle_leaves_everything_before_or_after(here: Installation, line: str) -> None:
    """Packs that are disabled and enabled move by the same journal as everything else."""
    here.have("base", "1.0")
    here.wheel("sleepy", "1.0")
    pack(here, "quiet", version="1.2.0")
    asleep = pack(here, ".disabled/asleep@0_9_0", "sleepy", version="0.9.0", name="asleep")
    assert here.run("disable", "quiet", "--yes").applied
    before = here.tree()
    killed = here.start("enable", "asleep", "quiet", "--yes", kill_after=line)
    assert here.finish(killed).code == -signal.SIGKILL
    assert here.run("recover").code == 0
    assert differences(before, here.tree()) == []
    assert asleep.is_dir()
    assert here.run("enable", "asleep", "quiet", "--yes").applied
    assert here.versions() == {"base": "1.0", "sleepy": "1.0"}
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_disabling_keeps_a_pack_and_its_packages_where_manager_looks_for_it(here: Installation) -> None:
    """The folder's own name is kept, the version follows it; going back to before it is exact."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    assert here.run("install", here.source("Demo-Pack", "tool"), "--yes").applied
    before = here.tree()
    applied = here.run("disable", "demo-pack", "--yes").applied
    assert [path.name for path in (here.packs / ".disabled").iterdir()] == ["Demo-Pack"]
    assert here.versions() == {"base": "1.0", "tool": "1.0"}, "it may be enabled again"
    again = here.run("disable", "Demo-Pack", "--yes").document
    assert (again["applied"], again["plan"]["findings"][0]["code"]) == (None, "already-disabled")
    assert here.run("plan").code == 0
    assert here.run("enable", "Demo-Pack", "--yes").applied
    assert (here.packs / "Demo-Pack" / "__init__.py").is_file()
    assert here.run("rollback", applied["snapshot"], "--yes").document["plan"]["exact"]
    assert differences(before, here.tree()) == ["packs/.disabled"], "an empty folder, as Manager leaves it"


def test_a_rollback_over_a_pack_that_was_disabled_and_then_removed(here: Installation) -> None:
    """Its files lie aside under another place than it had then; they go back to where it was."""
    here.have("base", "1.0")
    pack(here, "demo", version="1.0.0")
    assert here.run("snapshot", "create", "--label", "good").code == 0
    before = here.tree()
    assert here.run("disable", "demo", "--yes").applied
    assert here.run("uninstall", "demo", "--yes").applied
    assert not list((here.packs / ".disabled").iterdir())
    assert here.run("rollback", "good", "--yes").code == 0
    assert differences(before, here.tree()) == ["packs/.disabled"]


def test_enabling_meets_the_requirements_of_the_pack_or_changes_nothing(here: Installation) -> None:
    """A pack from before, whose requirement is not to be had any more, stays disabled."""
    here.have("base", "1.0")
    place = pack(here, ".disabled/asleep@0_9_0", "gone-for-good", version="0.9.0", name="asleep")
    before = here.tree()
    answer = here.run("enable", "asleep", "--yes")
    assert (answer.code, answer.error) == (1, "line-no-such-package")
    assert differences(before, here.tree()) == []
    assert place.is_dir()


def test_of_several_disabled_versions_the_newest_is_enabled_or_the_one_that_is_named(
    here: Installation,
) -> None:
    """Manager keeps old versions in `.disabled`; the folder each lies in tells which it is."""
    here.have("base", "1.0")
    for version in ("0.9.0", "0.10.0"):
        place = f".disabled/demo@{version.replace('.', '_')}"
        pack(here, place, version=version, name="demo")
    assert here.run("enable", "demo", "--yes").applied
    assert 'version = "0.10.0"' in (here.packs / "demo" / "pyproject.toml").read_text()
    assert here.run("rollback", "--yes").code == 0
    assert here.run("enable", "demo@0.9.0", "--yes").applied
    assert 'version = "0.9.0"' in (here.packs / "demo" / "pyproject.toml").read_text()
    assert here.run("enable", "demo@0.10.0", "--yes").error == "pack-enabled"
    assert here.run("uninstall", "demo", "--yes").applied
    assert not list((here.packs / ".disabled").iterdir()), "the other version went with it"


def test_local_changes_of_an_updated_pack_are_said_and_kept_aside(here: Installation) -> None:
    """The new version does not have them; nothing is lost, and the way back brings them back."""
    here.have("base", "1.0")
    upstream = make_repository(here.root / "upstream", {"__init__.py": "V = 1\n"})
    git(here.packs, "clone", "--quiet", upstream.as_uri(), "demo")
    assert here.run("update", "demo", "--yes").document["plan"]["findings"][0]["code"] == "already-newest"
    (here.packs / "demo" / "__init__.py").write_text("MINE = 1\n")
    before = here.tree()
    (upstream / "__init__.py").write_text("V = 2\n")
    git(upstream, "commit", "--quiet", "--all", "--message=second")
    answer = here.run("update", "--yes")
    assert answer.applied
    assert "local-changes-put-aside" in {each["code"] for each in answer.document["plan"]["findings"]}
    assert (here.packs / "demo" / "__init__.py").read_text() == "V = 2\n"
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    first = git(upstream, "rev-parse", "HEAD~1")
    assert here.run("update", "--yes").applied
    assert here.run("update", f"demo@{first}", "--yes").applied
    assert (here.packs / "demo" / "__init__.py").read_text() == "V = 1\n"


def test_what_cannot_be_meant_is_refused_by_a_code(here: Installation) -> None:
    """Unknown, ambiguous, contradicting and impossible tasks are refused before anything is fetched."""
    here.have("base", "1.0")
    pack(here, "local")
    pack(here, ".disabled/asleep@1_0_0", version="1.0.0", name="asleep")
    assert refusal(here) == "no-tasks"
    assert refusal(here, a(TaskKind.DISABLE, "nobody")) == "pack-not-found"
    assert refusal(here, a(TaskKind.ENABLE, "asleep", "7.0.0")) == "pack-not-found"
    assert refusal(here, a(TaskKind.FIX, "asleep")) == "pack-disabled"
    assert refusal(here, a(TaskKind.UPDATE, "local")) == "pack-without-origin"
    assert refusal(here, a(TaskKind.FIX, "local"), a(TaskKind.DISABLE, "Local")) == "tasks-contradict"
    source = here.source("local")
    assert refusal(here, a(TaskKind.INSTALL, source), a(TaskKind.UNINSTALL, "local")) == "tasks-contradict"
    assert refusal(here, a(TaskKind.INSTALL, source), a(TaskKind.FIX, "local")) == "source-twice"
    shutil.copytree(here.packs / "local", here.packs / ".disabled" / "local")
    assert refusal(here, a(TaskKind.DISABLE, "local")) == "disabled-copy-in-the-way"


def test_what_an_arriving_pack_needs_is_no_orphan_of_the_one_that_goes(here: Installation) -> None:
    """In one change a pack goes and another comes whose package requires what only the first one brought."""
    here.have("base", "1.0")
    here.wheel("shared", "1.0")
    here.wheel("lonely", "1.0")
    here.wheel("fresh", "1.0", requires=("shared",))
    assert here.run("install", here.source("old", "shared", "lonely"), "--yes").applied
    do(here, a(TaskKind.UNINSTALL, "old"), a(TaskKind.INSTALL, here.source("new", "fresh")))
    assert here.versions() == {"base": "1.0", "shared": "1.0", "fresh": "1.0"}


def test_a_disabled_pack_can_wait_for_the_next_start(here: Installation) -> None:
    """The change is kept with its premises, and carried out by the same steps later."""
    here.have("base", "1.0")
    pack(here, "demo", version="1.0.0")
    before = here.tree()
    assert here.run("disable", "demo", "--yes", "--at-next-start").document["deferred"]
    assert differences(before, here.tree()) == []
    done = here.run("deferred", "apply")
    assert done.code == 0, done
    assert (here.packs / ".disabled" / "demo@1_0_0" / "__init__.py").is_file()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_what_manager_has_put_off_is_said_with_every_plan(here: Installation) -> None:
    """It acts at the next start before us, so a plan made now may not be what is found then."""
    here.have("base", "1.0")
    folder = here.comfy / "user" / "__manager" / "startup-scripts"
    folder.mkdir(parents=True)
    (folder / "restore-snapshot.json").write_text("{}")
    (folder / "install-scripts.txt").write_text(
        "['/x/custom_nodes/some-pack', '#LAZY-INSTALL-SCRIPT', '/python']\n"
        "['/x/other', '#FORCE', '/python', '-m', 'pip', 'install', 'tool']\n"
        "__import__('os').system('true')\n"
    )
    with here.session().plan_install([here.source("demo")], Options()) as planned:
        said = [each.message for each in planned.plan.findings if each.code == "manager-waits"]
    assert [words.partition("ours: ")[2] for words in said] == [
        "restore a snapshot of its own, which switches and disables packs.",
        "install what some-pack requires.",
        "run `/python -m pip install tool` for other.",
        "run a script.",
    ]


def test_packs_of_the_registry_are_updated_to_its_newest_and_looked_at_before_anything_is_fetched(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each from where it came; what is the newest already is not downloaded; the user's files in it stay."""
    here.have("base", "1.0")
    here.wheel("needed", "1.0")
    with RegistryServer() as registry:
        monkeypatch.setenv("SAFE_INSTALL_REGISTRY", registry.url)
        registry.publish("flux", "1.0.0", pack_files("flux", "1.0.0"))
        upstream = make_repository(here.root / "upstream", {"__init__.py": "V = 1\n"})
        git(here.packs, "clone", "--quiet", upstream.as_uri(), "cloned")
        pack(here, "local")
        assert here.run("install", "flux", "--yes").applied
        (here.packs / "flux" / "mine.json").write_text("{}")
        asked = len(registry.paths())
        document = here.run("update", "--yes").document
        assert document["applied"] is None
        assert sorted(each["code"] for each in document["plan"]["findings"]) == [
            "already-newest", "already-newest", "pack-without-origin"
        ]  # fmt: skip
        assert not [path for path in registry.paths()[asked:] if path.startswith("/archives/")]
        before = here.tree()
        registry.publish("flux", "1.1.0", pack_files("flux", "1.1.0", "needed"))
        answer = here.run("update", "flux", "--refresh", "--yes")
        assert answer.applied["operation"] == "update flux"
        assert 'version = "1.1.0"' in (here.packs / "flux" / "pyproject.toml").read_text()
        assert (here.packs / "flux" / "mine.json").read_text() == "{}"
        assert here.versions() == {"base": "1.0", "needed": "1.0"}
        assert here.run("rollback", "--yes").code == 0
        assert differences(before, here.tree()) == []


def test_a_plan_that_is_only_looked_at_copies_no_models_and_is_the_plan_that_is_applied(
    here: Installation,
) -> None:
    """What a user has downloaded into a pack's folder stays through an update, and is not copied to look."""
    here.have("base", "1.0")
    upstream = make_repository(here.root / "upstream", {"__init__.py": "V = 1\n"})
    git(here.packs, "clone", "--quiet", upstream.as_uri(), "demo")
    (here.packs / "demo" / "model.bin").write_bytes(bytes(2_000_000))
    (here.packs / "demo" / "settings.json").write_text("{}")
    (upstream / "__init__.py").write_text("V = 2\n")
    git(upstream, "commit", "--quiet", "--all", "--message=second")
    update = a(TaskKind.UPDATE, "demo")
    with here.session().plan_tasks([update], Options()) as looked:
        (brought,) = looked.fetched
        assert {path.name for path in brought.tree.iterdir()} == {".git", "__init__.py", "settings.json"}
        assert "own-files-kept" in {each.code for each in looked.plan.findings}
    planned, _ = do(here, update)
    assert planned.plan.fingerprint == looked.plan.fingerprint
    assert (here.packs / "demo" / "model.bin").read_bytes() == bytes(2_000_000)
