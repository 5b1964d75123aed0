"""Beside ComfyUI-Manager, in one process: its registry of functions, its core taken over, its updates let through."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from comfyui_safe_install.server_routes.desk import Desk
from comfyui_safe_install.server_routes.manager import (
    environment,
    joining,
    lifting,
    presence,
    take_over,
    twin,
)
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation, differences

CORE = "engine==1.0\n"


@pytest.fixture
def here(tmp_path: Path, index: IndexServer, dists: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI with a need of its own."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    for name in (environment.PIP, environment.UV, environment.OURS):
        monkeypatch.setenv(name, "")  # What is set in a test is put back after it.
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    here = Installation(root=tmp_path, dists=dists, core=CORE)
    here.have("engine", "1.0")
    for version in ("1.0", "2.0"):
        here.wheel("tool", version)
    here.wheel("engine", "2.0")
    return here


class HostHere:
    """What our routes ask of the host, answered for one installation."""

    def __init__(self, here: Installation) -> None:
        self.comfyui, self.state = here.comfy, here.state
        self.custom_nodes, self.python = (here.packs,), here.venv.python
        self.events: list[dict[str, Any]] = []

    @property
    def loop(self) -> None:
        """No event loop runs here."""

    def __getattr__(self, name: str) -> Any:
        """Whatever the desk asks of the host beyond what tests need."""
        raise AttributeError(name)

    def send(self, event: str, data: dict[str, Any], client: str | None = None) -> None:
        """Nobody listens."""
        self.events.append({"event": event, "client": client, **data})


@pytest.fixture
def at(here: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk of a ComfyUI that runs here."""
    desk = Desk(HostHere(here))  # type: ignore[arg-type]
    for module in (twin, presence):
        monkeypatch.setattr(module, "desk", lambda: desk)
    yield desk
    desk.jobs.close()


def placed(here: Installation, name: str, *requirements: str, **files: str) -> Path:
    """A pack whose files Manager has placed."""
    folder = here.packs / name
    folder.mkdir()
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
    for file, text in files.items():
        (folder / f"{file}.py").write_text(text)
    return folder


class UnifiedManager:
    """The part of Manager's class of that name that installs what a pack requires, by its shape in 4.3."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def execute_install_script(
        self,
        url: str,
        repo_path: str,
        instant_execution: bool = False,
        lazy_mode: bool = False,
        no_deps: bool = False,
    ) -> bool:
        """Remember that it was asked."""
        self.asked.append(repo_path)
        return bool(url) or instant_execution or lazy_mode or no_deps


def a_core() -> Any:
    """A live core of Manager's."""
    core = ModuleType("comfyui_manager.glob.manager_core")
    manager = UnifiedManager()
    core.unified_manager = manager  # type: ignore[attr-defined]
    core.updated = []  # type: ignore[attr-defined]

    def execute_install_script(
        url: str,
        repo_path: str,
        lazy_mode: bool = False,
        instant_execution: bool = False,
        no_deps: bool = False,
    ) -> bool:
        return manager.execute_install_script(url, repo_path, instant_execution, lazy_mode, no_deps)

    core.execute_install_script = execute_install_script  # type: ignore[attr-defined]
    return core


def test_what_manager_may_call_answers_in_json_and_never_raises(here: Installation, at: Desk) -> None:
    """Plan, install and go back, as functions of this process; what is wrong is told, not raised."""
    before = here.tree()
    source = here.source("demo", "tool>=2")
    planned = twin.plan(source=source)
    assert (planned["ok"], planned["result"], here.tree()) == (True, "success", before)
    assert planned["plan"]["change"]["lock"]["tool"] == "2.0"
    done = twin.install(source=source)
    assert bool(done)
    assert done["transaction_id"]
    assert here.versions()["tool"] == "2.0"
    json.dumps(done)
    shown = twin.rollback()
    assert shown["error"]["code"] == "consent-needed", shown
    agreed = shown["error"]["context"]["fingerprint"]
    assert twin.rollback(agree=str(agreed))
    assert differences(before, here.tree()) == []
    refused = twin.install(source=str(here.root / "nowhere"))
    assert (bool(refused), refused["result"], refused["error"]["code"]) == (
        False,
        "error",
        "source-not-found",
    )
    assert twin.install(surprise=1)["error"]["code"] == "request-invalid"
    assert not twin.post_install("demo", "/etc")
    assert at.jobs.restart == "restart"


