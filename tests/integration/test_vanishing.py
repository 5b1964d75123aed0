"""What another process removes while we read is not there; it is no damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io import snapshots
from comfyui_safe_install.resolver.io.snapshot_memory import SnapshotMemory
from comfyui_safe_install.resolver.io.snapshots import SnapshotStore
from comfyui_safe_install.resolver.transaction import folder, fs, history
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.tests.kit.installation import Installation


@pytest.fixture
def removing(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths that another process removes in the instant before they are read."""
    gone: list[Path] = []
    real = fs.read_regular

    def read(path: Path | str, *more: int) -> bytes:
        for each in gone:
            if Path(path) == each or each in Path(path).parents:
                fs.remove_tree(each)
        return real(path, *more)

    monkeypatch.setattr(fs, "read_regular", read)
    return gone


def test_lists_pass_over_what_vanishes(
    here: Installation, removing: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots and transactions that go while they are listed are left out, without a finding."""
    here.have("base", "1.0")
    for name in ("one", "two"):
        assert here.run("install", here.source(name), "--yes").code == 0
    store = SnapshotStore(here.state)
    known = [each.id for each in store.list().snapshots]
    assert len(known) == 2
    # What is remembered is not read again, and whoever removes here strikes at a reading.
    monkeypatch.setattr(snapshots, "REMEMBERED", SnapshotMemory())
    removing.append(store.path(known[0]))
    listed = store.list()
    assert ([each.id for each in listed.snapshots], listed.findings) == (known[1:], ())
    removing[:] = [store.path(known[1])]
    monkeypatch.setattr(snapshots, "REMEMBERED", SnapshotMemory())
    with pytest.raises(SafeInstallError) as caught:
        store.get(known[1])
    assert caught.value.code == "snapshot-not-found"
    oldest = folder.identifiers(here.state)[0]
    real = folder.load_progress

    def load(state: Path, identifier: str) -> object:
        if identifier == oldest:
            fs.remove_tree(folder.transactions_dir(state) / identifier)
        return real(state, identifier)

    monkeypatch.setattr(folder, "load_progress", load)
    monkeypatch.setattr(history, "_SETTLED", {})
    assert [each.problem for each in read_transactions(here.state)] == [""]
    assert folder.unsettled(here.state) == ()
