"""Who wants what of each package, and whether it is so: met, overruled by a decision, or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core.merge import NOT_INSTALLED
from ..core.rules import Rules
from ..core.types import CORE, Decision, Finding, RequirementLine
from ..core.wishes import NOTHING_INSTALLED, SolveLine
from ..errors import redact
from .asking import Asked, AskedLine, read_asked
from .in_force import in_force
from .session import Session
from .stillness import look_when_still

MET, OVERRULED, BROKEN = "met", "overruled", "broken"

_Deciding = Mapping[tuple[str, str, str], Decision]
"""{(package, pack, requirement): the decision in force that goes against it}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WishStanding:
    """One line and how it stands."""

    pack: str
    requirement: str
    file: str = ""
    line: int = 0
    outcome: str
    """MET, OVERRULED or BROKEN."""
    rule: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """The wish as a JSON object."""
        return {
            "pack": redact(self.pack),
            "requirement": redact(self.requirement),
            "file": redact(self.file),
            "line": self.line,
            "outcome": self.outcome,
            "rule": self.rule,
            "reason": redact(self.reason),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPackage:
    """A package somebody asks for."""

    name: str
    installed: str = ""
    provided_by: str = ""
    wishes: tuple[WishStanding, ...]

    def to_dict(self) -> dict[str, object]:
        """The package as a JSON object."""
        return {
            "name": self.name,
            "installed": self.installed,
            "provided_by": self.provided_by,
            "wishes": [wish.to_dict() for wish in self.wishes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WishesNow:
    """All packages somebody asks for, by name, and what is to be told of lines that name none."""

    packages: tuple[WantedPackage, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, object]:
        """The answer as a JSON object."""
        return {
            "packages": [package.to_dict() for package in self.packages],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def wishes_now(session: Session) -> WishesNow:
    """Every line of ComfyUI and of the enabled packs that counts for this Python. Blocks; needs no network."""
    site = session.site

    def look() -> WishesNow:
        return judge(read_asked(site), in_force(site.state).decisions, site.rules)

    return look_when_still(site, look, session.cancel)[0]


def judge(asked: Asked, decisions: Iterable[Decision], rules: Rules) -> WishesNow:
    """How each line stands, when these decisions are in force."""
    versions = asked.environment.versions
    judging = _Judging(asked=asked, against=_against(decisions), versions=versions, rules=rules)
    found: dict[str, dict[WishStanding, bool]] = {}
    for line in asked.lines:
        if line.name:
            # A line that only limits is shown where another asks; by itself it wants nothing.
            of_package = found.setdefault(line.name, {})
            wish = judging.of_line(line)
            of_package[wish] = of_package.get(wish, False) or not line.settled.line.constraint
    for name, turned_away in asked.turned_away:
        found.setdefault(name, {})[judging.of_turned_away(name, turned_away)] = True
    stands_for = asked.wishes.stands_for
    nameless = [_nameless(line.settled) for line in asked.lines if not line.name]
    return WishesNow(
        packages=tuple(
            WantedPackage(
                name=name,
                installed=versions.get(name, ""),
                provided_by=_with_version(stands_for.get(name, ""), versions),
                wishes=tuple(sorted(wishes, key=_core_first)),
            )
            for name, wishes in sorted(found.items())
            if any(wishes.values())
        ),
        findings=tuple(dict.fromkeys((*asked.findings, *asked.wishes.findings, *nameless))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    asked: Asked
    against: _Deciding
    versions: Mapping[str, str]
    rules: Rules

    def of_line(self, line: AskedLine) -> WishStanding:
        """How a line stands that asks for a package, or only limits one."""
        settled = line.settled
        version = self.versions.get(settled.name, "")
        decision = self._decision(line, version)
        if settled.url:
            # It is met by whatever has the name, as in a plan, unless it was decided to take that from elsewhere.
            met = bool(version) and decision is None
        else:
            met = settled.accepts(version) if version else settled.line.constraint
        if met:
            return _standing(settled.line, MET, settled.substituted_by, self._says(settled.substituted_by))
        if decision is not None:
            return _standing(settled.line, OVERRULED, decision.rule, decision.reason)
        return _standing(settled.line, BROKEN, settled.substituted_by, _have(settled.name, version))

    def of_turned_away(self, name: str, line: RequirementLine) -> WishStanding:
        """How a line stands for which a rule has nothing installed."""
        dropped = next(
            (
                each
                for each in self.asked.wishes.decisions
                if each.package == name and each.chosen == NOTHING_INSTALLED
            ),
            None,
        )
        if dropped is not None:
            return _standing(line, OVERRULED, dropped.rule, dropped.reason)
        rule = self.rules.never_fetched(name)
        code, says = (rule.code, rule.says) if rule else ("", "")
        return _standing(line, BROKEN, code, f"{_have(name, '')} {says}".rstrip())

    def _decision(self, line: AskedLine, version: str) -> Decision | None:
        """The decision in force that goes against the line, if what it chose is still there."""
        wish = line.settled.wish
        for name in (line.settled.name, line.name):
            found = self.against.get((name, redact(wish.pack), redact(wish.requirement)))
            if found is not None and found.chosen == (version or NOT_INSTALLED):
                return found
        return None

    def _says(self, code: str) -> str:
        return next((rule.says for rule in self.rules.rules if rule.code == code), "")


def _against(decisions: Iterable[Decision]) -> _Deciding:
    return {
        (decision.package, redact(wish.pack), redact(wish.requirement)): decision
        for decision in decisions
        for wish in decision.violates
    }


def _standing(line: RequirementLine, outcome: str, rule: str = "", reason: str = "") -> WishStanding:
    return WishStanding(
        pack=line.pack or CORE,
        requirement=line.text,
        file=line.file,
        line=line.line,
        outcome=outcome,
        rule=rule,
        reason=reason,
    )


def _have(name: str, version: str) -> str:
    return f"{name} {version} is installed." if version else f"{name} is not installed."


def _with_version(name: str, versions: Mapping[str, str]) -> str:
    return f"{name} {versions[name]}" if name in versions else ""


def _core_first(wish: WishStanding) -> tuple[bool, str, str, str, int, str]:
    return (wish.pack != CORE, wish.pack.casefold(), wish.pack, wish.file, wish.line, wish.requirement)


def _nameless(line: SolveLine) -> Finding:
    return Finding(
        code="wish-without-name",
        message=f"{line.line.pack} asks for {line.line.text}, which names no package, so nobody can tell "
        "whether it is there.",
        pack=line.line.pack,
        file=line.line.file,
        line=line.line.line,
        text=line.line.text,
    )
