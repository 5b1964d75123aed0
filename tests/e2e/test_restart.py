"""Restarting the host by our route: only when nothing runs or somebody insists, and what a change needs it for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .ground import Ground, lay_ground, wait_until
from .hosts import REAL, Running

pytestmark = pytest.mark.slow

_SLEEPER = """
import os, time
class GuardSleeper:
    RETURN_TYPES = ()
    FUNCTION = "run"
    OUTPUT_NODE = True
    CATEGORY = "guard"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"file": ("STRING", {})}}
    def run(self, file):
        while not os.path.exists(file):
            time.sleep(0.05)
        return ()
NODE_CLASS_MAPPINGS = {"GuardSleeper": GuardSleeper}
"""


@pytest.fixture(scope="module")
def ground(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A host that runs, with libraries to be had, and a pack whose node sleeps until it is told to stop."""
    with lay_ground(kind, tmp_path_factory.mktemp("restart")) as made:
        made.wheel("show-lib", "1.0")
        sleeper = made.packs / "guard-sleeper"
        sleeper.mkdir()
        (sleeper / "__init__.py").write_text(_SLEEPER, encoding="utf-8")
        made.start()
        yield made


@contextmanager
def prompt_running(host: Running, wake: Path) -> Iterator[None]:
    """A prompt runs meanwhile: a real one where the host runs prompts, a pretended one in the stand-in."""
    if host.kind == REAL:
        graph = {"1": {"class_type": "GuardSleeper", "inputs": {"file": str(wake)}}}
        assert host.post("/prompt", {"prompt": graph}).status == 200
    else:
        host.post("/__queue", {"running": 1, "pending": 0})
    wait_until(lambda: _remaining(host) == 1, "the prompt does not run")
    try:
        yield
    finally:
        wake.touch()
        if host.kind != REAL:
            host.post("/__queue", {"running": 0, "pending": 0})
        wait_until(lambda: _remaining(host) == 0, "the prompt does not end")


def _remaining(host: Running) -> int:
    return int(host.get("/prompt").json()["exec_info"]["queue_remaining"])


def restarted(ground: Ground, **body: object) -> None:
    """Ask for a restart, and wait until it is done."""
    answer = ground.host.post("./restart", body)
    assert (answer.status, answer.json()) == (202, {"how": "exec"}), answer.text
    ground.host.wait_for_restart()


def test_a_restart_is_the_same_process_with_another_token(ground: Ground) -> None:
    """Process and port stay; whoever kept the token of before is refused, and told to fetch the new one."""
    host = ground.host
    pid, old = host.process.pid, host.get("./token").json()
    restarted(ground)
    assert host.process.pid == pid
    assert host.process.poll() is None
    new = host.get("./token").json()
    assert new["token"] != old["token"]
    refused = host.post("./snapshots", {}, headers={old["header"]: old["token"]})
    assert (refused.status, refused.code) == (403, "token-wrong")
    assert refused.json()["error"]["hints"][0]["code"] == "fetch-token"


def test_it_waits_for_prompts_unless_somebody_insists(ground: Ground, tmp_path: Path) -> None:
    """While a prompt runs nothing is restarted, and the refusal says what runs; insisting cuts it off."""
    host = ground.host
    with prompt_running(host, tmp_path / "first"):
        refused = host.post("./restart", {})
        assert (refused.status, refused.code) == (409, "restart-while-busy")
        assert refused.json()["error"]["context"]["prompts"] == "1"
    starts = host.starts
    with prompt_running(host, tmp_path / "second"):
        restarted(ground, force=True)
        assert _remaining(host) == 0
    assert host.starts == starts + 1


def test_it_puts_back_a_job_that_is_cut_off(ground: Ground) -> None:
    """A job in the middle of a download keeps the restart away; insisting cancels it, and nothing changed."""
    host = ground.host
    wheel = ground.wheel("show-slow", "1.0")
    before = ground.picture()
    with ground.index.hold(wheel):
        accepted = ground.install(ground.pack("slow-pack", "show-slow")).json()
        assert ground.index.asked.wait(60)
        refused = host.post("./restart", {})
        assert (refused.status, refused.code) == (409, "restart-while-busy")
        assert refused.json()["error"]["context"]["jobs"] == accepted["id"]
        restarted(ground, force=True)
    assert host.get(f"./jobs/{accepted['id']}").json()["state"] == "cancelled"
    assert ground.picture() == before
    assert host.get("./status").json()["unfinished"] == []


