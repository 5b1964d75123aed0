"""A choice between packs through the whole command line: followed, recorded, remembered, taken back."""

from __future__ import annotations

import json

import pytest

from comfyui_safe_install.resolver.cli import main
from comfyui_safe_install.tests.kit.installation import Answer, Installation, differences


@pytest.fixture
def tools(here: Installation) -> Installation:
    """The index has three releases of `tool`, and the pack `old` has the oldest of them."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        here.wheel("tool", version)
    assert here.run("install", here.source("old", "tool==1.0"), "--yes").applied
    return here


def rules(answer: Answer) -> list[tuple[str, str, dict[str, str]]]:
    """(rule, chosen, choices that brought it about) of every decision."""
    return [(each["rule"], each["chosen"], each["follows"]) for each in answer.document["plan"]["decisions"]]


def test_a_choice_is_followed_recorded_and_remembered_until_it_is_taken_back(tools: Installation) -> None:
    """Later packs do not reverse it, nor does a sync; another choice does, or taking it back."""
    answer = tools.run("install", tools.source("new", "tool>=2"), "--prefer", "tool=old", "--yes")
    assert tools.versions()["tool"] == "1.0"
    assert answer.document["plan"]["prefer"] == {"tool": "old"}
    (entry,) = map(json.loads, (tools.state / "record.jsonl").read_text().splitlines())
    assert (entry["prefer"], entry["decision"]["rule"]) == ({"tool": "old"}, "your-choice")
    before = tools.tree()

    # Nothing of it is forgotten by a change that has nothing to do with it.
    tools.wheel("other", "1.0")
    tools.run("install", tools.source("calm", "other"), "--yes")
    third = tools.source("third", "tool>=3")
    later = tools.run("install", third, "--yes")
    assert rules(later) == [("your-choice", "1.0", {"tool": "old"})]
    assert "earlier" in later.document["plan"]["decisions"][0]["reason"]
    assert tools.versions()["tool"] == "1.0"
    assert rules(tools.run("sync", "--yes")) == [("your-choice", "1.0", {"tool": "old"})]

    # Another choice takes its place, and a rollback brings the one before back.
    other = tools.run("sync", "--prefer", "tool=new", "--yes")
    assert rules(other) == [("your-choice", "3.0", {"tool": "new"})]
    assert tools.versions()["tool"] == "3.0"
    assert tools.run("rollback", "--yes").code == 0
    assert rules(tools.run("sync", "--yes")) == [("your-choice", "1.0", {"tool": "old"})]

    # Taken back, the policy decides again.
    assert tools.run("plan", "--prefer", "tool=").document["decisions"][0]["rule"] == "newest-wins"
    free = tools.run("sync", "--prefer", "tool=", "--yes")
    assert rules(free) == [("newest-wins", "3.0", {})]
    assert rules(tools.run("sync", "--yes")) == [("newest-wins", "3.0", {})]
    assert tools.run("plan").document["prefer"] == {}
    assert differences(before, tools.tree())


def test_a_choice_goes_with_its_pack(tools: Installation) -> None:
    """Once the pack that was followed is gone, nothing is remembered and nothing stumbles over it."""
    tools.run("install", tools.source("new", "tool>=2"), "--prefer", "tool=old", "--yes")
    assert tools.run("uninstall", "old", "--yes").code == 0
    plan = tools.run("plan").document
    assert (plan["prefer"], plan["decisions"], plan["lock"]["tool"]) == ({}, [], "3.0")
    assert not [each for each in plan["findings"] if each["code"].startswith("choice")]


def test_the_words_of_a_plan_say_how_to_choose_otherwise(
    tools: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below each clash between packs stands the option that follows the other; used, it names the first."""
    source = tools.source("new one", "tool>=2")
    places = ["--comfyui", str(tools.comfy)]
    assert main([*places, "plan", source]) == 0
    assert "or: --prefer tool=old follows old" in capsys.readouterr().out
    assert main([*places, "plan", source, "--prefer", "tool=OLD"]) == 0
    words = capsys.readouterr().out
    assert "tool: 1.0 [your-choice]" in words
    assert "or: --prefer 'tool=new one' follows new one" in words


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        (["tool"], "choice-invalid"),
        (["=old"], "choice-invalid"),
        (["tool==old"], "choice-invalid"),
        (["to ol=old"], "choice-invalid"),
        (["tool=old", "Tool=new"], "choice-twice"),
        (["tool=nobody"], "choice-pack-unknown"),
        (["nothing=old"], "choice-package-unknown"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "sync"])
def test_a_choice_that_makes_no_sense_is_a_usage_error(
    tools: Installation, command: str, choices: list[str], code: str
) -> None:
    """Exit code 2, a code, and what to do."""
    before = tools.tree()
    options = [word for choice in choices for word in ("--prefer", choice)]
    answer = tools.run(command, *options)
    assert (answer.code, answer.error) == (2, code)
    assert answer.document["error"]["hints"]
    assert differences(before, tools.tree()) == []
