"""Fixtures of the transaction room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A filled workshop."""
    return Workshop(tmp_path).fill()
