"""Who probably changed something, told from what tools leave behind. Pure: the traces were read elsewhere.

Nothing here is a proof. INSTALLER and REQUESTED (PEP 376, PEP 627) say which tool wrote a distribution, not
who started that tool; times tell only what happened together. The words say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from .drift_items import DriftItem

TOGETHER = 120.0
"""Seconds within which two traces probably belong to one act."""
NEAR = 900.0
"""Seconds within which a trace that names the very thing, or an install.py, probably has to do with it."""

MANAGER = "ComfyUI-Manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What an installer left in the metadata of a distribution."""

    name: str
    metadata_dir: str
    installer: str = ""
    """Text of INSTALLER; empty where there is none."""
    has_installer: bool = False
    has_record: bool = False
    requested: bool = False
    origin: str = ""
    conda: bool = False
    at: float = 0.0
    """When it was written, seconds since 1970; 0 where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Something another program left that has a time."""

    kind: str
    """manager-log, manager-startup, manager-snapshot, tracking, git, install-py, conda, file."""
    at: float
    text: str
    """In words, such as `its log says: ...`."""
    names: frozenset[str] = frozenset()
    """Words that may be names of distributions, canonical."""
    pack: str = ""
    """The pack it lies in."""
    path: str = ""
    """The file it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """Everything that was found."""

    marks: tuple[Mark, ...] = ()
    traces: tuple[Trace, ...] = ()
    wanted_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """{canonical name: packs whose lines ask for it}."""
    fresh_packs: frozenset[str] = frozenset()
    """Packs that came or changed in this very drift."""

    def of(self, name: str) -> list[Mark]:
        """The marks of a distribution."""
        return [mark for mark in self.marks if mark.name == name]


def blame(items: Sequence[DriftItem], clues: Clues) -> tuple[DriftItem, ...]:
    """The items, each with who probably did it and why we think so."""
    return tuple(_blamed(each, clues) for each in items)


def _blamed(each: DriftItem, clues: Clues) -> DriftItem:
    judge = {
        "drift-added": _installed,
        "drift-version": _installed,
        "drift-files": _installed,
        "drift-removed": _removed,
        "drift-torn": _torn,
        "drift-doubled": _doubled,
        "drift-edited": _edited,
        "drift-unowned": _loose,
        "drift-pack": _pack,
        "drift-comfyui": _pack,
    }.get(each.code)
    if judge is None:
        return each
    who, evidence = judge(each, clues)
    return replace(each, who=who, evidence=tuple(dict.fromkeys(evidence)))


_Judgement = tuple[str, list[str]]


def _installed(each: DriftItem, clues: Clues) -> _Judgement:
    mark = next(iter(clues.of(each.name)), None)
    if mark is None:
        return "", []
    evidence = _evidence_of(mark)
    if mark.conda:
        return "conda", [*evidence, "conda-meta lists it"]
    tool = _tool(mark)
    found = _culprit(mark.at, each.name, clues)
    if found:
        who, why = found
        return f"{who}, by {tool}" if tool else who, [*evidence, *why]
    wanting = sorted(set(clues.wanted_by.get(each.name, ())) & clues.fresh_packs)
    if wanting:
        pack = wanting[0]
        return (
            f"{tool or 'an installer'}, probably run for the pack {pack}, which came or changed as well",
            [*evidence, f"the pack {pack} asks for it"],
        )
    if not tool:
        return "unknown", evidence
    return f"{tool}, started by hand or by another program", evidence


def _removed(each: DriftItem, clues: Clues) -> _Judgement:
    named = [
        trace
        for trace in clues.traces
        if trace.kind in ("manager-log", "conda") and each.name in trace.names and "uninstall" in trace.text
    ]
    if named:
        return f"very likely {_actor(named[-1])}", [named[-1].text]
    return "probably `pip uninstall` or `uv pip uninstall`; a removal leaves no name", []


def _torn(each: DriftItem, clues: Clues) -> _Judgement:
    mark = next(iter(clues.of(each.name)), None)
    if mark is None:
        return "", []
    evidence = [_when(mark)] if mark.at else []
    if mark.has_installer and mark.has_record:
        return (
            "somebody who deleted files, or an uninstall that was interrupted",
            [*evidence, f"INSTALLER says {mark.installer}"],
        )
    if mark.has_record:
        return (
            "probably uv, killed or out of space in the middle",
            [*evidence, "RECORD is there and INSTALLER is not: uv writes INSTALLER last"],
        )
    if mark.has_installer:
        return (
            "probably pip, killed or out of space in the middle",
            [*evidence, "INSTALLER is there and RECORD is not: pip writes RECORD last"],
        )
    return (
        "an installer that was interrupted, or a folder copied by hand",
        [*evidence, "neither RECORD nor INSTALLER is there"],
    )


def _doubled(each: DriftItem, clues: Clues) -> _Judgement:
    marks = sorted(clues.of(each.name), key=lambda mark: mark.at)
    evidence = [f"{mark.metadata_dir}: {_evidence_text(mark)}" for mark in marks]
    tools = sorted({_tool(mark) or "an unknown installer" for mark in marks})
    if len(tools) > 1:
        return f"probably {' and '.join(tools)}, the later one past what the other had installed", evidence
    return (
        f"probably {tools[0] if tools else 'an installer'}, interrupted before it removed the older one",
        evidence,
    )


def _edited(each: DriftItem, clues: Clues) -> _Judgement:
    places = [trace for trace in clues.traces if trace.kind == "file" and trace.path in each.files]
    if not places:
        return "a person or a program that writes there", []
    at = max(trace.at for trace in places)
    evidence = [f"last written {_clock(at)}"]
    found = _culprit(at, each.name, clues)
    if found:
        return found[0], [*evidence, *found[1]]
    return "a person with an editor, or a program that writes there", evidence


def _loose(each: DriftItem, clues: Clues) -> _Judgement:
    places = [trace for trace in clues.traces if trace.kind == "file" and trace.path in each.files]
    if not places:
        return ("the program itself, probably", []) if each.minor else ("unknown", [])
    at = places[0].at
    evidence = [f"written {_clock(at)}", *([places[0].text] if places[0].text else [])]
    found = _culprit(at, "", clues)
    if found:
        return found[0], [*evidence, *found[1]]
    nearby = next((mark for mark in clues.marks if mark.at and abs(mark.at - at) <= TOGETHER), None)
    if nearby:
        return (
            f"probably what installed {nearby.name} in the same minutes",
            [*evidence, _evidence_text(nearby)],
        )
    return ("the program itself, probably" if each.minor else "a person, or a program"), evidence


def _pack(each: DriftItem, clues: Clues) -> _Judgement:
    own = sorted((trace for trace in clues.traces if trace.pack == each.name), key=lambda trace: trace.at)
    if each.minor:
        return "probably the pack itself, which keeps files of its own there", []
    git = [trace for trace in own if trace.kind == "git"]
    tracking = [trace for trace in own if trace.kind == "tracking"]
    evidence = [trace.text for trace in (*git[-1:], *tracking[-1:])]
    at = max((trace.at for trace in own), default=0.0)
    for trace in clues.traces:
        if trace.kind.startswith("manager") and at and abs(trace.at - at) <= TOGETHER:
            return f"probably {MANAGER}", [*evidence, trace.text]
    if tracking and (not git or tracking[-1].at >= git[-1].at):
        return f"very likely {MANAGER}, from the registry", evidence
    if git and _step_of(each):
        return "git, started by hand or by another program", evidence
    if not each.after:
        return "somebody who removed or moved the folder", evidence
    return "a person, or a program that writes there", evidence


def _step_of(each: DriftItem) -> bool:
    """Whether it is git's kind of change: the pack came, or stands at another commit."""
    return (
        not each.before
        or "git-checkout" in {hint.code for hint in each.hints}
        or each.code == "drift-comfyui"
    )


