"""Files of the state folder that are not to be trusted: refused, and nothing is touched."""

from __future__ import annotations

import json

import pytest

from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
)
from comfyui_safe_install.resolver.transaction.recover import recover
from comfyui_safe_install.tests.unit.transaction.crashes import (
    applied,
    refused,
    rewrite,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


@pytest.mark.parametrize("file", ["journal.jsonl", "steps.json"])
def test_a_damaged_file_is_refused(workshop: Workshop, file: str) -> None:
    """A file with a flipped bit in its middle stops recovery before anything is touched."""
    path = applied(workshop).directory / file
    data = path.read_bytes()
    path.write_bytes(
        data.replace(b"single", b"singel", 1) if file == "steps.json" else data[:50] + b"#" + data[51:]
    )
    assert refused(workshop).code == ("steps-refused" if file == "steps.json" else "journal-damaged")


@pytest.mark.parametrize("file", ["journal.jsonl", "steps.json"])
def test_a_lost_file_is_refused(workshop: Workshop, file: str) -> None:
    """Without its journal or its steps, a transaction cannot be undone by guessing."""
    (applied(workshop).directory / file).unlink()
    error = refused(workshop)
    assert error.code == ("steps-refused" if file == "steps.json" else "journal-damaged")
    assert error.hints


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"format": 2, "steps": [], "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": {}, "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [1], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [], "remove_on_rollback": [], "run": "x"}',
        '{"format": 1, "steps": [{"kind": "delete"}], "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [], "remove_on_rollback": ["/"]}',
        '{"format": 1, "steps": [], "remove_on_commit": ["live"], "remove_on_rollback": []}',
    ],
)
def test_a_hostile_step_list_is_refused(workshop: Workshop, content: str) -> None:
    """Even before the first step, a list no runner would write is not acted on, not even its cleanup."""
    transaction = workshop.begin()
    (transaction.directory / "steps.json").write_text(content)
    assert refused(workshop).code == "steps-refused"


def test_paths_outside_the_given_roots_are_refused(workshop: Workshop) -> None:
    """What the journal calls its roots does not count; the caller's roots do."""
    applied(workshop)
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, [workshop.live])
    assert caught.value.code == "steps-refused"
    assert "aside" in caught.value.message


def test_a_step_list_changed_after_the_start_is_refused(workshop: Workshop) -> None:
    """The journal knows the digest of the steps it began with."""
    transaction = applied(workshop)
    path = transaction.directory / "steps.json"
    value = json.loads(path.read_text())
    value["steps"] = value["steps"][:-1]
    path.write_text(json.dumps(value))
    error = refused(workshop)
    assert error.code == "steps-refused"
    assert "not the file the transaction began with" in error.message


def test_more_steps_than_there_are_is_refused(workshop: Workshop) -> None:
    """A journal that speaks of steps the list does not have is damaged."""
    transaction = applied(workshop)
    last = len(workshop.steps()) - 1

    def one_more(bodies: list[dict[str, object]]) -> None:
        bodies[-1:] = [{"kind": "intent", "step": last + 1}]

    rewrite(transaction.directory / "journal.jsonl", one_more)
    assert refused(workshop).code == "journal-damaged"
