"""What may be asked for over HTTP: the tiers of ComfyUI-Manager 4.3, with its settings.

Manager's rules (glob/utils/security_utils.py, common/manager_security.py) are taken over, so that one config.ini
speaks for both: what a deed is (its tier), how this ComfyUI stands (its level and who can reach it), and whether
the two fit. Where ours does less harm than Manager's, the tier says why. In-process callers do not come here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from ..resolver.core.tasks import Task, TaskKind
from ..resolver.errors import Hint, RefusedError

_MIDDLE_LEVELS = frozenset({"normal", "normal-", "weak"})
PERSONAL_CLOUD = "personal_cloud"


class Deed(str, Enum):
    """What somebody asks for, as far as it matters here."""

    INSTALL = "install a released version"
    INSTALL_NIGHTLY = "install a version that was not released"
    INSTALL_FLAGGED = "install a version the Registry has flagged"
    INSTALL_GIT = "install from a git URL"
    INSTALL_LOCAL = "install from a folder or archive of this computer"
    UPDATE = "update a pack"
    UPDATE_UNRELEASED = "update packs to what was not released"
    FIX = "meet a pack's requirements anew"
    ENABLE = "enable a pack"
    DISABLE = "disable a pack"
    UNINSTALL = "uninstall a pack"
    ROLL_BACK = "go back to an earlier state"
    SYNC = "bring everything in line with the lock"
    REPAIR = "repair what is broken"
    CHANGE_SNAPSHOT = "change or remove a snapshot"
    TAKE_SNAPSHOT = "take a snapshot"
    CANCEL_WAITING = "give up a change that waits"
    RESTART = "restart ComfyUI"

    @property
    def code(self) -> str:
        """What programs know it by, such as `roll-back`."""
        return self.name.lower().replace("_", "-")


class Tier(str, Enum):
    """How far a deed reaches, in Manager's words."""

    FREE = "free"
    MIDDLE = "middle"
    """Every level but strong."""
    MIDDLE_PLUS = "middle+"
    """The same, and only where nobody but this computer, or a personal cloud, can ask."""


