"""Questions about what is there: why a package is as it is, and whether everything is as it should be."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import canonicalize_name

from ..core.closure import applying_requirements
from ..core.families import settle_families
from ..core.types import CORE, Finding
from ..core.verdicts import core_findings, library_findings, library_lines
from ..core.wishes import SolveLine, read_wishes
from ..errors import Hint, UsageError
from .asking import read_asked
from .drift import look
from .drift_report import NOTHING_KNOWN, DriftReport
from .record import read_record
from .session import Session
from .stillness import look_when_still


@dataclass(frozen=True, slots=True, kw_only=True)
class WishNow:
    """Somebody's wish for a package, and whether it holds now."""

    pack: str
    requirement: str
    file: str = ""
    line: int = 0
    met: bool

    def to_dict(self) -> dict[str, object]:
        """The wish as a JSON object."""
        return {
            "pack": self.pack,
            "requirement": self.requirement,
            "file": self.file,
            "line": self.line,
            "met": self.met,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Everything known about one package here."""

    package: str
    installed: str
    """Version, or empty."""
    provided_by: str
    """The distribution that stands for it (one of a family), or empty."""
    wishes: tuple[WishNow, ...]
    rules: tuple[tuple[str, str], ...]
    """(code, what the rule says)."""
    decisions: tuple[dict[str, object], ...]
    """Recorded decisions about it, newest last."""

    def to_dict(self) -> dict[str, object]:
        """The answer as a JSON object."""
        return {
            "package": self.package,
            "installed": self.installed,
            "provided_by": self.provided_by,
            "wishes": [wish.to_dict() for wish in self.wishes],
            "rules": [{"code": code, "says": says} for code, says in self.rules],
            "decisions": list(self.decisions),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether everything is as it should be."""

    checked: int
    """Distributions whose files were hashed."""
    faults: tuple[Finding, ...]
    """Damage: files missing or changed, torn or doubled distributions."""
    notes: tuple[Finding, ...]
    """Requirements that do not hold; no damage."""
    drift: DriftReport = NOTHING_KNOWN
    """What others changed since we last looked."""

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "ok": not self.faults,
            "checked": self.checked,
            "faults": [finding.to_dict() for finding in self.faults],
            "notes": [finding.to_dict() for finding in self.notes],
            "drift": self.drift.to_dict(),
        }


def why(session: Session, package: str) -> Why:
    """Who wants a package, what each wish says, which rules speak of it, what was decided. Needs no network.

    Raises UsageError `package-not-known` where nobody wants it and it is not installed.
    """
    return look_when_still(session.site, lambda: _why(session, package), session.cancel)[0]


def _why(session: Session, package: str) -> Why:
    site = session.site
    name = canonicalize_name(package)
    asked = read_asked(site)
    environment = asked.environment
    stand_in = asked.wishes.stands_for.get(name, "")
    names = {name, stand_in} - {""}
    versions = environment.versions
    wishes = [
        _wish_of_line(line.settled, versions)
        for line in asked.lines
        if line.settled.name in names or line.settled.line.name in names
    ]
    # Lines a rule turned away (a name of the standard library, say) are wishes all the same.
    wishes += [
        WishNow(pack=line.pack, requirement=line.text, file=line.file, line=line.line, met=False)
        for target, line in asked.turned_away
        if name in (target, line.name)
    ]
    for dist in environment.distributions:
        for requirement in applying_requirements(dist.requires, environment.python.markers):
            target = canonicalize_name(requirement.name)
            if target in names:
                version = versions.get(target) or versions.get(stand_in, "")
                met = bool(version) and requirement.specifier.contains(version, prereleases=True)
                wishes.append(
                    WishNow(pack=f"{dist.name}=={dist.version}", requirement=str(requirement), met=met)
                )
    about = tuple((rule.code, rule.says) for rule in site.rules.about(name))
    decisions = tuple(entry for entry in read_record(site.state) if _package_of(entry) in names)
    if not wishes and name not in versions and not about and not decisions:
        raise UsageError(
            "package-not-known",
            f"{package} is not installed, and nothing here asks for it.",
            hints=(
                Hint(
                    "check-name",
                    "Check the spelling; the name of the distribution counts, not that of its module.",
                ),
            ),
        )
    return Why(
        package=name,
        installed=versions.get(name, ""),
        provided_by=f"{stand_in} {versions[stand_in]}" if stand_in in versions else "",
        wishes=tuple(wishes),
        rules=about,
        decisions=decisions,
    )


def verify(session: Session) -> Verification:
    """Every file against its RECORD, and what does not hold. Blocks; hashes the whole environment."""
    return look_when_still(session.site, lambda: _verify(session), session.cancel)[0]


def _verify(session: Session) -> Verification:
    site = session.site
    drift = look(site)
    environment = site.environment()
    session.report.stage("verify", "Hashing every installed file")
    faults = site.verify(environment)
    _, unreadable = site.holdings(environment)
    core = read_wishes(site.core().lines, rules=site.rules, environment=environment, allowed=("urls",))
    requires = {dist.name: dist.requires for dist in environment.distributions}
    stands_for = settle_families(core, rules=site.rules, environment=environment).stands_for
    library = library_lines(environment, environment.versions, requires, stands_for)
    return Verification(
        checked=sum(1 for dist in environment.distributions if dist.record_digest),
        faults=tuple(dict.fromkeys((*faults, *unreadable))),
        notes=(*core_findings(core, environment.versions), *library_findings(library, {})),
        drift=drift,
    )


def _wish_of_line(line: SolveLine, versions: dict[str, str]) -> WishNow:
    version = versions.get(line.name)
    return WishNow(
        pack=line.line.pack or CORE,
        requirement=line.line.text,
        file=line.line.file,
        line=line.line.line,
        met=version is not None and (bool(line.url) or line.accepts(version)),
    )


def _package_of(entry: dict[str, object]) -> str:
    decision = entry.get("decision")
    return str(decision.get("package", "")) if isinstance(decision, dict) else ""
