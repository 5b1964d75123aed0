"""What is on the disk before what: the order that a power cut cannot break."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.steps import Move, touched_dirs
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel which file a descriptor is")

Event = tuple[str, str, bytes]
"""Call, path, and what was written."""


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Every write, sync and change of a name, in order."""
    seen: list[Event] = []

    def watch(name: str, describe: Callable[..., tuple[str, bytes]]) -> None:
        real = getattr(os, name)

        def watched(*arguments: object, **named: object) -> object:
            seen.append((name, *describe(*arguments)))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, watched)

    def file_of(descriptor: int, data: bytes = b"") -> tuple[str, bytes]:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink()), data

    watch("write", file_of)
    watch("fsync", file_of)
    for name in ("rename", "replace", "mkdir", "rmdir"):
        watch(name, lambda path, *_more: (os.fspath(path), b""))
    return seen


def test_every_act_is_announced_durably(workshop: Workshop, events: list[Event]) -> None:
    """Between the journal line of an act and the act lies a sync of the journal; likewise going back."""
    transaction = workshop.ready()
    events.clear()
    transaction.apply()
    transaction.roll_back("try it")
    journal = str(transaction.directory / "journal.jsonl")
    live = [str(root) for root in workshop.roots]
    last_line, durable, renames = b"", False, 0
    for call, path, data in events:
        if path == journal:
            last_line, durable = (data, False) if call == "write" else (last_line, True)
        elif call in ("rename", "mkdir", "rmdir") and path.startswith(tuple(live)) and b"cleaned" not in data:
            if b'"rolled-back"' in last_line:
                continue  # The cleanup.
            renames += call == "rename"
            assert durable, (call, path)
            assert b'"intent"' in last_line or b'"undo"' in last_line
    assert renames == 2 * sum(isinstance(step, Move) for step in workshop.steps())


@pytest.mark.parametrize("state", ["verifying", "rolled-back"])
def test_every_touched_folder_is_synced_before_the_outcome(
    workshop: Workshop, events: list[Event], state: str
) -> None:
    """When the journal says verifying or rolled back, all renames have reached the disk."""
    transaction = workshop.ready()
    events.clear()
    transaction.apply()
    transaction.roll_back("try it")
    outcome = next(
        number for number, (call, _, data) in enumerate(events) if call == "write" and state.encode() in data
    )
    last_act = max(
        number
        for number, (call, path, _) in enumerate(events[:outcome])
        if call in ("rename", "mkdir", "rmdir") and path.startswith((str(workshop.live), str(workshop.aside)))
    )
    synced = {path for call, path, _ in events[last_act:outcome] if call == "fsync"}
    touched = {str(folder) for step in workshop.steps() for folder in touched_dirs(step)}
    gone = {str(workshop.live / "shared")} if state == "verifying" else {
        str(workshop.live / "made"), str(workshop.aside / "payloads")
    }  # fmt: skip
    assert touched - gone <= synced


def test_a_transaction_is_durable_before_begin_returns(workshop: Workshop, events: list[Event]) -> None:
    """The first line, its folder and the folder above are synced; a lost journal would be no journal."""
    workshop.state.rmdir()
    transaction = workshop.begin()
    synced = [path for call, path, _ in events if call == "fsync"]
    assert synced[0] == str(workshop.state)
    assert str(workshop.root) in synced
    assert synced[-1] == str(transaction.directory.parent)
    assert any(path.endswith("/journal.jsonl") for path in synced)
    assert [call for call, path, _ in events if call == "rename"] == ["rename"]


def test_steps_are_durable_before_the_first_line_about_them(workshop: Workshop, events: list[Event]) -> None:
    """steps.json is written aside, synced, put in place, and its folder synced, before applying begins."""
    transaction = workshop.ready()
    events.clear()
    transaction.apply()
    begins = next(number for number, event in enumerate(events) if b'"applying"' in event[2])
    calls = [(call, Path(path).name) for call, path, _ in events[:begins]]
    assert [call for call, _ in calls] == ["fsync", "replace", "fsync"]
    assert calls[-1] == ("fsync", transaction.id)
