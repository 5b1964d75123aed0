"""What the user chose where packs clash: whose wish for a package is followed.

A choice settles what is between packs. What ComfyUI, a rule, or a protected package decides, it does not move.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from ..errors import Hint, UsageError
from .pack_names import fold_name
from .rules import Rules
from .types import Decision, Finding
from .wishes import SolveLine

YOUR_CHOICE = "your-choice"
"""Rule of what was settled by a choice."""
NOT_POSSIBLE = "choice-not-possible"
"""Code of the finding on a choice that could not be followed."""

_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
"""A distribution's name (PEP 508)."""
_HOW = Hint("name-package-and-pack", "Write it as PACKAGE=PACK, such as numpy=SomePack.")
_FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """{package: pack whose wish for it is followed}, from now and from before."""

    given: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Asked for with this plan. In a request an empty pack means: not as before, by the policy again."""
    earlier: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of decisions that are in force. A later choice for the same package takes their place."""

    @property
    def all(self) -> dict[str, str]:
        """Every choice that counts, by package."""
        return dict(sorted({**self.earlier, **self.given}.items()))

    def rank(self, line: SolveLine) -> int:
        """How much the user wants this very line to be followed: 2 chosen now, 1 chosen earlier, 0 not chosen."""
        return 2 if self.is_given(line) else int(self.earlier.get(line.name) == line.line.pack)

    def is_given(self, line: SolveLine) -> bool:
        """Whether the user asks for this very line now."""
        return self.given.get(line.name) == line.line.pack

    def under(self, stands_for: Mapping[str, str]) -> Choices:
        """The choices under the names of the members that were chosen of each family."""
        if not stands_for:
            return self
        given = {stands_for.get(name, name): pack for name, pack in sorted(self.given.items())}
        earlier = {stands_for.get(name, name): pack for name, pack in sorted(self.earlier.items())}
        return Choices(
            given=given, earlier={name: pack for name, pack in earlier.items() if name not in given}
        )

    def behind(self, package: str) -> dict[str, str]:
        """{package: pack} of the choices for which a wish for the package may have been given up."""
        chosen = self.all
        return {package: chosen[package]} if package in chosen else chosen

    def without(self, names: Collection[str]) -> Choices:
        """The choices but for those on these packages."""
        return Choices(
            given={name: pack for name, pack in self.given.items() if name not in names},
            earlier={name: pack for name, pack in self.earlier.items() if name not in names},
        )

    def reason(self, package: str) -> str:
        """In words, why a wish for the package was given up for a choice."""
        chosen = self.all
        if package in self.given:
            return f"You chose to follow {chosen[package]} for {package}."
        if package in self.earlier:
            return f"You chose earlier to follow {chosen[package]} for {package}."
        followed = " and ".join(f"{pack} for {name}" for name, pack in chosen.items()) or "other wishes"
        return f"You chose to follow {followed}; this wish cannot be met together with that."


NO_CHOICES = Choices()


