"""Bringing a source to this machine: a clean copy in a folder aside, never in a live one."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.pack_names import check_name_clash, check_pack_name
from ..core.sources import SourceKind, SourceSpec, parse_source
from ..errors import Hint, RefusedError, SafeInstallError, UsageError
from .archives import extract_zip
from .fetched import FetchedPack, finish, not_a_pack
from .git import clone
from .pack_tree import looks_like_pack, project_version
from .trees import copy_tree, remove_tree

__all__ = ["FetchedPack", "fetch_source", "read_source"]

_ARCHIVE_SUFFIX = re.compile(r"-(?:main|master|[0-9a-f]{40})$")
"""What GitHub adds to the top folder of the zips of a branch or a commit."""


def read_source(text: str, *, installed: Iterable[str] = (), base: Path | None = None) -> SourceSpec:
    """The source a user means, with local paths made absolute (from `base`, else the working directory).

    A folder of that name wins over a Registry name. Raises what `core.sources.parse_source` raises.
    """
    text = text.strip()
    # A text such as `-x`, or one with a null byte, is for the parser to refuse.
    if text and not text.startswith("-") and "\0" not in text:
        path = os.path.normpath((base or Path.cwd()) / os.path.expanduser(text))
        text = path if _exists(path) else text
    return parse_source(text, exists=_exists, installed=installed)


def fetch_source(
    spec: SourceSpec,
    aside: Path,
    *,
    custom_nodes: Sequence[Path] = (),
    installed: Iterable[str] = (),
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
) -> FetchedPack:
    """A clean copy of the source in `aside/<name>`, or the folder itself where it is a pack's live one.

    Blocks; git sources use the network. `custom_nodes` are the live folders; `installed` the names of
    installed packs, from which a name that only an archive knows must differ by more than case. After a
    failure or a cancel nothing is left in `aside`.

    Raises UsageError `source-not-found`, `source-not-a-folder`, `wheel-source-unavailable`,
    `registry-unavailable`, `pack-name-invalid`, `pack-name-clash`; RefusedError `not-a-pack`,
    `unsafe-archive`, `symlink-leaves-pack`, `special-file`, `source-contains-target`; SafeInstallError
    `git-missing`, `git-failed`, `git-ref-not-found`, `network-unreachable`, `archive-unreadable`,
    `fetch-failed`, `disk-full`; CancelledError.
    """
    if spec.kind is SourceKind.REGISTRY:
        # `registry.fetching` brings these, where there is somebody to ask.
        raise UsageError(
            "registry-unavailable",
            f"{spec.text} looks like a name of the ComfyUI Registry, which is not asked here.",
            context={"source": spec.text},
            hints=(
                Hint("use-git", "Install it from its repository: git+https://host/owner/name@ref."),
                Hint("use-a-folder", "A local folder is written with a slash: ./name."),
            ),
        )
    if spec.kind is SourceKind.WHEEL:
        raise UsageError(
            "wheel-source-unavailable",
            f"{spec.text} is a wheel: it is installed as a distribution, not unpacked as a pack.",
            context={"source": spec.text},
            hints=(Hint("use-the-folder", "Install the pack's folder, zip or git repository instead."),),
        )
    with no_raw_os_errors(spec):
        if spec.kind is SourceKind.FOLDER and (live := _live_folder(Path(spec.location), custom_nodes)):
            return finish(spec, live.name, live, in_place=True)
        aside.mkdir(parents=True, exist_ok=True)
        target = aside / spec.name
        if os.path.lexists(target):
            raise SafeInstallError(
                "fetch-failed", f"{target} is in the way: it exists already.", context={"folder": target}
            )
        try:
            if spec.kind is SourceKind.ZIP:
                return _fetch_zip(spec, target, installed, cancel)
            left_out: tuple[str, ...] = ()
            if spec.kind is SourceKind.GIT:
                clone(spec.location, target, ref=spec.ref, cancel=cancel, on_line=on_line)
            else:
                left_out = _copy_folder(spec, Path(spec.location), target, cancel)
            return finish(spec, spec.name, target, left_out=left_out)
        except BaseException:
            remove_tree(target)
            raise


def _copy_folder(
    spec: SourceSpec, source: Path, target: Path, cancel: threading.Event | None
) -> tuple[str, ...]:
    if not source.is_dir():
        raise UsageError(
            "source-not-a-folder" if source.exists() else "source-not-found",
            f"{spec.text} is not a folder." if source.exists() else f"There is no folder {spec.text}.",
            context={"source": spec.text},
        )
    if target.parent.resolve().is_relative_to(source.resolve()):
        raise RefusedError(
            "source-contains-target",
            f"{spec.text} holds the folder it would be copied to, so it is no pack.",
            context={"source": spec.text},
            hints=(Hint("name-the-pack", "Name the folder of the pack itself."),),
        )
    if not looks_like_pack(source):
        # Before copying: it may be a whole disk.
        raise not_a_pack(spec)
    return copy_tree(source, target, cancel=cancel)


def _fetch_zip(
    spec: SourceSpec, target: Path, installed: Iterable[str], cancel: threading.Event | None
) -> FetchedPack:
    archive = Path(spec.location)
    if not archive.is_file():
        raise UsageError(
            "source-not-found", f"There is no archive {spec.text}.", context={"source": spec.text}
        )
    unpacked = extract_zip(archive, target, cancel=cancel)
    name = _archive_name(unpacked.top_folder, target) or spec.name
    if name != spec.name:
        check_pack_name(name)
        check_name_clash(name, installed)
        renamed = target.with_name(name)
        if os.path.lexists(renamed) and not renamed.samefile(target):
            raise SafeInstallError(
                "fetch-failed", f"{renamed} is in the way: it exists already.", context={"folder": renamed}
            )
        target.rename(renamed)
        try:
            return finish(spec, name, renamed, left_out=unpacked.left_out)
        except BaseException:
            remove_tree(renamed)
            raise
    return finish(spec, name, target, left_out=unpacked.left_out)


def _archive_name(top_folder: str, tree: Path) -> str:
    """The repository's name from an archive's top folder: `Flux-main` and `Flux-1.2.0` are `Flux`."""
    version = project_version(tree / "pyproject.toml")
    for suffix in (f"-{version}", f"-v{version}") if version else ():
        if top_folder.endswith(suffix) and top_folder != suffix:
            return top_folder.removesuffix(suffix)
    return _ARCHIVE_SUFFIX.sub("", top_folder)


def _live_folder(source: Path, custom_nodes: Sequence[Path]) -> Path | None:
    """The source as a live pack's folder, if it lies directly in one of `custom_nodes`."""
    # Not resolved: a link in custom_nodes is a pack under the link's name.
    path = Path(os.path.normpath(source.absolute()))
    if not path.is_dir():
        return None
    for live in custom_nodes:
        if os.path.realpath(path.parent) == os.path.realpath(live):
            return live / path.name
    return None


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # Too long for a path, for example.
        return False


@contextmanager
def no_raw_os_errors(spec: SourceSpec) -> Iterator[None]:
    """Turns what the file system refuses into `disk-full` or `fetch-failed`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise SafeInstallError(
                "disk-full",
                f"The disk is full: {spec.text} does not fit.",
                context={"source": spec.text, "file": error.filename},
                hints=(Hint("free-space", "Make room on the disk of the ComfyUI folder, then try again."),),
            ) from error
        raise SafeInstallError(
            "fetch-failed",
            f"{spec.text} cannot be brought here: {error.strerror or error} ({error.filename}).",
            context={"source": spec.text, "file": error.filename},
        ) from error
