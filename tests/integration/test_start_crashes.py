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
    Started,
    begin_start,
    end_start,
    marks,
    pack_that,
    start,
    write_host,
)

WAITS = "import sys, time\nprint('waiting', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def hosted(here: Installation) -> Installation:
    """A ComfyUI that starts us as a pack, in an environment that holds one package."""
    here.have("base", "1.0")
    here.wheel("base", "2.0")
    write_host(here)
    put_product_in(here.comfy, name="safe-install")
    return here


def install(here: Installation, name: str, code: str, *requirements: str) -> str:
    """Install a pack whose import runs `code` in the host; the id of the change."""
    return str(
        here.run("install", pack_that(here, name, code, *requirements), "--yes").applied["transaction"]
    )


def die(here: Installation, times: int = 1, **options: Any) -> Started:
    """So many starts, which all die; the last."""
    ended = [start(here, **options) for _ in range(times)]
    assert not any(each.up for each in ended), ended
    return ended[-1]


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
    change = install(hosted, "killer", KILLERS[killer], "base==2.0")
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


def test_one_death_takes_nothing_back(hosted: Installation) -> None:
    """After one start that died the next one may come up, and then the change is cleared for good."""
    install(hosted, "flaky", "import os\nif not os.path.exists('up'): os._exit(1)\n")
    die(hosted)
    (hosted.comfy / "up").touch()
    assert start(hosted).up
    (hosted.comfy / "up").unlink()
    die(hosted, 2)
    assert "is taken back" not in die(hosted).log
    assert (hosted.packs / "flaky").is_dir()


