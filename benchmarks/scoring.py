"""One judge for all: what a result means for packs, libraries and core, by our own table of lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from ..resolver.core.closure import applying_requirements, broken_library_lines, closure
from ..resolver.core.gather import gather
from ..resolver.core.rules import Rules
from ..resolver.core.solve import Solution
from ..resolver.core.types import CORE, RequirementLine
from ..resolver.errors import SafeInstallError
from ..resolver.io.artefacts import ArtefactFinder
from ..resolver.io.environment import read_environment
from ..resolver.io.pack_files import pack_reader
from ..resolver.io.python_probe import probe_python
from ..resolver.io.uv import Uv
from ..resolver.wiring import load_rules
from .values import PackSet, PlanResult
from .workshop import Workshop

FILES = ("requirements.txt",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What is wrong with an environment after a result is applied. All but the totals: fewer is better."""

    packs: int
    packs_locked: int
    """Packs of which every line got some version of what it asks for."""
    lines: int
    """Requirement lines of packs that apply here and ask for something to be installed."""
    lines_violated: int
    """Of these, not met: the version is another one, or nothing is there at all."""
    lines_lost: int
    """Of the violated, those for which nothing is there at all."""
    library_lines: int
    library_lines_broken: int
    """Requirements of distributions that do not hold; those that do not hold before are counted too."""
    core_changed: int
    """Distributions of core's closure whose version changed or which went away."""
    shared_modules: int
    """Families (OpenCV, ONNX Runtime ...) of which more than one member would own the same folder."""
    unread: int
    """Distributions whose metadata could not be read without building them."""
    violated: tuple[str, ...]
    """The violated pack lines, each with what is there instead."""
    broken: tuple[str, ...]
    """The broken library lines, each with whose it is."""


class Judge:
    """Scores results for one set: knows the lines and the environment before, reads new metadata."""

    def __init__(self, packs: PackSet, workshop: Workshop) -> None:
        """Reads the environment and the packs' files once."""
        self._python = probe_python(packs.python)
        self._environment = read_environment(self._python)
        self._rules: Rules = load_rules(workshop.folder("score"))
        self._markers = self._python.markers
        folders = [file.parent for file in packs.pack_files]
        self._packs = [folder.name for folder in folders]
        self._lines = [
            line for folder in folders for line in gather(folder.name, pack_reader(folder), FILES).lines
        ]
        self._lines = [line for line in self._lines if self._counts(line)]
        self._requires = {dist.name: dist.requires for dist in self._environment.distributions}
        core = gather(CORE, pack_reader(packs.comfyui), FILES)
        roots = [(line.name, line.requirement.extras) for line in core.lines if line.requirement]
        self._core = closure(roots, self._requires, self._markers) & self._environment.versions.keys()
        cache = workshop.folder("score", packs.name)
        self._finder = ArtefactFinder(
            Uv(self._python, cache=cache), self._python, cache=workshop.folder("score"), allow_builds=True
        )

    def score(self, result: PlanResult) -> Score | None:
        """The score of a result that is a lock; None for one that is not."""
        if not result.locked:
            return None
        before = self._environment.versions
        after = {name: version for name, version in before.items() if name not in result.removed}
        after |= result.versions
        violated = [line for line in self._lines if not self._met(line, after, result.urls)]
        lost = [line for line in violated if not self._have(line, after, result.urls)]
        requires, unread = self._all_requires(after, result.urls)
        broken = broken_library_lines(after, requires, self._markers, stands_for=self._stands_for(after))
        members = [
            [member.name for member in rule.members if member.name in after]
            for rule in self._rules.of_kind("one-of")
        ]
        return Score(
            packs=len(self._packs),
            packs_locked=len(self._packs) - len({line.pack for line in lost}),
            lines=len(self._lines),
            lines_violated=len(violated),
            lines_lost=len(lost),
            library_lines=sum(
                len(applying_requirements(requires.get(name, ()), self._markers)) for name in after
            ),
            library_lines_broken=len(broken),
            core_changed=sum(after.get(name) != before[name] for name in self._core),
            shared_modules=sum(len(present) > 1 for present in members),
            unread=unread,
            violated=tuple(
                f"{line.pack}: {line.text} -> {after.get(line.name, 'nothing')}" for line in violated
            ),
            broken=tuple(
                f"{wish.pack}: {wish.requirement} -> {after.get(name, 'nothing')}" for name, wish in broken
            ),
        )

    # --- pack lines ---

    def _counts(self, line: RequirementLine) -> bool:
        """Names of the standard library and of the host ask for nothing that an index should bring."""
        return (
            not line.constraint
            and line.applies(self._markers)
            and not (line.name and self._rules.dropped(line.name, self._python.stdlib_modules))
        )

    def _candidates(self, line: RequirementLine, after: Mapping[str, str]) -> list[str]:
        """What is there that provides what the line asks for: itself, what it is an alias of, its family."""
        renamed = self._rules.renamed(line.name)
        names = [line.name, *([renamed[0]] if renamed else [])]
        for name in tuple(names):
            family = self._rules.family_of(name)
            names += [member.name for member in family.members] if family else []
        return [name for name in dict.fromkeys(names) if name in after]

    def _have(self, line: RequirementLine, after: Mapping[str, str], urls: Mapping[str, str]) -> bool:
        if not line.requirement:
            return any(line.url.split("#")[0] in url for url in urls.values())
        return bool(self._candidates(line, after))

    def _met(self, line: RequirementLine, after: Mapping[str, str], urls: Mapping[str, str]) -> bool:
        if not line.requirement or line.url:
            return self._have(line, after, urls)
        candidates = self._candidates(line, after)
        if line.name in candidates:
            # Its own name decides; a family's other member counts only where it stands in.
            candidates = [line.name]
        allowed = line.requirement.specifier
        return any(not after[name] or allowed.contains(after[name], prereleases=True) for name in candidates)

    # --- library lines ---

    def _stands_for(self, after: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for rule in self._rules.of_kind("one-of"):
            present = [member.name for member in rule.members if member.name in after]
            if present:
                found.update({m.name: present[0] for m in rule.members if m.name not in after})
        return found

    def _all_requires(
        self, after: Mapping[str, str], urls: Mapping[str, str]
    ) -> tuple[dict[str, tuple[str, ...]], int]:
        before = self._environment.versions
        new = {
            name: version
            for name, version in after.items()
            if version and before.get(name) != version and name not in urls
        }
        found = {name: self._requires[name] for name in after if name not in new and name in self._requires}
        if new:
            solution = Solution(versions=new, urls={}, via={})
            try:
                read = self._finder.requires(self._finder.locate(solution, {}))
            except SafeInstallError as error:
                print(f"score: metadata of new packages cannot be read: {error}")
                read = {}
            found |= {canonicalize_name(name): lines for name, lines in read.items()}
        return found, sum(name not in found for name in after)
