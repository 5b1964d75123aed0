"""Errors as they leave the server: status, code, message, hints; and never a secret, not even in the log."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from comfyui_safe_install.resolver.errors import (
    BusyError,
    CancelledError,
    Hint,
    RecoveryNeededError,
    RefusedError,
    SafeInstallError,
    UsageError,
)
from comfyui_safe_install.server_routes import wire
from comfyui_safe_install.server_routes.envelope import failure, invalid_request


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("usage", "No."), 400),
        (UsageError("job-not-found", "No."), 404),
        (SafeInstallError("snapshot-not-found", "No."), 404),
        (RefusedError("security-level", "No."), 403),
        (RefusedError("consent-needed", "No."), 409),
        (BusyError("busy", "No."), 409),
        (RecoveryNeededError("recovery-needed", "No."), 409),
        (CancelledError("cancelled", "No."), 409),
        (SafeInstallError("disk-full", "No."), 500),
        (OSError(28, "No space left on device", "/x"), 500),
        (ImportError("no such module", name="pydantic"), 503),
        (RuntimeError("boom"), 500),
    ],
)
def test_every_error_has_a_status_and_one_shape(error: Exception, status: int) -> None:
    """By its code where that has one of its own, else by its class."""
    response = failure(error)
    assert response.status == status
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    told = wire.Failure.model_validate_json(response.text or "")
    assert told.status == status
    assert told.error.code
    assert told.error.message


def test_what_nobody_expected_is_in_the_log_and_not_in_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The trace helps whoever reads the log; the client gets a code. Credentials are in neither."""
    try:
        raise RuntimeError("fetching https://user:secret@example.org/x failed")
    except RuntimeError as error:
        response = failure(error)
    assert json.loads(response.text or "")["error"]["code"] == "internal-error"
    assert "fetching" not in (response.text or "")
    assert "fetching https://***@example.org/x failed" in caplog.text
    assert "secret" not in caplog.text


def test_hints_and_context_go_along() -> None:
    """What to do, and the values it is about."""
    response = failure(UsageError("a", "M.", context={"n": 1}, hints=(Hint("do", "Do it."),)))
    error = json.loads(response.text or "")["error"]
    assert error == {
        "code": "a",
        "message": "M.",
        "context": {"n": "1"},
        "hints": [{"code": "do", "text": "Do it."}],
    }


def test_a_request_that_does_not_fit_is_told_by_its_fields_without_what_was_sent() -> None:
    """Of many faults the first few; a value may be a secret that stands in the wrong place."""
    with pytest.raises(ValidationError) as found:
        wire.RestoreRequest.model_validate_json(
            '{"agree": 7, "plan": "secret", "a": 1, "b": 2, "c": 3, "d": 4}'
        )
    error = invalid_request(found.value, "body")
    assert error.code == "request-invalid"
    assert "agree: input should be a valid string" in error.message
    assert error.message.endswith("And 1 more.")
    assert "secret" not in json.dumps(error.to_dict())
