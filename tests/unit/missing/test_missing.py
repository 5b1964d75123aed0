"""Which packs a workflow lacks, over real folders and a registry of a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.missing import Missing, TypeState
from comfyui_safe_install.resolver.core.registry import Answer, ComfyNode, RegistryPack, RegistryVersion
from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.core.workflow import workflow_of
from comfyui_safe_install.resolver.engine.candidates import Candidates
from comfyui_safe_install.resolver.engine.missing import MissingSearch, Running
from comfyui_safe_install.resolver.errors import SafeInstallError, UsageError
from comfyui_safe_install.resolver.io.node_sight import NodeSight
from comfyui_safe_install.resolver.wiring import LiveSite, open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.workflows import node, queued, saved

NODES = "NODE_CLASS_MAPPINGS = {%s}\n"


@dataclass
class FewPacks:
    """A registry that knows these packs and owners, or cannot be reached."""

    packs: Mapping[str, RegistryPack] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    asked: list[str] = field(default_factory=list)

    def pack(self, pack: str) -> Answer[RegistryPack]:
        """The pack."""
        self._ask(pack)
        if pack not in self.packs:
            raise UsageError("registry-pack-not-found", "There is none.")
        return Answer(value=self.packs[pack])

    def pack_of_node(self, class_name: str) -> Answer[RegistryPack | None]:
        """The owner."""
        self._ask(class_name)
        return Answer(value=self.packs.get(self.owners.get(class_name, "")))

    def nodes(self, pack: str, version: str) -> Answer[tuple[ComfyNode, ...]]:
        """The nodes of a pack."""
        self._ask(f"nodes of {pack} {version}")
        return Answer(
            value=tuple(ComfyNode(name=name) for name, owner in self.owners.items() if owner == pack)
        )

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.error:
            raise SafeInstallError(self.error, "The Registry does not answer.")


def pack(
    identifier: str,
    *,
    preempts: tuple[str, ...] = (),
    publisher: str = "",
    status: str = "active",
    detail: str = "",
) -> RegistryPack:
    """A pack of the registry with one version, unless nobody has claimed it."""
    return RegistryPack(
        id=identifier,
        name=identifier.title(),
        publisher=publisher,
        repository=f"https://github.com/o/{identifier}",
        status=status,
        status_detail=detail,
        latest=None if publisher == "unclaimed" else RegistryVersion(pack=identifier, version="1.0.0"),
        preempted_nodes=preempts,
    )


@dataclass
class Bench:
    """A ComfyUI to search in."""

    root: Path
    registry: FewPacks = field(default_factory=FewPacks)
    site: LiveSite | None = None

    def have(
        self, name: str, *types: str, files: Mapping[str, str] | None = None, disabled: bool = False
    ) -> None:
        """An installed pack."""
        folder = self.root / "custom_nodes" / (f"{name}.disabled" if disabled else name)
        mapping = NODES % ", ".join(f"{each!r}: 1" for each in types)
        for relative, text in {"__init__.py": mapping, **(files or {})}.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_text(text)

    def map(self, value: object) -> None:
        """Manager's map."""
        folder = self.root / "user" / "__manager" / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1_extension-node-map.json").write_text(json.dumps(value))

    def look(
        self, workflow: object, *, running: Running | None = None, choose: Mapping[str, str] | None = None
    ) -> Missing:
        """The answer."""
        self.site = self.site or open_site(self.root)
        sight = NodeSight(self.site.workspace, self.site.python)
        candidates = Candidates(sight=sight, registry=self.registry)  # type: ignore[arg-type]
        return MissingSearch(packs=self.site, sight=sight, candidates=candidates, running=running).look(
            workflow_of(workflow), choose
        )


@pytest.fixture(name="bench")
def _bench(tmp_path: Path) -> Bench:
    root = make_comfy(tmp_path / "comfy")
    (root / "nodes.py").write_text(NODES % "'KSampler': 1")
    (root / "comfyui_version.py").write_text('__version__ = "0.8.0"\n')
    return Bench(root=root)


def states(found: Missing) -> dict[str, str]:
    """{type: state}."""
    return {each.name: each.state.value for each in found.types}


