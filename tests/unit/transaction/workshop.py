"""A small live tree with a stage and a payload place beside it, for the tests of the transaction room.

Standard library and our own modules only: the kill driver runs it in bare child processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir, Step
from comfyui_safe_install.tests.kit.trees import Entry, hash_tree


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folders one test works in, all below `root`."""

    root: Path

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.root / "state"

    @property
    def live(self) -> Path:
        """What must be exactly before or exactly after."""
        return self.root / "live"

    @property
    def aside(self) -> Path:
        """Where stage and payloads lie."""
        return self.root / "aside"

    @property
    def stage(self) -> Path:
        """The new files."""
        return self.aside / "stage"

    @property
    def roots(self) -> tuple[Path, ...]:
        """What a transaction may change."""
        return (self.live, self.aside)

    def fill(self) -> Workshop:
        """A live tree with two distributions, a shared folder, a link and odd modes; a stage for three."""
        for folder in (self.state, self.live / "alpha" / "sub", self.live / "alpha-1.dist-info"):
            folder.mkdir(parents=True)
        (self.live / "alpha" / "__init__.py").write_text("version = 1\n")
        (self.live / "alpha" / "sub" / "deep.py").write_text("deep = 1\n")
        (self.live / "alpha" / "sub" / "deep.py").chmod(0o444)
        (self.live / "alpha-1.dist-info" / "RECORD").write_text("alpha 1\n")
        (self.live / "shared").mkdir(mode=0o750)
        (self.live / "shared").chmod(0o750)
        (self.live / "shared" / "one.py").write_text("one = 1\n")
        (self.live / "single.py").write_text("single = 1\n")
        (self.live / "link").symlink_to("alpha")
        (self.live / "untouched").mkdir()
        for folder in (self.stage / "alpha", self.stage / "alpha-2.dist-info", self.stage / "fresh"):
            folder.mkdir(parents=True)
        (self.stage / "alpha" / "__init__.py").write_text("version = 2\n")
        (self.stage / "alpha-2.dist-info" / "RECORD").write_text("alpha 2\n")
        (self.stage / "fresh" / "new.py").write_text("new = 2\n")
        (self.stage / "single.py").write_text("single = 2\n")
        (self.stage / "link").symlink_to("fresh")
        return self

    def steps(self) -> tuple[Step, ...]:
        """Every kind of step, with a folder removed, one made, a link replaced and dist-info last."""
        payload = self.aside / "payloads"
        return (
            MakeDir(payload, 0o700),
            Move(self.live / "alpha", payload / "alpha"),
            Move(self.stage / "alpha", self.live / "alpha"),
            Move(self.live / "shared" / "one.py", payload / "one.py"),
            RemoveDir(self.live / "shared", 0o750),
            MakeDir(self.live / "made", 0o711),
            Move(self.stage / "fresh", self.live / "made" / "fresh"),
            Move(self.live / "link", payload / "link"),
            Move(self.stage / "link", self.live / "link"),
            Move(self.live / "single.py", payload / "single.py"),
            Move(self.stage / "single.py", self.live / "single.py"),
            Move(self.live / "alpha-1.dist-info", payload / "alpha-1.dist-info"),
            Move(self.stage / "alpha-2.dist-info", self.live / "alpha-2.dist-info"),
        )

    def begin(self, operation: str = "install alpha") -> Transaction:
        """A planned transaction."""
        return Transaction.begin(
            self.state, operation=operation, roots=self.roots, summary={"packs": ["alpha"]}
        )

    def ready(self, steps: Sequence[Step] | None = None) -> Transaction:
        """A tried transaction with its steps set; the stage goes whatever the outcome."""
        transaction = self.begin()
        transaction.set_steps((), remove_on_commit=[self.stage], remove_on_rollback=[self.stage])
        transaction.advance(TransactionState.STAGED, files=5)
        transaction.advance(TransactionState.TRIED)
        transaction.set_steps(
            self.steps() if steps is None else steps,
            remove_on_commit=[self.stage],
            remove_on_rollback=[self.stage, self.aside / "payloads"],
        )
        return transaction

    def install(self) -> Transaction:
        """The whole way to the commit."""
        with self.ready() as transaction:
            transaction.apply()
            transaction.commit()
        return transaction

    def tree(self) -> dict[str, Entry]:
        """The live tree as a value."""
        return hash_tree(self.live)


def everything(folder: Path) -> dict[str, tuple[Entry, int]]:
    """A tree with the time of each last change, to prove that nothing was even rewritten."""
    return {name: (entry, os.lstat(folder / name).st_mtime_ns) for name, entry in hash_tree(folder).items()}
