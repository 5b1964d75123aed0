"""What can go wrong, in a form a terminal, a panel and another program can all show.

Every error has a stable kebab-case code, a message (what happened), a context (the values) and
hints (what to do). Secrets are redacted here, at construction, so no caller can forget to.
Standard library only: the transaction room raises these at a start where packages may be broken.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Up to the last @ before the path, since a password may hold one; starts at "://" to stay linear.
_URL_CREDENTIALS = re.compile(r"://[^/?#\s]+@")
# Whatever follows a question mark, where there is an address at all: to look for both at once is not linear.
_QUERY = re.compile(r"\?(?P<query>[^\s?#\"'<>]+)")
SECRET_PARAMETER = re.compile(
    r"token|sig|secret|passw|pwd|credential|auth|api[-_]?key|access[-_]?key|^key$|^code$|session",
    re.IGNORECASE,
)
"""Names of parameters in addresses whose values give access."""
_SECRET_WORDS = re.compile(
    # What such things look like of themselves: of GitHub, GitLab, Hugging Face, Amazon, PyPI.
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}|glpat-[\w\-]{20,}|hf_[A-Za-z0-9]{30,}"
    r"|pypi-[\w\-]{60,}|(?:AKIA|ASIA)[A-Z0-9]{16})(?![\w\-])"
    r"|(?<=\bauthorization: basic )\S+|(?<=\bauthorization: bearer )\S+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


_INVISIBLE = {ord(char): None for char in "\u061c\u200b\u200e\u200f\u2028\u2029\ufeff"}
_INVISIBLE |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Characters that turn text round or hide it (Trojan Source); a name from outside has no need of them."""


def redact(text: str) -> str:
    """The text without credentials in URLs and without control characters a terminal would obey.

    Credentials are the user's part, parameters that are named like a secret, and words that look like one.
    """
    if "://" in text:
        text = _QUERY.sub(_without_secrets, _URL_CREDENTIALS.sub("://***@", text))
    return _CONTROL.sub("", _SECRET_WORDS.sub("***", text))


def _without_secrets(match: re.Match[str]) -> str:
    parts = (part.partition("=") for part in match["query"].split("&"))
    shown = (
        f"{key}=***" if value and SECRET_PARAMETER.search(key) else f"{key}{equals}{value}"
        for key, equals, value in parts
    )
    return "?" + "&".join(shown)


def visible(text: str) -> str:
    """The redacted text, without characters that turn text round or hide it."""
    return redact(text).translate(_INVISIBLE)


def one_line(text: str) -> str:
    """Text from outside as one line that is safe to show: what `visible` gives, without line breaks."""
    return " ".join(visible(text).split())


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing the user can do, with a stable code of its own."""

    code: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """The hint as a JSON object."""
        return {"code": self.code, "text": redact(self.text)}


class SafeInstallError(Exception):
    """Something failed and nothing in the environment changed (exit code 1)."""

    exit_code = 1

    def __init__(
        self,
        code: str,
        message: str,
        *,
        context: Mapping[str, object] | None = None,
        hints: tuple[Hint, ...] = (),
    ) -> None:
        """Keep the parts apart, so that a user interface can lay them out."""
        self.code = code
        self.message = redact(message)
        self.context = {key: redact(str(value)) for key, value in (context or {}).items()}
        self.hints = hints
        super().__init__(self.message)

    def to_dict(self) -> dict[str, object]:
        """The error as a JSON object: code, message, context, hints."""
        return {
            "code": self.code,
            "message": self.message,
            "context": dict(self.context),
            "hints": [hint.to_dict() for hint in self.hints],
        }


class UsageError(SafeInstallError):
    """The request itself is wrong (exit code 2)."""

    exit_code = 2


class RefusedError(SafeInstallError):
    """Policy or a missing consent forbids it; nothing changed (exit code 3)."""

    exit_code = 3


class BusyError(SafeInstallError):
    """Another instance is at work; nothing changed (exit code 4)."""

    exit_code = 4


class RecoveryNeededError(SafeInstallError):
    """An earlier transaction is unfinished and must be recovered first (exit code 5)."""

    exit_code = 5


class CancelledError(SafeInstallError):
    """The user cancelled before anything live was touched, or everything was put back (exit code 1)."""


def from_os_error(error: OSError) -> SafeInstallError:
    """The error for something the operating system refused, where nobody nearer knew more about it."""
    code, advice = _REFUSALS.get(error.errno or 0, ("disk-error", _CHECK_DISK))
    place = f" ({error.filename})" if error.filename else ""
    return SafeInstallError(
        code,
        f"The system refused to read or write a file: {error.strerror or error}{place}.",
        context={"path": error.filename or "", "errno": errno.errorcode.get(error.errno or 0, "")},
        hints=(advice, Hint("recover", "Then try again; `safe-install recover` settles what is unfinished.")),
    )


_CHECK_DISK = Hint(
    "check-disk", "See whether the disk and its cable or network are well (the system log tells)."
)
_FREE_SPACE = Hint("free-space", "Make room on this disk.")
_PERMIT = Hint("check-permissions", "See that this user may write there and that the disk is not read-only.")
_REFUSALS = {
    errno.ENOSPC: ("disk-full", _FREE_SPACE),
    getattr(errno, "EDQUOT", errno.ENOSPC): ("disk-full", _FREE_SPACE),
    errno.EFBIG: ("disk-full", _FREE_SPACE),
    errno.EACCES: ("not-permitted", _PERMIT),
    errno.EPERM: ("not-permitted", _PERMIT),
    errno.EROFS: ("not-permitted", _PERMIT),
}
