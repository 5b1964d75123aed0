"""Files in use: really so where the system knows such a thing, and as Windows has it; at the start as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.deferred.waiting import list_waiting
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from comfyui_safe_install.tests.integration.test_deferred import TOOL, waiting, while_locked
from comfyui_safe_install.tests.kit.host_start import start_host
from comfyui_safe_install.tests.kit.installation import Installation, differences

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="locks are simulated here by what Windows does itself"
)

HOLD = (
    "import sys; files = [open(path) for path in sys.argv[1:]]; print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def held_open(*paths: Path) -> Iterator[int]:
    """Another process has these files open; its number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder.pid
        finally:
            holder.communicate("")


@pytest.fixture
def furnished(here: Installation) -> Installation:
    """`tool` is installed, and there is a newer one."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0"):
        here.wheel("tool", version)
    assert here.run("install", here.source("old", "tool<2"), "--yes").applied
    return here


def change(here: Installation) -> list[str]:
    """What replaces `tool`."""
    return ["install", here.source("old", "tool>=2"), "--yes"]


def test_who_uses_the_files_is_told(furnished: Installation) -> None:
    """The process that has a file of the folder open is named, in words and as JSON, and by the list."""
    here, file = furnished, furnished.venv.site_packages / "tool" / "__init__.py"
    with held_open(file) as number:
        answer = while_locked(here, TOOL, *change(here))
    holders = answer.document["deferred"]["deferred"]["holders"]
    assert [each["process"] for each in holders] == [number]
    assert f"process {number}" in answer.document["deferred"]["deferred"]["message"]
    assert f"process {number}" in here.run("deferred", "list").document["deferred"][0]["said"]


def test_open_files_alone_keep_nothing_from_changing_here(furnished: Installation) -> None:
    """Where the system moves files that are open, nothing waits."""
    file = furnished.venv.site_packages / "tool" / "__init__.py"
    with held_open(file):
        assert furnished.run(*change(furnished)).applied


def test_files_still_in_use_at_the_start_are_tried_again_and_told(furnished: Installation) -> None:
    """It goes on waiting, nothing half done; after three starts it is said what helps; then it is applied."""
    here = furnished
    assert while_locked(here, TOOL, *change(here)).document["deferred"]
    before = here.tree()
    for tries in (1, 2, 3):
        log = start_host(here, locked="*/custom_nodes/old")
        assert "goes on waiting" in log
        assert (f"try {tries}" in log) == (tries >= 3)
        assert differences(before, here.tree()) == []
        (each,) = here.run("deferred", "list").document["deferred"]
        assert (each["tries"], each["why"]) == (tries, "files-locked")
        assert each["locked"][0] == str(here.packs / "old")
    assert "waiting alone does not help" in here.run("history").words
    assert "was applied" in start_host(here)
    assert here.versions() == {"base": "1.0", "tool": "2.0"}
    assert here.run("rollback", "--yes").document["plan"]["exact"]
    assert differences(before, here.tree()) == []


def test_it_can_be_applied_by_hand_once_the_files_are_free(furnished: Installation) -> None:
    """`deferred apply` says what is in use with exit code 1, and applies when it is not any more."""
    here = furnished
    assert while_locked(here, TOOL, *change(here)).document["deferred"]
    answer = while_locked(here, TOOL, "deferred", "apply")
    assert (answer.code, answer.document["attempts"][0]["outcome"]) == (1, "locked")
    answer = here.run("deferred", "apply")
    assert (answer.code, answer.document["attempts"][0]["outcome"]) == (0, "applied")
    assert here.versions() == {"base": "1.0", "tool": "2.0"}
    assert here.run("deferred", "apply").document["attempts"] == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
def test_a_mount_on_a_package_is_a_lock_of_the_system(furnished: Installation) -> None:
    """A folder that is a mount point cannot be renamed (EBUSY): the change waits and says so, then is applied."""
    here, folder = furnished, furnished.venv.site_packages / "tool"
    if subprocess.run(["mount", "--bind", folder, folder], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        answer = here.run(*change(here))
        assert answer.document["applied"] is None, answer
        assert answer.document["deferred"]["deferred"]["why"] == "files-locked"
        assert "mounted there" in answer.document["deferred"]["deferred"]["message"]
        assert "goes on waiting" in start_host(here)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert "was applied" in start_host(here)
    assert here.versions() == {"base": "1.0", "tool": "2.0"}


def test_what_cannot_be_verified_is_taken_back(furnished: Installation) -> None:
    """Another copy of the metadata appears while the start applies: everything is as before, and it is told."""
    here = furnished
    assert while_locked(here, TOOL, *change(here)).document["deferred"]
    before = here.tree()
    (staged,) = here.area.glob("stages/*/prefix/lib/*/site-packages/tool/__init__.py")
    times = staged.stat()
    staged.write_bytes(b"#" * times.st_size)
    os.utime(staged, ns=(times.st_atime_ns, times.st_mtime_ns))
    log = start_host(here)
    assert "not what its RECORD says" in log
    assert "everything is as before" in log
    assert differences(before, here.tree()) == []
    assert waiting(here) == []
    assert "not what its RECORD says" in here.run("verify").words


def test_a_note_or_a_list_of_files_that_was_changed_is_not_acted_on(furnished: Installation) -> None:
    """Whoever writes into the state folder moves nothing by it; the start says so, and it can be cancelled."""
    here = furnished
    for name in ("waiting.json", "steps.json"):
        assert while_locked(here, TOOL, *change(here)).document["deferred"]
        (identifier,) = waiting(here)
        path = here.state / "transactions" / identifier / name
        path.write_text(path.read_text().replace("tool", "loot"))
        before = here.tree()
        log = start_host(here)
        assert "deferred cancel" in log
        assert differences(before, here.tree()) == []
        assert here.run("deferred", "cancel", identifier).code == 0
        assert differences(before, here.tree()) == []


def test_a_signal_while_it_is_taken_back_leaves_everything_as_before(furnished: Installation) -> None:
    """Killed in the middle of the way back to waiting: recovery finishes it, nothing waits, nothing is left."""
    here = furnished
    before = here.tree()
    answer = while_locked(here, TOOL, *change(here), kill_after=9)
    assert answer.code == -signal.SIGKILL
    assert here.run("recover").code == 0
    assert differences(before, here.tree()) == []


def test_a_start_while_another_is_at_work_leaves_it_waiting(furnished: Installation) -> None:
    """Who holds the lock is named, ComfyUI starts, and the next start applies it."""
    here = furnished
    assert here.run(*change(here), "--at-next-start").document["deferred"]
    with OwnerLock(lock_path(here.state), "install other"):
        assert "install other" in start_host(here)
        assert len(list_waiting(here.state)) == 1
    assert "was applied" in start_host(here)
