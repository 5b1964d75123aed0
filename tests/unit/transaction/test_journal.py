"""The journal: what is in it, what a power cut may do to it, and what nobody may."""

from __future__ import annotations

import errno
import json
import os
import zlib
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import RecoveryNeededError, SafeInstallError
from comfyui_safe_install.resolver.transaction.journal import Journal, last_body, read_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three lines."""
    journal = Journal(tmp_path / "journal.jsonl")
    for number in range(3):
        journal.append({"kind": "note", "number": number, "text": "\u00e9\n"})
    return journal.path


def numbers(path: Path) -> list[object]:
    """What the journal holds, in short."""
    return [entry.body["number"] for entry in read_journal(path)]


def test_lines_are_read_as_they_were_written(path: Path) -> None:
    """Each line has its number and its body back, and is one line of ASCII JSON with a checksum."""
    assert numbers(path) == [0, 1, 2]
    assert [entry.seq for entry in read_journal(path)] == [1, 2, 3]
    for line in path.read_bytes().splitlines():
        value = json.loads(line)
        crc = value.pop("crc")
        assert crc == zlib.crc32(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def test_a_new_writer_goes_on_counting(path: Path) -> None:
    """A second process appends behind the first."""
    Journal(path).append({"number": 3})
    assert [entry.seq for entry in read_journal(path)] == [1, 2, 3, 4]
    assert last_body(path) == {"number": 3}


def test_every_torn_tail_is_dropped_and_cut_off(path: Path) -> None:
    """However much of the last line reached the disk: it does not count, and the next append removes it."""
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        assert numbers(path) == [0, 1]
        assert length == start or last_body(path) == {}
        Journal(path).append({"number": 9})
        assert numbers(path) == [0, 1, 9]


@pytest.mark.parametrize(
    "tail", [b"\0" * 40, b"\xff\xfe", b'{"body":{},"crc":1,"seq":4}\n', b"null\n", b"[" * 9000]
)
def test_garbage_in_place_of_the_last_line_is_dropped(path: Path, tail: bytes) -> None:
    """A tail the disk has filled with something else does not count either."""
    path.write_bytes(path.read_bytes() + tail)
    assert numbers(path) == [0, 1, 2]
    Journal(path).append({"number": 3})
    assert numbers(path) == [0, 1, 2, 3]


@pytest.mark.parametrize("line", [0, 1])
def test_damage_before_the_tail_is_refused(path: Path, line: int) -> None:
    """Each line was durable before the next began, so an early fault is no power cut."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"note", b"vote")
    path.write_bytes(b"".join(lines))
    for act in (lambda: read_journal(path), lambda: Journal(path).append({})):
        with pytest.raises(RecoveryNeededError) as caught:
            act()
        assert caught.value.code == "journal-damaged"
        assert f"line {line + 1} " in caught.value.message


def test_damage_right_before_a_torn_tail_is_refused(path: Path) -> None:
    """Two bad lines at the end are one too many."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b"note", b"vote")
    path.write_bytes(b"".join(lines) + b'{"bo')
    with pytest.raises(RecoveryNeededError):
        read_journal(path)


@pytest.mark.parametrize("order", [[0, 2], [0, 1, 1], [1, 0], [1]])
def test_lines_that_are_missing_or_moved_are_refused(path: Path, order: list[int]) -> None:
    """Whole lines in a wrong order are no journal, not even at the tail."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(RecoveryNeededError):
        read_journal(path)


def test_a_journal_without_lines_is_refused(tmp_path: Path) -> None:
    """Absent, empty and torn from the start: there is nothing to go by."""
    path = tmp_path / "journal.jsonl"
    for content in (None, b"", b"{"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RecoveryNeededError) as caught:
            read_journal(path)
        assert caught.value.code == "journal-damaged"
    assert last_body(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_line_that_was_not_durable_is_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """When the sync fails or is interrupted, the file is as before, and the next append works."""
    journal = Journal(path)
    journal.append({"number": 3})
    before = path.read_bytes()
    real, failures = os.fsync, [error]

    def fail_once(descriptor: int) -> None:
        if failures:
            raise failures.pop()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else SafeInstallError
    with pytest.raises(expected):
        journal.append({"number": 4})
    assert path.read_bytes() == before
    journal.append({"number": 5})
    assert numbers(path) == [0, 1, 2, 3, 5]


def test_a_short_write_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take a line in several bites."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    Journal(path).append({"number": 3})
    assert numbers(path) == [0, 1, 2, 3]


def test_two_writers_at_once_are_noticed(path: Path) -> None:
    """A writer whose file has grown behind its back stops, rather than write a line out of order."""
    journal = Journal(path)
    journal.append({"number": 3})
    Journal(path).append({"number": 4})
    with pytest.raises(RecoveryNeededError) as caught:
        journal.append({"number": 5})
    assert caught.value.code == "journal-changed"
    assert numbers(path) == [0, 1, 2, 3, 4]


def test_a_body_that_is_no_json_changes_nothing(path: Path) -> None:
    """A value JSON cannot hold is refused before the file is touched."""
    before = path.read_bytes()
    for value in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            Journal(path).append({"value": value})
    assert path.read_bytes() == before


def test_a_journal_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The error says which file, and what to look at."""
    with pytest.raises(SafeInstallError) as caught:
        Journal(tmp_path / "nowhere" / "journal.jsonl").append({})
    assert caught.value.code == "journal-unwritable"
    assert [hint.code for hint in caught.value.hints] == ["free-space"]


def test_the_last_line_of_a_long_journal_is_found_without_reading_it_all(path: Path) -> None:
    """A line longer than the part that is looked at counts as unknown, not as damage."""
    Journal(path).append({"text": "x" * 200_000})
    assert last_body(path) == {}
    Journal(path).append({"kind": "cleaned"})
    assert last_body(path) == {"kind": "cleaned"}
