"""From requirement lines, as packs wrote them, to wishes a solver can be asked for.

Every line ends as one of: a wish (perhaps under another name, by a rule), a decision, or a finding.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..errors import Hint
from .origins import installed_from
from .rules import Family, Rule, Rules
from .types import Decision, Environment, Finding, RequirementLine, Wish

CONSENTS = ("builds", "indexes", "urls", "install-py", "flagged")
"""What a user can allow beyond wheels from the configured index (architecture 7), and beyond packs nobody warns of."""

NOTHING_INSTALLED = "nothing installed"
"""What was chosen where a name is part of Python or of the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveLine:
    """One line as the solver sees it.

    `relaxed_by` names the rule by which its version limits (or its URL) were given up.
    """

    line: RequirementLine
    name: str
    """Canonical name asked for, after rules; empty for a URL without a name."""
    extras: tuple[str, ...] = ()
    specifier: SpecifierSet = SpecifierSet()
    marker: str = ""
    url: str = ""
    applies: bool = True
    substituted_by: str = ""
    """Code of the rule that put another name in place of the one written."""
    relaxed_by: str = ""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What identifies the line among all lines."""
        return (self.line.pack, self.line.file, self.line.line, self.line.text)

    @property
    def wish(self) -> Wish:
        """Who wants what, as the pack wrote it."""
        return Wish(pack=self.line.pack, requirement=self.line.text)

    @property
    def asks_version(self) -> bool:
        """Whether the line limits versions at all (and has not been relaxed)."""
        return not self.relaxed_by and not self.url and bool(self.specifier)

    def solver_text(self) -> str:
        """The line as text for a requirements file."""
        if self.url and not self.name:
            return self.url
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        if self.url and not self.relaxed_by:
            return f"{self.name}{extras} @ {self.url}{marker}"
        specifier = "" if self.relaxed_by else str(self.specifier)
        return f"{self.name}{extras}{specifier}{marker}"

    def accepts(self, version: str) -> bool:
        """Whether the version satisfies the line's limits. Pre-releases count: an installed one is a fact."""
        return self.specifier.contains(version, prereleases=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All packs' lines after the rules."""

    lines: tuple[SolveLine, ...]
    families: tuple[Family, ...] = ()
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def stands_for(self) -> dict[str, str]:
        """{member of a family not chosen: the member that provides its modules}."""
        return {other: family.chosen for family in self.families for other in family.others}


def read_wishes(
    lines: Sequence[RequirementLine], *, rules: Rules, environment: Environment, allowed: Collection[str]
) -> Wishes:
    """Each line as a wish, a decision or a finding, before families are settled. Their order counts not."""
    installed = environment.versions
    asking = {(line.pack, line.file, line.line, line.text) for line in lines if not line.constraint}
    solve_lines: list[SolveLine] = []
    findings: list[Finding] = []
    decisions: dict[tuple[str, str], Decision] = {}
    for line in lines:
        if line.constraint and (line.pack, line.file, line.line, line.text) in asking:
            continue  # a file read by `-r` and by `-c`: who asks for a version limits it
        wanted = _wanted(line, rules, environment)
        if isinstance(wanted, Decision):
            merge_decision(decisions, wanted)
            continue
        rule = rules.never_fetched(wanted.name) if wanted.applies and not line.constraint else None
        if rule and wanted.name not in installed:
            findings.append(_never_fetched(wanted, rule))
        elif (
            wanted.url and wanted.applies and "urls" not in allowed and not _is_kept(wanted, rules, installed)
        ):
            findings.append(_url_needs_consent(line))
        else:
            solve_lines.append(wanted)
    return Wishes(
        lines=tuple(solve_lines),
        decisions=tuple(decisions[key] for key in sorted(decisions)),
        findings=tuple(findings),
    )


def _wanted(line: RequirementLine, rules: Rules, environment: Environment) -> SolveLine | Decision:
    applies = line.applies(environment.python.markers)
    there = installed_from(line.url, line.name, environment) if line.url else None
    if line.requirement is None:
        name = there.name if there else ""
        return SolveLine(line=line, name=name, url="" if there else line.url, applies=applies)
    requirement, name, substituted = line.requirement, line.name, ""
    renamed = rules.renamed(name) if not requirement.url else None
    if renamed:
        name, substituted = renamed[0], renamed[1].code
    dropped = rules.dropped(name, environment.python.stdlib_modules) if applies else None
    if dropped and not requirement.url:
        return Decision(
            package=name,
            rule=dropped.code,
            chosen=NOTHING_INSTALLED,
            wanted=(Wish(pack=line.pack, requirement=line.text),),
            reason=dropped.says,
        )
    return SolveLine(
        line=line,
        name=name,
        extras=tuple(sorted(requirement.extras)),
        specifier=requirement.specifier,
        marker=str(requirement.marker) if requirement.marker else "",
        url="" if there else requirement.url or "",
        applies=applies,
        substituted_by=substituted,
    )


def _is_kept(line: SolveLine, rules: Rules, installed: Collection[str]) -> bool:
    return line.name in installed and rules.keeping(line.name) is not None


def _url_needs_consent(line: RequirementLine) -> Finding:
    return Finding(
        code="url-needs-consent",
        message=f"{line.pack} asks for a direct URL, which no index vouches for: {line.text}",
        pack=line.pack,
        file=line.file,
        line=line.line,
        text=line.text,
        hints=(
            Hint(
                "allow-urls",
                "Look at the URL; if you trust it, repeat with --allow urls (and builds, if it is source).",
            ),
        ),
    )


def _never_fetched(line: SolveLine, rule: Rule) -> Finding:
    return Finding(
        code=f"{rule.code}-not-installed",
        message=f"{line.line.pack} asks for {line.line.text}, which is not installed and is never fetched "
        f"from an index. {rule.says}",
        pack=line.line.pack,
        file=line.line.file,
        line=line.line.line,
        text=line.line.text,
        hints=(
            Hint("install-by-hand", rule.install_hint or f"Install {line.name} yourself, then plan again."),
        ),
    )


def merge_decision(decisions: dict[tuple[str, str], Decision], new: Decision) -> None:
    """Add a decision; one of the same package and rule becomes one with it."""
    key = (new.package, new.rule)
    old = decisions.get(key)
    if old is None:
        decisions[key] = new
    else:
        decisions[key] = replace(old, wanted=old.wanted + new.wanted, violates=old.violates + new.violates)


@cache
def parse_requirement(text: str) -> Requirement | None:
    """The parsed requirement, or None for text that is none."""
    try:
        return Requirement(text)
    except (ValueError, RecursionError):
        return None
