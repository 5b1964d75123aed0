"""A pack that was brought here: what it is, whether it is one, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.sources import SourceKind, SourceSpec
from ..core.types import Finding, Pack
from ..errors import Hint, RefusedError, redact
from .git_folder import read_git_folder
from .pack_tree import has_lfs_pointers, looks_like_pack
from .trees import check_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPack:
    """A pack that was brought here and is fit to go live."""

    name: str
    """The folder name it is to get in custom_nodes."""
    tree: Path
    """Where it lies now."""
    origin: str
    """The source as the user wrote it, redacted."""
    commit: str = ""
    """The commit that was checked out; empty for what is no repository."""
    files: int
    bytes: int
    in_place: bool = False
    """True where the source already lies in a custom_nodes folder: nothing was copied or need be moved."""
    findings: tuple[Finding, ...] = ()
    registry_id: str = ""
    """Its id in the Registry; empty for what came from elsewhere."""
    version: str = ""
    """The version the Registry published it as; empty for what came from elsewhere, and for `nightly`."""
    sha256: str = ""
    """Of the archive it was unpacked from, hexadecimal; empty without one."""
    replaces: Pack | None = None
    """The pack it is another version of, which is to give it its place."""


def finish(
    spec: SourceSpec, name: str, tree: Path, *, left_out: Sequence[str] = (), in_place: bool = False
) -> FetchedPack:
    """The pack that lies in `tree`, checked. Raises RefusedError `not-a-pack` and what `trees.check_tree` raises."""
    if not looks_like_pack(tree):
        raise not_a_pack(spec)
    size = check_tree(tree)
    git = read_git_folder(tree)
    return FetchedPack(
        name=name,
        tree=tree,
        origin=spec.text,
        commit=git.commit if git else "",
        files=size.files,
        bytes=size.bytes,
        in_place=in_place,
        findings=tuple(_findings(spec, name, tree, left_out)),
    )


def _findings(spec: SourceSpec, name: str, tree: Path, left_out: Sequence[str]) -> Iterator[Finding]:
    for path in left_out:
        yield Finding(
            code="repository-left-out",
            message=f"{path} was not copied: git could run commands from it, or share it with another.",
            pack=name,
            file=path,
        )
    if spec.kind is SourceKind.GIT and redact(spec.location) != spec.location:
        yield Finding(
            code="credentials-not-stored",
            message=f"The user name or password of the address was used for {name} and is not kept with it.",
            pack=name,
            hints=(
                Hint(
                    "use-credential-helper",
                    "For updates by git set up an SSH key or a credential helper, or give the address anew.",
                ),
            ),
        )
    if has_lfs_pointers(tree):
        yield Finding(
            code="lfs-pointers",
            message=f"{name} keeps large files with Git LFS; they were not downloaded.",
            pack=name,
            file=".gitattributes",
            hints=(Hint("git-lfs-pull", "Run `git lfs pull` in the pack's folder if it misses them."),),
        )


def not_a_pack(spec: SourceSpec) -> RefusedError:
    """The error for a source without a pack."""
    return RefusedError(
        "not-a-pack",
        f"{spec.text} is no node pack: it has no __init__.py, no requirements and no node mappings.",
        context={"source": spec.text},
        hints=(Hint("name-the-pack", "Name the folder that holds the pack's __init__.py."),),
    )
