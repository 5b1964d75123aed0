"""What the user asks for, understood without touching anything. Pure.

`git+https://host/x.git@ref`, `git@host:a/b.git`, `https://github.com/a/b`, a local folder, a local zip, a
local wheel, `pack-id@version` of the Registry (`latest`, `nightly`, `1.2.0`, with `#sha256=...` exactly that one).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import Hint, RefusedError, UsageError, redact
from .pack_names import check_name_clash, check_pack_name


class SourceKind(str, Enum):
    """Where a pack comes from."""

    FOLDER = "folder"
    ZIP = "zip"
    WHEEL = "wheel"
    GIT = "git"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """One source, understood. `location` may hold credentials: show `text`, never `location`."""

    kind: SourceKind
    location: str
    """Path as given (folder, zip, wheel), URL that git understands, or Registry id."""
    name: str
    """The folder name the pack gets; for a zip a suggestion, since the archive's own top folder is better."""
    ref: str = ""
    """Branch, tag or commit (git), or version (registry); empty for the default."""
    text: str
    """What the user wrote, redacted."""
    sha256: str = ""
    """What the archive must be, hexadecimal (registry); empty where any will do."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TRANSPORT_HELPER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9+.\-]*::")
_URL = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")
_SCP_LIKE = re.compile(r"^(?:[A-Za-z0-9_.\-]+@)(?P<host>[A-Za-z0-9_.\-]+):(?P<path>[^\\:][^\\]*)$")
_REGISTRY_ID = re.compile(
    r"^(?P<id>[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?)(?:@(?P<version>[A-Za-z0-9][A-Za-z0-9._+\-]*))?"
    r"(?:#sha256=(?P<sha256>[0-9a-f]{64}))?$"
)
_GIT_SCHEMES = frozenset({"https", "http", "ssh", "file"})
_BAD_REF = re.compile(r"[\s~^:?*\[\\{]|\.\.|//|/\.|^\.|/$|\.$|\.lock$")
"""What `git check-ref-format` forbids, and any brace: revision arithmetic such as `HEAD~1` is no name."""


def parse_source(text: str, *, exists: Callable[[str], bool], installed: Iterable[str] = ()) -> SourceSpec:
    """The source the user means by one word of the command line or one line of a request.

    `exists` tells whether a local path exists; `installed` are the names of installed packs.
    Raises RefusedError `unsafe-source`; UsageError `source-not-understood`, `source-not-found`,
    `git-ref-invalid`, `pack-name-invalid`, `pack-name-clash`.

    >>> parse_source("git+https://example.org/a/Flux.git@v1", exists=lambda path: False).name
    'Flux'
    """
    text = text.strip()
    if _CONTROL.search(text) or _CONTROL.search(unquote(text)):
        raise _unsafe(text, "it holds control characters")
    if not _is_url_or_path(text):
        raise _not_understood(text, "It is no valid URL.")
    if text.removeprefix("git+").startswith("-"):
        raise _unsafe(text, "it starts with a dash, which a program would take for an option")
    if _TRANSPORT_HELPER.match(text.removeprefix("git+")):
        raise _unsafe(text, "it names a git transport helper, which can run any command")
    spec = _understand(text, exists)
    check_pack_name(spec.name)
    if spec.kind is not SourceKind.REGISTRY:
        # Ids are the same in any case: which pack it is, and whether one lies here, only the Registry tells.
        check_name_clash(spec.name, installed)
    return spec


def _is_url_or_path(text: str) -> bool:
    try:
        urlsplit(text.removeprefix("git+"))
    except ValueError:
        # Brackets that are no IPv6 address; in a path they are letters like any other.
        return not _URL.match(text.removeprefix("git+"))
    return True


def _understand(text: str, exists: Callable[[str], bool]) -> SourceSpec:
    if text.startswith("git+"):
        return _git(text, text.removeprefix("git+"), exists)
    if url := _URL.match(text):
        scheme = url["scheme"].lower()
        if scheme == "file":
            return _local(text, _path_of_file_url(text), exists)
        return _git(text, text, exists)
    if text and exists(text):
        return _local(text, text, exists)
    if _SCP_LIKE.match(text):
        return _git(text, text, exists)
    if "/" in text or "\\" in text or text.startswith((".", "~")) or _suffix(text) in (".zip", ".whl"):
        raise _not_found(text)
    if registry := _REGISTRY_ID.match(text):
        return SourceSpec(
            kind=SourceKind.REGISTRY,
            location=registry["id"],
            ref=registry["version"] or "",
            name=registry["id"],
            text=text,
            sha256=registry["sha256"] or "",
        )
    raise _not_understood(text, "It is no folder, archive, git URL or Registry name.")


def _local(text: str, path: str, exists: Callable[[str], bool]) -> SourceSpec:
    if not exists(path):
        raise _not_found(text)
    kind = {".zip": SourceKind.ZIP, ".whl": SourceKind.WHEEL}.get(_suffix(path), SourceKind.FOLDER)
    name = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    if name in ("", ".", ".."):
        # `install .` names a folder that only the file system can name; io resolves it before it gets here.
        raise _not_understood(text, "It does not end in the name of a folder.")
    if kind is SourceKind.ZIP:
        name = name[: -len(".zip")]
    if kind is SourceKind.WHEEL:
        name = name.partition("-")[0]
    return SourceSpec(kind=kind, location=path, name=name, text=redact(text))


def _git(text: str, url: str, exists: Callable[[str], bool]) -> SourceSpec:
    if not _URL.match(url):
        return _scp_like(text, url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _not_understood(text, f"It is no valid URL: {error}.") from error
    scheme = parts.scheme.lower()
    if scheme not in _GIT_SCHEMES:
        raise _not_understood(
            text, f"git is not used over {scheme} here, only over https, http, ssh and file."
        )
    if scheme == "file" and not text.startswith("git+"):
        raise _not_understood(text, "A local repository is written git+file://...")
    if (not host) != (scheme == "file") or host.startswith("-") or (parts.username or "").startswith("-"):
        raise _unsafe(text, "its host is missing, not wanted, or looks like an option")
    if _suffix(parts.path) in (".zip", ".whl", ".gz") and not text.startswith("git+"):
        raise _not_understood(
            text, "Archives are not downloaded: it is neither a git repository nor a local file."
        )
    if parts.query:
        raise _not_understood(text, "A URL with a query is no git repository.")
    path, ref = _split_ref(parts, exists)
    fragment = dict(item.partition("=")[::2] for item in parts.fragment.split("&") if item)
    if set(fragment) - {"egg"}:
        raise _not_understood(
            text, "Of the parts after `#` only `egg=` is known; a pack is a whole repository."
        )
    location = parts._replace(scheme=scheme, path=path, fragment="").geturl()
    name = fragment.get("egg") or _name_of(unquote(path))
    return SourceSpec(
        kind=SourceKind.GIT, location=location, ref=_check_ref(text, ref), name=name, text=redact(text)
    )


def _split_ref(parts: SplitResult, exists: Callable[[str], bool]) -> tuple[str, str]:
    """Path and ref. As for pip, the last `@` of the path begins a ref, unless it belongs to a file's name."""
    path = parts.path
    if parts.scheme.lower() == "file" and exists(_path_of_file_url(parts.geturl().partition("#")[0])):
        return path.rstrip("/"), ""
    if "@" in path:
        path, _, ref = path.rpartition("@")
        return path.rstrip("/"), unquote(ref)
    # The address of a branch's page, as it is copied from a browser.
    page = re.match(r"^(?P<repository>/[^/]+/[^/]+)/tree/(?P<ref>.+?)/?$", path)
    if page and parts.hostname == "github.com":
        return page["repository"], unquote(page["ref"])
    return path.rstrip("/"), ""