def test_post_install_meets_requirements_or_changes_nothing(here: Installation, at: Desk) -> None:
    """In the place of Manager's pip calls: what clashes with core is refused, and the rest is met as one change."""
    good, bad = placed(here, "good", "tool"), placed(here, "bad", "engine>=2")
    script = placed(here, "script", "tool", install="open('ran.txt', 'w').close()\n")
    assert twin.post_install("good", str(good), instant_execution=True)
    assert here.versions() == {"engine": "1.0", "tool": "2.0"}
    before = here.tree()
    refused = twin.post_install("bad", str(bad))
    assert (bool(refused), refused["error"]["code"]) == (False, "requirement-not-met")
    assert differences(before, here.tree()) == []
    assert twin.post_install("bad", str(bad), no_deps=True)["result"] == "skip"
    assert twin.post_install("script", str(script))
    assert not (script / "ran.txt").exists()
    (at.state / "settings.toml").write_text("[manager]\ninstall_py = true\n")
    assert twin.post_install("script", str(script))
    assert (script / "ran.txt").exists()


def test_an_install_in_managers_window_goes_through_us_where_the_user_wants_it(
    here: Installation, at: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Folders of packs are ours, everything else is Manager's as before; undone, all is as it was."""
    core = a_core()
    good, bad = placed(here, "good", "tool"), placed(here, "bad", "engine>=2")
    presence.settle([core])
    assert core.unified_manager.execute_install_script("u", str(good))
    assert core.unified_manager.asked == [str(good)], "not taken over without being told to"
    (at.state / "settings.toml").write_text("[manager]\ntake_over = true\n")
    presence.settle([core])
    presence.settle([core])
    assert core.unified_manager.execute_install_script("u", str(good), instant_execution=True) is True
    assert here.versions() == {"engine": "1.0", "tool": "2.0"}
    assert core.execute_install_script("u", str(bad)) is False
    assert "bad" in caplog.text
    assert "engine>=2" in caplog.text
    assert core.unified_manager.asked == [str(good)]
    assert core.execute_install_script("ComfyUI", str(here.comfy)), "ComfyUI itself is Manager's"
    assert core.unified_manager.execute_install_script("u", str(good), no_deps=True)
    assert core.unified_manager.asked[1:] == [str(here.comfy), str(good)]
    (at.state / "settings.toml").write_text("")
    presence.settle([core])
    assert "execute_install_script" not in vars(core.unified_manager)
    assert core.execute_install_script("u", str(bad))
    assert core.unified_manager.asked[3:] == [str(bad)]


def test_a_manager_of_another_shape_is_left_alone() -> None:
    """Nothing of it is touched, and its own goes on."""
    core = SimpleNamespace(__name__="other", unified_manager=SimpleNamespace(execute_install_script=print))
    assert not take_over.take_over(core, ())
    take_over.undo(core)
    assert core.unified_manager.execute_install_script is print
    lifting.lift_for_updates(core)
    lifting.put_back(core)
    assert not hasattr(core, "update_path")


def test_nothing_is_constrained_while_manager_updates_comfyui(here: Installation, at: Desk) -> None:
    """Its pip calls bring the requirements of the new ComfyUI; until we have looked anew nothing holds them up."""
    core = a_core()
    presence.settle([core])
    path = here.state / "protection" / "constraints.txt"
    assert "engine==1.0" in path.read_text()
    seen: list[str] = []

    def update_path(repo_path: str) -> str:
        seen.append(path.read_text())
        if repo_path == "new":
            (here.comfy / "requirements.txt").write_text("engine==2.0\n")
        return "updated"

    core.update_path = update_path
    lifting.lift_for_updates(core)
    lifting.lift_for_updates(core)
    assert core.update_path("old") == "updated"
    assert "engine==1.0" in path.read_text(), "ComfyUI is the same: it is protected again"
    assert core.update_path("new") == "updated"
    assert not [text for text in (*seen, path.read_text()) if "engine" in text]
    presence.settle([core])
    assert "engine" not in path.read_text(), "core does not accept what is installed, so anybody may bring it"
    lifting.put_back(core)
    assert core.update_path is update_path
    (at.state / "settings.toml").write_text("[manager]\nprotect = false\n")
    presence.settle([core])
    assert not path.parent.exists()
    assert environment.UV not in os.environ


def test_our_functions_are_offered_to_each_manager_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the registries of 4.x and 3.x; called where we cannot work, they say so instead of raising."""
    found: dict[str, Any] = {}
    registry = ModuleType("cm_global")
    registry.register_api = found.__setitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cm_global", registry)
    joining.meet()
    assert sorted(found) == [
        f"safe_install.{name}" for name in ("install", "plan", "post_install", "rollback")
    ]
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(found["safe_install.plan"](source="x")))
    thread.start()
    thread.join(30)
    assert (answers[0]["ok"], answers[0]["restart_required"]) == (False, False)
