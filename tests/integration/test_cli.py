"""The command line on a real ComfyUI folder, a real environment, a real index and real uv."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver import cli
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.index import Fault, HangingIndex, IndexServer
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.trees import Entry, hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, run_python
from comfyui_safe_install.tests.kit.wheels import make_wheel

OURS = ("__pycache__", ".safe-install", "user", "*.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A ComfyUI with one pack, an environment, and two packs waiting to be installed."""

    comfy: Path
    venv: Venv
    dists: Path
    calm: Path
    """A pack nobody minds."""
    clashing: Path
    """A pack that wants another version than the installed pack `old`."""

    @property
    def options(self) -> list[str]:
        """What names this ComfyUI and its Python."""
        return ["--comfyui", str(self.comfy), "--python", str(self.venv.python)]

    @property
    def state(self) -> Path:
        """Where Safe Install keeps its things."""
        return self.comfy / "user" / "__safe_install"

    def tree(self) -> dict[str, Entry]:
        """Everything that must not change behind the user's back."""
        live = hash_tree(self.comfy, exclude=OURS)
        return {
            **live,
            **{f"venv/{path}": entry for path, entry in hash_tree(self.venv.root, exclude=OURS).items()},
        }


@pytest.fixture
def bench(
    tmp_path: Path, venv: Venv, dists: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> Workbench:
    """A workbench on which uv asks only the index of this test."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    make_wheel(dists, "base", "1.0")
    make_wheel(dists, "alpha", "1.0", requires=["base"])
    make_wheel(dists, "alpha", "2.0", requires=["base"])
    make_wheel(dists, "beta", "1.0")
    comfy = make_comfy(
        tmp_path / "comfy", requirements="base\n", packs={"old": {"requirements.txt": "alpha<2\n"}}
    )
    # From the index, not from files: those would count as builds that no index has.
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", venv.python, "alpha==1.0"],
        check=True,
        timeout=60,
    )
    return Workbench(
        comfy=comfy,
        venv=venv,
        dists=dists,
        calm=make_pack(tmp_path / "calm", "beta\n"),
        clashing=make_pack(tmp_path / "clashing", "alpha>=2\n"),
    )


def make_pack(folder: Path, requirements: str) -> Path:
    """A pack outside custom_nodes."""
    folder.mkdir()
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How one run ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        value: dict[str, Any] = json.loads(self.out)
        return value


@pytest.fixture
def run(bench: Workbench, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs the command line in this process, on the workbench, without a terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return Runner(bench=bench, capfd=capfd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs commands and catches what they say, whoever in the process says it."""

    bench: Workbench
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ran:
        """One command."""
        self.capfd.readouterr()
        code = cli.main([*self.bench.options, *map(str, arguments)])
        said = self.capfd.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    def document(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """The JSON document of one command that ends with `code`."""
        ran = self(*arguments, "--json")
        assert ran.code == code, f"{ran.out}{ran.err}"
        return ran.document


def command(bench: Workbench, *arguments: object, before: str = "") -> list[str]:
    """The argument list that runs the command line in a process of its own, after the statements `before`."""
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from kit.package import register_package; register_package()\n"
        f"{before}\n"
        "from comfyui_safe_install.resolver.cli import main\n"
        "sys.exit(main())\n"
    )
    return [sys.executable, "-c", start, *bench.options, *map(str, arguments)]


# --- plans ------------------------------------------------------------------------------------------------


def test_a_plan_has_the_promised_keys_and_touches_nothing(bench: Workbench, run: Runner) -> None:
    """`plan --json` is the document of the architecture; a clash is warned of on stderr even then."""
    before = bench.tree()
    ran = run("plan", bench.clashing, "--json")
    document = ran.document
    assert ran.code == 0
    assert set(document) >= {
        "ok", "fingerprint", "lock", "changes", "decisions", "findings", "packs", "restart", "download_bytes",
    }  # fmt: skip
    assert document["lock"]["alpha"] == "2.0"
    (change,) = document["changes"]
    assert (change["action"], change["from"], change["to"]) == ("upgrade", "1.0", "2.0")
    assert ran.err.splitlines()[0] == "WARNING: alpha: 2.0 was chosen by newest-wins"
    assert "  violated: old wants alpha<2" in ran.err.splitlines()
    assert bench.tree() == before
    assert not (bench.state / "transactions").exists()


def test_a_plan_without_sources_is_the_whole_set(run: Runner) -> None:
    """Where everything is in line there is nothing to do, in words and in the document."""
    assert run.document("plan")["changes"] == []
    assert run("plan").out.startswith("Nothing to do")
    assert run.document("sync") == {"ok": True, "plan": run.document("plan"), "applied": None}


def test_both_strategies_are_compared(bench: Workbench, run: Runner) -> None:
    """`plan --compare` gives both sides with their counts and whole plans."""
    document = run.document("plan", bench.clashing, bench.calm, "--compare")
    assert set(document) == {"ok", "merged", "one_by_one"}
    assert document["merged"]["strategy"] == "merged"
    assert document["one_by_one"]["plan"]["lock"]
    assert "pack lines violated" in run("plan", bench.clashing, "--compare").out


def test_the_lock_is_written_and_printed(bench: Workbench, run: Runner) -> None:
    """`lock` prints what `plan` prints, says where the file is, and the file is PEP 751."""
    document = run.document("lock")
    written = Path(document.pop("pylock"))
    assert document == run.document("plan")
    assert written == bench.state / "pylock.toml"
    assert 'name = "alpha"' in written.read_text(encoding="utf-8")


def test_a_pack_that_cannot_be_solved_is_planned_and_fails(
    bench: Workbench, run: Runner, tmp_path: Path
) -> None:
    """A plan with refusals is a plan (0); installing it fails (1) and changes nothing."""
    pack = make_pack(tmp_path / "wishful", "no-such-package-anywhere\n")
    document = run.document("plan", pack)
    assert not document["ok"]
    before = bench.tree()
    error = run.document("install", pack, "--yes", code=1)["error"]
    assert error["code"] == document["refusals"][0]["code"]
    assert error["hints"]
    assert bench.tree() == before


# --- changes ----------------------------------------------------------------------------------------------


def test_a_harmless_install_needs_no_question_and_is_undone_exactly(bench: Workbench, run: Runner) -> None:
    """Install, verify, why, history, rollback: there and back again, byte for byte."""
    before = bench.tree()
    document = run.document("install", bench.calm)
    assert document["ok"]
    assert document["applied"]["operation"] == "install calm"
    assert run_python(bench.venv, "import beta; print(beta.__version__)") == "1.0\n"
    assert (bench.comfy / "custom_nodes" / "calm" / "__init__.py").is_file()
    assert run.document("verify")["ok"]
    (wish,) = run.document("why", "Beta")["wishes"]
    assert (wish["pack"], wish["requirement"], wish["met"]) == ("calm", "beta", True)
    (transaction,) = run.document("history")["transactions"]
    assert (transaction["id"], transaction["state"]) == (document["applied"]["transaction"], "committed")

    plan = run.document("rollback", "--plan")
    assert plan["exact"]
    assert {(item["name"], item["how"]) for item in plan["items"]} == {("beta", "remove"), ("calm", "remove")}
    refused = run.document("rollback", code=3)
    assert refused["error"]["code"] == "consent-needed"
    assert "calm" in refused["error"]["message"]
    undone = run.document("rollback", "--yes")
    assert undone["applied"]["transaction"] > document["applied"]["transaction"]
    assert bench.tree() == before
    again = run.document("rollback", document["applied"]["snapshot"])
    assert again["applied"] is None


def test_a_violated_line_needs_a_yes(bench: Workbench, run: Runner) -> None:
    """With nobody to ask a clash is refused; with --yes it is applied, warned of and recorded."""
    before = bench.tree()
    ran = run("install", bench.clashing)
    assert ran.code == 3
    assert "[consent-needed]" in ran.err
    assert "hint: Look at the plan, then repeat with --yes." in ran.err
    assert "WARNING: alpha: 2.0" in ran.err
    assert "alpha" in ran.out
    assert bench.tree() == before
    ran = run("install", bench.clashing, "--yes")
    assert ran.code == 0
    assert "WARNING: alpha: 2.0" in ran.err
    assert "To undo: safe-install rollback " in ran.out
    assert run_python(bench.venv, "import alpha; print(alpha.__version__)") == "2.0\n"
    assert run.document("why", "alpha")["decisions"]
    assert "decided" in run("why", "alpha").out


def test_a_pack_is_uninstalled_with_what_only_it_brought(bench: Workbench, run: Runner) -> None:
    """`uninstall` takes the pack and its own packages; a pack that is not there is a usage error."""
    before = bench.tree()
    run.document("install", bench.calm)
    document = run.document("uninstall", "calm")
    assert [change["name"] for change in document["plan"]["changes"]] == ["beta"]
    assert bench.tree() == before
    assert run.document("uninstall", "calm", code=2)["error"]["code"] == "pack-not-found"


def test_damage_is_found(bench: Workbench, run: Runner) -> None:
    """`verify` ends with 1 and names the file somebody changed."""
    (bench.venv.site_packages / "alpha" / "__init__.py").write_text("changed = True\n", encoding="utf-8")
    document = run.document("verify", code=1)
    assert not document["ok"]
    assert "alpha" in document["faults"][0]["message"]
    assert "Damaged (1)" in run("verify").out


def test_a_file_that_is_not_what_the_index_says_fails_and_changes_nothing(
    bench: Workbench, run: Runner, index: IndexServer
) -> None:
    """When a download is wrong the exit code is 1 and the tree is as before."""
    before = bench.tree()
    index.break_down("beta-1.0-py3-none-any.whl", Fault.WRONG_HASH)
    document = run.document("install", bench.calm, "--yes", code=1)
    assert document["error"]["hints"]
    assert bench.tree() == before


# --- snapshots --------------------------------------------------------------------------------------------


def test_snapshots_are_made_shown_compared_shared_and_removed(
    bench: Workbench, run: Runner, tmp_path: Path
) -> None:
    """Every action of `snapshot`, one after the other."""
    made = run.document("snapshot", "create", "--label", "good")["snapshot"]
    assert (made["label"], made["distributions"], made["packs"]) == ("good", 2, 1)
    assert run.document("snapshot", "show", "good")["snapshot"]["id"] == made["id"]
    assert run.document("snapshot", "diff", "good", "now")["empty"]
    run.document("install", bench.calm)
    diff = run.document("snapshot", "diff", "good", "now")
    assert [change["name"] for change in diff["changes"]] == ["beta"]
    assert [(pack["name"], pack["action"]) for pack in diff["packs"]] == [("calm", "added")]
    assert "new       beta  1.0" in run("snapshot", "diff", "good", "now").out

    file = tmp_path / "shared.json"
    assert run.document("snapshot", "export", "good", file)["file"] == str(file)
    assert run.document("snapshot", "export", "good", file, code=3)["error"]["code"] == "file-exists"
    run.document("snapshot", "remove", "good")
    assert run.document("snapshot", "show", "good", code=1)["error"]["code"] == "snapshot-not-found"
    assert run.document("snapshot", "import", file)["snapshot"]["id"] == made["id"]
    assert run.document("snapshot", "label", made["id"], "better")["snapshot"]["label"] == "better"
    assert run.document("snapshot", "pin", "better")["snapshot"]["pinned"]
    assert not run.document("snapshot", "unpin", "better")["snapshot"]["pinned"]
    listed = run.document("snapshot", "list")["snapshots"]
    assert [each["label"] for each in listed] == ["", "better"]
    assert '"better"' in run("snapshot", "list").out
    run.document("rollback", "better", "--yes")
    assert not (bench.comfy / "custom_nodes" / "calm").exists()


# --- others at work, interruptions ------------------------------------------------------------------------

_HOLD = """
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from pathlib import Path
with OwnerLock(lock_path(Path(sys.argv[2]) / "user" / "__safe_install"), "something long"):
    print("held", flush=True)
    sys.stdin.read()
sys.exit(0)
"""


def test_another_one_at_work_is_busy(bench: Workbench, run: Runner) -> None:
    """While another process holds the lock, a change ends with 4 and names it; looking is still possible."""
    with subprocess.Popen(
        command(bench, before=_HOLD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        before = bench.tree()
        error = run.document("install", bench.calm, code=4)["error"]
        assert error["code"] == "busy"
        assert error["context"]["pid"] == str(other.pid)
        assert error["context"]["operation"] == "something long"
        assert bench.tree() == before
        assert run.document("snapshot", "create", code=4)["error"]["code"] == "busy"
        assert run.document("plan", bench.calm)["ok"]
        other.communicate()
    assert run.document("install", bench.calm)["ok"]


@pytest.fixture
def hanging(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingIndex]:
    """The workbench's index, hanging."""
    server = HangingIndex(bench.dists)
    monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
    with server:
        yield server
        server.go.set()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to catch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_staging_leaves_everything_as_it_was(
    bench: Workbench, hanging: HangingIndex, run: Runner, number: signal.Signals
) -> None:
    """The exit code is 1; the tree is as before, nothing is left over, nothing needs recovery."""
    before = bench.tree()
    child = subprocess.Popen(
        command(bench, "install", bench.calm, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert hanging.asked.wait(60)
    child.send_signal(number)
    time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1, err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert bench.tree() == before
    assert run.document("recover")["recovered"] == []
    (transaction,) = run.document("history")["transactions"]
    assert transaction["state"] == "rolled-back"
    left = [
        path
        for area in (bench.comfy, bench.venv.site_packages.parent)
        for path in area.rglob(".safe-install/*/*")
    ]
    assert left == []


def test_after_a_kill_changes_wait_for_recovery(bench: Workbench, run: Runner) -> None:
    """After SIGKILL in the middle of the swap: 5 until `recover`, which puts everything back."""
    before = bench.tree()
    killer = ROOT / "tests" / "kit" / "kill_after.py"
    arguments = [*bench.options, "install", str(bench.clashing), "--yes"]
    child = subprocess.run(
        [sys.executable, str(killer), "6", *arguments], check=False, capture_output=True, timeout=60
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert run.document("install", bench.calm, code=5)["error"]["code"] == "recovery-needed"
    ran = run("recover")
    assert ran.code == 0
    assert "rolled back" in ran.out
    assert bench.tree() == before
    assert run("recover").out == "Nothing to recover.\n"
    assert run.document("install", bench.calm)["ok"]


def test_what_fails_after_the_commit_does_not_look_like_a_failure(
    bench: Workbench, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once committed, an interrupt in what follows still ends with 0, and says what was cut short."""

    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("comfyui_safe_install.resolver.engine.applying.collect", interrupt)
    applied = run.document("install", bench.calm)["applied"]
    assert [finding["code"] for finding in applied["findings"]] == ["stopped-after-commit"]
    assert run_python(bench.venv, "import beta") == ""
    (transaction,) = run.document("history")["transactions"]
    assert transaction["id"] == applied["transaction"]


# --- at a terminal ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo terminals")
@pytest.mark.parametrize(
    ("answer", "code", "options"),
    [("y\n", 0, []), ("\n", 3, []), ("y\n", 0, ["--json"]), ("n\n", 3, ["--json"])],
)
def test_at_a_terminal_the_plan_is_asked_for(
    bench: Workbench, answer: str, code: int, options: list[str]
) -> None:
    """The user sees the plan and is asked; with --json it is on stderr, and stdout stays a document."""
    before = bench.tree()
    ran, screen = at_terminal(bench, answer, "install", bench.calm, *options)
    assert ran.code == code, screen
    assert "Apply this plan? [y/N] " in screen
    shown = screen if options else ran.out
    assert "beta" in shown
    if options:
        assert ran.document["ok"] is (code == 0)
        assert "Staging" not in ran.out
    assert (bench.tree() == before) is (code != 0)


def at_terminal(bench: Workbench, typed: str, *arguments: object) -> tuple[Ran, str]:
    """One run whose stdin and stderr are a terminal; how it ended, and what was on the screen."""
    import pty

    ours, theirs = pty.openpty()
    environment: Mapping[str, str] = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen(
        command(bench, *arguments),
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as child:
        os.close(theirs)
        screen = b""
        while b"[y/N]" not in screen:
            screen += os.read(ours, 4096)
        os.write(ours, typed.encode())
        assert child.stdout is not None
        out = child.stdout.read()
        while chunk := _read(ours):
            screen += chunk
        child.wait(60)
    os.close(ours)
    return Ran(code=child.returncode, out=out, err=""), screen.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # The other end is closed.
        return b""
