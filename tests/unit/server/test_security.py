"""Manager's tiers, taken over: which deed is allowed where, and which setting says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.settings import SecuritySettings
from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.errors import RefusedError
from comfyui_safe_install.server_routes.security import TIERS, Deed, Standing, check, deed_of, may
from comfyui_safe_install.server_routes.standing import read_standing

LOCAL = Standing(local=True, source="/user/__manager/config.ini")
LAN = Standing(source="/user/__manager/config.ini")
CLOUD = Standing(network="personal_cloud", source="/user/__manager/config.ini")
EVERYTHING_ON = Standing(level="weak", network="personal_cloud", git_urls=True, flagged=True, local=True)


def verdict(deed: Deed, standing: Standing) -> str:
    """The code of the refusal; `allowed` for none."""
    refusal = may(deed, standing, "some-pack")
    if refusal is None:
        return "allowed"
    assert refusal.context["setting"]
    assert refusal.context["file"]
    assert refusal.hints
    return refusal.code


@pytest.mark.parametrize(
    ("deed", "local", "lan", "cloud"),
    [
        (Deed.INSTALL, "allowed", "allowed", "allowed"),
        (Deed.INSTALL_NIGHTLY, "allowed", "network-position", "allowed"),
        (Deed.INSTALL_GIT, "git-url-not-allowed", "network-position", "git-url-not-allowed"),
        (Deed.INSTALL_LOCAL, "allowed", "local-source-not-allowed", "local-source-not-allowed"),
        (Deed.INSTALL_FLAGGED, "allowed", "flagged-not-allowed", "flagged-not-allowed"),
        (Deed.UPDATE, "allowed", "allowed", "allowed"),
        (Deed.UPDATE_UNRELEASED, "allowed", "network-position", "allowed"),
        (Deed.UNINSTALL, "allowed", "allowed", "allowed"),
        (Deed.FIX, "allowed", "network-position", "allowed"),
        (Deed.ROLL_BACK, "allowed", "network-position", "allowed"),
        (Deed.TAKE_SNAPSHOT, "allowed", "allowed", "allowed"),
        (Deed.RESTART, "allowed", "allowed", "allowed"),
    ],
)
def test_tiers_at_the_usual_level(deed: Deed, local: str, lan: str, cloud: str) -> None:
    """With Manager's defaults: on this computer alone, on a LAN, and in a personal cloud."""
    assert [verdict(deed, standing) for standing in (LOCAL, LAN, CLOUD)] == [local, lan, cloud]


@pytest.mark.parametrize("deed", list(Deed))
@pytest.mark.parametrize("level", ["strong", "", "no-such-level"])
def test_a_strong_level_refuses_every_change(deed: Deed, level: str) -> None:
    """Strong, and a word nobody knows, let nothing through but the taking of a snapshot, flags or not."""
    standing = Standing(level=level, network="personal_cloud", git_urls=True, flagged=True, local=True)
    expected = "allowed" if deed is Deed.TAKE_SNAPSHOT else "security-level"
    assert verdict(deed, standing) == expected


def test_every_deed_has_its_tier_and_can_be_allowed() -> None:
    """No deed is forgotten, and none is refused whatever the settings."""
    assert set(TIERS) == set(Deed)
    assert {verdict(deed, EVERYTHING_ON) for deed in Deed} == {"allowed"}


def test_a_refusal_says_which_setting_decided_and_where_it_stands() -> None:
    """The words are for people: what is refused, why, and what to change in which file."""
    refusal = may(Deed.INSTALL_GIT, LOCAL, "https://example.org/a/b")
    assert refusal is not None
    assert "allow_git_url_install is false" in refusal.message
    assert refusal.context["setting"] == "allow_git_url_install"
    assert "[default] of /user/__manager/config.ini" in refusal.hints[0].text
    with pytest.raises(RefusedError, match="another"):
        check([(Deed.INSTALL, "one"), (Deed.INSTALL_GIT, "another")], LOCAL)


@pytest.mark.parametrize(
    ("subject", "version", "deed"),
    [
        ("comfyui-impact-pack", "", Deed.INSTALL),
        ("comfyui-impact-pack", "latest", Deed.INSTALL),
        ("comfyui-impact-pack", "8.1.0", Deed.INSTALL),
        ("comfyui-impact-pack@8.1.0", "", Deed.INSTALL),
        ("comfyui-impact-pack", "1.0.0-beta.1", Deed.INSTALL),
        ("comfyui-impact-pack", "nightly", Deed.INSTALL_NIGHTLY),
        ("comfyui-impact-pack@nightly", "", Deed.INSTALL_NIGHTLY),
        ("comfyui-impact-pack", "unknown", Deed.INSTALL_NIGHTLY),
        ("comfyui-impact-pack", "1a2b3c4d", Deed.INSTALL_NIGHTLY),
        ("https://github.com/a/b", "", Deed.INSTALL_GIT),
        ("git+https://github.com/a/b.git", "v1", Deed.INSTALL_GIT),
        ("HTTPS://github.com/a/b", "", Deed.INSTALL_GIT),
        ("git@github.com:a/b.git", "", Deed.INSTALL_GIT),
        ("github.com:a/b", "", Deed.INSTALL_LOCAL),
        ("ext::sh -c evil", "", Deed.INSTALL_GIT),
        ("file:///etc", "", Deed.INSTALL_LOCAL),
        ("git+file:///srv/repository", "", Deed.INSTALL_LOCAL),
        ("GIT+FILE:/srv/repository", "", Deed.INSTALL_LOCAL),
        ("/etc", "", Deed.INSTALL_LOCAL),
        ("C:\\packs\\one", "", Deed.INSTALL_LOCAL),
        ("~/pack", "", Deed.INSTALL_LOCAL),
        ("../pack", "", Deed.INSTALL_LOCAL),
        ("a/b", "", Deed.INSTALL_LOCAL),
        ("pack.zip", "", Deed.INSTALL_LOCAL),
        ("pack.whl", "", Deed.INSTALL_LOCAL),
    ],
)
def test_what_an_install_is_shows_in_its_source(subject: str, version: str, deed: Deed) -> None:
    """Only a plain name with a released version is the Registry's; a path reads this computer's disk."""
    task = Task(kind=TaskKind.INSTALL, subject=subject, version=version)
    assert deed_of(task, lambda _path: False) is deed


