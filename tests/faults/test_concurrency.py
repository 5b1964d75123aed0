"""A short run of the concurrency campaign; the long one is `python tests/faults/concurrency.py --rounds 200`."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.tests.faults.concurrency import run_campaign


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "states"), [(2, 2)])
def test_many_at_once_lose_nothing(
    tmp_path: Path, seed: int, states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes and threads at work together, some of them killed: what is there is what the journals say."""
    for name in ("UV_DEFAULT_INDEX", "UV_CACHE_DIR", "UV_HTTP_RETRIES"):
        monkeypatch.setenv(name, "")  # So that the campaign's own values do not outlive the test.
    tally = run_campaign(tmp_path, rounds=24, seed=seed, at_once=6, states=states)
    assert tally.faults == [], tally.table()
    assert sum(tally.outcomes.values()) == 24
    assert tally.committed > 3, tally.table()
