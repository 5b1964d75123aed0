"""The command missing: what a workflow lacks, and bringing it as one change."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from ..core.missing import Candidate, Choice, Missing, TypeState
from ..core.workflow import LARGEST_PICTURE, Workflow, read_workflow
from ..errors import Hint, RefusedError, UsageError
from ..transaction.fs import read_regular
from ..wiring import missing_search
from .changes import apply_planned, options_of
from .console import Style, plain
from .plan_text import counted, finding_lines
from .work import Outcome, Work

_DOES = {TypeState.INSTALL: "install", TypeState.ENABLE: "enable", TypeState.UPDATE: "update"}
_MOST_SHOWN = 6
_COMMIT = re.compile(r"[0-9a-f]{40}")


def missing(work: Work, args: argparse.Namespace) -> Outcome:
    """Show what is missing; with --install, bring what is settled, or refuse while choices are open."""
    console = work.console
    workflow = _read(Path(args.file))
    search = missing_search(work.site, report=work.session.report, cancel=work.session.cancel)
    answer = search.look(workflow, dict(args.choose))
    console.say(missing_lines(answer, console.out_style, verbose=console.verbose))
    document = answer.to_dict()
    if not args.install:
        return Outcome({"ok": True, **document})
    if answer.choices:
        raise _choice_needed(answer.choices)
    if answer.unvouched and not args.yes and not console.can_ask:
        # A repository that is given to `install` was named by the user; here a stranger may have named it.
        raise _consent_needed(answer)
    if not answer.tasks:
        return Outcome({"ok": True, **document, "plan": None, "applied": None})
    with work.session.plan_tasks(answer.tasks, options_of(args), to_apply=True) as planned:
        outcome = apply_planned(work, args, planned)
    return Outcome({**document, **outcome.document}, outcome.code)


def _read(path: Path) -> Workflow:
    try:
        return read_workflow(read_regular(path, LARGEST_PICTURE))
    except OSError as error:
        raise UsageError(
            "workflow-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            context={"file": path},
            hints=(Hint("check-the-path", "Name a workflow's JSON file, or a picture ComfyUI has made."),),
        ) from error


def _choice_needed(choices: tuple[Choice, ...]) -> RefusedError:
    first = choices[0]
    example = f'--choose "{first.types[0]}={first.options[0].subject}"'
    names = ", ".join(each.types[0] for each in choices)
    return RefusedError(
        "choice-needed",
        f"Only you can say which pack is meant for {names}. Nothing was changed.",
        context={each.types[0]: ", ".join(option.subject for option in each.options) for each in choices},
        hints=(Hint("choose-a-pack", f"Repeat with {example} (or another of them)."),),
    )


def _consent_needed(answer: Missing) -> RefusedError:
    names = ", ".join(each.candidate.subject for each in answer.unvouched)
    return RefusedError(
        "consent-needed",
        f"This needs your yes: only the workflow names {names}. Nothing was changed.",
        context={"repositories": names},
        hints=(Hint("say-yes", "Look at what is to be installed, then repeat with --yes."),),
    )


def missing_lines(answer: Missing, style: Style, *, verbose: bool) -> Iterator[str]:
    """The answer in words."""
    lacking = answer.missing
    if not answer.types:
        yield "The workflow uses no nodes."
    elif not lacking:
        yield f"{style('green', 'Nothing is missing')}: {counted(len(answer.types), 'node type')} looked for."
    else:
        yield f"{style('bold', f'{len(lacking)} of {len(answer.types)} node types are missing.')}"
    for pack in answer.packs:
        candidate = pack.candidate
        made = f"  made with {plain(_short(candidate.version))}" if candidate.version else ""
        yield (
            f"  {style('green', f'{_DOES[candidate.action]:8}')}{_named(candidate)}{style('dim', made)}"
            f"  {style('dim', _reasons(candidate))}"
        )
        yield f"          for {_listed(pack.types)}"
    for choice in answer.choices:
        yield f"  {style('yellow', 'choose  ')}for {_listed(choice.types)}:"
        for option in choice.options:
            yield f"          {_named(option)}  {style('dim', _reasons(option))}"
    yield from finding_lines(answer.findings, style, verbose=verbose)


def _named(candidate: Candidate) -> str:
    subject = candidate.installed or candidate.subject
    name = f" ({plain(candidate.name)})" if candidate.name not in (subject, candidate.subject) else ""
    return f"{plain(subject)}{name}"


def _short(version: str) -> str:
    """A commit as git shortens it."""
    return version[:10] if _COMMIT.fullmatch(version) else version


def _reasons(candidate: Candidate) -> str:
    return f"[{', '.join(why.value for why in candidate.why)}]"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(plain(name) for name in names[:_MOST_SHOWN])
    rest = len(names) - _MOST_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
