"""Ctrl-C and termination while a command runs."""

from __future__ import annotations

import signal
import threading

import pytest

from comfyui_safe_install.resolver.cli.signals import Interrupted, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_unwinds_and_later_ones_wait(number: signal.Signals) -> None:
    """The first raises and sets the cancel event; while things are put back, more signals only say so."""
    cancel, said = threading.Event(), []
    undone = []

    def work() -> None:
        with interruptible(cancel, lambda: said.append("wait")):
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGINT)
                undone.append(True)

    with pytest.raises(Interrupted):
        work()
    assert undone
    assert cancel.is_set()
    assert said == ["wait", "wait"]


def test_after_the_work_is_done_a_signal_changes_nothing() -> None:
    """Once calm, neither cancel nor exception."""
    cancel = threading.Event()
    with interruptible(cancel, lambda: None) as calm_down:
        calm_down()
        signal.raise_signal(signal.SIGTERM)
    assert not cancel.is_set()


def test_handlers_are_put_back_and_ignored_signals_stay_ignored() -> None:
    """Afterwards the handlers are the ones from before; what was ignored (nohup) is not taken over."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interruptible(threading.Event(), lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_it_does_nothing() -> None:
    """A server may run commands in a thread, where no handler can be set."""
    went_well = []

    def run() -> None:
        with interruptible(threading.Event(), lambda: None) as calm_down:
            calm_down()
            went_well.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert went_well


def test_a_program_is_deaf_from_its_result_on() -> None:
    """While the interpreter shuts down, a signal neither raises nor ends the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with interruptible(threading.Event(), lambda: None, until_the_end=True):
            pass
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
