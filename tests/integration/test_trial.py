"""A stage is tried in real child processes of a real environment, whatever the modules do."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.core.offered import offered_modules, shared_packages, vanishing_modules
from comfyui_safe_install.resolver.core.trials import Before, TrialFault, TrialReport
from comfyui_safe_install.resolver.core.types import PythonInfo
from comfyui_safe_install.resolver.errors import CancelledError
from comfyui_safe_install.resolver.io.python_probe import probe_python
from comfyui_safe_install.resolver.io.trial import try_stage
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel

Files = Mapping[str, "str | bytes"]


@dataclass
class Scene:
    """A live environment, a stage beside it, and packs."""

    venv: Venv
    python: PythonInfo
    dists: Path
    root: Path

    def live(self, name: str, version: str = "1", **files: str) -> None:
        """Install a distribution of these modules (`a__b` is a/b.py) in the live environment."""
        install(self.venv, self.wheel(name, version, files))

    def wheel(self, name: str, version: str, files: Files) -> Path:
        """A wheel; a name with a slash or dot is a path, any other the package's `__init__`."""
        paths = {
            (path if "/" in path or "." in path else f"{path}/__init__.py"): files[path] for path in files
        }
        return make_wheel(self.dists, name, version, files=paths)

    def stage(self, *wheels: Path) -> Path:
        """The site directory of a stage that holds these wheels."""
        prefix = self.root / "stage"
        subprocess.run(
            [find_uv_bin(), "pip", "install", "--quiet", "--offline", "--no-deps", "--no-config",
             "--no-cache", "--link-mode", "copy", "--python", str(self.venv.python),
             "--prefix", str(prefix), *map(str, wheels)],
            check=True, capture_output=True,
        )  # fmt: skip
        return prefix / self.venv.site_packages.relative_to(self.venv.root)

    def files(self, site: Path, name: str) -> list[str]:
        """The files a distribution has in a site directory, as its RECORD has them."""
        (record,) = site.glob(f"{name}-*.dist-info/RECORD")
        return [line.rsplit(",", 2)[0] for line in record.read_text(encoding="utf-8").splitlines()]

    def pack(self, name: str, **files: str) -> tuple[str, Path]:
        """A pack of these modules."""
        folder = self.root / "packs" / name
        folder.mkdir(parents=True)
        for module, text in files.items():
            (folder / f"{module}.py").write_text(text, encoding="utf-8")
        return name, folder

    def replace(
        self, *wheels: Path, names: Sequence[str], packs: Sequence[tuple[str, Path]] = (), **options: object
    ) -> TrialReport:
        """The trial of replacing the live distributions `names` by the wheels."""
        stage = self.stage(*wheels)
        installed = [path.name.partition("-")[0] for path in self.venv.site_packages.glob("*.dist-info")]
        leaving = {name: self.files(self.venv.site_packages, name) for name in names if name in installed}
        staying = [
            file
            for name in installed
            if name not in names
            for file in self.files(self.venv.site_packages, name)
        ]
        staged = {name: self.files(stage, name) for name in names if list(stage.glob(f"{name}-*.dist-info"))}
        return try_stage(
            self.python,
            [stage],
            vanishing_modules(leaving, staying),
            packs,
            [(name, module) for name, files in staged.items() for module in offered_modules(files)],
            shared=shared_packages([file for files in staged.values() for file in files], staying),
            **options,  # type: ignore[arg-type]
        )


@pytest.fixture
def scene(venv: Venv, dists: Path, tmp_path: Path) -> Scene:
    """An empty live environment."""
    return Scene(venv=venv, python=probe_python(venv.python), dists=dists, root=tmp_path)


