"""The values everything else speaks in. All frozen; all safe to share between threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import Hint, redact

CORE = "ComfyUI"
"""The pack name under which core's own requirement lines appear in lists of who wants what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something the user should know, that did not stop the work."""

    code: str
    message: str
    pack: str = ""
    file: str = ""
    line: int = 0
    hints: tuple[Hint, ...] = ()
    text: str = ""
    """The text of the line or option it is about, since one place may hold several; else empty."""

    def to_dict(self) -> dict[str, object]:
        """The finding as the JSON object of `plan --json`."""
        return {
            "code": self.code,
            "pack": redact(self.pack),
            "file": redact(self.file),
            "line": self.line,
            "message": redact(self.message),
            "hints": [hint.to_dict() for hint in self.hints],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """One requirement a pack declares, with the place where it stands.

    `requirement` is None only for a direct URL without a name (`git+https://...`); `url` is then set.
    `url` may hold credentials: show `text`, never `url`.
    """

    pack: str
    file: str
    line: int
    text: str
    requirement: Requirement | None
    url: str = ""
    """The direct URL, for a named requirement too; empty where an index is to be asked."""
    marker: str = ""
    """The environment marker of a URL without a name; a named requirement holds its own."""
    hashes: tuple[str, ...] = ()
    """What `--hash` demands, as `algorithm:hexdigest`. A hash in a URL's fragment stays in the URL."""
    constraint: bool = False
    """True for a line that came in by `-c`: it limits a version but asks for nothing."""

    @property
    def name(self) -> str:
        """The canonical name of the package asked for; empty for a URL without a name."""
        return canonicalize_name(self.requirement.name) if self.requirement else ""

    def applies(self, markers: Mapping[str, str]) -> bool:
        """Whether the line's environment marker is true for this Python (PEP 508)."""
        marker = self.requirement.marker if self.requirement else Marker(self.marker) if self.marker else None
        return marker is None or marker.evaluate({"extra": "", **markers})


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOption:
    """An option line that widens trust: an index, a find-links place, a trusted host, `--pre` ..."""

    pack: str
    file: str
    line: int
    option: str
    """The long form, such as `--extra-index-url`."""
    value: str
    """As written, so it may hold credentials: redact it before showing it. Empty for a switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """A `-r` or `-c` line that was followed; `target` is the path inside the pack."""

    file: str
    line: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything one pack declares.

    Each logical line of its files is in at least one of the lists: taken, an option, an include, or a
    finding that says why not. A finding with line 0 speaks of its whole file.
    """

    pack: str
    lines: tuple[RequirementLine, ...] = ()
    options: tuple[IndexOption, ...] = ()
    findings: tuple[Finding, ...] = ()
    includes: tuple[Include, ...] = ()
    requires_python: str = ""
    """`[project] requires-python`, a valid specifier or empty."""
    requires_comfyui: str = ""
    """`[tool.comfy] requires-comfyui`, a valid specifier or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonInfo:
    """The interpreter of the target environment, as it describes itself. Paths are absolute."""

    executable: str
    version: str
    implementation: str
    prefix: str
    base_prefix: str
    purelib: str
    platlib: str
    scripts: str
    data: str
    headers: str
    platform: str
    markers: Mapping[str, str] = field(hash=False)
    stdlib_modules: frozenset[str] = field(default=frozenset(), hash=False)
    is_conda: bool = False
    externally_managed: bool = False

    @property
    def site_dirs(self) -> tuple[str, ...]:
        """purelib, and platlib where it is another folder."""
        return (self.purelib,) if self.purelib == self.platlib else (self.purelib, self.platlib)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One installed distribution, as its metadata folder tells."""

    name: str
    """Canonical (PEP 503) name."""
    version: str
    site: str
    """The site directory it lies in, absolute."""
    metadata_dir: str
    """The folder name of its `.dist-info` (or `.egg-info`) in `site`."""
    record_digest: str
    """sha256 of its RECORD, hexadecimal; empty where it has none (then it cannot be moved: PEP 627)."""
    installer: str = ""
    origin: str = ""
    """URL of its direct_url.json (PEP 610), redacted; empty for an index install."""
    editable: bool = False
    conda: bool = False
    requires: tuple[str, ...] = ()
    """Requires-Dist as written."""
    provides_extras: tuple[str, ...] = ()

    @property
    def is_local_build(self) -> bool:
        """True for a build that no index has: a `+local` version, a direct URL, editable or conda."""
        return "+" in self.version or bool(self.origin) or self.editable or self.conda


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The target environment at one moment."""

    python: PythonInfo
    distributions: tuple[Distribution, ...]
    findings: tuple[Finding, ...] = ()
    """Duplicate metadata, unreadable metadata, torn distributions."""

    def get(self, name: str) -> Distribution | None:
        """The distribution of that canonical name, or None."""
        return next((dist for dist in self.distributions if dist.name == name), None)

    @property
    def versions(self) -> dict[str, str]:
        """{canonical name: version}."""
        return {dist.name: dist.version for dist in self.distributions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One installed custom node package."""

    name: str
    """Folder name, or file name without `.py`."""
    path: str
    """Absolute path of the folder or file."""
    is_file: bool = False
    disabled: bool = False
    version: str = ""
    """`[project] version` of its pyproject.toml, where it has one."""
    remote: str = ""
    """URL of the git remote `origin`, redacted; empty without git."""
    commit: str = ""
    dirty: bool | None = None
    """Local changes in the git work tree; None where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One distribution of the lock."""

    name: str
    version: str
    url: str = ""
    """Where its wheel, archive or repository comes from; empty when kept as installed."""
    hashes: tuple[str, ...] = ()
    size: int = 0
    """Bytes to download; 0 when unknown or nothing is to be downloaded."""
    wanted_by: tuple[str, ...] = ()
    """Packs (and CORE) whose lines ask for it, and distributions that require it, sorted."""
    builds: bool = False
    """True when it must be built here (sdist, VCS, source folder), which runs its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants what of a package. `pack` is a pack's name, CORE, or `name==version` of a distribution."""

    pack: str
    requirement: str

    def to_dict(self) -> dict[str, str]:
        """The wish as a JSON object."""
        return {"pack": redact(self.pack), "requirement": redact(self.requirement)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A conflict settled on the user's behalf. Never silent: shown, recorded, agreed to."""

    package: str
    rule: str
    """Code of the rule that settled it, such as `core-wins`, `newest-wins`, `opencv-one-owner`."""
    chosen: str
    """The version (or package) that was chosen, or what was done instead."""
    wanted: tuple[Wish, ...] = ()
    violates: tuple[Wish, ...] = ()
    reason: str = ""
    """The rule in words."""
    alternatives: tuple[str, ...] = ()
    """Packs whose wish could be followed instead; empty where ComfyUI or a rule decides."""
    follows: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{package: pack} that the user chose to follow and that brought this about."""

    def to_dict(self) -> dict[str, object]:
        """The decision as the JSON object of `plan --json`."""
        return {
            "package": self.package,
            "rule": self.rule,
            "chosen": self.chosen,
            "wanted": [wish.to_dict() for wish in self.wanted],
            "violates": [wish.to_dict() for wish in self.violates],
            "reason": self.reason,
            "alternatives": [redact(pack) for pack in self.alternatives],
            "follows": {name: redact(pack) for name, pack in self.follows.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One distribution that the plan changes."""

    name: str
    action: str
    """install, upgrade, downgrade, replace (same version, other build) or remove."""
    before: str = ""
    after: str = ""
    wanted_by: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The change as the JSON object of `plan --json`."""
        return {
            "name": self.name,
            "action": self.action,
            "from": self.before,
            "to": self.after,
            "wanted_by": list(self.wanted_by),
        }