def codes(found: Missing) -> set[str]:
    """The findings' codes, less the one that says that files were looked at."""
    return {finding.code for finding in found.findings} - {"static-look"}


def task(kind: TaskKind, subject: str) -> Task:
    """A task without version."""
    return Task(kind=kind, subject=subject)


def test_nothing_is_missing(bench: Bench) -> None:
    """Core's nodes and an installed pack's are there; nobody is asked."""
    bench.have("Mine", "Seed")
    found = bench.look(saved(node("KSampler", cnr_id="comfy-core", ver="0.3.0"), node("Seed", cnr_id="mine")))
    assert set(states(found).values()) == {"present"}
    assert (found.missing, found.tasks, found.exact) == ((), (), False)
    assert [each.code for each in found.findings] == ["static-look"]
    assert bench.registry.asked == []


def test_each_way_to_know_a_pack(bench: Bench) -> None:
    """The nodes' own words, else the registry, else Manager's map; each pack becomes one task."""
    bench.registry = FewPacks(
        packs={"by-id": pack("by-id"), "by-node": pack("by-node")}, owners={"R": "by-node"}
    )
    bench.map({"https://github.com/m/by-map": [["M", "M2"], {"title_aux": "By map"}]})
    found = bench.look(
        saved(
            node("A", cnr_id="by-id", ver="1.2.0"),
            node("B", aux_id="o/by-repository", ver="00ff"),
            *(node(each) for each in ("R", "M", "M2", "Nobody")),
        )
    )
    assert states(found) == {**dict.fromkeys(["A", "B", "R", "M", "M2"], "install"), "Nobody": "unknown"}
    assert found.tasks == (
        task(TaskKind.INSTALL, "by-id"),
        task(TaskKind.INSTALL, "https://github.com/o/by-repository"),
        task(TaskKind.INSTALL, "by-node"),
        task(TaskKind.INSTALL, "https://github.com/m/by-map"),
    )
    assert [each.candidate.why[0].value for each in found.packs] == [
        *("workflow-id", "workflow-repository", "registry", "manager-listed")
    ]
    assert found.packs[3].types == ("M", "M2")
    assert found.packs[0].candidate.version == "1.2.0"
    assert codes(found) == {"node-type-unknown", "pack-named-by-workflow-alone"}
    assert [each.candidate.name for each in found.unvouched] == ["o/by-repository"]
    bench.map({"https://github.com/o/By-Repository.git": [["Old"], {}]})
    assert codes(bench.look(saved(node("B", aux_id="o/by-repository")))) == set()
    assert bench.registry.asked == ["by-id", "R", "M", "M2", "Nobody"]


def test_a_pack_that_is_named_in_several_ways_is_one(bench: Bench) -> None:
    """By id, by address, by Manager's map and by what is well known: one pack, one task, whether or not asked."""
    repository = "https://github.com/kijai/ComfyUI-KJNodes"
    bench.map({repository: [["M"], {}]})
    workflow = saved(
        node("A", cnr_id="comfyui-kjnodes"),
        node("B", aux_id="kijai/ComfyUI-KJNodes"),
        node("M"),
        node("SetNode"),
    )
    known = replace(pack("comfyui-kjnodes"), repository=f"{repository}.git")
    for registry in (FewPacks(packs={"comfyui-kjnodes": known}), FewPacks(error="registry-unreachable")):
        bench.registry = registry
        found = bench.look(workflow)
        assert found.tasks == (task(TaskKind.INSTALL, "comfyui-kjnodes"),)
        assert found.packs[0].types == ("A", "B", "M", "SetNode")
    assert bench.look(saved(node("GetNode"))).tasks == (task(TaskKind.INSTALL, repository),)


