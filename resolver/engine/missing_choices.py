"""From what brings each type to what is to be done: one form for each pack, the user's choices, one task a pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..core.missing import Candidate, CandidateKind, Choice, PackWanted, TypeReport, TypeState, Why
from ..core.pack_names import fold_name
from ..core.pack_origin import same_repository
from ..core.tasks import Task, TaskKind
from .missing_findings import choice_unknown

TASK_KINDS = {
    TypeState.INSTALL: TaskKind.INSTALL,
    TypeState.ENABLE: TaskKind.ENABLE,
    TypeState.UPDATE: TaskKind.UPDATE,
}
"""The states that a task ends."""


def in_one_form(reports: Sequence[TypeReport]) -> list[TypeReport]:
    """With each pack named in one way only: where one type has it by id and another by address, by id."""
    published = [
        candidate
        for each in reports
        for candidate in each.candidates
        if candidate.kind is CandidateKind.REGISTRY
    ]

    def form_of(candidate: Candidate) -> Candidate:
        if candidate.kind is not CandidateKind.GIT:
            return candidate
        found = next((each for each in published if _is_published_as(candidate, each)), None)
        return (
            replace(candidate, kind=found.kind, subject=found.subject, name=found.name)
            if found
            else candidate
        )

    return [replace(each, candidates=tuple(map(form_of, each.candidates))) for each in reports]


def _is_published_as(candidate: Candidate, published: Candidate) -> bool:
    if published.repository:
        return same_repository(candidate.repository, published.repository)
    # The Registry could not be asked for its repository; packs are published by that name.
    name = candidate.repository.rstrip("/").removesuffix(".git").rpartition("/")[2]
    return fold_name(name) == fold_name(published.subject.partition("@")[0])


def settled_by_choice(reports: Sequence[TypeReport], choose: Mapping[str, str]) -> list[TypeReport]:
    """With the user's choices, which count for every type with the same options."""
    settled = list(reports)
    for name, pack in choose.items():
        chosen = next(
            (each for each in settled if each.name == name and each.state is TypeState.CHOICE), None
        )
        option = (
            next((each for each in chosen.candidates if _is_called(each, pack)), None) if chosen else None
        )
        if chosen is None or option is None:
            raise choice_unknown(name, pack, chosen)
        subjects = {each.subject for each in chosen.candidates}
        option = replace(option, why=(*option.why, Why.CHOSEN))
        for number, each in enumerate(settled):
            if each.name == name or (
                each.name not in choose and {one.subject for one in each.candidates} == subjects
            ):
                settled[number] = replace(each, state=option.action, candidates=(option,))
    return settled


def settled_by_need(reports: Sequence[TypeReport]) -> list[TypeReport]:
    """Where one of several packs comes in any case, the type will be there: no second pack is needed for it."""
    coming = {each.candidates[0].subject for each in reports if each.state in TASK_KINDS}
    settled = []
    for each in reports:
        if each.state is TypeState.CHOICE:
            option = next((one for one in each.candidates if one.subject in coming), None)
            if option is not None:
                option = replace(option, why=(*option.why, Why.NEEDED_ANYWAY))
                settled.append(replace(each, state=option.action, candidates=(option,)))
                continue
        settled.append(each)
    return settled


def _is_called(candidate: Candidate, word: str) -> bool:
    names = (candidate.subject, candidate.subject.partition("@")[0], candidate.name, candidate.installed)
    addresses = (word, f"https://github.com/{word}")
    return fold_name(word) in map(fold_name, filter(None, names)) or any(
        same_repository(candidate.repository, each) for each in addresses
    )


def wanted(reports: Sequence[TypeReport]) -> Iterator[PackWanted]:
    """The packs of all that is settled, each once."""
    found: dict[tuple[TypeState, str], list[TypeReport]] = {}
    for report in reports:
        if report.state in TASK_KINDS:
            candidate = report.candidates[0]
            found.setdefault((report.state, fold_name(candidate.installed or candidate.subject)), []).append(
                report
            )
    for (state, _), group in found.items():
        first = group[0].candidates[0]
        why = tuple(dict.fromkeys(why for report in group for why in report.candidates[0].why))
        task = Task(kind=TASK_KINDS[state], subject=first.installed or first.subject)
        types = tuple(report.name for report in group)
        yield PackWanted(candidate=replace(first, why=why), types=types, task=task)


def choices(reports: Sequence[TypeReport]) -> Iterator[Choice]:
    """What is left to choose, types with the same options together."""
    found: dict[frozenset[str], list[TypeReport]] = {}
    for report in reports:
        if report.state is TypeState.CHOICE:
            found.setdefault(frozenset(each.subject for each in report.candidates), []).append(report)
    for group in found.values():
        yield Choice(types=tuple(report.name for report in group), options=group[0].candidates)
