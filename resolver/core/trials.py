"""What a trial found: what would stop working, what did not work before, what is unclear. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from packaging.utils import canonicalize_name

from ..errors import redact
from .types import Finding


class TrialFault(str, Enum):
    """How an import failed."""

    MISSING = "missing"
    """A pack imports it, and nothing offers it."""
    EXCEPTION = "exception"
    CRASH = "crash"
    """The process ended: a segmentation fault, `os._exit`, the system's memory killer."""
    TIMEOUT = "timeout"


class Before(str, Enum):
    """What the same import did in the live environment, without the change."""

    WORKED = "worked"
    FAILED = "failed"
    ABSENT = "absent"
    """The module was not there at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailure:
    """One import that fails with the change in place."""

    module: str
    fault: TrialFault
    before: Before
    distribution: str = ""
    """The distribution that offers the module, or offered it; empty where unknown."""
    pack: str = ""
    """The pack that imports it; empty for a module tried because its distribution changes."""
    file: str = ""
    line: int = 0
    error: str = ""
    """Class of the exception, such as `ImportError`; of a crash the signal or exit code."""
    detail: str = ""
    """The message, then the last lines of the traceback, redacted."""

    @property
    def message(self) -> str:
        """The failure in one sentence."""
        reason = self.detail.partition("\n")[0]
        if self.fault is TrialFault.MISSING:
            text = f"{self.pack} imports {self.module}, which no installed package offers"
        elif self.fault is TrialFault.TIMEOUT:
            text = f"Importing {self.module} does not come to an end"
        elif self.fault is TrialFault.CRASH:
            text = f"Importing {self.module} ends the process ({self.error})"
        else:
            text = f"Importing {self.module} fails with {self.error}" + (f": {reason}" if reason else "")
        return redact(text).rstrip(".") + "."

    def to_dict(self) -> dict[str, object]:
        """The failure as a JSON object."""
        return {
            "module": self.module,
            "distribution": self.distribution,
            "pack": redact(self.pack),
            "file": redact(self.file),
            "line": self.line,
            "fault": self.fault.value,
            "before": self.before.value,
            "error": redact(self.error),
            "message": self.message,
            "detail": redact(self.detail),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """The result of a trial. Only `new_failures` are a reason to refuse."""

    new_failures: tuple[TrialFailure, ...] = ()
    """What works now and would stop working, and what a pack needs, is new, and fails."""
    known_failures: tuple[TrialFailure, ...] = ()
    """What fails in the live environment just as well, imports of a pack that nothing ever met included."""
    doubtful_failures: tuple[TrialFailure, ...] = ()
    """New modules that nobody is known to import and that are not their distribution's main one."""
    unchecked: tuple[str, ...] = ()
    """Modules the time did not suffice for: neither good nor bad."""
    static_checked: int = 0
    """How many different modules that packs import were looked for."""
    import_checked: int = 0
    """How many modules were really imported."""
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()

    def to_findings(self) -> tuple[Finding, ...]:
        """The whole report as findings, the worst first."""
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        for code, failures in (
            ("trial-new-failure", self.new_failures),
            ("trial-doubtful-failure", self.doubtful_failures),
            ("trial-known-failure", self.known_failures),
        ):
            for failure in failures:
                yield Finding(
                    code=code,
                    message=failure.message,
                    pack=failure.pack,
                    file=failure.file,
                    line=failure.line,
                )
        if self.unchecked:
            yield Finding(
                code="trial-unfinished",
                message="The time of the trial did not suffice for: " + ", ".join(self.unchecked) + ".",
            )
        yield from self.findings


WANTING = ("SystemExit", "ModuleNotFoundError")
"""How a new module ends that only wants something optional beside it, such as a backend for `rembg`.

Where no pack imports it unconditionally, that is no reason to refuse: plain pip would install it just as well,
and many packs bring such a library for one node.
"""


def sort_failures(
    failures: Iterable[TrialFailure], *, needed: Collection[str], offered: Collection[tuple[str, str]]
) -> tuple[tuple[TrialFailure, ...], tuple[TrialFailure, ...], tuple[TrialFailure, ...]]:
    """The failures as (new, known, doubtful).

    `needed` are the top-level modules packs import without an alternative; `offered` pairs each tried
    distribution with a module of it. A module that was absent before has no past to compare with: its
    failure counts as new where a pack needs it or where it is what its distribution is installed for.
    """
    new: list[TrialFailure] = []
    known: list[TrialFailure] = []
    doubtful: list[TrialFailure] = []
    for failure in failures:
        if failure.before is Before.WORKED:
            new.append(failure)
        elif failure.before is Before.FAILED or failure.fault is TrialFault.MISSING:
            known.append(failure)
        elif failure.module.partition(".")[0] in needed or (
            failure.error not in WANTING and _is_main(failure, offered)
        ):
            new.append(failure)
        else:
            doubtful.append(failure)
    return tuple(new), tuple(known), tuple(doubtful)


def _is_main(failure: TrialFailure, offered: Collection[tuple[str, str]]) -> bool:
    """Whether the module is its distribution's only one, or bears its name."""
    if canonicalize_name(failure.module.replace(".", "-")) == canonicalize_name(failure.distribution):
        return True
    return {module for name, module in offered if name == failure.distribution} == {failure.module}
