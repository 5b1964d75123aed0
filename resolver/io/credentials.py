"""Credentials in addresses: taken out where an address is read, put back where a tool needs it, kept nowhere.

A pack's files, and what a user types, may hold `https://user:password@host/...` or `...?token=...`. Inside the
project the secret part is a name instead (`https://SAFE_INSTALL_SECRET_0123456789ABCDEF@host/...`), which may
be planned with, compared, logged and stored. What it stands for lives in this process only. uv gets it as an
environment variable that it puts into requirement files itself, git by a credential helper that reads the
environment: neither a command line (which everybody on the machine can read) nor a file holds it.
"""

from __future__ import annotations

import base64
import hashlib
import netrc
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ..errors import SECRET_PARAMETER

NAME = "SAFE_INSTALL_SECRET_"
_NAME = re.compile(NAME + r"[0-9A-F]{16}(?![0-9A-Z_])")
_FORGED = re.compile(NAME, re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(" + NAME + r"[0-9A-F]{16})\}")
_USER = re.compile(r"(?P<before>(?:git\+)?https?://)(?P<secret>[^/?#\s\"'<>]+)@", re.IGNORECASE)
_PLACE = re.compile(r"(?P<host>[^/?#\s\"'<>]*)(?P<path>(?:/[^/?#@\s\"'<>]+)*)")
_QUERY = re.compile(r"\?(?P<query>[^\s?#\"'<>]+)")
_LONGEST_PLACE = 500
_SERVER = re.compile(r"(https?)://([^/?#\s\"'<>]+)((?:/[^/?#@\s\"'<>]+)*)", re.IGNORECASE)
_VCS = re.compile(r"(?P<before>git\+https?://)" + _NAME.pattern + "@")

_known: dict[str, str] = {}
"""{name: the text it stands for, as it stood in an address}."""
_access: dict[str, Access] = {}
"""{`https://host:port` or that with a path: who we are there}; what was read last counts."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Access:
    """A user and a password; for a token alone the password is empty."""

    user: str
    password: str


def hide(text: str) -> str:
    """The text with names in place of the secrets in its web addresses. Twice is the same as once."""

    def user(match: re.Match[str]) -> str:
        secret = match["secret"]
        if _NAME.fullmatch(secret):
            return match[0]
        rest = _PLACE.match(match.string, match.end())
        place, path = (rest["host"], rest["path"]) if rest else ("", "")
        realm = f"{match['before'].lower().removeprefix('git+')}{place.lower()}"
        name = _remember(f"{realm}{path} user", secret)
        first, _, second = secret.partition(":")
        with _guard:
            # Two repositories of one forge may have a token each; their submodules are elsewhere on it.
            _access[realm] = _access[f"{realm}{path}"] = Access(unquote(first), unquote(second))
        return f"{match['before']}{name}@"

    def query(match: re.Match[str]) -> str:
        parts = []
        for part in match["query"].split("&"):
            key, equals, value = part.partition("=")
            if equals and value and SECRET_PARAMETER.search(key) and not _NAME.fullmatch(value):
                before = match.string[max(0, match.start() - _LONGEST_PLACE) : match.start()].split()
                where = f"{before[-1] if before else ''} {key}"
                part = f"{key}={_remember(where, value)}"  # noqa: PLW2901
            parts.append(part)
        return "?" + "&".join(parts)

    if "://" not in text:
        return text
    return _QUERY.sub(query, _USER.sub(user, text))


def hide_in_file(text: str) -> str:
    """`hide`, for text that a stranger wrote: a name of ours in it stands for nothing.

    Otherwise a pack could have the secret of another server sent to its own.
    """
    return hide(_FORGED.sub(lambda match: match[0].replace("_", "-"), text))


def reveal(text: str) -> str:
    """The text with the secrets in place of their names."""
    return _NAME.sub(lambda match: _known.get(match[0], match[0]), text)


def has_names(text: str) -> bool:
    """Whether secrets were taken out of the text."""
    return _NAME.search(text) is not None


@contextmanager
def revealed(file: Path) -> Iterator[Path]:
    """The file; where it holds names, a copy beside it with the secrets in their places, as long as this lasts.

    Only its owner can read the copy. After a kill it lies where the file lies: in a stage, which recovery removes.
    """
    text = file.read_text(encoding="utf-8")
    if not _NAME.search(text):
        yield file
        return
    copy = file.with_name(f"{file.stem}.with-access{file.suffix}")
    copy.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(reveal(text))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def for_requirements(text: str) -> str:
    """A requirement as it is written for uv, which puts the variable's value in (see `variables_for`).

    Addresses of repositories lose it: uv would hand them to git on the command line.
    """
    return _NAME.sub(lambda match: f"${{{match[0]}}}", without_repository_user(text))


def without_repository_user(text: str) -> str:
    """The text without the user and password of repositories: git gets them by `variables_for`."""
    return _VCS.sub(lambda match: match["before"], text)


def from_requirements(text: str) -> str:
    """What uv wrote, with our names again."""
    return hide(_VARIABLE.sub(lambda match: match[1], text))


def bare(address: str) -> str:
    """The address without a user and password."""
    return _USER.sub(lambda match: match["before"], address)


def access_to(address: str) -> Access | None:
    """Who we are at that address: as it says itself or another one of that server, as uv's variables or netrc say."""
    parts = urlsplit(hide(address))
    user, _, place = parts.netloc.rpartition("@")
    realm = f"{parts.scheme.removeprefix('git+')}://{place}".lower()
    if user:
        first, _, second = reveal(user).partition(":")
        return Access(unquote(first), unquote(second))
    with _guard:
        known = _access.get(realm)
    # What the user set comes before what some pack wrote.
    return _configured().get(realm) or known or _from_netrc(parts.hostname or "")


