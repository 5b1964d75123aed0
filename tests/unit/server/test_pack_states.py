"""Why packs do not load, kept from the host's log; and what the journals tell of packs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from comfyui_safe_install.resolver.at_start import import_log
from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.engine.pack_past import read_pack_past
from comfyui_safe_install.resolver.transaction.history import TransactionRecord
from comfyui_safe_install.server_routes.host import IMPORT_LOG_MARK, Host


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, with the handlers it has; what a test adds goes."""
    logger = logging.getLogger()
    before = list(logger.handlers)
    yield logger
    logger.handlers[:] = before


def test_one_keeper_listens_and_is_found_by_its_mark(root: logging.Logger) -> None:
    """However often it is asked for, by whichever copy of us; never before the host logs itself."""
    assert import_log.MARK == IMPORT_LOG_MARK
    root.handlers[:] = []
    import_log.keep_import_failures()
    assert root.handlers == []
    assert Host(None).import_failures is None
    root.addHandler(logging.NullHandler())
    import_log.keep_import_failures()
    import_log.keep_import_failures()
    assert len(root.handlers) == 2
    assert Host(None).import_failures == {}


def test_a_keeper_keeps_little_and_never_raises() -> None:
    """The reason and the traceback, bounded; nothing of what else is logged, nor of what cannot be formatted."""
    keeper = import_log.ImportLog()

    def log(text: str, *arguments: object) -> None:
        keeper.handle(logging.LogRecord("root", logging.WARNING, "", 0, text, arguments, None))

    log("Traceback (most recent call last):\n" + "  line\n" * 5000 + "ValueError: x")
    log("Cannot import %s module for custom nodes: %s", "/c/bad", "x\nmore")
    log("Cannot import %d module for custom nodes: %s", "no number")
    log("something else")
    for number in range(2000):
        log(f"Skip /c/{number} module for custom nodes due to the lack of NODE_CLASS_MAPPINGS.")
    failures = keeper.failures()
    message, lines = failures["/c/bad"]
    assert message == "x"
    assert lines[-2:] == ("Cannot import /c/bad module for custom nodes: x", "more")
    assert "ValueError: x" in lines
    assert len(lines) <= 100
    assert len(failures) <= 500


def _change(at: int, action: str, **more: object) -> TransactionRecord:
    word = "how" if action == "exact" else "action"
    return TransactionRecord(
        id=f"t{at}",
        operation="install p",
        state=TransactionState.COMMITTED,
        started="",
        ended=datetime.fromtimestamp(at, timezone.utc).isoformat(),
        summary={
            "packs": [{"name": "p", word: action, "from": "1", "to": "2"}],
            "snapshot": f"s{at}",
            **more,
        },
    )


def test_what_is_back_as_it_was_has_not_changed() -> None:
    """A pack that was replaced and put back since is the one that was loaded; one put back to before that is not."""
    added, replaced = _change(100, "add"), _change(300, "replace")
    assert read_pack_past([added]).changed_since("p", 50)
    assert not read_pack_past([added]).changed_since("p", 200)
    assert read_pack_past([replaced, added]).changed_since("p", 200)
    to_before = _change(400, "exact", target="19700101-000410-000abcd")  # Second 250.
    assert not read_pack_past([to_before, replaced, added]).changed_since("p", 200)
    assert read_pack_past([to_before, replaced, added]).changed_since("p", 350)
    assert read_pack_past([replaced, added]).arrivals["p"].snapshot == "s300"
