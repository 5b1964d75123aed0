"""Ways to bring a transaction to grief, and to read what it left."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
)
from comfyui_safe_install.resolver.transaction.journal import Journal, read_journal
from comfyui_safe_install.resolver.transaction.recover import recover
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def kinds(transaction: Transaction) -> list[str]:
    """The journal in short."""
    bodies = [entry.body for entry in read_journal(transaction.directory / "journal.jsonl")]
    return [str(body["state"] if body["kind"] == "state" else body["kind"]) for body in bodies]


def applied(workshop: Workshop) -> Transaction:
    """A transaction whose process died after the last step."""
    transaction = workshop.ready()
    transaction.apply()
    return transaction


def rewrite(path: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    """The journal with other lines and right checksums: what only somebody hostile would do."""
    bodies = [dict(json.loads(line)["body"]) for line in path.read_bytes().splitlines()]
    change(bodies)
    path.unlink()
    journal = Journal(path)
    for body in bodies:
        journal.append(body)


def refused(workshop: Workshop) -> RecoveryNeededError:
    """The error of a recovery that must not touch anything."""
    before = everything(workshop.root)
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, workshop.roots)
    after = everything(workshop.root)
    for name in ("state/lock", "state"):  # Taking the lock leaves its file.
        before.pop(name, None)
        after.pop(name, None)
    assert after == before
    return caught.value


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond `size` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def fill_disk_after(step: int, transaction: Transaction, stack: ExitStack) -> Callable[[int, int], None]:
    """A callback after which the journal has room for half a line."""

    def fill(done: int, _total: int) -> None:
        if done == step:
            stack.enter_context(
                no_file_longer_than((transaction.directory / "journal.jsonl").stat().st_size + 30)
            )

    return fill
