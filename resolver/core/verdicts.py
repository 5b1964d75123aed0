"""What a solution means for the environment: changes, library lines it breaks, lines that are left alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ..errors import Hint
from .choices import NO_CHOICES, Choices
from .closure import Requires, applying_requirements, broken_library_lines, closure
from .diff import Build, diff_distributions
from .families import as_installed
from .merge import REASONS, Pin
from .plan import LibraryLine
from .protection import core_closure
from .rules import Rules
from .types import CORE, Change, Decision, Environment, Finding, Gathered, LockedPackage, RequirementLine
from .wishes import SolveLine, Wishes, read_wishes

ALREADY_UNSATISFIED = "already-unsatisfied"
"""Code of the finding on a line that did not hold before and is left alone."""
UNCLAIMED = "(installed)"
"""The name under which installed distributions that no pack and not core asks for take part in a solve."""


def unclaimed_lines(environment: Environment, lines: Sequence[SolveLine]) -> tuple[SolveLine, ...]:
    """A line for each installed distribution that none of these lines reaches: the user's own, for instance.

    It asks for no version, but so the bounds of what is installed count when versions are chosen. No rule
    reads it: what is installed has the name it has.
    """
    markers = environment.python.markers
    requires = {dist.name: dist.requires for dist in environment.distributions}
    asking = [line for line in lines if line.applies and line.name and not line.line.constraint]
    reached = closure(((line.name, line.extras) for line in asking), requires, markers)
    required = {
        canonicalize_name(requirement.name)
        for dist in environment.distributions
        for requirement in applying_requirements(dist.requires, markers)
        if canonicalize_name(requirement.name) != dist.name
    }
    own = [dist.name for dist in environment.distributions if dist.name not in reached | required]
    reached |= closure(((name, ()) for name in own), requires, markers)
    for dist in environment.distributions:
        # What is left requires each other in a circle.
        if dist.name not in reached:
            own.append(dist.name)
            reached |= closure([(dist.name, ())], requires, markers)
    return tuple(_bare(name) for name in sorted(own))


def _bare(name: str) -> SolveLine:
    line = RequirementLine(pack=UNCLAIMED, file="", line=0, text=name, requirement=Requirement(name))
    return SolveLine(line=line, name=name)


def left_alone(
    wishes: Wishes,
    focus: Collection[str],
    environment: Environment,
    rules: Rules,
    choices: Choices = NO_CHOICES,
) -> tuple[Wishes, tuple[Finding, ...]]:
    """The wishes without other packs' lines that do not hold now, and a finding for each of those.

    Installing one pack must not set out to repair another: `sync` is for that (architecture 3.7). A line whose
    pack is chosen now is asked for, and so is no such line.
    """
    kept: list[SolveLine] = []
    findings: list[Finding] = []
    for line in wishes.lines:
        chosen = line.line.pack in focus or choices.is_given(line)
        if chosen or not line.applies or _holds_now(line, environment, rules):
            # A direct URL that is installed already is not fetched again: its name keeps it in the solve.
            kept.append(line if chosen or not line.url else replace(line, url=""))
            continue
        if line.line.constraint:
            continue  # it asks for nothing, so nothing is missing
        findings.append(
            Finding(
                code=ALREADY_UNSATISFIED,
                message=f"{line.line.pack} asks for {line.line.text}, which does not hold now; "
                "it is left as it is.",
                pack=line.line.pack,
                file=line.line.file,
                line=line.line.line,
                text=line.line.text,
                hints=(Hint("sync", "Run `safe-install sync` to bring everything in line at once."),),
            )
        )
    return replace(wishes, lines=tuple(kept)), tuple(findings)


def _holds_now(line: SolveLine, environment: Environment, rules: Rules) -> bool:
    family = rules.family_of(line.name)
    names = [line.name, *(member.name for member in family.members)] if family else [line.name]
    installed = [environment.versions[name] for name in names if name in environment.versions]
    if line.line.constraint and not installed:
        return True
    return any(line.url or line.accepts(version) for version in installed)


def changes_between(
    environment: Environment, after: Mapping[str, str], packages: Sequence[LockedPackage]
) -> tuple[Change, ...]:
    """The changes that lead from the environment to {name: version}; kept versions are no change."""
    wanted_by = {package.name: package.wanted_by for package in packages}
    before = {dist.name: Build(version=dist.version) for dist in environment.distributions}
    target = {name: Build(version=version) for name, version in after.items()}
    return diff_distributions(before, target, wanted_by=wanted_by)


def library_lines(
    environment: Environment, after: Mapping[str, str], requires: Requires, stands_for: Mapping[str, str]
) -> tuple[LibraryLine, ...]:
    """Requirements of distributions that do not hold after the plan, with whether they hold now.

    `requires`: Requires-Dist of what changes; that of what stays is known.
    """
    markers = environment.python.markers
    now = {dist.name: dist.requires for dist in environment.distributions}
    kept = {
        name: requires.get(name, ()) if after[name] != environment.versions.get(name) else now.get(name, ())
        for name in after
    }
    before = {
        (package, wish)
        for package, wish in broken_library_lines(environment.versions, now, markers, stands_for={})
    }
    return tuple(
        LibraryLine(package=package, wish=wish, was_broken=(package, wish) in before)
        for package, wish in broken_library_lines(after, kept, markers, stands_for=stands_for)
    )


def library_findings(lines: Sequence[LibraryLine], overrides: Mapping[str, str]) -> tuple[Finding, ...]:
    """A finding for each library line that no decision explains: broken before, or never fetched."""
    findings = []
    for line in lines:
        if line.package in overrides and not line.was_broken:
            continue
        when = "as it is now already" if line.was_broken else "after this plan"
        findings.append(
            Finding(
                code="library-line-already-broken" if line.was_broken else "library-line-broken",
                message=f"{line.wish.pack} requires {line.wish.requirement}, which does not hold {when}.",
                hints=(Hint("why", f"See `safe-install why {line.package}`."),),
            )
        )
    return tuple(findings)


def override_decisions(
    overrides: Mapping[str, str], lines: Sequence[LibraryLine], pins: Mapping[str, Pin]
) -> tuple[Decision, ...]:
    """A decision per package whose version was forced because it alone blocked the solve."""
    decisions = []
    for name, version in sorted(overrides.items()):
        violated = tuple(line.wish for line in lines if line.package == name and not line.was_broken)
        if not violated:
            continue
        pin = pins.get(name)
        decisions.append(
            Decision(
                package=name,
                rule=pin.rule if pin else "newest-wins",
                chosen=version,
                wanted=((pin.wish,) if pin else ()) + violated,
                violates=violated,
                reason=f"{pin.reason if pin else REASONS['newest-wins']} A library asks for another version; "
                "it is tried in a child process before anything goes live.",
            )
        )
    return tuple(decisions)


def core_findings(core: Wishes, after: Mapping[str, str]) -> tuple[Finding, ...]:
    """Core's own lines that do not hold after the plan."""
    findings = []
    for line in core.lines:
        if not line.applies or not line.name or line.line.constraint:
            continue
        version = after.get(line.name)
        if version is None or not line.accepts(version):
            have = f"{line.name} {version} is installed" if version else "it is not installed"
            findings.append(
                Finding(
                    code="core-unsatisfied",
                    message=f"{CORE} itself asks for {line.line.text}, but {have}.",
                    file=line.line.file,
                    line=line.line.line,
                    hints=(Hint("sync", "Run `safe-install sync` to bring ComfyUI's own packages in line."),),
                )
            )
    return (*findings, *(replace(finding, pack="") for finding in core.findings))