def headers_for(address: str) -> dict[str, str]:
    """The header that tells a server who we are; none where we are nobody."""
    access = access_to(address)
    if access is None:
        return {}
    text = f"{access.user}:{access.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(text).decode()}"}


def variables_for(texts: Iterable[str]) -> dict[str, str]:
    """Environment variables for uv at work on these texts: what their names stand for, and git's access.

    Of nothing else, because builds see them.
    """
    whole = "\n".join(texts)
    names = set(_NAME.findall(whole))
    with _guard:
        known = {name: secret for name, secret in _known.items() if name in names}
    return {**known, **git_variables(_access_of(whole))}


def stage_variables(lock: str) -> dict[str, str]:
    """Environment variables that let uv fetch the files of a lock, which names no index, from servers that know us.

    uv uses what it knows of one address for all of that server. With `--no-deps` and a lock, an index more
    changes nothing else.
    """
    indexes, configured = [], _configured()
    for realm, who in sorted(_access_of(lock).items()):
        scheme, _, place = realm.partition("://")
        if "/" in place or realm in configured:
            continue
        indexes.append(f"{scheme}://{quote(who.user, safe='')}:{quote(who.password, safe='')}@{place}/")
    found = variables_for([lock])
    if indexes:
        found["UV_INDEX"] = " ".join([*os.environ.get("UV_INDEX", "").split(), *indexes])
    return found


def _access_of(text: str) -> dict[str, Access]:
    """{server: who we are there} of the servers in the text."""
    places = set()
    for scheme, host, path in _SERVER.findall(text):
        realm = f"{scheme}://{host.rpartition('@')[2]}".lower()
        places |= {realm, f"{realm}{path}"}
    with _guard:
        return {place: who for place, who in _access.items() if place in places}


@dataclass(frozen=True, slots=True)
class GitAccess:
    """Options of git's command line, which name no secret, and the variables they speak of."""

    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def clone_access(address: str) -> GitAccess:
    """What git needs to get a repository whose address holds a user and password, and its submodules there."""
    hidden = hide(address)
    if not _USER.search(hidden):
        return GitAccess()
    parts = urlsplit(hidden)
    realm = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    access = access_to(hidden)
    found, settings = _helpers({realm: access} if access else {})
    return GitAccess(
        options=tuple(part for key, value in settings for part in ("-c", f"{key}={value}")), variables=found
    )


def git_variables(access: Mapping[str, Access]) -> dict[str, str]:
    """Environment variables by which git (2.31 or later) answers servers that ask who we are."""
    found, settings = _helpers(access)
    for number, (key, value) in enumerate(settings):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**found, "GIT_CONFIG_COUNT": str(len(settings))} if settings else {}


def _helpers(access: Mapping[str, Access]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """(variables, settings of git): a credential helper for each server, which reads the variables."""
    found: dict[str, str] = {}
    settings: list[tuple[str, str]] = []
    for number, (realm, who) in enumerate(sorted(access.items())):
        user, password = f"{NAME}USER_{number}", f"{NAME}PASSWORD_{number}"
        found |= {user: who.user, password: who.password}
        helper = f'!f() {{ test "$1" = get && echo "username=${user}" && echo "password=${password}"; }}; f'
        # An empty one first: the user's own helpers are not asked, and are not told to keep it.
        settings += [(f"credential.{realm}.helper", ""), (f"credential.{realm}.helper", helper)]
    return found, settings


def index_variables(names: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that let uv know us at named indexes {name: address}."""
    found: dict[str, str] = {}
    for name, address in names.items():
        access = access_to(address)
        if access is not None:
            stem = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
            found |= {f"{stem}_USERNAME": access.user, f"{stem}_PASSWORD": access.password}
    return found


def _remember(where: str, secret: str) -> str:
    # Named by the place, never by the secret: a digest of that could be tried out.
    number = 0
    with _guard:
        while True:
            digest = hashlib.sha256(f"{where} {number}".encode()).hexdigest()[:16].upper()
            if _known.setdefault(NAME + digest, secret) == secret:
                return NAME + digest
            number += 1


def _configured() -> dict[str, Access]:
    """{realm: access} of the indexes that uv's own environment variables name."""
    found: dict[str, Access] = {}
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        for entry in os.environ.get(variable, "").split():
            label, equals, address = entry.partition("=")
            name = label if equals and "://" not in label else ""
            address = address if name else entry
            parts = urlsplit(address)
            realm = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            if name:
                stem = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
                user = os.environ.get(f"{stem}_USERNAME", user)
                password = os.environ.get(f"{stem}_PASSWORD", password)
            if user or password:
                found[realm] = Access(user, password)
    return found


def _from_netrc(host: str) -> Access | None:
    with suppress(OSError, netrc.NetrcParseError, ValueError):
        found = netrc.netrc(os.environ.get("NETRC") or None).authenticators(host)
        if found and found[2]:
            return Access(found[0] or "", found[2])
    return None
