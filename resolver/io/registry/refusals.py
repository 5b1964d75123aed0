"""Answers of the Registry that are none, as errors."""

from __future__ import annotations

from http import HTTPStatus

from ...core.registry_answers import parse_message
from ...core.registry_judgement import banned
from ...errors import Hint, RefusedError, SafeInstallError, UsageError
from .reply import Reply


def refuse_missing(reply: Reply, subject: str) -> None:
    """Raise for an answer that is none."""
    if reply.status < HTTPStatus.BAD_REQUEST:
        return
    said = parse_message(reply.value)
    if reply.status == HTTPStatus.NOT_FOUND:
        raise pack_missing(subject)
    if reply.status == HTTPStatus.FORBIDDEN:
        refusal = banned(subject, f": {said}" if said else "")
        raise RefusedError(refusal.code, refusal.message, context={"pack": subject}, hints=refusal.hints)
    raise SafeInstallError(
        "registry-failed",
        f"The Registry refuses to answer about {subject} (HTTP {reply.status}){f': {said}' if said else ''}.",
        context={"subject": subject, "status": reply.status},
        hints=(Hint("check-the-name", "Check the name and the version."),),
    )


def check_same(asked: str, told: str) -> None:
    """Raise for an answer about something else."""
    if asked.lower() != told.lower():
        raise SafeInstallError(
            "registry-answer-invalid",
            f"The Registry was asked about {asked} and answers about {told[:100]}.",
            hints=(Hint("try-later", "Try again later."),),
        )


def pack_missing(pack: str) -> UsageError:
    """The error for an id it does not know."""
    return UsageError(
        "registry-pack-not-found",
        f"The Registry knows no pack {pack!r}.",
        context={"pack": pack},
        hints=(
            Hint("search", "Look for its id with `safe-install search WORD`."),
            Hint("local-folder", "A local folder is written with a slash: ./name."),
        ),
    )


def version_missing(pack: str, version: str) -> UsageError:
    """The error for a version it does not know."""
    return UsageError(
        "registry-version-not-found",
        f"The Registry knows no version {version} of {pack}.",
        context={"pack": pack, "version": version},
        hints=(Hint("see-versions", f"`safe-install search --show {pack}` lists those it has."),),
    )