def _scp_like(text: str, url: str) -> SourceSpec:
    place, at, ref = url.rpartition("@")
    # In `git@host:a/b` the only `@` belongs to the user's name.
    if not at or ("/" not in place and ":" not in place):
        place, ref = url, ""
    parts = _SCP_LIKE.match(place)
    if parts is None:
        raise _not_understood(text, "It is no URL of a git repository.")
    if parts["host"].startswith("-") or parts["path"].startswith("-"):
        raise _unsafe(text, "its host or path looks like an option")
    path = parts["path"].rstrip("/")
    return SourceSpec(
        kind=SourceKind.GIT,
        location=place.rstrip("/"),
        ref=_check_ref(text, ref),
        name=_name_of(path),
        text=redact(text),
    )


def _check_ref(text: str, ref: str) -> str:
    if ref.startswith("-"):
        raise _unsafe(text, "its branch, tag or commit starts with a dash")
    if ref and _BAD_REF.search(ref):
        raise UsageError(
            "git-ref-invalid",
            f"{ref!r} is no name of a branch, tag or commit.",
            context={"source": text, "ref": ref},
            hints=(Hint("name-a-ref", "Write a branch, a tag or a commit after the @."),),
        )
    return ref


def _name_of(path: str) -> str:
    return re.split(r"[/\\:]", path.rstrip("/\\"))[-1].removesuffix(".git")


def _suffix(path: str) -> str:
    return PurePath(path.replace("\\", "/")).suffix.lower()


def _path_of_file_url(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)
    # RFC 8089: file:///C:/x names a drive; the leading slash is not part of the path.
    return path[1:] if re.match(r"^/[A-Za-z]:", path) else path


def _unsafe(text: str, reason: str) -> RefusedError:
    return RefusedError(
        "unsafe-source",
        f"{text!r} is refused: {reason}.",
        context={"source": text},
        hints=(Hint("check-the-source", "Check where this text comes from before you use it."),),
    )


def _not_found(text: str) -> UsageError:
    return UsageError(
        "source-not-found",
        f"There is no file or folder {text!r}.",
        context={"source": text},
        hints=(
            Hint("check-the-path", "Check the path; for a repository write git+https://host/owner/name@ref."),
        ),
    )


def _not_understood(text: str, reason: str) -> UsageError:
    return UsageError(
        "source-not-understood",
        f"{text!r} is not understood as a source. {reason}",
        context={"source": text},
        hints=(
            Hint(
                "known-sources",
                "A source is git+https://host/owner/name@ref, a folder, a zip archive or a Registry name.",
            ),
        ),
    )
