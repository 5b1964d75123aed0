"""Requirements that are URLs: which are used, which are refused, and what their names are."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from ..errors import Hint, redact
from .likely import is_requirement
from .marker import is_marker, refuse_marker
from .place import Place, shown
from .types import Finding, RequirementLine

URL_START = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]+)://|file:", re.IGNORECASE)
_VCS = frozenset({"git+https", "git+http", "git+ssh"})
_DOWNLOADS = frozenset({"https", "http", "ftp"})
_ARCHIVE = re.compile(r"\.(whl|zip|egg|tgz|tbz|txz|tlz|tar(\.\w+)?)$", re.IGNORECASE)
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "gitee.com", "codeberg.org"})
_REPOSITORY_PATH = re.compile(r"/[^/]+/[^/]+/?")


def read_url(
    text: str, place: Place, *, hashes: tuple[str, ...], constraint: bool
) -> RequirementLine | Finding:
    """A requirement that begins with its URL: `https://...whl ; marker`, `git+https://...#egg=name`."""
    # pip splits a URL from its marker at "; ", uv at " ;"; a semicolon without blanks belongs to the URL.
    url, separator, marker = re.sub(r";(?=\s)", " ;", text, count=1).partition(" ;")
    url, marker = url.strip(), marker.strip()
    glued = url.rpartition(";")[2] if ";" in url else ""
    if re.search(r"\s", url) or (separator and not is_marker(marker)) or is_marker(glued):
        return place.finding(
            "invalid-url",
            f"{shown(text)} is no URL with a marker.",
            Hint("blank-before-marker", "Between URL and marker belongs ' ; ', and the URL holds no blanks."),
        )
    parsed_marker = Marker(marker) if marker else None
    refused = refuse_url(url, text, place) or refuse_marker(parsed_marker, text, place)
    if refused:
        return refused
    bare, extras = _split_extras(url)
    name = _name_in(bare)
    if constraint and not name:
        return place.finding(
            "invalid-constraint",
            f"A constraint needs a name, which {shown(text)} does not have.",
            Hint("name-url", "Write it as: name @ URL"),
        )
    condition = f" ; {marker}" if marker else ""
    requirement = Requirement(f"{name}{extras} @ {bare}{condition}") if name else None
    return RequirementLine(
        pack=place.pack,
        file=place.file,
        line=place.line,
        text=redact(text),
        requirement=requirement,
        url=bare if name else url,
        marker="" if name else marker,
        hashes=hashes,
        constraint=constraint,
    )


def _split_extras(url: str) -> tuple[str, str]:
    """The URL and the extras behind it, as pip writes them: `https://.../a.whl[x,y]`."""
    match = re.fullmatch(r"([^\[\]]+?)(\[[\w.,\s\-]+\])?", url)
    return (match.group(1), match.group(2) or "") if match else (url, "")


def _name_in(url: str) -> str:
    """The package's name, where the URL tells it for sure: the name of a wheel, or `#egg=`."""
    parts = urlsplit(url)
    egg = re.search(r"(?:^|&)egg=([\w.\-]+)(?:&|$)", parts.fragment)
    if egg and is_requirement(egg.group(1)):
        return egg.group(1)
    try:
        return parse_wheel_filename(unquote(parts.path.rpartition("/")[2]))[0]
    except ValueError:
        return ""


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def refuse_url(url: str, text: str, place: Place) -> Finding | None:
    """Why the URL is not used, or None."""
    match = URL_START.match(url)
    scheme = (match.group("scheme") or "file").lower() if match else ""
    if scheme in {"", "file", "git+file"}:
        return local_path(text, place)
    if scheme not in _VCS | _DOWNLOADS:
        return place.finding(
            "unsupported-url",
            f"{shown(text)} needs {scheme}://, which is not supported.",
            Hint("use-git-https", "For a git repository write git+https://..., for an archive https://..."),
        )
    parts = _split(url)
    if not parts or not parts.hostname:
        return place.finding("invalid-url", f"{shown(text)} names no host.")
    danger = _danger(url, parts)
    if danger:
        return place.finding(
            "unsafe-url",
            f"{shown(text)} is not used: {danger}.",
            Hint("check-the-source", "Nobody needs such an address; ask the pack's author what it is for."),
        )
    is_page = parts.hostname in _FORGES and _REPOSITORY_PATH.fullmatch(parts.path)
    if scheme in _DOWNLOADS and (is_page or parts.path.endswith(".git")) and not _ARCHIVE.search(parts.path):
        return place.finding(
            "repository-without-vcs",
            f"{shown(text)} is a repository's page, not a package to download.",
            Hint("likely-intended", f"Probably meant: git+{redact(url)}"),
        )
    return None


def _danger(url: str, parts: SplitResult) -> str:
    """What a program would take for something else than a part of an address; empty where there is nothing."""
    if "\\" in url:
        return "it holds a backslash, which at the end of a line joins the next one on"
    if (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        return "its host looks like an option of a program"
    ref = unquote(parts.path).rpartition("@")
    if ref[1] and ref[2].startswith("-"):
        return "its branch, tag or commit looks like an option of git"
    folder = re.search(r"(?:^|&)subdirectory=([^&]*)", parts.fragment)
    if folder and (unquote(folder[1]).startswith("/") or ".." in unquote(folder[1]).split("/")):
        return "its subdirectory leads out of what is downloaded"
    return ""


def local_path(text: str, place: Place) -> Finding:
    """The finding for a requirement that is a path or a `file:` URL."""
    return place.finding(
        "local-path-refused",
        f"{shown(text)} is a path, on the author's machine or inside the pack; packages come only from an "
        "index or a URL.",
        Hint("use-index", "Name the package and its version instead, such as name==1.0."),
        Hint("use-vcs-url", "For a repository write its whole URL: name @ git+https://..."),
    )