def _culprit(at: float, name: str, clues: Clues) -> tuple[str, list[str]] | None:
    """Who was at work when something was written: whoever names it first, then whoever was near in time."""
    if not at:
        return None
    near = [trace for trace in clues.traces if trace.kind != "file" and abs(trace.at - at) <= NEAR]
    for trace in near:
        if name and name in trace.names:
            return f"very likely {_actor(trace)}", [trace.text]
    for trace in near:
        if trace.kind == "install-py":
            return f"probably install.py of the pack {trace.pack}", [trace.text]
    for trace in near:
        if trace.kind.startswith("manager") and abs(trace.at - at) <= TOGETHER:
            return f"probably {MANAGER}", [f"{trace.text} at {_clock(trace.at)}"]
    return None


def _actor(trace: Trace) -> str:
    return (
        f"install.py of the pack {trace.pack}"
        if trace.kind == "install-py"
        else ("conda" if trace.kind == "conda" else MANAGER)
    )


def _tool(mark: Mark) -> str:
    return mark.installer


def _evidence_of(mark: Mark) -> list[str]:
    return [_evidence_text(mark)] if mark.installer or mark.at else []


def _evidence_text(mark: Mark) -> str:
    words = [f"INSTALLER says {mark.installer}" if mark.installer else "it has no INSTALLER"]
    if mark.installer in ("pip", "uv"):
        words.append("asked for by name" if mark.requested else "came as a dependency")
    if mark.origin:
        words.append(f"from {mark.origin}")
    if mark.at:
        words.append(_when(mark))
    return ", ".join(words)


def _when(mark: Mark) -> str:
    return f"written {_clock(mark.at)}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
