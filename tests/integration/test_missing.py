"""What a workflow lacks, brought through the command line: as one change, and taken back as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.registry_server import RegistryServer, pack_files
from comfyui_safe_install.tests.kit.repositories import make_repository
from comfyui_safe_install.tests.kit.workflows import SUBGRAPH, node, png, queued, saved, subgraph

NODES = "NODE_CLASS_MAPPINGS = {%s}\n"


@pytest.fixture(name="registry")
def _registry(here: Installation) -> Iterator[RegistryServer]:
    """A registry with one pack, which the installation's settings name."""
    with RegistryServer() as registry:
        files = {**pack_files("by-id", "1.0.0", "wanted-by-id"), "__init__.py": NODES % '"Identified": 1'}
        registry.publish("by-id", "1.0.0", files)
        registry.has_nodes("by-id", "1.0.0", "Identified")
        here.state.mkdir(parents=True)
        (here.state / "settings.toml").write_text(f'[registry]\nurl = "{registry.url}"\n')
        yield registry


@pytest.fixture(name="world")
def _world(
    here: Installation, registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """A ComfyUI with Manager's map, a mirror of GitHub with two packs, and what all of them require."""
    here.have("base", "1.0")
    github = tmp_path / "github"
    for name, kind, requirement in (
        ("o/by-aux", "Auxiliary", "wanted-by-aux"),
        ("m/by-map", "Mapped", "wanted-by-map"),
    ):
        make_repository(
            github / name, {"__init__.py": NODES % f'"{kind}": 1', "requirements.txt": f"{requirement}\n"}
        )
        here.wheel(requirement, "1.0", requires=["shared>=1"])
    here.wheel("wanted-by-id", "1.0", requires=["shared<3"])
    here.wheel("shared", "2.0")
    here.wheel("shared", "3.0")
    monkeypatch.setenv("GITHUB_ENDPOINT", f"git+{github.as_uri()}")
    (here.comfy / "nodes.py").write_text(NODES % '"KSampler": 1, "SaveImage": 1')
    cache = here.comfy / "user" / "__manager" / "cache"
    cache.mkdir(parents=True)
    (cache / "1_extension-node-map.json").write_text(
        json.dumps(
            {
                "https://github.com/m/by-map": [["Mapped", "Twice"], {"title_aux": "By map"}],
                "https://github.com/m/other": [["Twice"], {}],
            }
        )
    )
    return here


def put(folder: Path, workflow: object, name: str = "workflow.json") -> str:
    """The workflow as a file."""
    path = folder / name
    path.write_text(json.dumps(workflow))
    return str(path)


THREE = saved(
    node("KSampler", cnr_id="comfy-core", ver="0.3.0"),
    node(SUBGRAPH),
    node("workflow>pair"),
    subgraphs=[subgraph(SUBGRAPH, node("Identified", cnr_id="by-id", ver="1.0.0"), node("Note"))],
    groups={"pair": [node("Auxiliary", aux_id="o/by-aux", ver="00ff"), node("Mapped")]},
)


def test_three_packs_from_three_places_are_one_change(
    world: Installation, registry: RegistryServer, tmp_path: Path
) -> None:
    """By id from the registry, by repository, by Manager's map: one lock, one transaction, one way back."""
    file = put(tmp_path, THREE)
    shown = world.run("missing", file)
    assert shown.code == 0
    assert [each["subject"].rpartition("/")[2] for each in shown.document["packs"]] == [
        "by-id",
        "by-aux",
        "by-map",
    ]
    assert {each["name"]: each["state"] for each in shown.document["types"]} == {
        "KSampler": "present",
        **dict.fromkeys(("Identified", "Auxiliary", "Mapped"), "install"),
    }
    assert not registry.installs
    before = world.tree()
    # Nobody but the workflow vouches for one of them, so an answer is needed.
    assert world.run("missing", file, "--install").error == "consent-needed"

    applied = world.run("missing", file, "--install", "--yes").applied

    assert world.versions() == {
        "base": "1.0",
        "shared": "2.0",
        **dict.fromkeys(("wanted-by-id", "wanted-by-aux", "wanted-by-map"), "1.0"),
    }
    assert {path.name for path in world.packs.iterdir()} >= {"by-id", "by-aux", "by-map"}
    history = world.run("history").document["transactions"]
    assert len(history) == 1
    assert world.run("missing", file).document["packs"] == []
    assert {each["state"] for each in world.run("missing", file).document["types"]} == {"present"}

    assert world.run("rollback", applied["snapshot"], "--yes").code == 0
    assert differences(before, world.tree()) == []


def test_one_pack_that_cannot_be_had_keeps_all_from_being_installed(
    world: Installation, tmp_path: Path
) -> None:
    """All or nothing: a repository that is gone leaves everything as it was."""
    file = put(tmp_path, saved(node("Auxiliary", aux_id="o/by-aux"), node("Gone", aux_id="o/gone")))
    before = world.tree()
    answer = world.run("missing", file, "--install", "--yes")
    assert (answer.code, answer.error) == (1, "git-failed")
    assert differences(before, world.tree()) == []


def test_an_open_choice_is_asked_for(world: Installation, tmp_path: Path) -> None:
    """Exit code 3 and nothing done; with the choice made it goes on."""
    file = put(tmp_path, queued("Twice", "KSampler"), "api.json")
    answer = world.run("missing", file)
    assert answer.code == 0
    assert [each["types"] for each in answer.document["choices"]] == [["Twice"]]
    refused = world.run("missing", file, "--install", "--yes")
    assert (refused.code, refused.error) == (3, "choice-needed")
    assert "--choose" in refused.document["error"]["hints"][0]["text"]
    assert world.run("missing", file, "--choose", "Twice=nobody").error == "choice-unknown"
    chosen = world.run("missing", file, "--install", "--yes", "--choose", "Twice=m/by-map").applied
    assert chosen
    assert (world.packs / "by-map").is_dir()


def test_pictures_and_what_is_none(world: Installation, tmp_path: Path) -> None:
    """A picture as ComfyUI saves it; anything else is a usage error with a hint."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(png({"workflow": json.dumps(THREE), "prompt": json.dumps(queued("Mapped"))}))
    assert len(world.run("missing", str(picture)).document["packs"]) == 3
    for name, content in (("empty.json", b""), ("x.png", b"\x89PNG\r\n\x1a\n")):
        (tmp_path / name).write_bytes(content)
        answer = world.run("missing", str(tmp_path / name))
        assert (answer.code, answer.error) == (2, "workflow-unreadable")
        assert answer.document["error"]["hints"]
    assert world.run("missing", str(tmp_path / "none.json")).error == "workflow-unreadable"
    assert world.run("missing").error == "usage"
    assert world.run("missing", "x", "--choose", "no-equals").error == "usage"


def test_a_disabled_pack_comes_back_in_the_same_change(world: Installation, tmp_path: Path) -> None:
    """What lies disabled is enabled beside what is installed."""
    off = world.packs / "sleeper.disabled"
    off.mkdir()
    (off / "__init__.py").write_text(NODES % '"Asleep": 1')
    file = put(tmp_path, saved(node("Asleep"), node("Mapped")))
    assert world.run("missing", file, "--install", "--yes").applied
    assert (world.packs / "sleeper" / "__init__.py").is_file()
    assert not off.exists()
    assert (world.packs / "by-map").is_dir()
