"""Everything a fuzzer ever found, and everything it began with, keeps the law of its reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.fuzz.seeds import SEEDS
from comfyui_safe_install.tests.fuzz.targets import TARGETS, clear

_FOUND = sorted(path for path in Path(__file__).with_name("regressions").glob("*/*") if path.is_file())


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    clear()


def test_every_reader_has_seeds() -> None:
    """A target without a beginning would never be looked at."""
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_keep_the_law(target: str) -> None:
    """Whole, cut off anywhere, doubled, and with each sort of byte put in."""
    for seed in SEEDS[target]:
        TARGETS[target](seed)
        TARGETS[target](seed + seed)
        for place in range(0, len(seed), max(1, len(seed) // 12)):
            TARGETS[target](seed[:place])
            for piece in (b"\0", b"\xff", b"\n", b'"', b"[" * 5, b"9" * 50):
                TARGETS[target](seed[:place] + piece + seed[place:])


@pytest.mark.parametrize("path", _FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_a_fuzzer_found_stays_mended(path: Path) -> None:
    """Each file broke the law of its reader once."""
    TARGETS[path.parent.name](path.read_bytes())
