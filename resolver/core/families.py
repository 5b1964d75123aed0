"""Families of which exactly one member is installed: who wants which, and the lines under the name chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from .closure import applying_requirements
from .rules import Family, Rules, choose_member
from .types import Decision, Environment
from .wishes import SolveLine, Wishes, merge_decision


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
            merge_decision(decisions, decision)
    return replace(
        wishes, lines=lines, families=families, decisions=tuple(decisions[key] for key in sorted(decisions))
    )


def choose_families(
    lines: Sequence[SolveLine], *, rules: Rules, environment: Environment, required: Collection[str] = ()
) -> tuple[Family, ...]:
    """The member chosen of each `one-of` family that anybody asks for, requires, or has installed."""
    chosen = []
    for_distributions = {
        canonicalize_name(requirement.name)
        for dist in environment.distributions
        for requirement in applying_requirements(dist.requires, environment.python.markers)
    }
    for rule in rules.of_kind("one-of"):
        names = {member.name for member in rule.members}
        asked = {
            line.name for line in lines if line.applies and not line.line.constraint and line.name in names
        }
        installed = [dist.name for dist in environment.distributions if dist.name in names]
        needs = names & (for_distributions | set(required))
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


def as_installed(
    lines: Sequence[SolveLine], *, rules: Rules, environment: Environment
) -> tuple[SolveLine, ...]:
    """The lines under the name of the family's member that is installed, where the one asked for is not."""
    installed = environment.versions

    def present(line: SolveLine) -> SolveLine:
        rule = rules.family_of(line.name) if line.name not in installed else None
        members = [member.name for member in rule.members if member.name in installed] if rule else []
        return replace(line, name=members[0], substituted_by=rule.code) if rule and members else line

    return tuple(present(line) for line in lines)


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