def python_findings(packs: Sequence[Gathered], environment: Environment) -> tuple[Finding, ...]:
    """A finding for each pack that does not support this Python."""
    version = environment.python.version
    return tuple(
        Finding(
            code="python-not-supported",
            message=f"{pack.pack} requires Python {pack.requires_python}; this is Python {version}.",
            pack=pack.pack,
            file="pyproject.toml",
            hints=(
                Hint(
                    "other-python",
                    "Use a ComfyUI with a Python the pack supports, or an older version of the pack.",
                ),
            ),
        )
        for pack in packs
        if pack.requires_python and not SpecifierSet(pack.requires_python).contains(version, prereleases=True)
    )


def hash_findings(lines: Sequence[SolveLine], packages: Sequence[LockedPackage]) -> tuple[Finding, ...]:
    """A finding for each line whose `--hash` is not that of the file to be fetched (pip's hash mode)."""
    offered = {package.name: package for package in packages if package.hashes}
    return tuple(
        Finding(
            code="hash-not-offered",
            message=f"{line.line.pack} asks for {line.line.text} with a hash that the file of {line.name} "
            f"{offered[line.name].version} does not have.",
            pack=line.line.pack,
            file=line.line.file,
            line=line.line.line,
            text=line.line.text,
            hints=(
                Hint(
                    "do-not-trust-index",
                    "The file is not the one the pack's author tried: do not install it.",
                ),
            ),
        )
        for line in lines
        if line.applies and line.line.hashes and not line.relaxed_by and line.name in offered
        if not set(line.line.hashes) & set(offered[line.name].hashes)
    )


def core_names(environment: Environment, core: Gathered, rules: Rules) -> frozenset[str]:
    """The installed distributions core's own lines reach."""
    wishes = read_wishes(core.lines, rules=rules, environment=environment, allowed=("urls",))
    return core_closure(environment, as_installed(wishes.lines, rules=rules, environment=environment))
