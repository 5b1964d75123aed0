"""The commands for packs that are there: update, fix, enable, disable. All that are named are one change."""

from __future__ import annotations

import argparse

from ..core.tasks import Task, TaskKind
from ..engine.task_reading import EVERY
from .changes import apply_planned, options_of
from .work import Outcome, Work


def tasks(work: Work, args: argparse.Namespace) -> Outcome:
    """Update, fix, enable or disable packs."""
    kind = TaskKind(args.command)
    wanted = [_task(kind, text) for text in args.packs or [EVERY]]
    with work.session.plan_tasks(wanted, options_of(args), to_apply=True) as planned:
        return apply_planned(work, args, planned)


def _task(kind: TaskKind, text: str) -> Task:
    # An address may hold an `@` of its own, before its last part.
    name, at, version = text.rpartition("@")
    if not at or "/" in version or ":" in version or not name:
        name, version = text, ""
    return Task(kind=kind, subject=name, version=version)