def test_several_packs_are_a_choice(bench: Bench) -> None:
    """Never guessed; types with the same options are one choice, and what is chosen counts for all of them."""
    bench.registry = FewPacks(packs={"first": pack("first")}, owners={"X": "first"})
    bench.map(
        {
            "https://github.com/o/first": [["X", "Y"], {}],
            "https://github.com/p/second": [["X", "Y", "Z"], {"title_aux": "Second"}],
            "https://github.com/p/third": [["Y", "Z"], {}],
        }
    )
    workflow = saved(*(node(each) for each in ("X", "Y", "Z")))
    found = bench.look(workflow)
    assert set(states(found).values()) == {"choice"}
    assert [(each.types, [option.subject for option in each.options]) for each in found.choices] == [
        (("X",), ["first", "https://github.com/p/second"]),
        (("Y",), ["first", "https://github.com/p/second", "https://github.com/p/third"]),
        (("Z",), ["https://github.com/p/second", "https://github.com/p/third"]),
    ]
    assert [why.value for why in found.choices[0].options[0].why] == ["registry", "manager-listed"]
    assert found.tasks == ()
    # The second brings all three, so nothing else is left to choose.
    chosen = bench.look(workflow, choose={"Z": "Second"})
    assert chosen.tasks == (task(TaskKind.INSTALL, "https://github.com/p/second"),)
    assert "needed-anyway" in [why.value for why in chosen.packs[0].candidate.why]
    for name, pack_name in (("Q", "first"), ("X", "fourth")):
        with pytest.raises(UsageError) as caught:
            bench.look(workflow, choose={name: pack_name})
        assert caught.value.code == "choice-unknown"


def test_who_preempts_a_type_has_it(bench: Bench) -> None:
    """Where the registry or Manager's map says whose a type is, there is nothing to choose."""
    bench.registry = FewPacks(packs={"first": pack("first", preempts=("X",))}, owners={"X": "first"})
    bench.map(
        {
            "https://github.com/p/second": [["X", "Y"], {"preemptions": ["Y"]}],
            "https://github.com/p/third": [["X", "Y"], {}],
        }
    )
    found = bench.look(saved(node("X"), node("Y")))
    assert [each.subject for each in found.tasks] == ["first", "https://github.com/p/second"]


def test_a_likeness_of_names_is_no_more_than_a_guess(bench: Bench) -> None:
    """Where something in the name is all there is, the user is asked, though there is one pack alone."""
    bench.map(
        {
            "https://github.com/a/smart": [["Known"], {"nodename_pattern": "Smart"}],
            "https://github.com/b/suffix": [[], {"nodename_pattern": r" \(b\)$"}],
        }
    )
    found = bench.look(queued("SmartThing", "Seed (b)"))
    assert states(found) == {"SmartThing": "choice", "Seed (b)": "install"}
    assert bench.look(queued("SmartThing"), choose={"SmartThing": "a/smart"}).tasks
    assert states(bench.look(queued("SmartThing", "Known"))) == dict.fromkeys(
        ("SmartThing", "Known"), "install"
    )


def test_nodes_that_name_different_packs(bench: Bench) -> None:
    """Two nodes of one type from two packs by the workflow's own words: a choice as well."""
    bench.registry = FewPacks(packs={"a": pack("a"), "b": pack("b")})
    found = bench.look(saved(node("X", cnr_id="a"), node("X", cnr_id="b"), node("X", aux_id="o/a")))
    assert states(found) == {"X": "choice"}
    assert [each.subject for each in found.choices[0].options] == ["a", "b"]


@pytest.mark.parametrize("identifier", ["../up", "a b", "-x", "a/b", "x" * 150, "a@1", "git+https://e.org/x"])
def test_ids_nobody_may_have(bench: Bench, identifier: str) -> None:
    """What a workflow says goes into no address and no command unless it has the form of an id."""
    found = bench.look(
        saved(node("X", cnr_id=identifier, aux_id=identifier if identifier != "a/b" else "../b"))
    )
    assert states(found) == {"X": "unknown"}
    assert bench.registry.asked == ["X"]


def test_an_id_the_registry_does_not_have(bench: Bench) -> None:
    """Then the repository counts, then the other ways."""
    bench.map({"https://github.com/m/m": [["Y"], {}]})
    found = bench.look(saved(node("X", cnr_id="gone", aux_id="o/r"), node("Y", cnr_id="gone")))
    assert [each.subject for each in found.tasks] == ["https://github.com/o/r", "https://github.com/m/m"]
    assert codes(found) == {"pack-id-unknown", "pack-named-by-workflow-alone"}
    assert bench.registry.asked.count("gone") == 1


