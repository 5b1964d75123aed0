"""install.py of a pack runs only with consent, in a child, and what it does is said."""

from __future__ import annotations

import os
import signal

import pytest

from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.waiting import is_alive, wait_until

TELLS = (
    "import os, pathlib, sys\n"
    "pathlib.Path('ran.txt').write_text(f\"{os.environ['PIP_CONSTRAINT']}\\n{os.getpid()}\\n{sys.prefix}\")\n"
)
INSTALLS = (
    "import pathlib, sysconfig\n"
    "site = pathlib.Path(sysconfig.get_path('purelib'))\n"
    "info = site / 'brought-3.0.dist-info'\n"
    "info.mkdir()\n"
    "(info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: brought\\nVersion: 3.0\\n')\n"
    "(info / 'RECORD').write_text('brought-3.0.dist-info/METADATA,,\\nbrought-3.0.dist-info/RECORD,,\\n')\n"
)


def test_without_consent_a_script_is_named_and_does_not_run(here: Installation) -> None:
    """The pack is installed, its install.py lies there unused, and the plan says what would let it run."""
    here.have("base", "1.0")
    answer = here.run("install", here.source("demo", files={"install.py": TELLS}), "--yes")
    assert answer.applied
    assert (here.packs / "demo" / "install.py").is_file()
    assert not (here.packs / "demo" / "ran.txt").exists()
    (finding,) = [each for each in answer.document["plan"]["findings"] if each["code"] == "install-script"]
    assert finding["pack"] == "demo"
    assert any("--allow" in hint["text"] for hint in finding["hints"])


def test_with_consent_it_runs_in_a_child_held_to_what_is_installed(here: Installation) -> None:
    """It runs in its own folder with the environment's Python, and whatever pip it starts has constraints."""
    here.have("base", "1.0")
    applied = here.run(
        "install", here.source("demo", files={"install.py": TELLS}), "--yes", "--allow", "install-py"
    ).applied
    constraints, _pid, prefix = (here.packs / "demo" / "ran.txt").read_text().splitlines()
    assert "base==1.0" in (here.state / "constraints.txt").read_text()
    assert constraints == str(here.state / "constraints.txt")
    assert prefix == str(here.venv.root)
    (finding,) = applied["findings"]
    assert finding["code"] == "install-script-ran"
    assert "no distribution" in finding["message"]


def test_what_it_installs_by_itself_is_said_and_goes_at_a_rollback(here: Installation) -> None:
    """A distribution that appears meanwhile is named; a rollback removes it like everything else."""
    here.have("base", "1.0")
    before = here.tree()
    applied = here.run(
        "install", here.source("demo", files={"install.py": INSTALLS}), "--yes", "--allow", "install-py"
    ).applied
    (finding,) = applied["findings"]
    assert "brought - -> 3.0" in finding["message"]
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []


def test_a_script_that_fails_does_not_undo_the_pack_but_is_said(here: Installation) -> None:
    """The pack is committed before its script runs; the failure names the exit code and the way back."""
    here.have("base", "1.0")
    applied = here.run(
        "install",
        here.source("demo", files={"install.py": "raise SystemExit(7)\n"}),
        "--yes",
        "--allow",
        "install-py",
    ).applied
    (finding,) = applied["findings"]
    assert finding["code"] == "install-script-failed"
    assert "exit code 7" in finding["message"]
    assert [hint["code"] for hint in finding["hints"]] == ["roll-back"]
    assert (here.packs / "demo").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_an_interrupted_script_is_ended_and_the_pack_stays(here: Installation) -> None:
    """Ctrl-C while it runs: the change stands and the command says so; the script is gone."""
    here.have("base", "1.0")
    flag = here.packs / "demo" / "running"
    sleeps = "import os, pathlib, time\npathlib.Path('new').write_text(str(os.getpid()))\n"
    source = here.source(
        "demo", files={"install.py": f"{sleeps}os.rename('new', 'running')\ntime.sleep(60)\n"}
    )
    child = here.start("install", source, "--yes", "--allow", "install-py")
    wait_until(flag.exists)
    script = int(flag.read_text())
    child.send_signal(signal.SIGINT)
    answer = here.finish(child)
    assert answer.code == 0, answer
    (finding,) = answer.applied["findings"]
    assert finding["code"] in ("stopped-after-commit", "install-script-failed")
    assert flag.exists()
    wait_until(lambda: not is_alive(script))
    assert here.run("rollback", "--yes").applied
    assert not (here.packs / "demo").exists()
