"""Asking nobody: the Registry answers from memory, uv from its cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("SAFE_INSTALL_OFFLINE", "UV_OFFLINE")
"""What `io.registry.opening` and uv go by; children inherit them."""


@contextmanager
def cut_off(offline: bool) -> Iterator[None]:
    """As long as this lasts nobody is asked, where `offline`; else everything is as it was set."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    if offline:
        os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
