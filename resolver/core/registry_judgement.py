"""Whether a pack of the Registry may and can be installed here, by what the Registry says alone. Pure.

Asked before anything is downloaded. What it says of systems and versions is what authors wrote at publishing, so
it is told and does not refuse; what the Registry itself has decided (banned, deleted, flagged) refuses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..errors import Hint, one_line
from .registry import (
    ACTIVE,
    BANNED,
    DELETED,
    FLAGGED,
    NIGHTLY,
    PENDING,
    RegistryPack,
    RegistryVersion,
    Support,
)
from .types import Environment, Finding

CONSENT = "flagged"
"""The word of `--allow` that lets a version be installed in which the Registry's scan found something."""
FRONTEND = "comfyui-frontend-package"

_SYSTEMS = {"win": "Windows", "linux": "Linux", "mac": "macOS", "darwin": "macOS", "osx": "macOS"}
_ACCELERATORS = {
    "cuda": "CUDA",
    "nvidia": "CUDA",
    "rocm": "ROCm",
    "amd": "ROCm",
    "metal": "Metal",
    "mps": "Metal",
    "xpu": "XPU",
    "intel": "XPU",
    "ascend": "NPU",
    "npu": "NPU",
    "cpu": "CPU",
}
_ANYTHING = ("independent", "any", "all", "*")
_LOCAL = re.compile(r"\+(?P<build>cu|rocm|cpu|xpu)")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What we run on; empty where it is not known, and then nothing is held against a pack."""

    system: str = ""
    """Windows, Linux or macOS."""
    accelerator: str = ""
    """CUDA, ROCm, Metal, XPU or CPU: what the installed build of torch is for."""
    comfyui: str = ""
    frontend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What speaks for telling the user, and what against installing at all."""

    findings: tuple[Finding, ...] = ()
    refusals: tuple[Finding, ...] = ()


def here_of(environment: Environment, comfyui_version: str = "") -> Here:
    """What that environment is."""
    markers = environment.python.markers
    system = {"Windows": "Windows", "Linux": "Linux", "Darwin": "macOS"}.get(
        markers.get("platform_system", ""), ""
    )
    frontend = environment.get(FRONTEND)
    return Here(
        system=system,
        accelerator=_accelerator(environment, system),
        comfyui=comfyui_version,
        frontend=frontend.version if frontend else "",
    )


def judge(
    pack: RegistryPack, version: RegistryVersion | None, here: Here, allowed: Collection[str] = ()
) -> Judgement:
    """The judgement of installing that version; None stands for the head of the repository (nightly)."""
    refusals = [*_pack_refusals(pack), *(_version_refusals(version, allowed) if version else ())]
    findings = [
        *(_version_findings(version, allowed) if version else ()),
        *_support_findings(pack.id, _support(pack, version), here),
    ]
    return Judgement(findings=tuple(findings), refusals=tuple(refusals))


def no_version(pack: RegistryPack) -> Finding:
    """The refusal of a pack that has no version to install."""
    who = "nobody has claimed it" if pack.unclaimed else "none is active"
    return Finding(
        code="registry-no-version",
        message=f"The Registry has no version of {pack.id} to install: {who}.",
        pack=pack.id,
        hints=(
            Hint("use-nightly", f"The head of its repository can be had as {pack.id}@{NIGHTLY}."),
            *(
                (Hint("repository", f"Its repository: {one_line(pack.repository)}"),)
                if pack.repository
                else ()
            ),
        ),
    )


def _pack_refusals(pack: RegistryPack) -> Iterator[Finding]:
    because = _because(pack.status_detail)
    if pack.status == BANNED:
        yield banned(pack.id, because)
    elif pack.status == DELETED:
        yield Finding(
            code="registry-deleted",
            message=f"{pack.id} was taken out of the Registry{because}.",
            pack=pack.id,
            hints=(Hint("use-its-repository", "If its repository still stands, install it from there."),),
        )


def banned(pack: str, because: str = "") -> Finding:
    """The refusal of a pack the Registry has banned."""
    return Finding(
        code="registry-banned",
        message=f"The Registry has banned {pack}{because}.",
        pack=pack,
        hints=(Hint("use-another-pack", "Packs are banned for harm they do; use another one."),),
    )


def _version_refusals(version: RegistryVersion, allowed: Collection[str]) -> Iterator[Finding]:
    what, because = f"{version.pack} {version.version}", _because(version.status_reason)
    if version.status == BANNED:
        yield Finding(
            code="registry-banned",
            message=f"The Registry has banned {what}{because}.",
            pack=version.pack,
            hints=(Hint("use-another-version", "Take another version of it."),),
        )
    elif version.status == DELETED:
        yield Finding(
            code="registry-deleted",
            message=f"{what} was taken out of the Registry{because}.",
            pack=version.pack,
            hints=(Hint("use-another-version", "Take another version of it."),),
        )
    elif version.status == FLAGGED and CONSENT not in allowed:
        yield Finding(
            code="registry-flagged",
            message=f"The Registry's scan has found something in {what}{because}.",
            pack=version.pack,
            hints=(
                Hint("use-another-version", "Take another version of it."),
                Hint(
                    "allow-flagged", f"If you have read its code and trust it, repeat with --allow {CONSENT}."
                ),
            ),
        )


