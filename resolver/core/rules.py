"""Special handling of package families, read from `rules.toml` (shipped) and the user's own file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import Hint, UsageError

NEEDS = {
    "keep": ("packages",),
    "protect": ("packages",),
    "one-of": ("members",),
    "rename": ("names",),
    "drop": ("packages", "stdlib"),
    "companion": ("require",),
}
"""{kind of rule: fields of which it needs at least one}; what each kind does stands in `rules.toml`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One distribution of a family, and what it can do beyond the plain one."""

    name: str
    features: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Which fields count depends on `kind`; see `rules.toml` for what each kind does."""

    code: str
    kind: str
    says: str
    packages: tuple[str, ...] = ()
    """Canonical names or shell patterns."""
    stdlib: bool = False
    members: tuple[Member, ...] = ()
    soft: frozenset[str] = frozenset()
    sticky: frozenset[str] = frozenset()
    names: Mapping[str, str] | None = None
    when: Requirement | None = None
    require: tuple[Requirement, ...] = ()
    install_hint: str = ""

    def covers(self, name: str) -> bool:
        """Whether the canonical name is in `packages` (patterns allowed)."""
        return any(fnmatchcase(name, pattern) for pattern in self.packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a `one-of` rule decided: every member's wishes go to `chosen`, the others stay away."""

    rule: Rule
    chosen: str
    others: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules in force, in order; the first that covers a name counts."""

    rules: tuple[Rule, ...]

    def of_kind(self, kind: str) -> tuple[Rule, ...]:
        """The rules of one kind, in order."""
        return tuple(rule for rule in self.rules if rule.kind == kind)

    def keeping(self, name: str) -> Rule | None:
        """The rule by which an installed package of that name stays as it is, or None."""
        return next(
            (rule for rule in self.rules if rule.kind in ("keep", "protect") and rule.covers(name)), None
        )

    def never_fetched(self, name: str) -> Rule | None:
        """The rule by which that package is never fetched from an index, or None."""
        return next((rule for rule in self.of_kind("keep") if rule.covers(name)), None)

    def renamed(self, name: str) -> tuple[str, Rule] | None:
        """The distribution an import name stands for, with the rule that says so."""
        for rule in self.of_kind("rename"):
            if rule.names and name in rule.names:
                return rule.names[name], rule
        return None

    def dropped(self, name: str, stdlib_modules: frozenset[str]) -> Rule | None:
        """The rule by which nothing is to be installed for that name, or None.

        A name counts as the standard library's only if the target Python has such a module
        (`distutils` went in 3.12).
        """
        for rule in self.of_kind("drop"):
            if rule.covers(name) or (rule.stdlib and name.replace("-", "_") in stdlib_modules):
                return rule
        return None

    def family_of(self, name: str) -> Rule | None:
        """The `one-of` rule that name belongs to, or None."""
        return next(
            (rule for rule in self.of_kind("one-of") if any(member.name == name for member in rule.members)),
            None,
        )

    def about(self, name: str) -> tuple[Rule, ...]:
        """Every rule that says something about the package, for `why`."""
        return tuple(
            rule
            for rule in self.rules
            if rule.covers(name)
            or any(member.name == name for member in rule.members)
            or (rule.names is not None and (name in rule.names or name in rule.names.values()))
            or any(canonicalize_name(requirement.name) == name for requirement in rule.require)
        )


def parse_rules(*tables: Mapping[str, object]) -> Rules:
    """Rules from one or more parsed TOML documents, later documents over earlier ones.

    A rule replaces one of the same code in an earlier document, and counts before all rules of earlier
    documents: the first rule that covers a name is the one that counts. Raises UsageError `rules-invalid`
    naming the rule and the field.
    """
    merged: dict[str, Rule | None] = {}
    for table in reversed(tables):
        own = _parse_table(table)
        merged.update({code: rule for code, rule in own.items() if code not in merged})
    return Rules(tuple(rule for rule in merged.values() if rule is not None))


def _parse_table(table: Mapping[str, object]) -> dict[str, Rule | None]:
    """{code: rule} of one document; None for a rule it disables."""
    entries = table.get("rule", [])
    if not isinstance(entries, list):
        raise _invalid("(file)", "`rule` must be an array of tables")
    rules: dict[str, Rule | None] = {}
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise _invalid("(file)", "each `rule` must be a table")
        code = _text(entry, "code", "(unnamed)")
        if code in rules:
            raise _invalid(code, "the code stands twice in one file")
        rules[code] = None if entry.get("disabled") is True else _parse_rule(code, entry)
    return rules


def choose_member(
    rule: Rule, *, installed: Sequence[str], asked: Iterable[str], required: Iterable[str]
) -> Family | None:
    """Which one member of a `one-of` family shall be there; None when nobody wants any.

    `installed`: members in the environment; `asked`: members pack lines name; `required`: members that
    distributions require. Soft features count only when required.
    """
    features = {member.name: member.features for member in rule.members}
    asked, required = set(asked), set(required)
    if not asked and not required and not installed:
        return None
    stuck = [name for name in installed if features[name] & rule.sticky]
    needed: frozenset[str] = frozenset().union(
        *(features[name] - rule.soft for name in asked), *(features[name] for name in required)
    )
    if stuck:
        chosen, reason = stuck[0], "installed, and kept because it is accelerated"
    else:
        fitting = [member for member in rule.members if member.features >= needed]
        kept = [member.name for member in fitting if member.name in installed]
        if kept:
            chosen, reason = kept[0], "installed, and covers all that is asked"
        elif fitting:
            best = min(fitting, key=lambda member: len(member.features))
            chosen, reason = best.name, "the smallest that covers all that is asked"
        else:
            ranked = max(
                rule.members, key=lambda member: (len(member.features & needed), member.name in installed)
            )
            chosen, reason = ranked.name, "no single one covers all that is asked; this covers most"
    return Family(rule=rule, chosen=chosen, others=frozenset(features) - {chosen}, reason=reason)


def _parse_rule(code: str, entry: Mapping[str, object]) -> Rule:
    kind = _text(entry, "kind", code)
    if kind not in NEEDS:
        raise _invalid(code, f"kind is {kind!r}, not one of {', '.join(NEEDS)}")
    members: list[Member] = []
    raw_members = entry.get("members", [])
    if not isinstance(raw_members, list):
        raise _invalid(code, "`members` must be a list of tables")
    for raw in raw_members:
        if not isinstance(raw, Mapping):
            raise _invalid(code, "each member must be a table with name and features")
        members.append(
            Member(
                name=canonicalize_name(_text(raw, "name", code)),
                features=frozenset(_texts(raw, "features", code)),
            )
        )
    if kind == "one-of" and len(members) < 2:  # noqa: PLR2004 - a family of one needs no rule
        raise _invalid(code, "a one-of rule needs at least two members")
    raw_names = entry.get("names", {})
    if not isinstance(raw_names, Mapping) or not all(isinstance(name, str) for name in raw_names.values()):
        raise _invalid(code, "`names` must be a table of texts")
    names: dict[str, str] = {
        canonicalize_name(key): canonicalize_name(value) for key, value in raw_names.items()
    }
    when = _text(entry, "when", code) if kind == "companion" else ""
    rule = Rule(
        code=code,
        kind=kind,
        says=_text(entry, "says", code),
        packages=tuple(canonicalize_name(text) for text in _texts(entry, "packages", code)),
        stdlib=entry.get("stdlib") is True,
        members=tuple(members),
        soft=frozenset(_texts(entry, "soft", code)),
        sticky=frozenset(_texts(entry, "sticky", code)),
        names=names or None,
        when=_requirement(code, when) if when else None,
        require=tuple(_requirement(code, text) for text in _texts(entry, "require", code)),
        install_hint=str(entry.get("install_hint", "")),
    )
    if not any(getattr(rule, field) for field in NEEDS[kind]):
        # A misspelt field must not make a rule that says much and does nothing.
        raise _invalid(code, f"a rule of kind {kind} needs `{'` or `'.join(NEEDS[kind])}`")
    return rule


def _requirement(code: str, text: str) -> Requirement:
    try:
        return Requirement(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(code, f"{text!r} is no requirement: {error}") from error


def _text(entry: Mapping[str, object], key: str, code: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _invalid(code, f"`{key}` must be a text that is not empty")
    return value


def _texts(entry: Mapping[str, object], key: str, code: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _invalid(code, f"`{key}` must be a list of texts")
    return tuple(value)


def _invalid(code: str, problem: str) -> UsageError:
    return UsageError(
        "rules-invalid",
        f"Rule {code}: {problem}.",
        context={"rule": code},
        hints=(
            Hint(
                "fix-rules-file",
                "Correct the rules.toml in the state folder, or remove it to use the shipped rules.",
            ),
        ),
    )
