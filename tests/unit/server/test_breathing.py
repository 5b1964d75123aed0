"""Settings of the process while our threads work."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from comfyui_safe_install.server_routes.breathing import loop_breathing


@pytest.fixture(autouse=True)
def as_before() -> Iterator[tuple[float, tuple[int, int, int]]]:
    """Whatever a test does, the others find things as they were."""
    before = (sys.getswitchinterval(), gc.get_threshold())
    yield before
    sys.setswitchinterval(before[0])
    gc.set_threshold(*before[1])


def test_work_takes_short_turns_and_then_all_is_as_before(
    as_before: tuple[float, tuple[int, int, int]],
) -> None:
    """While work goes on, in one thread or several, turns are short and old objects are let be."""
    with loop_breathing():
        with loop_breathing():
            pass
        assert sys.getswitchinterval() < as_before[0]
        assert gc.get_threshold()[0] == as_before[1][0]
        assert min(gc.get_threshold()[1:]) > 100_000
        assert gc.isenabled()
    assert (sys.getswitchinterval(), gc.get_threshold()) == as_before


def test_readers_leave_the_middle_generation_alone(as_before: tuple[float, tuple[int, int, int]]) -> None:
    """While pages only read, just collections of everything wait; work beside them has the longer rest."""
    with loop_breathing(reading=True):
        assert gc.get_threshold()[:2] == as_before[1][:2]
        assert gc.get_threshold()[2] > 100_000
        with loop_breathing():
            assert min(gc.get_threshold()[1:]) > 100_000
        assert gc.get_threshold()[:2] == as_before[1][:2]
    assert (sys.getswitchinterval(), gc.get_threshold()) == as_before


def test_it_ends_with_an_error_too(as_before: tuple[float, tuple[int, int, int]]) -> None:
    """An error in the work leaves nothing changed."""
    with pytest.raises(ZeroDivisionError), loop_breathing():
        raise ZeroDivisionError
    assert (sys.getswitchinterval(), gc.get_threshold()) == as_before


def test_what_others_set_meanwhile_stays() -> None:
    """The host, or a pack, that sets its own while we work keeps it."""
    with loop_breathing():
        sys.setswitchinterval(0.02)
        gc.set_threshold(1000, 20, 30)
    assert sys.getswitchinterval() == pytest.approx(0.02, rel=0.05)
    assert gc.get_threshold() == (1000, 20, 30)


def test_a_host_with_shorter_turns_keeps_them() -> None:
    """Turns are made shorter, never longer."""
    sys.setswitchinterval(0.0001)
    with loop_breathing():
        assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.05)
    assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.05)