def read_choices(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """{canonical package: pack} of what somebody typed or sent, sorted; empty packs included.

    Raises UsageError `choice-invalid`, `choice-twice`.
    """
    choices: dict[str, str] = {}
    for package, pack in pairs:
        if not _NAME.fullmatch(package.strip()):
            raise UsageError("choice-invalid", f"{package!r} is no name of a package.", hints=(_HOW,))
        name, chosen = canonicalize_name(package.strip()), pack.strip()
        if choices.setdefault(name, chosen) != chosen:
            raise UsageError(
                "choice-twice",
                f"Two packs are named whose wish for {name} is to be followed.",
                hints=(Hint("name-once", "Name one pack for each package."),),
            )
    return dict(sorted(choices.items()))


def split_choice(text: str) -> tuple[str, str]:
    """(package, pack) of `PACKAGE=PACK`. Raises UsageError `choice-invalid`."""
    package, sign, pack = text.partition("=")
    if not sign or pack.startswith("="):
        raise UsageError(
            "choice-invalid", f"{text!r} does not say whose wish for which package.", hints=(_HOW,)
        )
    return package, pack


def choice_needs_merged() -> UsageError:
    """Of packs that are installed one by one nobody can be preferred."""
    return UsageError(
        "choice-needs-merged",
        "Installed one by one, the last pack wins; whose wish is followed cannot be chosen.",
        hints=(Hint("solve-together", "Use the strategy `merged`, or leave the choice out."),),
    )


def choices_for(
    given: Mapping[str, str],
    earlier: Mapping[str, str],
    *,
    packs: Collection[str],
    lines: Sequence[SolveLine],
    rules: Rules,
) -> Choices:
    """The choices that concern these lines, under the names of packs and packages as the lines have them.

    An earlier choice whose pack went away, or asks for the package no longer, is passed over. Raises UsageError
    `choice-pack-unknown`, `choice-package-unknown`, `choice-pack-without-wish` for one that is made now.
    """
    asking = _Asking(packs=packs, lines=[line for line in lines if line.applies and line.name], rules=rules)
    now: dict[str, str] = {}
    settled: set[str] = set()
    for package, pack in sorted(given.items()):
        if pack:
            name, chosen = asking.found(package, pack)
            now[name] = chosen
            settled.add(name)
        settled |= {package, *asking.names_of(package)}
    before = {
        name: pack for name, pack in earlier.items() if name not in settled and asking.wants(pack, name)
    }
    return Choices(given=now, earlier=before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    packs: Collection[str]
    lines: Sequence[SolveLine]
    rules: Rules

    def found(self, package: str, pack: str) -> tuple[str, str]:
        """(package, pack) as the lines have them; raises UsageError as `choices_for` says."""
        known = [name for name in self.packs if fold_name(name) == fold_name(pack)]
        chosen = pack if pack in known else next(iter(sorted(known)), "")
        if not chosen:
            raise UsageError(
                "choice-pack-unknown",
                f"No pack {pack} takes part here, so its wish for {package} cannot be followed.",
                context={"package": package, "pack": pack},
                hints=(self._who(package),),
            )
        if not self._wanting(package):
            raise UsageError(
                "choice-package-unknown",
                f"No pack asks for {package}, so there is nothing to choose.",
                context={"package": package, "pack": pack},
                hints=(Hint("check-name", "Check the spelling; the name of the distribution counts."),),
            )
        if not self.wants(chosen, package):
            raise UsageError(
                "choice-pack-without-wish",
                f"{chosen} does not ask for {package}, so there is no wish of it to follow.",
                context={"package": package, "pack": chosen},
                hints=(self._who(package),),
            )
        names = {line.name for line in self._wanting(package) if line.line.pack == chosen}
        return (package if package in names else min(names)), chosen

    def wants(self, pack: str, package: str) -> bool:
        """Whether the pack has a line on the package."""
        return any(line.line.pack == pack for line in self._wanting(package))

    def names_of(self, package: str) -> set[str]:
        """The names under which the package is asked for."""
        return {line.name for line in self._wanting(package)}

    def _wanting(self, package: str) -> list[SolveLine]:
        family = self.rules.family_of(package)
        names = {package, *(member.name for member in family.members)} if family else {package}
        return [
            line
            for line in self.lines
            if line.line.pack in self.packs and (line.name in names or line.line.name == package)
        ]

    def _who(self, package: str) -> Hint:
        who = sorted({line.line.pack for line in self._wanting(package)})
        if not who:
            return Hint("check-name", f"Check the spelling; no pack asks for {package} at all.")
        more = f" and {len(who) - _FEW} more" if len(who) > _FEW else ""
        return Hint("choose-one-that-asks", f"These ask for {package}: {', '.join(who[:_FEW])}{more}.")


def broken_choices(
    choices: Choices, lines: Sequence[SolveLine], violated: Sequence[SolveLine]
) -> dict[str, str]:
    """{package: pack} of the choices that are not followed: a line of the pack on it is violated, or went.

    The lines of a pack chosen earlier may have been left alone; then nothing is new.
    """
    there = {(line.name, line.line.pack) for line in lines if line.applies}
    hurt = {(line.name, line.line.pack) for line in violated}
    return {
        name: pack
        for name, pack in choices.all.items()
        if (name, pack) in hurt or ((name, pack) not in there and name in choices.given)
    }


def choice_findings(
    choices: Choices, broken: Mapping[str, str], decisions: Sequence[Decision]
) -> tuple[Finding, ...]:
    """A finding for each choice that could not be followed, with the reason."""
    findings = []
    for name, pack in broken.items():
        decision = next(
            (
                each
                for each in decisions
                if each.package == name and any(wish.pack == pack for wish in each.violates)
            ),
            None,
        )
        when = "" if name in choices.given else "earlier "
        why = f" {decision.reason}" if decision and decision.reason else ""
        findings.append(
            Finding(
                code=NOT_POSSIBLE,
                message=f"You {when}chose to follow {pack} for {name}, which is not possible.{why}",
                pack=pack,
                hints=(_way_out(name, choices, decision),),
            )
        )
    return tuple(findings)


def _way_out(name: str, choices: Choices, decision: Decision | None) -> Hint:
    others = [other for other in choices.all if other != name]
    if decision is None:
        return Hint("see-other-findings", "Another finding says what became of the pack's line.")
    if decision.rule == YOUR_CHOICE or (others and decision.rule.endswith("-wins") and decision.alternatives):
        return Hint(
            "choose-one", f"Leave out the choice for {' or '.join(others)}: they cannot all be followed."
        )
    return Hint(
        "leave-it-out", f"Leave out the choice for {name}; `safe-install why {name}` shows who wants what."
    )
