"""The place where a change is struck, again and again from the same start, and what must hold afterwards."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from uv import find_uv_bin

from comfyui_safe_install.tests.kit.furnishing import furnish
from comfyui_safe_install.tests.kit.installation import Answer, Installation, State, differences
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.trees import by_size_and_time

BEFORE, AFTER = "before", "after"

PLANNING = "planning"
"""The phase in which there is no transaction yet."""

SWEPT_LATER = ("/trash/", "/guard/")
"""What was being collected when it was struck, and full copies, which are nobody's until a transaction begins."""

STRUCK = Path(__file__).with_name("struck.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a struck process ended, as it left the disk."""

    code: int
    """Its exit code; negative for the signal that ended it."""
    phase: str
    """The last state in its journal; `planning` when there was no transaction."""
    in_swap: bool = False
    """Whether the swap had begun and was not committed; where it could, the process has undone it by itself."""
    error: str = ""
    """Code of the error it reported."""
    words: str = ""
    """What it said of that, or all of stderr."""


@dataclass(slots=True)
class Scene:
    """One ComfyUI and one command to be struck."""

    here: Installation
    command: list[str]
    name: str
    """install, rollback or restore (a rollback to a full snapshot)."""
    before: State = field(default_factory=dict)
    after: State = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    """Files in our hidden folders at the start."""
    journals: frozenset[Path] = frozenset()
    """Those of the start."""
    roots: tuple[Path, ...] = ()

    @classmethod
    def of_install(cls, here: Installation) -> Scene:
        """An install of two packs that moves everything there is to move."""
        scene = cls(here=here, command=furnish(here), name="install")
        scene._put_by()
        return scene

    @classmethod
    def of_rollback(cls, here: Installation) -> Scene:
        """The way back from that install."""
        assert here.run(*furnish(here)).applied
        scene = cls(here=here, command=["rollback", "--yes"], name="rollback")
        scene._put_by()
        return scene

    @classmethod
    def of_restore(cls, here: Installation) -> Scene:
        """The way back to a full snapshot, after others have laid hands on the environment."""
        furnish(here)
        taken = here.run("snapshot", "create", "--full")
        assert taken.code == 0, taken
        site = here.venv.site_packages
        plain = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--link-mode", "copy"]
        subprocess.run([*plain, "--python", str(here.venv.python), "tool==2.0"], check=True, timeout=60)
        shutil.rmtree(site / "cv2")
        with (site / "space" / "theirs" / "__init__.py").open("a") as file:
            file.write("EDITED = 1\n")
        (site / "stray.pth").write_text("import sys\n")
        (here.packs / "replaced" / "__init__.py").unlink()
        scene = cls(
            here=here, command=["rollback", taken.document["snapshot"]["id"], "--yes"], name="restore"
        )
        scene._put_by()
        return scene

    @property
    def start(self) -> Path:
        """The start, put by."""
        return self.here.root / "start"

    def _put_by(self) -> None:
        here = self.here
        self.before, self.kept = here.tree(), tuple(here.files_aside())
        self.roots = here.site().roots
        self.journals = frozenset(here.state.glob("transactions/[0-9]*/journal.jsonl"))
        shutil.copytree(here.comfy, self.start, symlinks=True)
        assert here.run(*self.command).applied
        self.after = here.tree()

    def begin_anew(self) -> None:
        """Everything as at the start, at the same place (which may be a mount point)."""
        self.here.comfy.mkdir(exist_ok=True)
        for child in self.here.comfy.iterdir():
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
        subprocess.run(["cp", "-a", f"{self.start}/.", str(self.here.comfy)], check=True)

    # --- processes ------------------------------------------------------------------------------------------

    def launch(self, *options: str) -> subprocess.Popen[str]:
        """The command in a process (group) of its own; `options` are those of struck.py."""
        return subprocess.Popen(
            [sys.executable, str(STRUCK), "--within", str(self.here.comfy), *options, "--",
             "--comfyui", str(self.here.comfy), "--json", *self.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """How it ended; blocks until it has."""
        out, err = process.communicate(timeout=120)
        states = self.states()
        error = json.loads(out).get("error", {}) if out.strip() else {}
        return Ended(
            code=process.returncode,
            phase=states[-1] if states else PLANNING,
            in_swap="applying" in states and "committed" not in states,
            error=error.get("code", ""),
            words=error.get("message", "") or err[-2000:],
        )

    def operations(self, *options: str) -> int:
        """How many file operations an undisturbed run takes."""
        self.begin_anew()
        count = self.here.root / "count"
        process = self.launch("--count", str(count), *options)
        assert self.end(process).code == 0
        return int(count.read_text())

    # --- looking --------------------------------------------------------------------------------------------

    def journal(self) -> Path | None:
        """The journal of the transaction that was struck; None where there is none yet."""
        found = set(self.here.state.glob("transactions/[0-9]*/journal.jsonl")) - self.journals
        return max(found, default=None)

    def states(self) -> list[str]:
        """The states its journal holds; a torn last line does not count."""
        return list(self.times())

    def times(self) -> dict[str, datetime]:
        """When each of these states was entered, in this order."""
        journal = self.journal()
        bodies = []
        for line in journal.read_bytes().split(b"\n")[:-1] if journal else ():
            try:
                bodies.append(json.loads(line)["body"])
            except ValueError:
                break
        return {
            str(body["state"]): datetime.fromisoformat(body["at"])
            for body in bodies
            if body["kind"] == "state"
        }

    def check(
        self, ended: Ended, *, bare: bool, then: bool = True, swept_later: Sequence[str] = SWEPT_LATER
    ) -> tuple[str, list[str]]:
        """Recover (`bare`: with nothing but the standard library): which state it is, and what is wrong.

        `then`: make the next change as well. What lies in the folders `swept_later` may stay until then.
        """
        here = self.here
        wrong: list[str] = []
        states = self.states()
        expected = AFTER if "committed" in states else BEFORE
        if ended.code == 0 and expected != AFTER:
            wrong.append("it said done, and there is no commit line")
        if ended.code > 0 and expected == AFTER:
            wrong.append(f"it said that it failed, and it is done: {ended.words[-300:]}")
        if ended.error == "internal-error":
            wrong.append(f"its error is no clear one: {ended.words[-600:]}")
        wrong += self._recover(bare=bare)
        tree = here.tree()
        off = differences(self.after if expected == AFTER else self.before, tree)
        found = (
            expected if not off else AFTER if tree == self.after else BEFORE if tree == self.before else ""
        )
        if off:
            wrong.append(f"{len(off)} paths are not as {expected}, such as {off[:3]}")
        wrong += self._doubled()
        settled = by_size_and_time(here.comfy)
        wrong += self._recover(bare=bare)
        if by_size_and_time(here.comfy) != settled:
            wrong.append("a second recovery changed something")
        wrong += self._stray(states, swept_later)
        return found or "outside", wrong + (self._next_works(expected) if then else [])

    def _recover(self, *, bare: bool) -> list[str]:
        if not bare:
            answer = self.here.run("recover")
            return [] if answer.code == 0 else [f"recovery failed: {_short(answer)}"]
        done = subprocess.run(
            [sys.executable, "-I", str(ROOT / "resolver" / "transaction"), f"--state={self.here.state}",
             *(f"--root={root}" for root in self.roots)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        # Killed before it had made its state folder: there is nothing to recover, and the command says so.
        if done.returncode == 0 or not self.here.state.exists():
            return []
        return [f"recovery failed: {done.stdout}{done.stderr}"]

    def _doubled(self) -> list[str]:
        folder = [str(self.here.venv.site_packages)]
        names = [each.metadata["Name"].lower() for each in importlib.metadata.distributions(path=folder)]
        return [f"{name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]

    def _stray(self, states: Sequence[str], swept_later: Sequence[str]) -> list[str]:
        """What should not be there after a recovery, and (with a minus) what should and is not."""
        aside, gone = self.here.files_aside(), []
        if "committed" in states:
            more = [path for path in aside if not _is_kept(path)]
        else:
            # A pack that waited for a transaction which never came to be is swept by the next change.
            more = [path for path in aside if path not in self.kept and (states or "/incoming/" not in path)]
            gone = [f"-{path}" for path in self.kept if path not in aside]
        left = [path for path in more if not any(folder in path for folder in swept_later)] + gone
        return [f"stray: {left[:5]}"] if left else []

    def _next_works(self, state: str) -> list[str]:
        """What the user does next: the same again, or (it was done) the way back."""
        here = self.here
        for waiting in here.comfy.glob("**/.safe-install/incoming/*"):
            if not (waiting / ".lock.owner").exists():
                # A folder of the last minute may belong to a process that has not taken its lock yet.
                os.utime(waiting, (0, 0))
        if state == BEFORE:
            answer, goal = here.run(*self.command), self.after
        else:
            answer, goal = here.run("rollback", "--yes"), self.before
        off = differences(goal, here.tree())
        if answer.code != 0 or off:
            return [f"the next change failed: {_short(answer)} {off[:3]}"]
        left = [path for path in here.files_aside() if not _is_kept(path)]
        return [f"stray after the next change: {left[:5]}"] if left else []


def _is_kept(path: str) -> bool:
    """Whether it belongs to what is kept so that one can go back: payloads and full copies."""
    return "/payloads/" in path or ("/guard/" in path and "/incoming/" not in path)


def _short(answer: Answer) -> str:
    return f"exit code {answer.code} {answer.document.get('error', {}).get('message', '')}"