def _version_findings(version: RegistryVersion, allowed: Collection[str]) -> Iterator[Finding]:
    what, because = f"{version.pack} {version.version}", _because(version.status_reason)
    if version.status == FLAGGED and CONSENT in allowed:
        yield Finding(
            code="registry-flagged",
            message=f"The Registry's scan has found something in {what}{because}; you have allowed it.",
            pack=version.pack,
        )
    elif version.status == PENDING:
        yield Finding(
            code="registry-pending",
            message=f"The Registry has not looked through {what} yet.",
            pack=version.pack,
            hints=(Hint("wait", "It does so by itself; wait, or read its code before you trust it."),),
        )
    elif version.status not in (ACTIVE, FLAGGED, BANNED, DELETED):
        yield Finding(
            code="registry-status-unknown",
            message=f"The Registry says of {what} what is not known here: {one_line(version.status)[:40]}.",
            pack=version.pack,
        )
    if version.deprecated:
        yield Finding(
            code="registry-deprecated",
            message=f"{what} is deprecated by its author.",
            pack=version.pack,
            hints=(
                Hint(
                    "use-another-version", "See whether there is a newer version, or a pack that follows it."
                ),
            ),
        )


def _support(pack: RegistryPack, version: RegistryVersion | None) -> Support:
    """What the version says; where it says nothing, what the pack says."""
    if version is None:
        return pack.support
    return Support(
        systems=version.support.systems or pack.support.systems,
        accelerators=version.support.accelerators or pack.support.accelerators,
        comfyui=version.support.comfyui or pack.support.comfyui,
        frontend=version.support.frontend or pack.support.frontend,
    )


def _support_findings(pack: str, support: Support, here: Here) -> Iterator[Finding]:
    lists = (
        ("system", support.systems, _SYSTEMS, here.system, "runs on"),
        ("accelerator", support.accelerators, _ACCELERATORS, here.accelerator, "is for"),
    )
    for word, written, names, ours, verb in lists:
        if ours and not _is_among(written, names, ours):
            yield Finding(
                code=f"registry-{word}-unsupported",
                message=f"{pack} {verb} {_shown(', '.join(written))} by its own account, and this is {ours}.",
                pack=pack,
                hints=(Hint("ask-the-author", "It may work all the same; its repository may tell."),),
            )
    ranges = (
        ("comfyui", support.comfyui, here.comfyui, "ComfyUI"),
        ("frontend", support.frontend, here.frontend, FRONTEND),
    )
    for word, written_range, ours, name in ranges:
        found = _range_finding(pack, word, written_range, ours, name)
        if found is not None:
            yield found


def _range_finding(pack: str, word: str, written: str, ours: str, name: str) -> Finding | None:
    if not written.strip() or written.strip() in _ANYTHING or not ours:
        return None
    try:
        version = Version(ours)
    except InvalidVersion:
        return None
    try:
        if SpecifierSet(written).contains(version, prereleases=True):
            return None
    except InvalidSpecifier:
        return Finding(
            code="registry-range-unreadable",
            message=f"{pack} says which versions of {name} it supports in a way that cannot be read:"
            f" {_shown(written)}.",
            pack=pack,
        )
    return Finding(
        code=f"registry-{word}-unsupported",
        message=f"{pack} supports {name} {_shown(written)}; installed is {ours}.",
        pack=pack,
        hints=(
            Hint(
                "choose-version", f"Take a version of {pack} that supports it, or another version of {name}."
            ),
        ),
    )


def _is_among(written: Collection[str], names: dict[str, str], ours: str) -> bool:
    """Whether the list names ours. One nobody here understands holds nothing against us."""
    known: set[str] = set()
    for text in written:
        # A classifier's last part counts: `Microsoft :: Windows`, `POSIX :: Linux`, `GPU :: NVIDIA CUDA`.
        words = re.findall(r"[a-z]+|\*", text.lower())
        if any(word in _ANYTHING for word in words):
            return True
        found = {name for key, name in names.items() for word in words if word.startswith(key)}
        # POSIX alone is Linux and macOS.
        found |= {"Linux", "macOS"} if words == ["posix"] and names is _SYSTEMS else set()
        known |= found
    return not known or ours in known


def _accelerator(environment: Environment, system: str) -> str:
    """What torch was built for: its local version tells (`2.5.1+cu121`)."""
    torch = environment.get("torch")
    if torch is None:
        return ""
    if match := _LOCAL.search(torch.version):
        return {"cu": "CUDA", "rocm": "ROCm", "cpu": "CPU", "xpu": "XPU"}[match["build"]]
    if system == "macOS":
        return "Metal"
    # The index's own build has no local version; on Linux it brings CUDA's libraries along as packages.
    if any(dist.name.startswith("nvidia-cuda-runtime") for dist in environment.distributions):
        return "CUDA"
    return "CPU" if system == "Windows" else ""


def _because(reason: str) -> str:
    text = _shown(reason)
    return f": {text.rstrip('.')}" if text else ""


def _shown(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
