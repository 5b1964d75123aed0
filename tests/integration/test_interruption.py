"""Whatever ends a change before its commit, in whatever stage, leaves everything as it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.wiring import PageProbe
from comfyui_safe_install.tests.kit.index import HangingIndex
from comfyui_safe_install.tests.kit.installation import Installation, State, differences
from comfyui_safe_install.tests.kit.waiting import is_alive, wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")

STAGES = ("stage", "trial", "snapshot", "swap", "verify")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def furnish(here: Installation) -> str:
    """An environment in which much moves; the pack that moves it."""
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/only_old.py": ""})
    here.wheel("tool", "2.0", files={"tool/__init__.py": "", "tool/only_new.py": ""})
    here.wheel("fresh", "1.0", entry_points={"fresh-tool": "fresh:main"})
    (here.packs / "demo").mkdir()
    (here.packs / "demo" / "__init__.py").write_text("OLD = 1\n")
    return here.source("demo", "tool>=2", "fresh", files={"__init__.py": "NEW = 1\n"})


def nothing_happened(here: Installation, before: State, source: str) -> None:
    """Not a byte changed, nothing is left over, nothing waits for recovery, and the next try works."""
    assert differences(before, here.tree()) == []
    assert here.leftovers() == []
    assert here.run("recover").document["recovered"] == []
    assert here.run("install", source, "--yes").applied
    assert here.versions() == {"tool": "2.0", "fresh": "1.0"}


@pytest.mark.parametrize(
    "moment",
    [
        "staged:SIGINT",
        "tried:SIGTERM",
        "applying:SIGINT",
        "8:SIGTERM",
        "verifying:SIGINT",
        "verifying:SIGTERM",
    ],
)
def test_a_signal_after_a_journal_line_undoes_all(here: Installation, moment: str) -> None:
    """Ctrl-C and termination while it stages, tries, swaps or verifies: exit code 1, and all is as before."""
    source = furnish(here)
    before = here.tree()
    answer = here.finish(here.start("install", source, "--yes", kill_after=moment))
    assert (answer.code, answer.error) == (1, "interrupted")
    nothing_happened(here, before, source)


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGKILL])
def test_a_signal_while_it_downloads_leaves_nothing(
    here: Installation, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage goes, and uv with it; after a kill, recovery removes the stage."""
    source = furnish(here)
    before = here.tree()
    with HangingIndex(here.dists) as index:
        child = here.start("install", source, "--yes", environment={"UV_DEFAULT_INDEX": index.url})
        assert index.asked.wait(60)
        child.send_signal(number)
        answer = here.finish(child)
        index.go.set()
    if number is signal.SIGKILL:
        assert answer.code == -signal.SIGKILL
        assert here.area.is_dir()
        recovered = here.run("recover").document["recovered"]
        assert [each["outcome"] for each in recovered] == ["rolled-back"]
        assert [path for path in here.leftovers() if not (here.comfy / path).is_dir()] == []
        assert differences(before, here.tree()) == []
        assert here.run("install", source, "--yes").applied
    else:
        assert (answer.code, answer.error) == (1, "interrupted")
        nothing_happened(here, before, source)


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGKILL])
def test_a_signal_while_it_tries_ends_the_trial_too(
    here: Installation, number: signal.Signals, tmp_path: Path
) -> None:
    """A module that hangs at import is ended together with the trial."""
    flag = tmp_path / "importing"
    here.have("base", "1.0")
    here.wheel(
        "slow",
        "1.0",
        files={
            "slow.py": f"import os, pathlib, time\np = pathlib.Path({str(flag)!r})\n"
            "p.with_suffix('.new').write_text(str(os.getpid()))\np.with_suffix('.new').rename(p)\n"
            "time.sleep(60)\n"
        },
    )
    before = here.tree()
    child = here.start("install", here.source("demo", "slow"), "--yes")
    wait_until(flag.exists)
    trial = int(flag.read_text())
    child.send_signal(number)
    answer = here.finish(child)
    if number is signal.SIGKILL:
        os.kill(trial, signal.SIGKILL)  # nobody was left to end it
        assert here.run("recover").code == 0
    else:
        assert (answer.code, answer.error) == (1, "interrupted")
        wait_until(lambda: not is_alive(trial))
    assert differences(before, here.tree()) == []
    assert [path for path in here.leftovers() if not (here.comfy / path).is_dir()] == []


