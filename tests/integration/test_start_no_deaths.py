"""What is no death after a change of ours, or not enough of one: nothing is taken back then."""

from __future__ import annotations

import signal

import pytest

from comfyui_safe_install.tests.kit.comfy import put_product_in
from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.whole_start import (
    KILLERS,
    begin_start,
    die,
    end_start,
    install_pack,
    marks,
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


def test_one_death_takes_nothing_back(hosted: Installation) -> None:
    """After one start that died the next one may come up, and then the change is cleared for good."""
    install_pack(hosted, "flaky", "import os\nif not os.path.exists('up'): os._exit(1)\n")
    die(hosted)
    (hosted.comfy / "up").touch()
    assert start(hosted).up
    (hosted.comfy / "up").unlink()
    die(hosted, 2)
    assert "is taken back" not in die(hosted).log
    assert (hosted.packs / "flaky").is_dir()


def test_deaths_without_a_change_of_ours_take_nothing_back(hosted: Installation) -> None:
    """What came up since our last change and dies later is somebody else's doing."""
    install_pack(hosted, "good", "")
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
    install_pack(hosted, "slow", WAITS)
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
    install_pack(hosted, "good", "")
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
    install_pack(hosted, "good", "")
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
    install_pack(hosted, "slow", "import os\nif 'SLOW' in os.environ:\n    " + WAITS.replace("\n", "\n    "))
    first = begin_start(hosted, environment={"SLOW": "1"})
    assert first.stdout is not None
    assert first.stdout.readline() == "waiting\n"
    assert start(hosted).up
    assert marks(hosted) == ["starting", "up"]
    first.kill()
    end_start(first)


def test_nothing_is_taken_back_under_an_instance_that_runs(hosted: Installation) -> None:
    """While another ComfyUI runs in the environment, it is said what to type, and the third start dies too."""
    install_pack(hosted, "good", "")
    running = begin_start(hosted, then=WAITS)
    assert running.stdout is not None
    assert "waiting\n" in (running.stdout.readline(), running.stdout.readline())
    change = install_pack(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    log = die(hosted).log
    assert f"rollback --undo {change}" in log
    assert "another ComfyUI runs in this environment" in log
    running.kill()
    running.communicate(timeout=30)
    assert start(hosted).up


def test_a_worker_that_runs_the_main_module_again_is_no_start(hosted: Installation) -> None:
    """A child of multiprocessing runs prestartup scripts too where it cannot fork; nothing is done or marked then."""
    install_pack(
        hosted,
        "parallel",
        "import multiprocessing\n"
        "worker = multiprocessing.get_context('spawn').Process(target=print)\n"
        "worker.start(); worker.join()\n",
    )
    assert start(hosted).up
    assert marks(hosted) == ["up"]


def test_what_the_user_changed_since_gets_its_own_chance(hosted: Installation) -> None:
    """Who removes or renames a pack after two deaths is not overruled: the next start is tried first."""
    install_pack(hosted, "killer", KILLERS["os._exit"])
    die(hosted, 2)
    (hosted.packs / "killer").rename(hosted.packs / "killer.disabled")
    tried = start(hosted)
    assert tried.up
    assert "is taken back" not in tried.log
    assert (hosted.packs / "killer.disabled").is_dir()


def test_marks_do_not_pile_up_and_the_one_that_clears_a_change_stays(hosted: Installation) -> None:
    """Of many starts the last twenty are kept, and the last that came up however long ago."""
    install_pack(hosted, "flaky", "import os\nif not os.path.exists('up'): os._exit(1)\n")
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
