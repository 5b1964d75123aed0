"""What goes wrong with a server: what may go better in a moment, and what will not."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ....core.registry_answers import parse_message
from ....errors import Hint, SafeInstallError

_COME_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
TRY_AGAIN = Hint("try-later", "Try again later.")
_CHECK_NETWORK = Hint(
    "check-network", "Check the network, and the proxy if there is one (HTTPS_PROXY); then try again."
)


class TryLaterError(Exception):
    """What may go better in a moment: with the error for when it does not, and the pause that is asked for."""

    def __init__(self, error: SafeInstallError, seconds: float | None = None) -> None:
        """`seconds`: as Retry-After has it; None where nothing is said."""
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


def refuse_failure(address: str, status: int, headers: Mapping[str, str], content: bytes = b"") -> None:
    """Raise TryLaterError for an answer that asks to come later or tells of a fault of the server."""
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _COME_LATER:
        return
    try:
        said = parse_message(read_json(content))
    except (ValueError, RecursionError):
        said = ""
    pause = _retry_after(headers.get("Retry-After", ""))
    context = {"address": address, "status": status, **({"retry_after": f"{pause:.0f}"} if pause else {})}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        when = f"in {pause:.0f} seconds" if pause else "in some minutes"
        error = SafeInstallError(
            "registry-busy",
            "The Registry is asked too often at the moment.",
            context=context,
            hints=(Hint("try-later", f"Try again {when}."),),
        )
    else:
        error = SafeInstallError(
            "registry-failed",
            f"The Registry has a fault (HTTP {status}){f': {said}' if said else ''}.",
            context=context,
            hints=(TRY_AGAIN,),
        )
    raise TryLaterError(error, pause)


def unreachable(address: str, why: str) -> SafeInstallError:
    """The error for a server that cannot be talked to."""
    host = urllib.parse.urlsplit(address).hostname or address
    return SafeInstallError(
        "registry-unreachable",
        f"{host} cannot be reached: {why}.",
        context={"address": address},
        hints=(_CHECK_NETWORK,),
    )


def redirection_refused(address: str, target: str) -> SafeInstallError:
    """The error for an address that must not be asked."""
    return SafeInstallError(
        "registry-redirection-refused",
        f"The Registry sends one on to where it may not: {target[:200] or 'nowhere'}.",
        context={"address": address, "target": target[:500]},
        hints=(Hint("check-registry-url", "Check `url` in [registry] of settings.toml; then try later."),),
    )


def read_json(content: bytes) -> object:
    """The JSON in it. Raises ValueError, RecursionError."""

    def no_number(text: str) -> object:
        raise ValueError(f"{text} is no JSON")

    value: object = json.loads(content.decode("utf-8-sig"), parse_constant=no_number)
    return value


def _retry_after(text: str) -> float | None:
    """The seconds a server asks for, in either form (RFC 9110, 10.2.3); None where it asks for none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
