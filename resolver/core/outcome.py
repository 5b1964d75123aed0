"""How every line ended, how every pack came through, and what must not be applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Hint, redact
from .plan import LineOutcome, PackStatus
from .types import Change, Decision, Environment, Finding, Gathered
from .verdicts import ALREADY_UNSATISFIED
from .wishes import NOTHING_INSTALLED

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
"""Those of them, and of the reasons against a change, that a consent decides: refused, not failed."""

LineId = tuple[str, str, int, str]
"""Pack, file, line number and text: one place may hold several lines."""


def line_outcomes(
    packs: Sequence[Gathered],
    decisions: Sequence[Decision],
    findings: Sequence[Finding],
    markers: Mapping[str, str],
) -> tuple[LineOutcome, ...]:
    """One outcome per line, option and include of every pack, and per line that is only a finding.

    None is lost, and none has two.
    """
    reasons = _Reasons(decisions, findings)
    outcomes: list[LineOutcome] = []
    for pack in packs:
        for line in dict.fromkeys(pack.lines):
            place = (pack.pack, line.file, line.line, line.text)
            if line.applies(markers):
                outcomes.append(_outcome(place, *reasons.of_line(place)))
            else:
                outcomes.append(_outcome(place, "taken", "not-applicable"))
        for option in dict.fromkeys(pack.options):
            place = (pack.pack, option.file, option.line, f"{option.option} {redact(option.value)}".rstrip())
            outcomes.append(_outcome(place, *reasons.of_line(place)))
        for include in pack.includes:
            outcomes.append(_outcome((pack.pack, include.file, include.line, include.target), "taken"))
    covered = {(entry.pack, entry.file, entry.line, entry.text) for entry in outcomes}
    outcomes += [
        _outcome(
            (finding.pack, finding.file, finding.line, finding.text or finding.message),
            "finding",
            finding.code,
        )
        for finding in findings
        if finding.pack and finding.line and finding.code not in INFORMATIVE
        if (finding.pack, finding.file, finding.line, finding.text) not in covered
    ]
    return tuple(sorted(outcomes, key=lambda entry: (entry.pack, entry.file, entry.line, entry.text)))


class _Reasons:
    """Why lines ended other than taken as they are."""

    def __init__(self, decisions: Sequence[Decision], findings: Sequence[Finding]) -> None:
        self._overruled = {
            (wish.pack, wish.requirement): decision.rule
            for decision in decisions
            for wish in (decision.violates or decision.wanted)
            if decision.violates or decision.chosen == NOTHING_INSTALLED
        }
        self._found = {
            (finding.pack, finding.file, finding.line, finding.text): finding.code
            for finding in findings
            if finding.text
        }
        self._whole_packs = {
            finding.pack: finding.code
            for finding in findings
            if not finding.line and finding.code.startswith("line-")
        }

    def of_line(self, place: LineId) -> tuple[str, str]:
        """(outcome, detail)."""
        rule = self._overruled.get((place[0], place[3]))
        if rule:
            return "decision", rule
        code = self._found.get(place) or self._whole_packs.get(place[0])
        return ("finding", code) if code else ("taken", "")


def _outcome(place: LineId, outcome: str, detail: str = "") -> LineOutcome:
    pack, file, line, text = place
    return LineOutcome(pack=pack, file=file, line=line, text=text, outcome=outcome, detail=detail)


INFORMATIVE = ("files-disagree", "duplicate-line")
"""Findings that say something about a line which is taken all the same."""


def pack_statuses(packs: Sequence[Gathered], outcomes: Sequence[LineOutcome]) -> tuple[PackStatus, ...]:
    """How each pack came through, sorted by name."""
    statuses = []
    for pack in sorted(packs, key=lambda pack: pack.pack):
        own = [outcome for outcome in outcomes if outcome.pack == pack.pack]
        failed = [outcome for outcome in own if outcome.outcome == "finding"]
        codes = {outcome.detail for outcome in failed}
        reason = ", ".join(sorted(codes))
        # What was only left alone was never tried.
        lost = len(failed) == len(own) and bool(codes - {ALREADY_UNSATISFIED})
        status = "ok" if not failed else "unresolvable" if lost else "partial"
        statuses.append(PackStatus(name=pack.pack, status=status, reason=reason))
    return tuple(statuses)


def refusals_for(
    focus: Collection[str], findings: Sequence[Finding], changes: Sequence[Change], environment: Environment
) -> tuple[Finding, ...]:
    """Why the plan must not be applied.

    A pack being installed cannot get what it needs, or a change could not be undone.
    """
    refusals = [finding for finding in findings if finding.pack in focus and finding.code in BLOCKING]
    for change in changes:
        dist = environment.get(change.name)
        if dist is None or change.action == "install":
            continue
        if not dist.record_digest:
            refusals.append(
                Finding(
                    code="no-record",
                    message=f"{dist.name} {dist.version} was installed without a RECORD file, so nobody can "
                    "tell which files are its own; it cannot be changed safely (PEP 627).",
                    hints=(
                        Hint("repair", f"If an installer was cut short: `safe-install repair {dist.name}`."),
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
