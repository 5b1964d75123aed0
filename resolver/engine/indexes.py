"""Extra indexes a pack's files name: consent, and which packages each may serve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..core.types import Finding, Gathered, IndexOption
from ..errors import Hint
from ..ports import IndexProbe

INDEX_URL_OPTIONS = ("--index-url", "--extra-index-url")


def granted_indexes(
    packs: Sequence[Gathered], allowed: Collection[str], probe: IndexProbe
) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """{pack: (index URL, names it serves)} for packs whose first extra index the user allowed.

    An index granted to one pack serves that pack's own packages only, and of those the ones it really has.
    """
    if "indexes" not in allowed:
        return {}
    granted = {}
    for pack in packs:
        option = next((option for option in pack.options if _is_index(option)), None)
        names = sorted({line.name for line in pack.lines if line.name and not line.constraint})
        if option and names:
            served = probe.served(option.value, names)
            if served:
                granted[pack.pack] = (option.value, served)
    return granted


def index_findings(packs: Sequence[Gathered], allowed: Collection[str]) -> tuple[Finding, ...]:
    """One finding per option line that is not acted upon, with why."""
    findings = []
    for pack in packs:
        used = False
        for option in pack.options:
            if _is_index(option) and "indexes" in allowed and not used:
                used = True
                continue
            findings.append(_finding(pack.pack, option))
    return tuple(findings)


def _is_index(option: IndexOption) -> bool:
    return option.option in INDEX_URL_OPTIONS and option.value.startswith(("https://", "http://", "file://"))


def _finding(pack: str, option: IndexOption) -> Finding:
    if _is_index(option):
        return Finding(
            code="index-needs-consent",
            message=f"{pack} asks for packages from another index ({option.value}); "
            "the configured index is used instead.",
            pack=pack,
            file=option.file,
            line=option.line,
            hints=(
                Hint(
                    "allow-indexes",
                    "If you trust that index, repeat with --allow indexes; it serves only this pack's own packages.",
                ),
            ),
        )
    return Finding(
        code="option-not-used",
        message=f"{pack} sets {option.option} {option.value}".rstrip()
        + ", which would act on every pack; it is left out.",
        pack=pack,
        file=option.file,
        line=option.line,
        hints=(Hint("no-action", "Nothing needs to be done unless the pack's packages cannot be found."),),
    )
