"""The file `settings.toml`: what is in it counts, what makes no sense is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.settings import Settings, parse_settings
from comfyui_safe_install.resolver.errors import UsageError
from comfyui_safe_install.resolver.wiring import load_retention, load_settings


def test_without_a_file_everything_is_as_usual(tmp_path: Path) -> None:
    """No file means the defaults: protection on, take-over off, the public registry."""
    assert load_settings(tmp_path) == Settings()
    assert Settings().manager.protect
    assert not Settings().manager.take_over


def test_every_table_of_the_file_is_read(tmp_path: Path) -> None:
    """The tables stand side by side in one file; host names are compared in small letters."""
    (tmp_path / "settings.toml").write_text(
        '[keep]\nsnapshots = 3\n[server]\nhosts = ["Comfy.LAN"]\n[manager]\ntake_over = true\n'
        '[security]\nsecurity_level = "weak"\nallow_git_url_install = true\n'
        '[registry]\nurl = "http://127.0.0.1:9/"\noffline = true\n'
    )
    settings = load_settings(tmp_path)
    assert load_retention(tmp_path).snapshots == 3
    assert settings.server.hosts == ("comfy.lan",)
    assert settings.manager.take_over
    assert settings.security.security_level == "weak"
    assert settings.security.allow_git_url_install
    assert settings.security.network_mode == "public"
    assert (settings.registry.url, settings.registry.offline) == ("http://127.0.0.1:9", True)


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({"sever": {}}, "[sever]"),
        ({"server": {"host": []}}, "host"),
        ({"server": {"hosts": "one"}}, "hosts"),
        ({"server": []}, "[server]"),
        ({"security": {"security_level": "none"}}, "security_level"),
        ({"security": {"network_mode": 1}}, "network_mode"),
        ({"security": {"allow_git_url_install": "yes"}}, "allow_git_url_install"),
        ({"security": {"allow_pip_install": True}}, "allow_pip_install"),
        ({"manager": {"protect": 1}}, "protect"),
        ({"registry": {"url": "ftp://x"}}, "url"),
        ({"registry": {"offline": "no"}}, "offline"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(table: dict[str, object], names: str) -> None:
    """A typing error must not silently mean the default, least of all where it is about who may call us."""
    with pytest.raises(UsageError) as caught:
        parse_settings(table)
    assert caught.value.code == "settings-invalid"
    assert names in caught.value.message
