"""What the operating system refuses reaches the user as a code and a hint."""

from __future__ import annotations

import errno
import os

import pytest

from comfyui_safe_install.resolver.errors import from_os_error


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EACCES, "not-permitted"),
        (errno.EROFS, "not-permitted"),
        (errno.EIO, "disk-error"),
        (errno.ESTALE, "disk-error"),
    ],
)
def test_a_refusal_of_the_system_has_a_code_a_place_and_a_way_on(number: int, code: str) -> None:
    """The path is named, and the last hint leads to recovery."""
    error = from_os_error(OSError(number, os.strerror(number), "/there/file"))
    assert error.code == code
    assert "/there/file" in error.message
    assert os.strerror(number) in error.message
    assert error.hints[-1].code == "recover"


def test_a_refusal_without_number_or_place_is_told_all_the_same() -> None:
    """Some libraries raise a bare OSError."""
    error = from_os_error(OSError("the tape is torn"))
    assert error.code == "disk-error"
    assert "the tape is torn" in error.message
