"""The marks by which ComfyUI-Manager knows a pack for one of the Registry, written as Manager 4.3 writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ...core.pack_names import fold_name
from ...core.pack_origin import NIGHTLY, REGISTRY, PackOrigin, same_repository
from ...core.registry import RegistryPack
from ...core.types import Finding, Pack
from ...errors import Hint
from ..git_folder import find_git_dir
from ..pack_origin import CNR_ID, TRACKING, project_name
from ..pack_tree import project_version


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """The pack that is installed already."""

    pack: Pack | None = None
    findings: tuple[Finding, ...] = ()


def write_tracking(tree: Path, names: Iterable[str]) -> None:
    """`.tracking`: what the archive held, a relative path a line, in its order and without an end of line last.

    Together with pyproject.toml it is what `cnr_utils.read_cnr_info` of Manager looks for.
    """
    path = tree / TRACKING
    # The archive may bring one of its own, with whatever its author's machine had.
    path.unlink(missing_ok=True)
    path.write_text("\n".join(name for name in names if name != TRACKING), encoding="utf-8", newline="\n")


def write_id(tree: Path, pack: str) -> None:
    """`.git/.cnr-id`: the id alone (`cnr_utils.generate_cnr_id`)."""
    git_dir = find_git_dir(tree)
    if git_dir is not None:
        (git_dir / CNR_ID).write_text(pack, encoding="utf-8")


def mark_findings(pack: str, version: str, tree: Path) -> Iterator[Finding]:
    """Where the pack's own pyproject.toml says another id or version: then Manager sees something else in it."""
    name, own = project_name(tree / "pyproject.toml"), project_version(tree / "pyproject.toml")
    for word, told, said, same in (
        ("id", "name", name, name.lower() == pack.lower()),
        ("version", "version", own, _same_version(own, version)),
    ):
        if not same:
            yield Finding(
                code=f"registry-{word}-differs",
                message=f"The Registry has {pack} {version}, and its pyproject.toml says {said or 'nothing'}"
                f" as its {told}: ComfyUI-Manager goes by that.",
                pack=pack,
                file="pyproject.toml",
            )


def find_installed(pack: RegistryPack, known: Sequence[tuple[Pack, PackOrigin]]) -> There:
    """Where the pack lies already, under whatever name: it is replaced there, and never has a double.

    By its marks first, then by the folder's name in any case, then by its name in pyproject.toml or its repository.
    """
    folded = fold_name(pack.id)

    def by_marks(_: Pack, origin: PackOrigin) -> bool:
        return origin.kind in (REGISTRY, NIGHTLY) and fold_name(origin.id) == folded

    def by_folder(each: Pack, _: PackOrigin) -> bool:
        return fold_name(each.name) == folded

    def by_its_words(_: Pack, origin: PackOrigin) -> bool:
        return fold_name(origin.id) == folded or same_repository(origin.url, pack.repository)

    tests = (by_marks, by_folder, by_its_words)
    enabled = [(each, origin) for each, origin in known if not each.disabled]
    found = [pair for test in tests for pair in enabled if test(*pair)]
    findings = list(_disabled_findings(pack.id, folded, known))
    if not found:
        return There(findings=tuple(findings))
    here, origin = found[0]
    if origin.kind not in (REGISTRY, NIGHTLY):
        findings.append(
            Finding(
                code="registry-replaces-other",
                message=f"{here.path} is the same pack from elsewhere ({_origin_words(origin)}); it is replaced.",
                pack=here.name,
                hints=(Hint("roll-back", "`safe-install rollback` brings it back as it is."),),
            )
        )
    findings.extend(
        Finding(
            code="pack-installed-twice",
            message=f"{other.path} is the same pack once more; it stays as it is.",
            pack=other.name,
            hints=(Hint("uninstall-double", f"Remove it: `safe-install uninstall {other.name}`."),),
        )
        for other in dict.fromkeys(each for each, _ in found)
        if other.path != here.path
    )
    return There(pack=here, findings=tuple(findings))


def _disabled_findings(pack: str, folded: str, known: Sequence[tuple[Pack, PackOrigin]]) -> Iterator[Finding]:
    for each, origin in known:
        if each.disabled and folded in (fold_name(each.name), fold_name(origin.id)):
            yield Finding(
                code="disabled-copy-stays",
                message=f"A disabled copy of {pack} stays at {each.path}.",
                pack=pack,
                hints=(
                    Hint("enable-instead", f"To have that one instead: `safe-install enable {each.name}`."),
                ),
            )


def _origin_words(origin: PackOrigin) -> str:
    return f"the repository {origin.url}" if origin.url else "a folder of its own"


def _same_version(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other
