"""Which snapshots go by the policy, and what each keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from comfyui_safe_install.resolver.core.retention import (
    FOR_SPACE,
    GIGABYTE,
    OLD,
    RetentionPolicy,
    Share,
    StoredPayload,
    departures,
    parse_policy,
    shares,
)
from comfyui_safe_install.resolver.core.snapshot import Snapshot, SnapshotDistribution, UnownedFile
from comfyui_safe_install.resolver.errors import UsageError


def snapshot(number: int, *names: str, label: str = "", pinned: bool = False) -> Snapshot:
    """A snapshot of that age that names these distributions."""
    return Snapshot(
        id=f"s{number}",
        created=f"2026-01-{number:02d}",
        reason="test",
        label=label,
        pinned=pinned,
        distributions=tuple(
            SnapshotDistribution(name=each, version="1", record_digest=each) for each in names
        ),
        unowned=(UnownedFile(path="bin/x", size=1, digest="d"),),
    )


def payload(*names: str, gigabytes: float = 1) -> StoredPayload:
    """A payload that brings these back."""
    return StoredPayload(
        folder="-".join(names),
        kind="distribution",
        keys=frozenset((each, "1", each) for each in names),
        bytes=int(gigabytes * GIGABYTE),
    )


def gone(row: Sequence[Snapshot], payloads: Sequence[StoredPayload] = (), **limits: int) -> Mapping[str, str]:
    """{id: why} by a policy with these limits and no others."""
    policy = RetentionPolicy(**{"snapshots": 100, "gigabytes": 0, "at_least": 1, **limits})
    newest_first = sorted(row, key=lambda each: each.created, reverse=True)
    return {each.snapshot.id: each.why for each in departures(newest_first, payloads, policy)}


def test_the_oldest_plain_ones_go_and_the_users_own_never() -> None:
    """Pinned and labelled ones do not count, nor does what is spared, such as the way back."""
    row = [snapshot(day) for day in range(1, 6)]
    row += [snapshot(6, label="mine"), snapshot(7, pinned=True)]
    assert gone(row, snapshots=3) == {"s1": OLD, "s2": OLD}
    assert gone(row, snapshots=0).keys() == {"s1", "s2", "s3", "s4", "s5"}
    newest_first = sorted(row, key=lambda each: each.created, reverse=True)
    spared = departures(newest_first, (), RetentionPolicy(snapshots=3), spare=["s1"])
    assert [each.snapshot.id for each in spared] == ["s2"]


def test_what_others_name_too_frees_nothing() -> None:
    """For room the oldest go until there is enough; one of which nothing would be freed stays."""
    row = [snapshot(1, "a", "x"), snapshot(2, "b"), snapshot(3, "x"), snapshot(4), snapshot(5)]
    stock = [payload("a"), payload("b"), payload("x")]
    assert gone(row, stock, gigabytes=3) == {}
    assert gone(row, stock, gigabytes=2) == {"s1": FOR_SPACE}
    assert gone(row, stock, gigabytes=1) == {"s1": FOR_SPACE, "s2": FOR_SPACE}
    assert gone(row, [payload("x", gigabytes=9)], gigabytes=1) == {"s1": FOR_SPACE, "s3": FOR_SPACE}
    assert gone(row, [payload("x", gigabytes=9)], gigabytes=1, at_least=3) == {}


def test_room_is_not_made_with_what_another_comfyui_needs() -> None:
    """Nor with what a pinned snapshot names."""
    row = [snapshot(2, "b"), snapshot(1, "a", "b")]
    policy = RetentionPolicy(gigabytes=0.5, at_least=1)
    assert [each.snapshot.id for each in departures(row, [payload("a")], policy)] == ["s1"]
    elsewhere = [("a", "1", "a")]
    assert departures(row, [payload("a")], policy, named_elsewhere=elsewhere) == ()
    pinned = [snapshot(3), *row, snapshot(0, "a", pinned=True)]
    assert departures(pinned, [payload("a")], policy) == ()


def test_what_a_snapshot_keeps_alone_and_with_others() -> None:
    """A payload of several counts for each that names one of them; other state folders count as one more."""
    row = [snapshot(1, "a", "c"), snapshot(2, "b"), snapshot(3)]
    stock = [payload("a", "b", gigabytes=2), payload("c", gigabytes=1)]
    found = shares(row, stock)
    assert found["s1"] == Share(own=GIGABYTE, shared=2 * GIGABYTE)
    assert found["s2"] == Share(own=0, shared=2 * GIGABYTE)
    assert found["s3"] == Share()
    assert shares(row, stock, [("c", "1", "c")])["s1"] == Share(own=0, shared=3 * GIGABYTE)


def test_settings_are_read_strictly() -> None:
    """What makes no sense is refused, with the setting's name."""
    assert parse_policy({}) == RetentionPolicy()
    assert parse_policy({"snapshots": 3, "gigabytes": 1.5}) == RetentionPolicy(snapshots=3, gigabytes=1.5)
    tables: list[dict[str, object]] = [
        {"snapshots": -1},
        {"snapshots": True},
        {"transactions": 1.5},
        {"gigabytes": "20"},
        {"gigabytes": float("nan")},
        {"snapshot": 3},
    ]
    for table in tables:
        with pytest.raises(UsageError) as caught:
            parse_policy(table)
        assert caught.value.code == "settings-invalid"
        assert next(iter(table)) in caught.value.message
