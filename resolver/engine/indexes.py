"""Extra indexes a pack's files name: consent, and which packages each may serve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..core.types import Finding, Gathered, IndexOption
from ..errors import Hint, redact
from ..ports import IndexProbe

INDEX_URL_OPTIONS = ("--index-url", "--extra-index-url")

Granted = Mapping[str, tuple[str, tuple[str, ...]]]
"""{pack: (index URL, names it serves)}."""


def granted_indexes(packs: Sequence[Gathered], allowed: Collection[str], probe: IndexProbe) -> Granted:
    """The extra index of each pack, where the user allowed it: the pack's first that has any of its packages.

    An index granted to one pack serves that pack's own packages only, and of those the ones it really has.
    """
    if "indexes" not in allowed:
        return {}
    granted = {}
    for pack in packs:
        names = sorted({line.name for line in pack.lines if line.name and not line.constraint})
        for option in pack.options:
            served = probe.served(option.value, names) if _is_index(option) else ()
            if served:
                granted[pack.pack] = (option.value, served)
                break
    return granted


def index_findings(
    packs: Sequence[Gathered], allowed: Collection[str], granted: Granted
) -> tuple[Finding, ...]:
    """One finding per option line that is not acted upon, with why."""
    return tuple(
        _finding(pack.pack, option, allowed)
        for pack in packs
        for option in pack.options
        if not _is_index(option) or granted.get(pack.pack, ("",))[0] != option.value
    )


def _is_index(option: IndexOption) -> bool:
    return option.option in INDEX_URL_OPTIONS and option.value.startswith(("https://", "http://", "file://"))


def _finding(pack: str, option: IndexOption, allowed: Collection[str]) -> Finding:
    shown = f"{option.option} {redact(option.value)}".rstrip()
    if not _is_index(option):
        code = "option-not-used"
        message = f"{pack} sets {shown}, which would act on every pack; it is left out."
        hint = Hint("no-action", "Nothing needs to be done unless the pack's packages cannot be found.")
    elif "indexes" in allowed:
        code = "index-not-used"
        message = f"{pack} names {redact(option.value)} too, which has none of its packages or is not needed."
        hint = Hint("check-index", "Nothing needs to be done unless that index only could not be reached.")
    else:
        code = "index-needs-consent"
        message = (
            f"{pack} asks for packages from another index ({redact(option.value)}); "
            "the configured index is used instead."
        )
        hint = Hint(
            "allow-indexes",
            "If you trust that index, repeat with --allow indexes; "
            "it then serves only this pack's own packages.",
        )
    return Finding(
        code=code,
        message=message,
        pack=pack,
        file=option.file,
        line=option.line,
        text=shown,
        hints=(hint,),
    )
