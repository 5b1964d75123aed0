"""Applying, rolling back and snapshots: the same change by every tool, and what each leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median

from ..tests.kit.trees import Entry
from .peers.safe_install import ENGINE
from .places import Ground, cv2_version, difference, installed, make_place, tree, use
from .report import Table, figure, ratio
from .values import Contender, Done, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contender in one topic."""

    topic: str
    contender: str
    runs: int
    done: Done
    checks: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """For the JSON file."""
        return asdict(self)


def bench_applying(ground: Ground, contenders: Sequence[Contender], *, runs: int) -> list[Row]:
    """Every contender that applies, rolls back or takes snapshots."""
    rows: list[Row] = []
    by_name = {each.name: each for each in contenders}
    for contender in contenders:
        if contender.apply is None and contender.rollback is None:
            continue
        first = by_name.get(contender.applied_by or contender.name)
        if first is None or first.apply is None:
            print(f"  {contender.name} is left out: it needs {contender.applied_by} to apply first")
            continue
        print(f"  {contender.name} ...", flush=True)
        rows += _changes(ground, contender, first, runs=1 if contender.slow else runs)
    rows += _snapshots(ground, contenders, runs)
    return rows


def _changes(ground: Ground, contender: Contender, first: Contender, *, runs: int) -> list[Row]:
    """Apply and roll back in a fresh Place, `runs` times after one that does not count."""
    applied: list[Done] = []
    back: list[Done] = []
    apply_checks: dict[str, str] = {}
    back_checks: dict[str, str] = {}
    warm_up = 0 if contender.slow else 1
    for number in range(warm_up + runs):
        last = number == warm_up + runs - 1
        place = make_place(ground, "live")
        before = tree(place) if last else {}
        if first.apply is None:
            break
        done = first.apply(place)
        if number >= warm_up:
            applied.append(done)
        if done.error and not contender.slow:
            apply_checks = {"state": f"failed: {done.error}"}
            break
        if last:
            apply_checks = _state_after(ground, place)
        use(place)
        if contender.rollback is None:
            continue
        undone = contender.rollback(place)
        if number >= warm_up:
            back.append(undone)
        if last:
            back_checks = _state_back(place, before, undone)
    if contender.rollback is not None and back:
        back_checks["offline, caches empty"] = _offline(ground, contender, first)
    rows = []
    if contender.apply is not None and applied:
        rows.append(_row("apply", contender, applied, apply_checks))
    if back:
        rows.append(_row("rollback", contender, back, back_checks))
    return rows


def _offline(ground: Ground, contender: Contender, first: Contender) -> str:
    """How rolling back ends without network and with all caches of installers gone."""
    place = make_place(ground, "live")
    before = tree(place)
    if first.apply is None or contender.rollback is None or first.apply(place).error:
        return "not tried"
    use(place)
    cut_off = {
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(place.folder / "empty-uv"),
        "PIP_CACHE_DIR": str(place.folder / "empty-pip"),
        "PIP_NO_INDEX": "1",
        "UV_FIND_LINKS": "",
        "PIP_FIND_LINKS": "",
    }
    done = contender.rollback(replace(place, variables={**place.variables, **cut_off}))
    if done.error:
        return "fails"
    return difference(before, tree(place))


def _row(topic: str, contender: Contender, runs: Sequence[Done], checks: Mapping[str, str]) -> Row:
    parts = {
        name: median(each.extra.get(name, 0.0) for each in runs)
        for name in dict.fromkeys(name for each in runs for name in each.extra)
    }
    error = next((each.error for each in runs if each.error), "")
    done = Done(seconds=median(each.seconds for each in runs), error=error, extra=parts)
    return Row(topic=topic, contender=contender.name, runs=len(runs), done=done, checks=dict(checks))


def _snapshots(ground: Ground, contenders: Sequence[Contender], runs: int) -> list[Row]:
    place = make_place(ground, "live")
    rows = []
    for contender in contenders:
        if contender.snapshot is None:
            continue
        contender.snapshot(place)
        rows.append(_row("snapshot", contender, [contender.snapshot(place) for _ in range(runs)], {}))
    return rows


def _state_after(ground: Ground, place: Place) -> dict[str, str]:
    now = installed(place)
    other = {
        name
        for name in now.keys() | ground.names_after.keys()
        if now.get(name) != ground.names_after.get(name)
    }
    owners = sum("opencv" in name for name in now)
    return {
        "as planned": "yes" if not other else f"no: {', '.join(sorted(other)[:3])}",
        "owners of cv2": str(owners),
        "import cv2": cv2_version(place),
    }


def _state_back(place: Place, before: Mapping[str, Entry], done: Done) -> dict[str, str]:
    return {
        "tree": difference(before, tree(place)),
        "import cv2": cv2_version(place),
        "error": done.error[-60:],
    }


def tables(rows: Sequence[Row]) -> list[Table]:
    """One table a topic, with ratios to our engine."""
    found = []
    for topic in ("apply", "rollback", "snapshot"):
        mine = [row for row in rows if row.topic == topic]
        if not mine:
            continue
        ours = next((row.done.seconds for row in mine if row.contender == ENGINE), None)
        heads = list(dict.fromkeys(head for row in mine for head in row.checks))
        table = Table(title=topic.capitalize(), heads=("tool", "s", "ratio", *heads))
        for row in mine:
            checks = [row.checks.get(head, "") for head in heads]
            table.add(row.contender, figure(row.done.seconds), ratio(row.done.seconds, ours), *checks)
            trial = row.done.extra.get("trial")
            if trial:
                # Nobody else tries what it installs: like is compared with like without it.
                rest = row.done.seconds - trial
                table.add(f"{row.contender}, less trial", figure(rest), ratio(rest, ours), *[""] * len(heads))
        found.append(table)
        parts = Table(title=f"{topic.capitalize()}: where our time goes", heads=("stage", "s"))
        for row in mine:
            if row.contender == ENGINE:
                for name, seconds in row.done.extra.items():
                    parts.add(name, figure(seconds))
        if parts.rows:
            found.append(parts)
    return found