def test_packs_without_a_version_and_withdrawn_ones(bench: Bench) -> None:
    """An unclaimed pack is had as its repository's head; one the registry has banned is not installed."""
    bench.registry = FewPacks(
        packs={
            "free": pack("free", publisher="unclaimed"),
            "bad": pack("bad", status="banned", detail="It steals."),
        }
    )
    found = bench.look(saved(node("X", cnr_id="free"), node("Y", cnr_id="bad")))
    assert found.tasks == (task(TaskKind.INSTALL, "free@nightly"),)
    assert states(found)["Y"] == "by-hand"
    assert codes(found) == {"registry-pack-withdrawn", "pack-by-hand"}


def test_a_registry_that_does_not_answer(bench: Bench) -> None:
    """It is asked once; what the workflow and Manager's map say still counts, and that it is less is said."""
    bench.registry = FewPacks(error="registry-unreachable")
    bench.map({"https://github.com/m/m": [["Y"], {}]})
    found = bench.look(saved(node("X", cnr_id="x"), node("Y"), node("Z", aux_id="o/z")))
    assert [each.subject for each in found.tasks] == ["x", "https://github.com/m/m", "https://github.com/o/z"]
    assert codes(found) == {"registry-not-asked", "pack-named-by-workflow-alone"}
    assert len(bench.registry.asked) == 1


def test_disabled_packs_are_enabled(bench: Bench) -> None:
    """By the workflow's words or by what their files declare; nobody is asked."""
    bench.have("sleeper", "X", disabled=True)
    bench.have("other", "Y", disabled=True)
    found = bench.look(saved(node("X", cnr_id="Sleeper"), node("Y")))
    assert found.tasks == (task(TaskKind.ENABLE, "sleeper"), task(TaskKind.ENABLE, "other"))
    assert bench.registry.asked == []


def test_installed_and_older_than_the_workflow(bench: Bench) -> None:
    """A type that is missing is had by an update; where all is there, it is only said."""
    origin = {
        "pyproject.toml": '[project]\nname = "grown"\nversion = "1.0.0"\n',
        ".tracking": "__init__.py\n",
    }
    bench.have("grown", "Old", files=origin)
    found = bench.look(
        saved(node("New", cnr_id="grown", ver="1.1.0"), node("Old", cnr_id="grown", ver="1.1.0"))
    )
    assert found.tasks == (task(TaskKind.UPDATE, "grown"),)
    assert codes(found) == {"pack-older-than-workflow"}
    same = bench.look(
        saved(node("New", cnr_id="grown", ver="1.0.0"), node("Old", cnr_id="grown", ver="00ff12"))
    )
    assert states(same) == {"New": "assumed", "Old": "present"}
    assert codes(same) == {"node-type-not-seen"}


def test_core_of_another_version(bench: Bench) -> None:
    """ComfyUI's own nodes are in no pack: a newer ComfyUI is needed, or they are switched off."""
    bench.map({"https://github.com/comfyanonymous/ComfyUI": [["Mapped"], {"title_aux": "ComfyUI"}]})
    found = bench.look(
        saved(
            node("New", cnr_id="comfy-core", ver="0.9.1"),
            node("Off", cnr_id="comfy-core", ver="0.8.0"),
            node("Mapped"),
            node("KSampler", cnr_id="comfy-core", ver="0.9.2"),
        )
    )
    assert states(found) == {**dict.fromkeys(["New", "Off", "Mapped"], "core"), "KSampler": "present"}
    assert codes(found) == {"comfyui-too-old", "core-node-missing", "workflow-of-newer-comfyui"}
    assert next(each for each in found.findings if each.code == "workflow-of-newer-comfyui").message.count(
        "0.9.2"
    )


