"""What uv says, sorted by the class of reason."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.core.solve import SolveProblem
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.uv_answers import classify, refuse_unlockable_cache


@pytest.mark.parametrize(
    "said",
    [
        """error: Request failed after 3 retries in 0.0s
  cause: Failed to fetch: http://example.invalid/files/beta-1.0-py3-none-any.whl.metadata
  cause: error decoding response body for url (http://example.invalid/files/beta.whl.metadata)
  cause: request or response body error
  cause: error reading a body from connection
  cause: end of file before message length reached""",
        'error: Unsupported `Content-Type` "application/octet-stream" for `http://example.invalid/simple/beta/`.',
        "error: Hash mismatch for package metadata at `http://example.invalid/beta-1.0.whl.metadata`\n\nExpected:",
    ],
    ids=["cut-off", "garbage-page", "wrong-metadata"],
)
def test_an_index_that_misbehaves_is_no_conflict_of_versions(said: str) -> None:
    """A cut-off, garbled or wrong answer is the index's fault: no settling of wishes can cure it."""
    assert classify(said) is SolveProblem.NETWORK


@pytest.mark.parametrize("gap", [" ", "\n         "], ids=["short", "broken into lines"])
def test_a_cache_without_locks_is_told_however_long_its_path_is(gap: str) -> None:
    """uv breaks its messages where they get long; the file and the reason are found all the same."""
    with pytest.raises(SafeInstallError) as caught:
        refuse_unlockable_cache(
            f"error: Could not acquire lock\n  cause: failed to lock{gap}`/far/away/.lock`:{gap}No locks available"
            " (os error 37)\n"
        )
    assert caught.value.code == "cache-not-lockable"
    assert caught.value.context == {"file": "/far/away/.lock"}
    assert "No locks available (os error 37)" in caught.value.message
