"""What is asked of the solver (uv) and what it answers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ..errors import Hint, SafeInstallError


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveInput:
    """One group of requirement texts under a label (a pack's name, or CORE)."""

    label: str
    texts: tuple[str, ...]
    index: str = ""
    """An extra index the user granted to this pack; it serves only `indexed`."""
    indexed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRequest:
    """One question to the solver: the newest set of versions that meets every text, preferring `preferences`."""

    inputs: tuple[SolveInput, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)
    allow_builds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The solver's answer: a complete, consistent set."""

    versions: Mapping[str, str]
    """{canonical name: version}; for a direct URL without a known version: ""."""
    urls: Mapping[str, str]
    """{canonical name: URL} of packages taken from a direct URL."""
    via: Mapping[str, tuple[str, ...]]
    """{canonical name: names of the packages that depend on it}."""
    asked_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """{canonical name: labels of the inputs (packs) that ask for it}."""
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """{canonical name: extras that somebody asks for}."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """{canonical name: index URL} of packages that another index serves, which a pack was granted."""

    @property
    def stood_in(self) -> dict[str, tuple[str, ...]]:
        """{name a placeholder stands for: names of the packages that depend on it}."""
        return {
            name: tuple(wanter for wanter in self.via.get(name, ()) if wanter in self.versions)
            for name, version in self.versions.items()
            if is_placeholder(version)
        }

    def without_placeholders(self) -> Solution:
        """The solution with only what can really be installed."""
        gone = self.stood_in
        return replace(
            self,
            versions={name: version for name, version in self.versions.items() if name not in gone},
            via={name: wanters for name, wanters in self.via.items() if name not in gone},
        )


ABSENT = "0+not.installed"
"""Version of the placeholder for a package that is never fetched and not there."""


def provided_by(member: str) -> str:
    """Version of the placeholder for a family's member that gives way to `member`.

    A placeholder is a wheel of metadata alone that is forced upon everybody who asks for the package: so the
    solver neither fetches it nor forgets who wanted it, and the one that provides its modules comes along.
    """
    return f"0+by.{member.replace('-', '.')}"


def is_placeholder(version: str) -> bool:
    """Whether a version is that of a placeholder."""
    return version.startswith(("0+by.", "0+not."))


class SolveProblem(str, Enum):
    """Why the solver found no answer. `conflict` is the only one that settling wishes can cure."""

    CONFLICT = "conflict"
    NETWORK = "network"
    NO_SUCH_PACKAGE = "no-such-package"
    NO_VERSION_FOR_PYTHON = "no-version-for-this-python"
    NEEDS_BUILD = "needs-build"
    BUILD_FAILED = "build-failed"
    URL_UNREACHABLE = "url-unreachable"
    INVALID = "invalid"


PROBLEM_WORDS: dict[SolveProblem, tuple[str, Hint]] = {
    SolveProblem.CONFLICT: (
        "its requirements cannot be met together with what is protected",
        Hint("see-decisions", "Look at who wants what with `safe-install why PACKAGE`."),
    ),
    SolveProblem.NETWORK: (
        "the package index could not be reached",
        Hint(
            "check-network",
            "Check the network, the proxy and the index settings, then try again; nothing was changed.",
        ),
    ),
    SolveProblem.NO_SUCH_PACKAGE: (
        "no such package exists on the index",
        Hint(
            "check-name", "Check the spelling; the pack may mean another name, or the package was withdrawn."
        ),
    ),
    SolveProblem.NO_VERSION_FOR_PYTHON: (
        "no version fits this Python or this platform",
        Hint(
            "use-other-python",
            "Use a Python version the package supports, or ask the pack's author for newer limits.",
        ),
    ),
    SolveProblem.NEEDS_BUILD: (
        "it must be built from source, which runs the package's own code",
        Hint(
            "allow-builds", "If you trust the package, repeat with --allow builds (a compiler may be needed)."
        ),
    ),
    SolveProblem.BUILD_FAILED: (
        "its build from source failed",
        Hint("read-build-log", "Read the build's last lines; a compiler or system library may be missing."),
    ),
    SolveProblem.URL_UNREACHABLE: (
        "its repository or address cannot be reached",
        Hint("check-url", "Check the address and the network; the repository may be gone or private."),
    ),
    SolveProblem.INVALID: (
        "the line is not understood by the solver",
        Hint("fix-line", "Correct the line in the pack's file."),
    ),
}


class SolveFailureError(SafeInstallError):
    """The solver found no answer. `output` is its full text, for logs; `problem` the class of reason."""

    def __init__(self, problem: SolveProblem, output: str) -> None:
        """Keep the class of reason apart from the solver's prose."""
        words, hint = PROBLEM_WORDS[problem]
        super().__init__(
            "network-unreachable" if problem is SolveProblem.NETWORK else f"solve-{problem.value}",
            f"No set of versions was found: {words}.",
            context={"output": output[-2000:]},
            hints=(hint,),
        )
        self.problem = problem
        self.output = output