def test_a_good_change_passes_and_writes_nothing(scene: Scene) -> None:
    """All imports work with the stage in front; neither the live nor the staged folder changes by a byte."""
    scene.live("alpha", alpha="x = 1")
    scene.live("beta", beta="import alpha\nassert alpha.x")
    wheel = scene.wheel("alpha", "2", {"alpha": "x = 2", "alpha/sub.py": ""})
    pack = scene.pack(
        "Flux", __init__="import alpha.sub, beta, json\nfrom .nodes import N", nodes="import torch_x"
    )
    before = hash_tree(scene.venv.root)
    packs_before = hash_tree(scene.root / "packs")
    lines: list[str] = []
    report = scene.replace(wheel, names=["alpha"], packs=[pack], on_line=lines.append)
    assert hash_tree(scene.venv.root) == before
    assert hash_tree(scene.root / "packs") == packs_before
    assert not list((scene.root / "stage").rglob("*.pyc"))
    assert (report.new_failures, report.doubtful_failures, report.unchecked) == ((), (), ())
    assert [(each.module, each.pack, each.before) for each in report.known_failures] == [
        ("torch_x", "Flux", Before.ABSENT)
    ]
    assert (report.static_checked, report.import_checked) == (3, 1)
    assert lines == ["import alpha: ok"]
    assert report.seconds > 0


def test_a_module_that_goes_away_is_a_new_failure(scene: Scene) -> None:
    """A pack that imports what the change removes, or what the new version lacks, is named with its line."""
    scene.live("alpha", alpha="", **{"alpha/old.py": "", "extra.py": ""})
    scene.live("gone", gone="")
    wheel = scene.wheel("alpha", "2", {"alpha": ""})
    pack = scene.pack(
        "Flux",
        __init__="import alpha\nimport alpha.old\nimport extra\nimport gone\n"
        "try:\n    import gone.x\nexcept ImportError: pass",
    )
    report = scene.replace(wheel, names=["alpha", "gone"], packs=[pack])
    assert [(each.module, each.distribution, each.file, each.line) for each in report.new_failures] == [
        ("alpha.old", "alpha", "__init__.py", 2),
        ("extra", "alpha", "__init__.py", 3),
        ("gone", "gone", "__init__.py", 4),
    ]  # fmt: skip
    assert {each.fault for each in report.new_failures} == {TrialFault.MISSING}


def test_submodules_made_at_import_are_found(scene: Scene) -> None:
    """A submodule that exists only once its package is imported (as in six) is no false alarm."""
    dynamic = "import sys, types\nsys.modules['alpha.moves'] = moves = types.ModuleType('alpha.moves')"
    scene.live("alpha", alpha=dynamic)
    pack = scene.pack("Flux", __init__="import alpha.moves\nimport os.path\nimport alpha.never")
    report = scene.replace(scene.wheel("alpha", "2", {"alpha": dynamic}), names=["alpha"], packs=[pack])
    assert report.new_failures == ()
    assert [(each.module, each.before) for each in report.known_failures] == [("alpha.never", Before.ABSENT)]


def test_an_import_that_needs_what_goes_away(scene: Scene) -> None:
    """The new version imports a module that the same change removes: found by really importing it."""
    scene.live("alpha", alpha="")
    scene.live("helper", helper="")
    report = scene.replace(scene.wheel("alpha", "2", {"alpha": "import helper"}), names=["alpha", "helper"])
    (failure,) = report.new_failures
    assert (failure.module, failure.error, failure.before) == ("alpha", "ModuleNotFoundError", Before.WORKED)
    assert "No module named 'helper'" in failure.detail


def test_what_failed_before_is_no_reason(scene: Scene) -> None:
    """A distribution that could not be imported before may fail on."""
    scene.live("alpha", alpha="raise ImportError('libGL.so.1: cannot open')")
    report = scene.replace(scene.wheel("alpha", "2", {"alpha": "import nothing"}), names=["alpha"])
    assert report.new_failures == ()
    assert [each.before for each in report.known_failures] == [Before.FAILED]


def test_something_new_that_fails(scene: Scene) -> None:
    """A new distribution whose main module fails is a new failure; its side modules are doubtful."""
    wheel = scene.wheel("alpha", "1", {"alpha": "1/0", "beta": "1/0", "used": "1/0"})
    pack = scene.pack("Flux", __init__="import used")
    report = scene.replace(wheel, names=["alpha"], packs=[pack])
    assert [each.module for each in report.new_failures] == ["alpha", "used"]
    assert [each.module for each in report.doubtful_failures] == ["beta"]
    assert {each.error for each in report.new_failures} == {"ZeroDivisionError"}