@dataclass
class Saboteur:
    """Hears how the work goes and does something when a stage begins, or at a step of the swap."""

    stage_name: str
    act: Callable[[], None]
    at_step: int = 0
    seen: list[str] = field(default_factory=list)

    def stage(self, name: str, text: str) -> None:
        """Note it, and act."""
        self.seen.append(name)
        if name == self.stage_name and not self.at_step:
            self.act()

    def progress(self, done: int, total: int, unit: str) -> None:
        """Act at the chosen step."""
        if self.at_step == done and self.seen[-1] == self.stage_name:
            self.act()

    def log(self, line: str) -> None:
        """Nothing."""


def applied_with(here: Installation, source: str, saboteur: Saboteur) -> None:
    """Install in this process with somebody listening."""
    session = Session(site=here.site(), probe=PageProbe(), report=saboteur)
    with session.plan_install([source], Options(), to_apply=True) as planned:
        session.apply(planned)


class PulledOutError(Exception):
    """Some failure nobody foresaw."""


@pytest.mark.parametrize(
    ("name", "error"),
    [
        *((name, PulledOutError) for name in STAGES),
        ("stage", KeyboardInterrupt),
        ("swap", KeyboardInterrupt),
        ("verify", SystemExit),
    ],
)
def test_any_failure_at_the_start_of_any_stage_undoes_all(
    here: Installation, name: str, error: type[BaseException]
) -> None:
    """Whatever is raised, it is raised on, and not a byte has changed."""
    source = furnish(here)
    before = here.tree()

    def fail() -> None:
        raise error

    with pytest.raises(error):
        applied_with(here, source, Saboteur(name, fail))
    nothing_happened(here, before, source)


@pytest.mark.parametrize("step", [1, 5, 9])
def test_a_failure_between_two_moves_undoes_those_that_were_done(here: Installation, step: int) -> None:
    """The swap stops in the middle; what was moved is moved back, newest first."""
    source = furnish(here)
    before = here.tree()

    def fail() -> None:
        raise PulledOutError

    with pytest.raises(PulledOutError):
        applied_with(here, source, Saboteur("swap", fail, at_step=step))
    nothing_happened(here, before, source)


def test_a_file_that_changes_before_it_is_verified_undoes_all(here: Installation) -> None:
    """The commit waits for every file to be what its RECORD says; otherwise everything is put back."""
    source = furnish(here)
    before = here.tree()
    live = here.venv.site_packages / "fresh" / "__init__.py"
    with pytest.raises(SafeInstallError) as caught:
        applied_with(here, source, Saboteur("verify", lambda: void(live.write_text("changed\n"))))
    assert caught.value.code == "verify-failed"
    assert "fresh" in caught.value.message
    nothing_happened(here, before, source)


def test_a_distribution_that_appears_before_the_verification_undoes_ours(here: Installation) -> None:
    """Another installer at the same moment: ours is put back, its own files stay."""
    source = furnish(here)
    before = here.tree()
    with pytest.raises(SafeInstallError) as caught:
        applied_with(here, source, Saboteur("verify", lambda: here.have("stranger", "1.0")))
    assert caught.value.code == "verify-failed"
    assert "stranger" in caught.value.context["differences"]
    left = differences(before, here.tree())
    assert left
    assert all("stranger" in path for path in left)


def void(_value: object) -> None:
    """Nothing, whatever it was."""
