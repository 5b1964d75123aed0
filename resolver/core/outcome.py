"""How every line ended, how every pack came through, and what must not be applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Hint
from .plan import LineOutcome, PackStatus
from .types import Change, Decision, Environment, Finding, Gathered

BLOCKING = (
    "line-conflict",
    "line-no-such-package",
    "line-no-version-for-this-python",
    "line-needs-build",
    "line-build-failed",
    "line-invalid",
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
    """One outcome per line, option and include of every pack, and one per line that is only a finding. None is lost."""
    found: dict[tuple[str, str, int], str] = {}
    for finding in findings:
        if finding.pack and finding.line:
            found.setdefault((finding.pack, finding.file, finding.line), finding.code)
    overruled = {
        (wish.pack, wish.requirement): decision.rule
        for decision in decisions
        for wish in (decision.violates or decision.wanted)
        if decision.violates or decision.chosen == "nothing installed"
    }
    outcomes: dict[tuple[str, str, int, str], LineOutcome] = {}

    def end(pack: str, file: str, line: int, text: str, outcome: str, detail: str = "") -> None:
        entry = LineOutcome(pack=pack, file=file, line=line, text=text, outcome=outcome, detail=detail)
        outcomes[(pack, file, line, text)] = entry

    for pack in packs:
        for line in pack.lines:
            code = found.get((pack.pack, line.file, line.line))
            rule = overruled.get((pack.pack, line.text))
            if not line.applies(markers):
                end(pack.pack, line.file, line.line, line.text, "taken", "not-applicable")
            elif rule:
                end(pack.pack, line.file, line.line, line.text, "decision", rule)
            elif code and code not in INFORMATIVE:
                end(pack.pack, line.file, line.line, line.text, "finding", code)
            else:
                end(pack.pack, line.file, line.line, line.text, "taken")
        for option in pack.options:
            code = found.get((pack.pack, option.file, option.line), "")
            end(pack.pack, option.file, option.line, option.option, "finding" if code else "taken", code)
        for include in pack.includes:
            end(pack.pack, include.file, include.line, include.target, "taken")
    seen = {(entry.pack, entry.file, entry.line) for entry in outcomes.values()}
    for finding in findings:
        if finding.pack and finding.line and (finding.pack, finding.file, finding.line) not in seen:
            end(finding.pack, finding.file, finding.line, finding.message, "finding", finding.code)
    return tuple(outcomes[key] for key in sorted(outcomes))


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
    """Why the plan must not be applied: a pack being installed cannot get what it needs, or a change cannot be undone."""
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
