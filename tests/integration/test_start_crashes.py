"""Starts that die after a change of ours: two of them, and the third takes the change back before any pack loads."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from comfyui_safe_install.resolver.engine.starts_report import starts_report
from comfyui_safe_install.server_routes.wire import Starts
from comfyui_safe_install.tests.kit.comfy import put_product_in
from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.whole_start import (
    FOLDER_PATHS,
    KILLERS,
    SYSTEM_USER,
    begin_start,
    die,
    install_pack,
    marks,
    pack_that,
    start,
    write_host,
)


@pytest.fixture
def hosted(here: Installation) -> Installation:
    """A ComfyUI that starts us as a pack, in an environment that holds one package."""
    here.have("base", "1.0")
    here.wheel("base", "2.0")
    write_host(here)
    put_product_in(here.comfy, name="safe-install")
    return here


@pytest.mark.parametrize(
    ("killer", "backwards", "host"),
    [
        ("sys.exit", False, FOLDER_PATHS + SYSTEM_USER),
        ("segfault", True, FOLDER_PATHS + SYSTEM_USER),
        ("os._exit", False, FOLDER_PATHS),
    ],
    ids=["sys.exit", "segfault", "os._exit"],
)
def test_the_third_start_heals_and_comes_up(
    killer: str, backwards: bool, host: str, hosted: Installation
) -> None:
    """A pack that ends the host at import is taken back with all it brought, whether it comes before or after us."""
    write_host(hosted, host)
    before = hosted.tree()
    change = install_pack(hosted, "killer", KILLERS[killer], "base==2.0")
    assert "takes" not in die(hosted, backwards=backwards).log
    assert "is taken back by itself at the next one" in die(hosted, backwards=backwards).log

    healed = start(hosted, backwards=backwards)

    assert healed.up, healed
    assert f"ComfyUI ended 2 times before it was up, each time since the change {change}" in healed.log
    assert "was taken back by itself. Everything is as it was before it" in healed.log
    assert differences(before, hosted.tree()) == []
    assert marks(hosted) == ["died", "died", "up"]
    entry = json.loads((hosted.state / "record.jsonl").read_text().splitlines()[-1])
    assert entry["undoes"] == change
    after = start(hosted, backwards=backwards)
    assert after.up
    assert "Safe Install" not in after.log


def test_a_change_that_had_waited_is_taken_back_as_well(hosted: Installation) -> None:
    """What is applied at a start, and kills it and the next one, is gone at the third."""
    before = hosted.tree()
    pack = pack_that(hosted, "killer", KILLERS["os._exit"], "base==2.0")
    assert hosted.run("install", pack, "--yes", "--at-next-start").code == 0
    assert "was applied" in die(hosted).log
    die(hosted)
    assert start(hosted).up
    assert differences(before, hosted.tree()) == []


def test_what_was_taken_back_by_itself_is_never_taken_back_by_itself(hosted: Installation) -> None:
    """Where ComfyUI dies all the same, nothing goes to and fro: it is said what else could be done."""
    install_pack(hosted, "good", "")
    killer = hosted.packs / "by-hand"
    killer.mkdir()
    (killer / "__init__.py").write_text(KILLERS["os._exit"])
    install_pack(hosted, "other", "")
    die(hosted, 2)
    # The pack that came by hand was there before the last change, so it stays and goes on killing.
    assert "was taken back by itself" in die(hosted).log
    assert not (hosted.packs / "other").exists()
    before = hosted.tree()
    logs = [die(hosted).log for _ in range(3)]
    assert ["What else could be done" in log for log in logs] == [True] * 3
    assert "probably not to blame" in logs[0]
    assert differences(before, hosted.tree()) == []
    assert (hosted.packs / "good").is_dir()


def test_nothing_is_taken_back_where_something_else_was_changed_since(hosted: Installation) -> None:
    """The deaths count for the change they followed; a later one has its own two starts."""
    install_pack(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    later = install_pack(hosted, "later", "")
    refused = hosted.run("rollback", "--undo", "20260101T000000000000Z-0000", "--yes")
    assert (refused.code, refused.error) == (3, "not-the-last-change")
    die(hosted, 2)
    assert f"the change {later}" in die(hosted).log  # The killer is older, and goes on.
    assert (hosted.packs / "killer").is_dir()


def test_the_change_is_taken_back_though_no_package_can_be_imported(hosted: Installation) -> None:
    """Where the command line cannot run, the standard library goes the same steps backwards, byte for byte."""
    hosted.compile()
    before = hosted.tree()
    install_pack(hosted, "killer", KILLERS["os._exit"], "base==2.0")
    hosted.compile()
    options: dict[str, Any] = {"options": ("-I", "-B"), "server": False}
    die(hosted, 2, **options)
    healed = start(hosted, **options)
    assert healed.up, healed
    assert "Trying it with Python's standard library alone" in healed.log
    assert "Install it again to have it back" in healed.log
    assert differences(before, hosted.tree()) == []
    assert hosted.files_aside() == []
    assert hosted.run("verify").code == 0
    assert hosted.run("install", hosted.source("next", "base==2.0"), "--yes").applied


def test_where_nothing_can_be_taken_back_it_is_said_what_to_type(hosted: Installation) -> None:
    """A healing that fails leaves everything alone, is tried a few times, and names the command."""
    change = install_pack(hosted, "killer", KILLERS["os._exit"], "base==2.0")
    die(hosted, 2, with_packages=False, server=False)
    for payload in hosted.area.glob("payloads/*/*/tree"):
        payload.rename(payload.with_name("lost"))
    before = hosted.tree()
    log = die(hosted, with_packages=False, server=False).log
    assert f"rollback --undo {change}" in log
    assert str(hosted.packs / "safe-install") in log
    assert differences(before, hosted.tree()) == []
    for _ in range(3):
        log = die(hosted, with_packages=False, server=False).log
    assert "failed 3 times" in log


def test_a_full_disk_keeps_nobody_from_starting(hosted: Installation) -> None:
    """No mark can be made and nothing taken back then: both is said, and the host goes on; later it heals."""
    before = hosted.tree()
    install_pack(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    full = die(hosted, full_disk=True)
    assert full.code == 0  # As far as the pack that ends it.
    assert "The state folder cannot be written" in full.log
    assert "cannot be watched" in full.log
    assert start(hosted).up
    assert differences(before, hosted.tree()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_keeps_nobody_from_starting(hosted: Installation) -> None:
    """The host starts; that it is not watched is said."""
    install_pack(hosted, "good", "")
    hosted.state.chmod(0o555)
    try:
        assert start(hosted).up
    finally:
        hosted.state.chmod(0o755)


def test_a_mark_that_cannot_be_made_keeps_nobody_from_starting(hosted: Installation) -> None:
    """A file or a link where the folder of the marks should be costs the watch, and nothing else."""
    install_pack(hosted, "good", "")
    folder = hosted.state / "starts"
    folder.write_text("")
    started = start(hosted)
    assert started.up
    assert "cannot be watched" in started.log
    folder.unlink()
    elsewhere = hosted.root / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    assert start(hosted).up
    assert list(elsewhere.iterdir()) == []


INSTALL_AND_DIE = """
import sys
sys.path.insert(0, {tests!r})
from kit.kill_after import kill_after
from kit.package import register_package
register_package()
kill_after("8")
from comfyui_safe_install.resolver.cli import main
main({arguments!r})
"""


@pytest.mark.parametrize("backwards", [False, True], ids=["witness-first", "witness-last"])
def test_a_server_killed_in_the_middle_of_an_install_is_healed_first(
    backwards: bool, hosted: Installation
) -> None:
    """Killed with kill -9 amid its own install, its next start has put everything back before any pack loads."""
    seen = hosted.packs / "a-witness"
    seen.mkdir()
    (seen / "__init__.py").write_text(
        "import importlib.metadata\n"
        "print('witness', importlib.metadata.version('base'), flush=True)\n"
        "NODE_CLASS_MAPPINGS = {}\n"
    )
    before = hosted.tree()
    arguments = ["--comfyui", str(hosted.comfy), "install", hosted.source("pack", "base==2.0"), "--yes"]
    then = INSTALL_AND_DIE.format(tests=str(ROOT / "tests"), arguments=arguments)
    killed = start(hosted, backwards=backwards, then=then)
    assert (killed.up, killed.code) == (True, -signal.SIGKILL), killed
    assert differences(before, hosted.tree()) != []
    out, log = begin_start(hosted, backwards=backwards).communicate(timeout=60)
    assert "witness 1.0" in out
    assert "was rolled back" in log
    assert differences(before, hosted.tree()) == []


def test_what_happened_is_told(hosted: Installation) -> None:
    """Whoever asks later hears of starts that died, of what was taken back, and of a death that led to nothing."""
    assert starts_report(hosted.state).notice is None
    install_pack(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    told = starts_report(hosted.state)
    assert told.notice is not None
    assert told.notice.code == "start-died"
    assert "2 times" in told.notice.message
    start(hosted)
    told = starts_report(hosted.state)
    assert told.notice is not None
    assert told.notice.code == "taken-back-after-crashes"
    assert "`safe-install rollback` brings it back" in told.notice.hints[0].text
    assert [each.outcome.value for each in told.starts] == ["up", "died", "died"]
    document = told.to_dict()
    assert Starts.model_validate(document).model_dump() == document
    install_pack(hosted, "other", "")
    assert starts_report(hosted.state).notice is None
