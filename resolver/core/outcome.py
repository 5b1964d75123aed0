"""How every line ended, how every pack came through, and what must not be applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Hint
from .plan import LineOutcome, PackStatus
from .types import Change, Decision, Environment, Finding, Gathered, RequirementLine

BLOCKING = (
    "line-conflict",
    "line-no-such-package",
    "line-no-version-for-this-python",
    "line-needs-build",
    "line-build-failed",
    "line-invalid",
    "line-url-unreachable",
    "invalid-requirement",
    "invalid-url",
    "merge-conflict-marker",
    "url-needs-consent",
    "python-not-supported",
    "hash-not-offered",
)
"""Findings on a pack being installed that stop the install: part of what it needs would be missing."""

BY_POLICY = ("line-needs-build", "url-needs-consent", "no-record", "duplicate-metadata")
"""Those of them, and of the reasons against a change, that a consent or a rule decides: refused, not failed."""


def line_outcomes(
    packs: Sequence[Gathered],
    decisions: Sequence[Decision],
    findings: Sequence[Finding],
    markers: Mapping[str, str],
) -> tuple[LineOutcome, ...]:
    """One outcome per line, option and include of every pack, and per line that is only a finding. None is lost."""
    found: dict[_Place, str] = {}
    for finding in findings:
        if finding.pack and finding.line:
            found.setdefault((finding.pack, finding.file, finding.line), finding.code)
    overruled = {
        (wish.pack, wish.requirement): decision.rule
        for decision in decisions
        for wish in (decision.violates or decision.wanted)
        if decision.violates or decision.chosen == "nothing installed"
    }
    ended: list[LineOutcome] = []
    for pack in packs:
        ended += [_end_of_line(line, found, overruled, markers) for line in pack.lines]
        for option in pack.options:
            code = found.get((pack.pack, option.file, option.line), "")
            place = (pack.pack, option.file, option.line)
            ended.append(_outcome(place, option.option, "finding" if code else "taken", code))
        ended += [_outcome((pack.pack, each.file, each.line), each.target, "taken") for each in pack.includes]
    seen = {(entry.pack, entry.file, entry.line) for entry in ended}
    for finding in findings:
        place = (finding.pack, finding.file, finding.line)
        if finding.pack and finding.line and place not in seen:
            ended.append(_outcome(place, finding.message, "finding", finding.code))
    distinct = {(entry.pack, entry.file, entry.line, entry.text): entry for entry in ended}
    return tuple(distinct[key] for key in sorted(distinct))


_Place = tuple[str, str, int]
"""(pack, file, line number)."""


def _end_of_line(
    line: RequirementLine,
    found: Mapping[_Place, str],
    overruled: Mapping[tuple[str, str], str],
    markers: Mapping[str, str],
) -> LineOutcome:
    place = (line.pack, line.file, line.line)
    if not line.applies(markers):
        return _outcome(place, line.text, "taken", "not-applicable")
    rule = overruled.get((line.pack, line.text))
    if rule:
        return _outcome(place, line.text, "decision", rule)
    code = found.get(place)
    if code and code not in INFORMATIVE:
        return _outcome(place, line.text, "finding", code)
    return _outcome(place, line.text, "taken")


def _outcome(place: _Place, text: str, outcome: str, detail: str = "") -> LineOutcome:
    pack, file, line = place
    return LineOutcome(pack=pack, file=file, line=line, text=text, outcome=outcome, detail=detail)


INFORMATIVE = ("files-disagree", "duplicate-line")
"""Findings that say something about a line which is taken all the same."""


def pack_statuses(packs: Sequence[Gathered], outcomes: Sequence[LineOutcome]) -> tuple[PackStatus, ...]:
    """How each pack came through, sorted by name."""
    statuses = []
    for pack in sorted(packs, key=lambda pack: pack.pack):
        own = [outcome for outcome in outcomes if outcome.pack == pack.pack]
        failed = [outcome for outcome in own if outcome.outcome == "finding"]
        taken = [outcome for outcome in own if outcome.outcome != "finding"]
        reason = ", ".join(sorted({outcome.detail for outcome in failed}))
        status = "ok" if not failed else "partial" if taken else "unresolvable"
        statuses.append(PackStatus(name=pack.pack, status=status, reason=reason))
    return tuple(statuses)


def refusals_for(
    focus: Collection[str], findings: Sequence[Finding], changes: Sequence[Change], environment: Environment
) -> tuple[Finding, ...]:
    """Why not to apply the plan: a pack being installed lacks what it needs, or a change cannot be undone."""
    refusals = [finding for finding in findings if finding.pack in focus and finding.code in BLOCKING]
    for change in changes:
        dist = environment.get(change.name)
        if dist is None or change.action == "install":
            continue
        if not dist.record_digest:
            refusals.append(
                Finding(
                    code="no-record",
                    message=f"{dist.name} {dist.version} was installed without a RECORD file, so nobody can tell which "
                    f"files are its own; it cannot be changed safely (PEP 627).",
                    hints=(
                        Hint(
                            "reinstall-by-hand",
                            f"Remove {dist.name} with the tool that installed it, then plan again.",
                        ),
                    ),
                )
            )
    duplicated = {
        finding.message.split()[0]: finding
        for finding in environment.findings
        if finding.code == "duplicate-metadata"
    }
    refusals += [
        finding for name, finding in duplicated.items() if any(change.name == name for change in changes)
    ]
    return tuple(dict.fromkeys(refusals))