def test_a_prompt_that_begins_in_the_last_moment_is_not_cut_off(ground: Ground, tmp_path: Path) -> None:
    """Between the answer and the restart something began: the restart is called off, and the log says so."""
    host = ground.host
    starts, pid = host.starts, host.process.pid
    with host.events("page") as page:
        assert host.post("./restart", {}).status == 202
        with prompt_running(host, tmp_path / "late"):
            assert page.next("safe_install.restart")["state"] == "begins"
            assert page.next("safe_install.restart")["state"] == "called-off"
            assert "the restart was called off" in host.text_of_log()
            assert host.is_up()
    assert (host.process.pid, host.text_of_log().count("To see the GUI go to")) == (pid, starts)
    host.forget_token()
    assert ground.host.get("./status").json()["busy"] is False


def test_what_a_change_needs_is_what_it_really_needs(ground: Ground) -> None:
    """A new pack is there after a restart; taken back before anything loaded it, nothing needs one."""
    source = ground.pack("late-pack", "show-lib", node="LateNode", uses="show_lib")
    job = ground.have(source)
    assert job["restart"] == "restart"
    assert job["result"]["restart_reasons"] == ["late-pack is loaded when ComfyUI starts."]
    back = ground.roll_back()
    assert (back["restart"], back["result"]["restart_reasons"]) == ("none", [])
    ground.have(source)
    assert "LateNode" not in ground.nodes()
    restarted(ground)
    assert "LateNode" in ground.nodes()
    shown = ground.host.job(
        ground.host.post(
            "./plan",
            {"ui_id": "1", "client_id": "", "kind": "uninstall", "params": {"node_name": "late-pack"}},
        )
    )
    plan = ground.host.get(f"./plan/{shown['plan_id']}").json()
    assert plan["restart"] == plan["change"]["restart"] == "restart"
    assert "show-lib" in " ".join(plan["restart_reasons"])
    assert "has loaded late-pack" in " ".join(plan["restart_reasons"])


def test_new_web_files_need_a_new_page_alone(ground: Ground) -> None:
    """A version that differs in its scripts and its read-me is served at once, to whoever opens a page anew."""
    source = ground.pack("page-pack", node="PageNode", code='WEB_DIRECTORY = "./js"')
    script = Path(source, "js", "page.js")
    script.parent.mkdir()
    script.write_text("// one", encoding="utf-8")
    assert ground.have(source)["restart"] == "restart"
    restarted(ground)
    assert ground.host.get("/extensions/page-pack/page.js").text == "// one"
    script.write_text("// two", encoding="utf-8")
    script.with_name("more.js").write_text("// new", encoding="utf-8")
    Path(source, "README.md").write_text("Two.", encoding="utf-8")
    job = ground.have(source)
    assert job["restart"] == "reload"
    assert "only web files" in job["result"]["restart_reasons"][0]
    assert ground.host.get("/extensions/page-pack/page.js").text == "// two"
    assert ground.host.get("/extensions/page-pack/more.js").text == "// new"
    assert "/extensions/page-pack/more.js" in ground.host.get("/extensions").json()


def test_under_comfy_cli_it_ends_and_leaves_its_file(ground: Ground, tmp_path: Path) -> None:
    """comfy-cli starts ComfyUI again where it ended well and the file of its session asks for it."""
    ground.stop()
    session = tmp_path / "session"
    ground.variables["__COMFY_CLI_SESSION__"] = str(session)
    try:
        host = ground.start()
        answer = host.post("./restart", {})
        assert (answer.status, answer.json()) == (202, {"how": "comfy-cli"})
        assert host.wait(60) == 0
        assert session.with_name("session.reboot").is_file()
    finally:
        del ground.variables["__COMFY_CLI_SESSION__"]
        ground.stop()