def test_deaths_without_a_change_of_ours_take_nothing_back(hosted: Installation) -> None:
    """What came up since our last change and dies later is somebody else's doing."""
    install(hosted, "good", "")
    assert start(hosted).up
    killer = hosted.packs / "by-hand"
    killer.mkdir()
    (killer / "__init__.py").write_text(KILLERS["os._exit"])
    before = hosted.tree()
    die(hosted, 3)
    assert differences(before, hosted.tree()) == []
    assert not (hosted.state / "starts" / "healing.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_start_that_was_told_to_end_did_not_die(number: signal.Signals, hosted: Installation) -> None:
    """Ctrl-C while packs load, or a service manager's signal, says nothing about the last change."""
    install(hosted, "slow", WAITS)
    for _ in range(3):
        process = begin_start(hosted)
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        ended = end_start(process)
        assert not ended.up
        assert ended.code in (-number, 128 + number)
        assert "taken back" not in ended.log
    assert marks(hosted) == ["stopped"] * 3


def test_starts_without_a_server_count_neither_way(hosted: Installation) -> None:
    """A loader without a server, a quick test for CI and a program of somebody's never come up; that is no death."""
    install(hosted, "good", "")
    assert [start(hosted, server=False).code for _ in range(2)] == [0, 0]
    assert marks(hosted) == ["unwatched"] * 2
    assert [start(hosted, quick=True).code for _ in range(2)] == [0, 0]
    assert marks(hosted) == ["unwatched"] * 2
    program = ("-c", "import sys; sys.path.insert(0, ''); import main")
    assert [start(hosted, options=program).code for _ in range(2)] == [0, 0]
    assert marks(hosted) == ["unwatched"] * 2
    again = start(hosted)
    assert again.up
    assert "taken back" not in again.log


def test_a_start_that_executes_itself_anew_did_not_die(hosted: Installation) -> None:
    """A manager that restarts ComfyUI from its prestartup script leaves no death behind, whichever way."""
    install(hosted, "good", "")
    pack = hosted.packs / "zz-manager"
    pack.mkdir()
    (pack / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (pack / "prestartup_script.py").write_text(
        "import os, sys\n"
        "again = int(os.environ.get('AGAIN', '0'))\n"
        "if again < 3:\n"
        "    os.environ['AGAIN'] = str(again + 1)\n"
        "    os.execv(sys.executable, [sys.executable, *sys.argv])\n"
        "session = os.environ.get('__COMFY_CLI_SESSION__')\n"
        "if session:\n"
        "    open(session + '.reboot', 'w').close()\n"
        "    sys.exit(0)\n"
    )
    assert start(hosted).up
    assert marks(hosted) == ["replaced", "replaced", "replaced", "up"]
    session = {"__COMFY_CLI_SESSION__": str(hosted.root / "session"), "AGAIN": "9"}
    assert not start(hosted, environment=session).up
    assert marks(hosted)[-1] == "replaced"


def test_another_instance_that_is_still_starting_did_not_die(hosted: Installation) -> None:
    """While one start is under way another one does not take it for dead."""
    install(hosted, "slow", "import os\nif 'SLOW' in os.environ:\n    " + WAITS.replace("\n", "\n    "))
    first = begin_start(hosted, environment={"SLOW": "1"})
    assert first.stdout is not None
    assert first.stdout.readline() == "waiting\n"
    assert start(hosted).up
    assert marks(hosted) == ["starting", "up"]
    first.kill()
    end_start(first)


def test_nothing_is_taken_back_under_an_instance_that_runs(hosted: Installation) -> None:
    """While another ComfyUI runs in the environment, it is said what to type, and the third start dies too."""
    install(hosted, "good", "")
    running = begin_start(hosted, then=WAITS)
    assert running.stdout is not None
    assert "waiting\n" in (running.stdout.readline(), running.stdout.readline())
    change = install(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    log = die(hosted).log
    assert f"rollback --undo {change}" in log
    assert "another ComfyUI runs in this environment" in log
    running.kill()
    running.communicate(timeout=30)
    assert start(hosted).up


def test_a_worker_that_runs_the_main_module_again_is_no_start(hosted: Installation) -> None:
    """A child of multiprocessing runs prestartup scripts too where it cannot fork; nothing is done or marked then."""
    install(
        hosted,
        "parallel",
        "import multiprocessing\n"
        "worker = multiprocessing.get_context('spawn').Process(target=print)\n"
        "worker.start(); worker.join()\n",
    )
    assert start(hosted).up
    assert marks(hosted) == ["up"]


def test_what_was_taken_back_by_itself_is_never_taken_back_by_itself(hosted: Installation) -> None:
    """Where ComfyUI dies all the same, nothing goes to and fro: it is said what else could be done."""
    install(hosted, "good", "")
    killer = hosted.packs / "by-hand"
    killer.mkdir()
    (killer / "__init__.py").write_text(KILLERS["os._exit"])
    install(hosted, "other", "")
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


def test_what_the_user_changed_since_gets_its_own_chance(hosted: Installation) -> None:
    """Who removes or renames a pack after two deaths is not overruled: the next start is tried first."""
    install(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    (hosted.packs / "killer").rename(hosted.packs / "killer.disabled")
    tried = start(hosted)
    assert tried.up
    assert "is taken back" not in tried.log
    assert (hosted.packs / "killer.disabled").is_dir()


def test_nothing_is_taken_back_where_something_else_was_changed_since(hosted: Installation) -> None:
    """The deaths count for the change they followed; a later one has its own two starts."""
    install(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    later = install(hosted, "later", "")
    refused = hosted.run("rollback", "--undo", "20260101T000000000000Z-0000", "--yes")
    assert (refused.code, refused.error) == (3, "not-the-last-change")
    die(hosted, 2)
    assert f"the change {later}" in die(hosted).log  # The killer is older, and goes on.
    assert (hosted.packs / "killer").is_dir()


def test_the_change_is_taken_back_though_no_package_can_be_imported(hosted: Installation) -> None:
    """Where the command line cannot run, the standard library goes the same steps backwards, byte for byte."""
    hosted.compile()
    before = hosted.tree()
    install(hosted, "killer", KILLERS["os._exit"], "base==2.0")
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
    change = install(hosted, "killer", KILLERS["os._exit"], "base==2.0")
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
    install(hosted, "killer", KILLERS["os._exit"])
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
    install(hosted, "good", "")
    hosted.state.chmod(0o555)
    try:
        assert start(hosted).up
    finally:
        hosted.state.chmod(0o755)


def test_a_mark_that_cannot_be_made_keeps_nobody_from_starting(hosted: Installation) -> None:
    """A file or a link where the folder of the marks should be costs the watch, and nothing else."""
    install(hosted, "good", "")
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


def test_marks_do_not_pile_up_and_the_one_that_clears_a_change_stays(hosted: Installation) -> None:
    """Of many starts the last twenty are kept, and the last that came up however long ago."""
    install(hosted, "flaky", "import os\nif not os.path.exists('up'): os._exit(1)\n")
    (hosted.comfy / "up").touch()
    assert start(hosted).up
    (hosted.comfy / "up").unlink()
    starts = hosted.state / "starts"
    (mark,) = starts.glob("*.jsonl")
    first = mark.read_text().splitlines()[0]
    for number in range(25):
        (starts / f"20990101T{number:012d}Z-0000.jsonl").write_text(f'{first}\n{{"outcome": "died"}}\n')
    assert "taken back" not in die(hosted).log
    assert mark.exists()
    assert len(list(starts.glob("*.jsonl"))) == 21


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
    install(hosted, "killer", KILLERS["os._exit"])
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
    install(hosted, "other", "")
    assert starts_report(hosted.state).notice is None