NASTY = {
    "a_exits": ("import sys; sys.exit(3)", TrialFault.EXCEPTION, "SystemExit"),
    "b_leaves": ("import os; os._exit(0)", TrialFault.CRASH, "exit code 0"),
    "c_segfaults": ("import ctypes; ctypes.string_at(0)", TrialFault.CRASH, "SIGSEGV"),
    "d_is_killed": ("import os; os.kill(os.getpid(), 9)", TrialFault.CRASH, "SIGKILL"),
    "e_loops": ("while True: pass", TrialFault.TIMEOUT, "timeout"),
    "f_interrupts": ("raise KeyboardInterrupt", TrialFault.EXCEPTION, "KeyboardInterrupt"),
    "g_recurses": ("def f(): f()\nf()", TrialFault.EXCEPTION, "RecursionError"),
    "h_floods": ("import sys\nfor n in range(200): sys.stdout.write('x' * 100_000)\nraise OSError('end')",
                 TrialFault.EXCEPTION, "OSError"),
    "i_shuts": ("import os, sys\nsys.stdout.close(); os.close(1); os.close(2)\nraise OSError('shut')",
                TrialFault.EXCEPTION, "OSError"),
    "j_lies": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
               TrialFault.EXCEPTION, "E"),
}  # fmt: skip


def test_every_way_to_die_fails_one_module_only(scene: Scene) -> None:
    """Exits, crashes, loops and floods are each pinned on their module; all others are tried."""
    good = {"forks": "import os\nif os.fork() == 0: pass\nelse: os.wait()",
            "threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()",
            "z_last": "import sys, subprocess\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])"}  # fmt: skip
    scene.live("alpha", **dict.fromkeys([*NASTY, *good], "x = 1"))
    wheel = scene.wheel("alpha", "2", {name: nasty[0] for name, nasty in NASTY.items()} | good)
    started = time.monotonic()
    report = scene.replace(wheel, names=["alpha"], module_timeout=2.0)
    assert time.monotonic() - started < 60
    assert {each.module: (each.fault, each.error) for each in report.new_failures} == {
        name: nasty[1:] for name, nasty in NASTY.items()
    }
    assert report.unchecked == ()
    assert report.import_checked == len(NASTY) + len(good)
    segfault = next(each for each in report.new_failures if each.module == "c_segfaults")
    assert "Segmentation fault" in segfault.detail


def test_nothing_of_a_trial_keeps_running(scene: Scene) -> None:
    """A process that an imported module leaves behind, cut off from all pipes, is ended with the trial."""
    witness = scene.root / "pid"
    leave = (
        "import subprocess, sys\nnull = subprocess.DEVNULL\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "left = subprocess.Popen(command, stdout=null, stderr=null)\n"
        f"open({str(witness)!r}, 'w').write(str(left.pid))"
    )
    assert scene.replace(scene.wheel("alpha", "1", {"alpha": leave}), names=["alpha"]).new_failures == ()
    deadline = time.monotonic() + 5
    while _is_running(int(witness.read_text(encoding="utf-8"))):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    # A dead process whose parent does not collect it still has a number.
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return shown.stdout.strip()[:1] not in ("", "Z")


def test_a_failure_caused_by_a_neighbour_is_tried_alone(scene: Scene) -> None:
    """A module that fails only after another one was imported works for its users, and passes."""
    scene.live("alpha", a_first="", b_second="")
    wheel = scene.wheel(
        "alpha", "2", {"a_first": "", "b_second": "import sys\nassert 'a_first' not in sys.modules"}
    )
    assert scene.replace(wheel, names=["alpha"]).new_failures == ()