def test_a_running_host_knows_for_sure(bench: Bench) -> None:
    """Failed packs, packs that lack a node, nodes of another pack, and nodes only the page draws."""
    bench.have("broken", "B", files={"pyproject.toml": '[project]\nname = "broken-id"\n'})
    bench.have(
        "whole",
        "W",
        files={"js/x.js": 'registerNodeType("Drawn")', "pyproject.toml": '[project]\nname = "whole-id"\n'},
    )
    running = Running(
        types={"KSampler": "nodes", "W": "custom_nodes.whole", "S": "custom_nodes.whole"},
        loaded={"whole": bench.root / "custom_nodes" / "whole"},
    )
    found = bench.look(
        saved(
            node("W", cnr_id="whole"),
            node("S", cnr_id="other"),
            node("B", cnr_id="broken-id"),
            node("Lost", cnr_id="whole"),
            node("Drawn"),
        ),
        running=running,
    )
    assert found.exact
    assert states(found) == {
        "W": "present",
        "S": "present",
        "B": "failed",
        "Lost": "absent",
        "Drawn": "front-end",
    }
    assert codes(found) == {"pack-import-failed", "node-type-not-in-pack", "node-type-of-another-pack"}
    assert [each.name for each in found.missing] == ["B", "Lost"]
    assert bench.look(queued("B"), running=running).types[0].state is TypeState.FAILED


def test_a_single_file_that_is_loaded(bench: Bench) -> None:
    """The host knows it by its path; that it loaded counts, though it brought no node that is left."""
    file = bench.root / "custom_nodes" / "lone.py"
    file.write_text(NODES % "")
    running = Running(types={"KSampler": "nodes"}, loaded={str(file.with_suffix("")): file.parent})
    assert states(bench.look(saved(node("X", cnr_id="lone")), running=running)) == {"X": "absent"}


def test_single_files_are_for_the_user(bench: Bench) -> None:
    """What no git can fetch is named, not installed; beside another pack it is a choice like any."""
    address = "https://raw.githubusercontent.com/a/b/main/c.py"
    bench.map({address: [["X", "Y"], {}], "https://github.com/a/c": [["Y"], {}]})
    found = bench.look(queued("X"))
    assert (states(found), found.tasks, codes(found)) == ({"X": "by-hand"}, (), {"pack-by-hand"})
    assert address in found.findings[-1].message
    assert states(bench.look(queued("Y"))) == {"Y": "choice"}
    assert states(bench.look(queued("Y"), choose={"Y": address})) == {"Y": "by-hand"}


def test_a_mirror_of_github(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """GITHUB_ENDPOINT counts as it does for ComfyUI-Manager; a clone of the mirror is the same pack."""
    monkeypatch.setenv("GITHUB_ENDPOINT", "https://mirror.example.org/gh/")
    found = bench.look(saved(node("X", aux_id="o/r")))
    assert found.tasks == (task(TaskKind.INSTALL, "https://mirror.example.org/gh/o/r"),)
    config = '[remote "origin"]\n\turl = https://mirror.example.org/gh/o/r.git\n'
    bench.have("named-otherwise", files={".git/config": config, ".git/HEAD": "ref: refs/heads/main\n"})
    assert states(bench.look(saved(node("X", aux_id="o/r")))) == {"X": "assumed"}


def test_many_nodes_of_one_pack_cost_few_questions(bench: Bench) -> None:
    """Met with twice, a pack is asked for all its nodes at once."""
    names = [f"N{number}" for number in range(50)]
    bench.registry = FewPacks(packs={"large": pack("large")}, owners=dict.fromkeys(names, "large"))
    found = bench.look(queued(*names))
    assert found.tasks == (task(TaskKind.INSTALL, "large"),)
    assert bench.registry.asked == ["N0", "N1", "nodes of large 1.0.0"]


def test_the_registry_is_not_asked_without_end(bench: Bench) -> None:
    """A workflow of a thousand unknown nodes costs three hundred questions."""
    found = bench.look(queued(*(f"N{number}" for number in range(1000))))
    assert len(bench.registry.asked) == 300
    assert "registry-not-asked" in codes(found)


def test_the_answer_as_json(bench: Bench) -> None:
    """Every part of it can be written."""
    bench.map({"https://github.com/m/a": [["X"], {}], "https://github.com/m/b": [["X"], {}]})
    found = bench.look(saved(node("X"), node("Y", aux_id="o/r")))
    document = json.loads(json.dumps(found.to_dict()))
    assert [each["name"] for each in document["types"] if each["missing"]] == ["X", "Y"]
    assert document["packs"][0]["task"] == {
        "kind": "install",
        "subject": "https://github.com/o/r",
        "version": "",
    }
    assert len(document["choices"][0]["options"]) == 2
