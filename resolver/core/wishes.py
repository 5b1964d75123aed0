"""From requirement lines, as packs wrote them, to wishes a solver can be asked for.

Every line ends as one of: a wish (perhaps under another name, by a rule), a decision, or a finding.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ..errors import Hint
from .rules import Family, Rule, Rules, choose_member
from .types import Decision, Environment, Finding, RequirementLine, Wish

CONSENTS = ("builds", "indexes", "urls", "install-py")
"""What a user can allow beyond wheels from the configured index (architecture 7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveLine:
    """One line as the solver sees it. `relaxed_by` names the rule by which its version limits were given up."""

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
        if self.url:
            return f"{self.name}{extras} @ {self.url}{marker}"
        specifier = "" if self.relaxed_by else str(self.specifier)
        return f"{self.name}{extras}{specifier}{marker}"

    def accepts(self, version: str) -> bool:
        """Whether the version satisfies the line as written. Pre-releases count: an installed one is a fact."""
        return self.specifier.contains(version, prereleases=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All packs' lines after the rules."""

    lines: tuple[SolveLine, ...]
    families: tuple[Family, ...] = ()
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def excluded(self) -> frozenset[str]:
        """Names the solver must leave out of the graph: the members of a family that were not chosen."""
        return frozenset(other for family in self.families for other in family.others)

    @property
    def stands_for(self) -> dict[str, str]:
        """{member of a family not chosen: the member that provides its modules}."""
        return {other: family.chosen for family in self.families for other in family.others}


def read_wishes(
    lines: Sequence[RequirementLine], *, rules: Rules, environment: Environment, allowed: Collection[str]
) -> Wishes:
    """Each line as a wish, a decision or a finding, before families are settled. Order-independent per line."""
    python = environment.python
    installed = environment.versions
    solve_lines: list[SolveLine] = []
    findings: list[Finding] = []
    decisions: dict[tuple[str, str], Decision] = {}
    for line in lines:
        wanted = _wanted(line, rules, python.stdlib_modules, python.markers, allowed)
        if isinstance(wanted, Finding):
            findings.append(wanted)
            continue
        if isinstance(wanted, Decision):
            _merge_decision(decisions, wanted)
            continue
        rule = rules.never_fetched(wanted.name) if wanted.applies else None
        if rule and wanted.name not in installed and not line.constraint:
            findings.append(_never_fetched(wanted, rule))
        elif rule and wanted.url:
            _merge_decision(
                decisions, _overrule(wanted, rule, f"{wanted.name} {installed.get(wanted.name, '')}".strip())
            )
        else:
            solve_lines.append(wanted)
    return Wishes(
        lines=tuple(solve_lines),
        decisions=tuple(decisions[key] for key in sorted(decisions)),
        findings=tuple(findings),
    )


def settle_families(
    wishes: Wishes, *, rules: Rules, environment: Environment, required: Collection[str] = ()
) -> Wishes:
    """The wishes with every line of a `one-of` family asking for the one member chosen.

    `required`: names that packages of the solution require. Starts from unsettled wishes (`read_wishes`).
    """
    families = choose_families(wishes.lines, rules=rules, environment=environment, required=required)
    lines = tuple(substitute_family(line, families) for line in wishes.lines)
    decisions = {(decision.package, decision.rule): decision for decision in wishes.decisions}
    for family in families:
        decision = _family_decision(family, lines)
        if decision:
            _merge_decision(decisions, decision)
    return replace(
        wishes, lines=lines, families=families, decisions=tuple(decisions[key] for key in sorted(decisions))
    )


def choose_families(
    lines: Sequence[SolveLine], *, rules: Rules, environment: Environment, required: Collection[str] = ()
) -> tuple[Family, ...]:
    """The member chosen of each `one-of` family that anybody wants, asks for by dependency, or has installed."""
    chosen = []
    for rule in rules.of_kind("one-of"):
        names = {member.name for member in rule.members}
        asked = {
            line.name for line in lines if line.applies and not line.line.constraint and line.name in names
        }
        needs = {name for name in required if name in names}
        for dist in environment.distributions:
            needs |= _required_names(dist.requires, environment.python.markers) & names
        installed = [dist.name for dist in environment.distributions if dist.name in names]
        family = choose_member(rule, installed=installed, asked=asked, required=needs)
        if family:
            chosen.append(family)
    return tuple(chosen)


def substitute_family(line: SolveLine, families: Sequence[Family]) -> SolveLine:
    """The line under the chosen member's name, where it asks for another member of a family."""
    for family in families:
        if line.name in family.others:
            return replace(line, name=family.chosen, url="", substituted_by=family.rule.code)
    return line


def _wanted(
    line: RequirementLine,
    rules: Rules,
    stdlib_modules: frozenset[str],
    markers: Mapping[str, str],
    allowed: Collection[str],
) -> SolveLine | Finding | Decision:
    applies = line.applies(markers)
    direct = line.requirement is None or bool(line.requirement.url)
    if direct and applies and "urls" not in allowed:
        return Finding(
            code="url-needs-consent",
            message=f"{line.pack} asks for a direct URL, which no index vouches for: {line.text}",
            pack=line.pack,
            file=line.file,
            line=line.line,
            hints=(
                Hint(
                    "allow-urls",
                    "Look at the URL; if you trust it, repeat with --allow urls (and builds, where it is source).",
                ),
            ),
        )
    if line.requirement is None:
        return SolveLine(line=line, name="", url=line.url, applies=applies)
    requirement, name, substituted = line.requirement, line.name, ""
    renamed = rules.renamed(name)
    if renamed:
        name, substituted = renamed[0], renamed[1].code
    dropped = rules.dropped(name, stdlib_modules)
    if dropped and not requirement.url:
        return Decision(
            package=name,
            rule=dropped.code,
            chosen="nothing installed",
            wanted=(Wish(pack=line.pack, requirement=line.text),),
            reason=dropped.says,
        )
    return SolveLine(
        line=line,
        name=name,
        extras=tuple(sorted(requirement.extras)),
        specifier=SpecifierSet() if substituted and not requirement.specifier else requirement.specifier,
        marker=str(requirement.marker) if requirement.marker else "",
        url=requirement.url or "",
        applies=applies,
        substituted_by=substituted,
    )


def _never_fetched(line: SolveLine, rule: Rule) -> Finding:
    return Finding(
        code=f"{rule.code}-not-installed",
        message=f"{line.line.pack} asks for {line.line.text}, which is not installed and is never fetched "
        f"from an index. {rule.says}",
        pack=line.line.pack,
        file=line.line.file,
        line=line.line.line,
        hints=(
            Hint("install-by-hand", rule.install_hint or f"Install {line.name} yourself, then plan again."),
        ),
    )


def _overrule(line: SolveLine, rule: Rule, chosen: str) -> Decision:
    return Decision(
        package=line.name,
        rule=rule.code,
        chosen=chosen,
        wanted=(line.wish,),
        violates=(line.wish,),
        reason=rule.says,
    )


def _family_decision(family: Family, lines: Sequence[SolveLine]) -> Decision | None:
    moved = [line for line in lines if line.applies and line.substituted_by == family.rule.code]
    if not moved:
        return None
    names = {family.chosen} | family.others
    wanted = [line.wish for line in lines if line.applies and (line.name in names)]
    return Decision(
        package=family.chosen,
        rule=family.rule.code,
        chosen=family.chosen,
        wanted=tuple(wanted),
        reason=f"{family.rule.says} Chosen: {family.chosen} ({family.reason}).",
    )


def _merge_decision(decisions: dict[tuple[str, str], Decision], new: Decision) -> None:
    key = (new.package, new.rule)
    old = decisions.get(key)
    if old is None:
        decisions[key] = new
    else:
        decisions[key] = replace(old, wanted=old.wanted + new.wanted, violates=old.violates + new.violates)


def _required_names(requires: Sequence[str], markers: Mapping[str, str]) -> set[str]:
    names: set[str] = set()
    for text in requires:
        # A broken Requires-Dist of somebody's distribution is reported by the environment scan, not here.
        requirement = parse_requirement(text)
        if requirement and (
            requirement.marker is None or requirement.marker.evaluate({"extra": "", **markers})
        ):
            names.add(canonicalize_name(requirement.name))
    return names


def parse_requirement(text: str) -> Requirement | None:
    """The parsed requirement, or None for text that is none."""
    try:
        return Requirement(text)
    except ValueError:
        return None
