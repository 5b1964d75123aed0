"""Values to JSON; errors to status, code, message and hints. The one place that makes responses."""

from __future__ import annotations

import json
import logging
import traceback

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ..resolver.errors import (
    BusyError,
    CancelledError,
    Hint,
    RecoveryNeededError,
    RefusedError,
    SafeInstallError,
    UsageError,
    from_os_error,
    one_line,
    redact,
)
from .guard import ANSWER_HEADERS

_LOG = logging.getLogger("safe_install")

_STATUS_OF_CODE = {
    "body-too-large": 413,
    "packages-broken": 503,
    "consent-needed": 409,
    "plan-outdated": 409,
    "too-late-to-cancel": 409,
    "job-ended": 409,
    "transaction-open": 409,
    "archive-unreadable": 400,
    "media-type-not-taken": 415,
    "upload-no-space": 507,
    "upload-too-large": 413,
    "job-not-found": 404,
    "deferred-not-found": 404,
    "plan-not-found": 404,
    "snapshot-not-found": 404,
    "transaction-not-found": 404,
    "package-not-known": 404,
    "pack-not-found": 404,
    "name-not-valid": 404,
    "registry-pack-not-found": 404,
    "registry-version-not-found": 404,
    "registry-answer-invalid": 502,
    "registry-answer-too-large": 502,
    "registry-busy": 502,
    "registry-failed": 502,
    "registry-offline": 502,
    "registry-redirection-refused": 502,
    "registry-unreachable": 502,
}
_STATUS_OF_CLASS: tuple[tuple[type[SafeInstallError], int], ...] = (
    (UsageError, 400),
    (RefusedError, 403),
    (BusyError, 409),
    (RecoveryNeededError, 409),
    (CancelledError, 409),
)
_MOST_FAULTS = 5
"""Faults of a request that are named."""


def status_of(error: SafeInstallError) -> int:
    """The HTTP status of an error: its code's own, else its class's, else 500."""
    found = _STATUS_OF_CODE.get(error.code)
    return found or next((status for kind, status in _STATUS_OF_CLASS if isinstance(error, kind)), 500)


def text_of(model: BaseModel) -> str:
    """The JSON text of an answer. May take some milliseconds for a long one: call it from a thread."""
    return model.model_dump_json(by_alias=True)


def success(text: str, status: int) -> web.Response:
    """The response with that JSON text."""
    return web.Response(text=text, status=status, content_type="application/json", headers=ANSWER_HEADERS)


def failure(error: Exception) -> web.Response:
    """The response that tells of an error. Where it is nobody's fault but ours, the log has its trace."""
    told = as_told(error)
    status = status_of(told)
    return success(json.dumps({"error": told.to_dict(), "status": status}), status)


def as_told(error: BaseException) -> SafeInstallError:
    """The error as it is told to a user; one that nobody expected is written to the log."""
    if isinstance(error, SafeInstallError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error)
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    _LOG.error("Safe Install: unexpected error.\n%s", redact(trace))
    if isinstance(error, ImportError):
        return SafeInstallError(
            "packages-broken",
            "A package Safe Install needs cannot be imported; ComfyUI's log has the details.",
            context={"error": type(error).__name__, "module": error.name or ""},
            hints=(
                Hint(
                    "roll-back",
                    "If this came with the last change: stop ComfyUI, run `safe-install rollback` in a terminal, "
                    "and start it again.",
                ),
            ),
        )
    return SafeInstallError(
        "internal-error",
        "Something unexpected happened; ComfyUI's log has the details.",
        context={"error": type(error).__name__},
        hints=(Hint("report-bug", "Report what ComfyUI's log says, with what you did."),),
    )


def invalid_request(error: ValidationError, where: str) -> UsageError:
    """The error for a body or a query that does not fit its model. What was sent is not repeated."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    words = [
        f"{'.'.join(str(part) for part in fault['loc']) or where}: {fault['msg'].lower()}"
        for fault in faults[:_MOST_FAULTS]
    ]
    more = len(faults) - len(words)
    return UsageError(
        "request-invalid",
        one_line(f"The request's {where} cannot be used: {'; '.join(words)}.")
        + (f" And {more} more." if more else ""),
        context={"faults": "; ".join(words)},
        hints=(Hint("see-openapi", "What each route takes is told at openapi.json beside it."),),
    )