TIERS: dict[Deed, Tier] = {
    Deed.INSTALL: Tier.MIDDLE,
    Deed.INSTALL_NIGHTLY: Tier.MIDDLE_PLUS,
    Deed.INSTALL_FLAGGED: Tier.MIDDLE,
    Deed.INSTALL_GIT: Tier.MIDDLE_PLUS,
    Deed.INSTALL_LOCAL: Tier.MIDDLE_PLUS,
    Deed.UPDATE: Tier.MIDDLE,
    Deed.UPDATE_UNRELEASED: Tier.MIDDLE_PLUS,
    # Manager has high+, since its fix runs pip and install.py unasked; ours plans, shows, and asks.
    Deed.FIX: Tier.MIDDLE_PLUS,
    Deed.ENABLE: Tier.MIDDLE,
    Deed.DISABLE: Tier.MIDDLE,
    Deed.UNINSTALL: Tier.MIDDLE,
    Deed.ROLL_BACK: Tier.MIDDLE_PLUS,
    Deed.SYNC: Tier.MIDDLE_PLUS,
    Deed.REPAIR: Tier.MIDDLE_PLUS,
    Deed.CHANGE_SNAPSHOT: Tier.MIDDLE,
    Deed.TAKE_SNAPSHOT: Tier.FREE,
    Deed.CANCEL_WAITING: Tier.MIDDLE,
    Deed.RESTART: Tier.MIDDLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How this ComfyUI stands: what its owner allows, and who can reach it."""

    level: str = "normal"
    network: str = "public"
    local: bool = False
    """True when every address it listens on is this computer's own."""
    git_urls: bool = False
    flagged: bool = False
    source: str = ""
    """The file that says so; it is named in every refusal."""

    @property
    def private(self) -> bool:
        """Whether only this computer, or a personal cloud, can ask."""
        return self.local or self.network == PERSONAL_CLOUD

    @property
    def flagged_allowed(self) -> bool:
        """Whether flagged versions may be installed (`is_cnr_install_allowed` of Manager)."""
        return self.flagged or self.local


def may(deed: Deed, standing: Standing, subject: str = "") -> RefusedError | None:
    """Why this deed is refused, or None when it is allowed. Pure.

    Codes: `security-level`, `network-position`, `git-url-not-allowed`, `flagged-not-allowed`,
    `local-source-not-allowed`.
    """
    ground = _ground(deed, TIERS[deed], standing)
    return None if ground is None else _refused(ground, deed, standing, subject)


def _ground(deed: Deed, tier: Tier, standing: Standing) -> _Ground | None:
    if tier is not Tier.FREE and standing.level not in _MIDDLE_LEVELS:
        return _Ground("security-level", "security_level", standing.level, _LEVEL)
    if deed is Deed.INSTALL_LOCAL and not standing.local:
        # Whoever asks could have any file of this computer copied to where it is served.
        return _Ground("local-source-not-allowed", "--listen", "", _LOCAL)
    if tier is Tier.MIDDLE_PLUS and not standing.private:
        return _Ground("network-position", "network_mode", standing.network, _PRIVATE)
    if deed is Deed.INSTALL_GIT and not standing.git_urls:
        return _Ground("git-url-not-allowed", "allow_git_url_install", "false", _GIT)
    if deed is Deed.INSTALL_FLAGGED and not standing.flagged_allowed:
        return _Ground("flagged-not-allowed", "allow_flagged_nodepack_install", "false", _FLAGGED)
    return None


def forbidden(standing: Standing) -> dict[str, str]:
    """{code of a deed: why, in words} of all that is not allowed. Pure."""
    return {deed.code: refusal.message for deed in Deed if (refusal := may(deed, standing))}


def check(deeds: Iterable[tuple[Deed, str]], standing: Standing) -> None:
    """Raise the RefusedError of the first of (deed, subject) that is not allowed."""
    for deed, subject in deeds:
        if refusal := may(deed, standing, subject):
            raise refusal


def deed_of(task: Task, exists: Callable[[str], bool]) -> Deed:
    """What a task is. `exists` tells whether a path exists, seen from where the server runs.

    Raises RefusedError `relative-source` for a word that may mean a folder beside the server as well as a pack of
    the Registry: over HTTP nobody means the server's working directory.
    """
    if task.kind is TaskKind.INSTALL:
        return _deed_of_install(task, exists)
    if task.kind is TaskKind.UPDATE:
        unreleased = task.subject == "*" or not _is_release(task.version)
        return Deed.UPDATE_UNRELEASED if unreleased else Deed.UPDATE
    return _DEEDS[task.kind]


_DEEDS = {
    TaskKind.UNINSTALL: Deed.UNINSTALL,
    TaskKind.FIX: Deed.FIX,
    TaskKind.ENABLE: Deed.ENABLE,
    TaskKind.DISABLE: Deed.DISABLE,
}
_FILE_URL = re.compile(r"^(git\+)?file:", re.IGNORECASE)
_GIT_URL = re.compile(r"^(git\+|[a-z][a-z0-9+.\-]*:(//|:)|[A-Za-z0-9_.\-]+@[A-Za-z0-9_.\-]+:)", re.IGNORECASE)
_PATH = re.compile(r"^([.~]|[A-Za-z]:)|[/\\]|\.(zip|whl)(@|$)", re.IGNORECASE)
_RELEASE = re.compile(r"^[0-9]+(\.[0-9]+)+([._+\-][A-Za-z0-9._+\-]*)?$")


def _deed_of_install(task: Task, exists: Callable[[str], bool]) -> Deed:
    text = task.subject.strip()
    if _FILE_URL.match(text):
        return Deed.INSTALL_LOCAL
    if _GIT_URL.match(text):
        return Deed.INSTALL_GIT
    if _PATH.search(text):
        return Deed.INSTALL_LOCAL
    name, _, version = text.partition("@")
    version = task.version or version
    if any(exists(each) for each in {text, name, f"{text}@{task.version}"}):
        raise RefusedError(
            "relative-source",
            f"{name!r} is also a file or folder where ComfyUI runs, so it is not clear what is meant.",
            context={"source": text},
            hints=(
                Hint("name-the-source", "Name a folder by its whole path, or a repository by its git URL."),
            ),
        )
    return Deed.INSTALL if _is_release(version) else Deed.INSTALL_NIGHTLY


def _is_release(version: str) -> bool:
    """Whether a version was published as such: neither a nightly nor a commit or branch."""
    return version in ("", "latest") or bool(_RELEASE.match(version))


# --- what is said -------------------------------------------------------------------------------------------

_LEVEL = Hint(
    "raise-the-level", "If you are its owner: set security_level = normal in {file}, or ask its owner to."
)
_PRIVATE = Hint(
    "make-it-private",
    "Start ComfyUI with --listen 127.0.0.1; or, where only people you trust can reach it, set network_mode ="
    " personal_cloud in {file}.",
)
_LOCAL = Hint(
    "use-the-command-line",
    "Use `safe-install install` in a terminal of that computer, or start ComfyUI with --listen 127.0.0.1.",
)
_GIT = Hint(
    "allow-git-urls",
    "A git URL may bring anybody's code. To take them, set allow_git_url_install = true in {file}; or use"
    " `safe-install install` in a terminal.",
)
_FLAGGED = Hint(
    "allow-flagged",
    "Choose another version; or, where only people you trust can reach ComfyUI, set"
    " allow_flagged_nodepack_install = true in {file}.",
)


@dataclass(frozen=True, slots=True)
class _Ground:
    """Which setting decides, and what can be done about it."""

    code: str
    setting: str
    value: str
    hint: Hint

    @property
    def words(self) -> str:
        if self.setting in ("network_mode", "--listen"):
            return "others than this computer can reach this ComfyUI"
        return f"{self.setting} is {self.value}"


def _refused(ground: _Ground, deed: Deed, standing: Standing, subject: str) -> RefusedError:
    about = f" ({subject})" if subject else ""
    place = standing.source or "settings.toml"
    section = "[default]" if place.endswith(".ini") else "[security]"
    return RefusedError(
        ground.code,
        f"To {deed.value}{about} is not allowed here: {ground.words}.",
        context={
            "deed": deed.code,
            "setting": ground.setting,
            "value": ground.value,
            "file": place,
            "subject": subject,
        },
        hints=(Hint(ground.hint.code, ground.hint.text.format(file=f"{section} of {place}")),),
    )
