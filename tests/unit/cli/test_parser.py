"""What can be typed, and what is said about what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.cli.parser import build_parser, parse
from comfyui_safe_install.resolver.errors import UsageError

COMMANDS = (
    "plan", "install", "uninstall", "lock", "sync", "rollback",
    "recover", "deferred", "history", "snapshot", "verify", "why",
)  # fmt: skip
ACTIONS = ("create", "list", "show", "diff", "export", "import", "label", "pin", "unpin", "remove")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--comfyui", "C", "--python", "P", "--state", "S", "snapshot", "show", "x"],
        ["snapshot", "--json", "--comfyui", "C", "show", "--python", "P", "--state", "S", "x"],
        ["snapshot", "show", "x", "--json", "--comfyui", "C", "--python", "P", "--state", "S"],
    ],
)
def test_global_options_count_wherever_they_stand(arguments: list[str]) -> None:
    """Options of every command are taken before the command, after it, and in between."""
    args = parse(arguments)
    assert (args.comfyui, args.python, args.state) == (Path("C"), Path("P"), Path("S"))
    assert args.json
    assert not args.verbose


def test_what_is_not_given_has_a_default() -> None:
    """Without options nothing is named, nothing is allowed, and the documented choices are made."""
    args = parse(["plan"])
    assert (args.comfyui, args.python, args.state, args.json, args.no_color) == (
        None,
        None,
        None,
        False,
        False,
    )
    assert (args.policy, args.strategy, args.allow, args.sources) == ("newest", "merged", [], [])
    assert args.prefer == []


@pytest.mark.parametrize(
    "command", ["plan", "install x", "lock", "sync", "update", "fix x", "missing w.json --install"]
)
def test_a_choice_can_be_made_wherever_a_plan_is(command: str) -> None:
    """`--prefer` adds up, beside `--policy`."""
    args = parse([*command.split(), "--prefer", "numpy=A", "--policy", "newest", "--prefer", "rich="])
    assert args.prefer == ["numpy=A", "rich="]


def test_consents_add_up() -> None:
    """`--allow` takes a list, may be repeated, and `all` means every one."""
    args = parse(["plan", "--allow", "builds,urls", "--allow", "install-py"])
    assert frozenset().union(*args.allow) == {"builds", "urls", "install-py"}
    (everything,) = parse(["sync", "--allow", "all"]).allow
    assert everything == {"builds", "indexes", "urls", "install-py", "flagged"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "No command"),
        (["--json"], "No command"),
        (["instal"], "invalid choice"),
        (["install"], "required"),
        (["plan", "--allow", "everything"], "unknown consent everything"),
        (["plan", "--policy", "oldest"], "oldest"),
        (["plan", "--jso"], "Unrecognized"),
        (["snapshot"], "required"),
        (["snapshot", "label", "x"], "required"),
        (["rollback", "a", "b"], "Unrecognized"),
        (["deferred"], "required"),
        (["deferred", "cancel"], "required"),
        (["plan", "x", "--at-next-start"], "Unrecognized"),
        (["plan", "--target", "elsewhere"], "no target"),
    ],
)
def test_wrong_usage_is_an_error_with_a_way_out(arguments: list[str], words: str) -> None:
    """What cannot be understood raises `usage` and says what; abbreviations are not guessed at."""
    with pytest.raises(UsageError, match=words) as raised:
        parse(arguments)
    assert raised.value.code == "usage"
    assert raised.value.exit_code == 2


def test_layers_are_refused_by_name() -> None:
    """A layer as target is known, but not in this version."""
    with pytest.raises(UsageError) as raised:
        parse(["plan", "--target", "layer:x"])
    assert raised.value.code == "layers-not-available"
    assert "not in this version" in raised.value.message


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`COMMAND --help` says what it does and shows an example."""
    with pytest.raises(SystemExit) as end:
        parse([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"safe-install {command}" in text


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names all commands in one line each, and the exit codes."""
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n    {command} " in text
    assert "exit codes: 0 done" in text


@pytest.mark.parametrize("action", ACTIONS)
def test_every_snapshot_action_has_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`snapshot ACTION --help` works for each."""
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(["snapshot", action, "--help"])
    assert end.value.code == 0
    assert f"safe-install snapshot {action}" in capsys.readouterr().out