def test_a_word_that_is_also_a_folder_is_refused() -> None:
    """`input` may be a pack of the Registry, or the folder into which anybody may upload."""
    task = Task(kind=TaskKind.INSTALL, subject="input", version="1.0.0")
    with pytest.raises(RefusedError) as caught:
        deed_of(task, lambda path: path == "input")
    assert caught.value.code == "relative-source"


def test_other_tasks_are_what_their_kind_says() -> None:
    """Updates are told apart by whether what comes was released."""

    def deed(kind: TaskKind, subject: str = "pack", version: str = "") -> Deed:
        return deed_of(Task(kind=kind, subject=subject, version=version), lambda _path: True)

    assert deed(TaskKind.UPDATE) is Deed.UPDATE
    assert deed(TaskKind.UPDATE, version="nightly") is Deed.UPDATE_UNRELEASED
    assert deed(TaskKind.UPDATE, subject="*") is Deed.UPDATE_UNRELEASED
    assert deed(TaskKind.UNINSTALL) is Deed.UNINSTALL
    assert {deed(kind) for kind in TaskKind if kind is not TaskKind.INSTALL} <= set(Deed)


def _config(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    path = folder / "config.ini"
    path.write_text(text, encoding="utf-8")
    return path


def test_managers_file_decides_before_ours(tmp_path: Path) -> None:
    """Where Manager has a config.ini, what our settings say of security does not count."""
    ours = SecuritySettings(security_level="weak", allow_git_url_install=True)
    state = tmp_path / "__safe_install"
    path = _config(tmp_path / "__manager", "[default]\nsecurity_level = Strong\nnetwork_mode = 100%\n")
    standing = read_standing(state, ("127.0.0.1",), ours)
    assert (standing.level, standing.network, standing.git_urls) == ("strong", "100%", False)
    assert standing.source == str(path)
    path.unlink()
    standing = read_standing(state, ("127.0.0.1",), ours)
    assert (standing.level, standing.git_urls) == ("weak", True)
    assert standing.source == str(state / "settings.toml")


def test_without_any_file_managers_defaults_count(tmp_path: Path) -> None:
    """Normal, public, no git URLs, no flagged versions."""
    standing = read_standing(tmp_path / "state", ("127.0.0.1",), SecuritySettings())
    assert (standing.level, standing.network) == ("normal", "public")
    assert not standing.git_urls
    assert not standing.flagged


@pytest.mark.parametrize(
    "text", ["", "security_level = weak\n", "[other]\nx = 1\n", "\x00[[", "[default]\n%%%"]
)
def test_a_file_that_makes_no_sense_gives_the_defaults(tmp_path: Path, text: str) -> None:
    """As with Manager: nothing is allowed by a file that cannot be read."""
    _config(tmp_path / "__manager", text)
    loose = SecuritySettings(security_level="weak", allow_git_url_install=True)
    standing = read_standing(tmp_path / "state", (), loose)
    assert (standing.level, standing.git_urls) == ("normal", False)


def test_an_older_managers_file_allows_git_urls_by_its_level(tmp_path: Path) -> None:
    """Manager 3.x has no setting for git URLs; there weak and normal- allow them. 4.3 goes by its setting alone."""
    _config(tmp_path / "default" / "ComfyUI-Manager", "[default]\nsecurity_level = weak\n")
    assert read_standing(tmp_path / "state", (), SecuritySettings()).git_urls
    _config(tmp_path / "__manager", "[default]\nsecurity_level = weak\n")
    assert not read_standing(tmp_path / "state", (), SecuritySettings()).git_urls


@pytest.mark.parametrize(
    ("listens_on", "local"),
    [
        (("127.0.0.1",), True),
        (("127.0.0.1", "::1"), True),
        (("localhost",), True),
        (("0.0.0.0",), False),
        (("127.0.0.1", "192.168.1.5"), False),
        (("comfy.lan",), False),
        ((), False),
    ],
)
def test_local_means_every_address_is_this_computers(
    tmp_path: Path, listens_on: tuple[str, ...], local: bool
) -> None:
    """One address that others can reach is enough not to be; not to know is not to be."""
    assert read_standing(tmp_path / "state", listens_on, SecuritySettings()).local is local