def test_the_stage_lies_where_the_live_folder_lies(scene: Scene) -> None:
    """A staged module does not shadow the standard library, and .pth files of the stage do their work."""
    wheel = scene.wheel(
        "alpha",
        "1",
        {
            "statistics.py": "raise RuntimeError('the wrong one')",
            "alpha": "import statistics, inner\nstatistics.mean([1])",
            "alpha_inner/inner.py": "",
            "alpha.pth": "alpha_inner\n",
        },
    )
    assert scene.replace(wheel, names=["alpha"]).new_failures == ()


def test_namespaces_and_shared_packages(scene: Scene) -> None:
    """Parts of one package in the stage and in the live folder are seen as the one package they will be."""
    scene.live("gauth", **{"goo/auth/__init__.py": "", "shared/__init__.py": "", "shared/live.py": ""})
    scene.live("gproto", **{"goo/proto/__init__.py": "", "goo/proto/old.py": ""})
    pack = scene.pack(
        "Flux", __init__="import goo.auth, goo.proto, shared.live, shared.staged\nimport goo.proto.old"
    )
    wheel = scene.wheel(
        "gproto",
        "2",
        {
            "goo/proto/__init__.py": "import goo.auth, shared.live, shared.staged",
            "shared/__init__.py": "",
            "shared/staged.py": "",
        },
    )
    report = scene.replace(wheel, names=["gproto"], packs=[pack])
    assert [each.module for each in report.new_failures] == ["goo.proto.old"]
    assert report.known_failures == ()


def test_host_modules_and_own_files_count_as_present(scene: Scene) -> None:
    """What the host or the pack itself brings is not looked for in the environment."""
    (scene.root / "host" / "new_in_host").mkdir(parents=True)
    (scene.root / "host" / "new_in_host" / "x.py").touch()
    (scene.root / "host" / "lonely.py").touch()
    pack = scene.pack(
        "Flux",
        __init__="import nodes, folder_paths, comfy.utils, server, new_in_host.x, lonely, helper, sys",
        helper="",
    )
    report = try_stage(scene.python, [], {}, [pack], [], host=scene.root / "host")
    assert (report.known_failures, report.static_checked) == ((), 0)


def test_a_single_file_pack_and_a_broken_one(scene: Scene) -> None:
    """A pack may be one file; a pack that is no Python is a finding and no failure."""
    single = scene.root / "single.py"
    single.write_text("import nothing_here\n", encoding="utf-8")
    report = try_stage(scene.python, [], {}, [("single", single), scene.pack("bad", __init__="import (")], [])
    assert [(each.module, each.pack, each.file) for each in report.known_failures] == [
        ("nothing_here", "single", "single.py")
    ]
    assert [finding.code for finding in report.findings] == ["syntax-error"]


def test_when_the_time_is_over(scene: Scene) -> None:
    """The trial ends with its time; what it did not get to is named and blamed for nothing."""
    slow = "import time; time.sleep(30)"
    wheel = scene.wheel("alpha", "1", {"a_quick": "", "b_slow": slow, "c_never": ""})
    started = time.monotonic()
    report = scene.replace(wheel, names=["alpha"], timeout=3.0)
    assert time.monotonic() - started < 15
    assert report.unchecked == ("b_slow", "c_never")
    assert report.import_checked == 1
    assert report.new_failures == ()


def test_cancel_ends_the_child(scene: Scene) -> None:
    """A cancelled trial stops at once, and its child is gone."""
    witness = scene.root / "pid"
    scene_wheel = scene.wheel(
        "alpha",
        "1",
        {"alpha": f"import os, time\nopen({str(witness)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"},
    )
    cancel = threading.Event()

    def cancel_when_started() -> None:
        while not (witness.exists() and witness.read_text(encoding="utf-8")):
            time.sleep(0.02)
        cancel.set()

    threading.Thread(target=cancel_when_started, daemon=True).start()
    with pytest.raises(CancelledError):
        scene.replace(scene_wheel, names=["alpha"], cancel=cancel)
    with pytest.raises(ProcessLookupError):
        os.kill(int(witness.read_text(encoding="utf-8")), 0)
