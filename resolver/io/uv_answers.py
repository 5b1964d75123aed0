"""What uv says: solutions read from the files it writes, and the class of reason in its error text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..core.solve import Solution, SolveFailureError, SolveProblem
from ..errors import Hint, SafeInstallError


def parse_solution(text: str, labels: Mapping[str, str]) -> Solution:
    """The solution in a requirements file that `uv pip compile --annotation-style split` wrote.

    `labels` maps the names of input files to whom they stand for.
    """
    versions: dict[str, str] = {}
    urls: dict[str, str] = {}
    via: dict[str, list[str]] = {}
    asked_by: dict[str, list[str]] = {}
    extras: dict[str, tuple[str, ...]] = {}
    current = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        if not line.startswith("#"):
            requirement = _requirement(line.split(" #", 1)[0].rstrip(" \\"))
            current = canonicalize_name(requirement.name)
            versions[current] = next((part.version for part in requirement.specifier), "")
            if requirement.extras:
                extras[current] = tuple(sorted(requirement.extras))
            if requirement.url:
                urls[current] = requirement.url
            via[current], asked_by[current] = [], []
            continue
        if not current:
            continue  # A comment before the first requirement is about none.
        wanter = line.lstrip("#").strip().removeprefix("via").strip()
        file = wanter.removeprefix("-r ").strip()
        if file in labels:
            asked_by[current].append(labels[file])
        elif wanter.startswith("granted-"):
            # uv names a project file by its project: `granted-in0003 (in0003/pyproject.toml)`.
            asked_by[current].append(
                labels.get(f"{wanter.split()[0].removeprefix('granted-')}/pyproject.toml", wanter)
            )
        elif wanter and not wanter.startswith("-"):
            via[current].append(canonicalize_name(wanter.split(" ", 1)[0]))
    return Solution(
        versions=versions, urls=urls, via=distinct(via), asked_by=distinct(asked_by), extras=extras
    )


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except (ValueError, RecursionError) as error:
        raise SafeInstallError(
            "solution-unreadable",
            f"uv wrote a line that cannot be read: {text!r}",
            context={"line": text},
            hints=(Hint("update-uv", "Use the version of uv that Safe Install asks for."),),
        ) from error


def distinct(found: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Each entry once, in order, without names that have none."""
    return {name: tuple(dict.fromkeys(entries)) for name, entries in found.items() if entries}


_PROBLEMS: tuple[tuple[SolveProblem, tuple[str, ...]], ...] = (
    (
        SolveProblem.NETWORK,
        (
            "error sending request",
            "dns error",
            "failed to lookup",
            "connection refused",
            "connect error",
            "timed out",
            "network is unreachable",
            "network was disabled",
            "network connectivity is disabled",
            "tls handshake",
            r"failed to fetch.{0,400}\((?:401|403|407|429|5\d\d)\b",
            "could not connect",
            "invalid peer certificate",
            r"request failed after \d+ retr",
            "error decoding response body",
            "unsupported .content-type.",
            "hash mismatch for package metadata",
        ),
    ),
    (SolveProblem.URL_UNREACHABLE, ("git operation failed", "failed to clone", "could not resolve host")),
    (SolveProblem.NEEDS_BUILD, (r"building source distributions.{0,300} is disabled",)),
    (
        SolveProblem.BUILD_FAILED,
        ("failed to build", "build backend returned an error", r"failed to (?:download|resolve) and build"),
    ),
    (
        SolveProblem.INVALID,
        (
            "couldn't parse requirement",
            "failed to parse",
            "expected .{0,40}(?:version|marker|requirement)",
            "unsupported requirement",
            "wheel filename .{0,300} is invalid",
            "requested package name .{0,300} does not match",
        ),
    ),
    (
        SolveProblem.NO_SUCH_PACKAGE,
        (
            "was not found in the package registry",
            "not found in the provided package locations",
            "status code 404",
            r"\(404 not found\)",
            "unknown index",
        ),
    ),
    (
        SolveProblem.NEEDS_BUILD,
        ("building from source is disabled", "no usable wheels"),
    ),
    (
        SolveProblem.NO_VERSION_FOR_PYTHON,
        (
            "does not satisfy python",
            "no wheels with a matching",
            "matching platform",
            "requires-python",
            "no matching distribution",
            r"no versions? of",
        ),
    ),
)
"""What uv's messages of each class contain, the class that explains most first."""


def classify(output: str) -> SolveProblem:
    """The class of reason in uv's words. Only the class: which line is to blame is worked out from our own table."""
    text = " ".join(output.lower().split())
    for problem, patterns in _PROBLEMS:
        if any(re.search(pattern, text) for pattern in patterns):
            return problem
    # "Only foo 1.0 is available" is the reason where nothing else is said, and a mere premise of a conflict.
    if re.search(r"only .{0,400} (?:is|are) available", text) and not re.search(r" depends? on ", text):
        return SolveProblem.NO_VERSION_FOR_PYTHON
    return SolveProblem.CONFLICT


def refuse_unlockable_cache(output: str) -> None:
    """Raise SafeInstallError `cache-not-lockable` where uv could not lock its cache: no package is to blame."""
    # uv breaks long lines, so what stands where in its words must not count.
    found = re.search(r"failed to lock `([^`]*)`: (.*?\(os error \d+\)|[^`]*)", " ".join(output.split()))
    if found:
        raise SafeInstallError(
            "cache-not-lockable",
            f"uv cannot work with its cache: the file system of {found[1]} has no locks ({found[2]}).",
            context={"file": found[1]},
            hints=(
                Hint(
                    "local-cache",
                    "Set UV_CACHE_DIR to a folder on a local disk; network file systems often have no locks.",
                ),
            ),
        )


def staging_error(output: str) -> SafeInstallError:
    """What went wrong while filling the stage, by the class of uv's message."""
    text = " ".join(output.lower().split())
    known = (
        (
            "hash-mismatch",
            r"hash mismatch",
            "A downloaded file is not the one the lock names.",
            Hint(
                "do-not-trust-index",
                "The index or a proxy serves another file under that name: do not trust it; plan with --refresh.",
            ),
        ),
        (
            "disk-full",
            r"no space left|disk quota",
            "The disk is full.",
            Hint("free-space", "Free some space on the volume of the environment, then try again."),
        ),
        (
            "not-writable",
            r"permission denied|read-only file system",
            "The environment's folder cannot be written.",
            Hint(
                "check-permissions", "Run as the user who owns the environment, or make the folder writable."
            ),
        ),
        (
            "wrong-platform",
            r"not compatible with|incompatible with the current",
            "A wheel is for another platform or Python.",
            Hint("use-other-version", "Ask for a version that has a wheel for this platform."),
        ),
    )
    for code, pattern, message, hint in known:
        if re.search(pattern, text):
            return SafeInstallError(code, message, context={"output": output[-2000:]}, hints=(hint,))
    problem = classify(output)
    if problem is SolveProblem.CONFLICT:
        hint = Hint("read-output", "Read uv's last lines above; nothing live was touched.")
        return SafeInstallError(
            "stage-failed", "uv could not fill the stage.", context={"output": output[-2000:]}, hints=(hint,)
        )
    return SolveFailureError(problem, output)
