"""Whatever interrupts an install or a rollback, and wherever: exactly before or exactly after, and going on works."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from comfyui_safe_install.tests.faults.baseline import TOOLS, Baseline, baseline_table
from comfyui_safe_install.tests.faults.campaign import MAKERS, Campaign, table
from comfyui_safe_install.tests.faults.scene import Scene
from comfyui_safe_install.tests.faults.strategies import STRATEGIES
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

ROUNDS = 3 * len(STRATEGIES)
"""Of each command; `tools/campaign` runs as many as one likes."""


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_interruption_leaves_exactly_before_or_exactly_after(
    make: Callable[[Installation], Scene], here: Installation, show: list[str]
) -> None:
    """Three rounds of each strategy, with fixed seeds; some of them must fall into the swap."""
    campaign = Campaign()
    campaign.run(make(here), list(STRATEGIES), ROUNDS, seed=1)
    show.append(table(campaign.rounds))
    assert [(each.strategy, each.seed, each.wrong) for each in campaign.failures] == []
    assert campaign.in_swap > 0
    assert {each.outcome for each in campaign.rounds} == {"before", "after"}


def test_plain_installers_are_struck_in_the_same_way(
    here: Installation, index: IndexServer, show: list[str]
) -> None:
    """The baseline of the README's table: what they leave is counted, never asserted, for it is not ours."""
    baseline = Baseline(scene=Scene.of_install(here), index=index.url)
    baseline.run(14, seed=1)
    show.append(baseline_table(baseline.found))
    assert {each.tool for each in baseline.found} == set(TOOLS)
    assert all(bool(each.again) == (each.outcome == "neither") for each in baseline.found)
