"""Real interpreters asked about themselves, and the choice of one when none is named."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from packaging.markers import default_environment

from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.python_probe import default_python, probe_python
from comfyui_safe_install.tests.kit.venvs import Venv, run_python


def fake_python(path: Path, script: str) -> Path:
    """A program that takes the place of an interpreter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_venv_says_where_things_are(venv: Venv) -> None:
    """Paths, markers and the rest, as the interpreter itself would say; the link to it is not followed."""
    found = probe_python(venv.python)
    assert found.executable == str(venv.python)
    assert found.prefix == str(venv.root)
    assert found.base_prefix == sys.base_prefix
    assert (found.purelib, found.platlib) == (str(venv.site_packages), str(venv.site_packages))
    assert found.site_dirs == (str(venv.site_packages),)
    assert found.scripts == str(venv.scripts)
    assert found.data == str(venv.root)
    assert found.headers.startswith(str(venv.root / "include"))
    assert found.version == run_python(venv, "import platform; print(platform.python_version())").strip()
    assert found.platform == sysconfig.get_platform()
    assert found.implementation == sys.implementation.name
    assert dict(found.markers) == dict(default_environment())
    assert {"os", "json", "_thread"} <= found.stdlib_modules
    assert not found.is_conda
    assert not found.externally_managed


def test_the_environment_we_run_in_does_not_colour_the_answer(
    venv: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH, PYTHONHOME, an activated environment and the working folder are ignored."""
    (tmp_path / "sysconfig.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert probe_python(venv.python).prefix == str(venv.root)


def test_packages_that_print_at_start_do_not_disturb(venv: Venv) -> None:
    """A `.pth` line may print anything."""
    (venv.site_packages / "noise.pth").write_text(
        "import sys; print('{noise}'); print('x', file=sys.stderr)\n"
    )
    assert probe_python(venv.python).prefix == str(venv.root)


def test_conda_is_known_by_its_records(venv: Venv) -> None:
    """A `conda-meta` folder in the prefix."""
    (venv.root / "conda-meta").mkdir()
    assert probe_python(venv.python).is_conda


def test_a_relative_path_becomes_absolute(venv: Venv, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer does not depend on where we are later."""
    monkeypatch.chdir(venv.root)
    assert probe_python(Path("bin/python")).executable == str(venv.python)


def test_a_missing_interpreter_is_said_to_be(tmp_path: Path) -> None:
    """Neither a path to nothing nor a folder is one."""
    for path in (tmp_path / "python", tmp_path):
        with pytest.raises(SafeInstallError) as caught:
            probe_python(path)
        assert caught.value.code == "python-not-found"
        assert caught.value.hints


@pytest.mark.parametrize(
    "script",
    [
        "import sys; sys.exit('broken libpython')",
        "print('hello')",
        "import sys; print(sys.argv[-1] + 'no json' + sys.argv[-1])",
        "import sys; print(sys.argv[-1] + '[]' + sys.argv[-1])",
        "import sys; print(sys.argv[-1] + '{}' + sys.argv[-1])",
        """import sys; print(sys.argv[-1] + '{"version": "3.12.0"}' + sys.argv[-1])""",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
def test_a_broken_interpreter_is_said_to_be(tmp_path: Path, script: str) -> None:
    """Whatever it does instead of answering, the error names it."""
    with pytest.raises(SafeInstallError) as caught:
        probe_python(fake_python(tmp_path / "python", script))
    assert caught.value.code == "python-broken"


def test_a_file_that_cannot_be_run_is_broken(tmp_path: Path) -> None:
    """It exists, so it is not missing."""
    path = fake_python(tmp_path / "python", "")
    path.chmod(stat.S_IRUSR)
    if os.access(path, os.X_OK):
        pytest.skip("this system runs anything")
    with pytest.raises(SafeInstallError) as caught:
        probe_python(path)
    assert caught.value.code == "python-broken"


def test_an_old_interpreter_is_too_old(tmp_path: Path) -> None:
    """Its version is named; it need not have what newer ones answer."""
    script = """import sys; print(sys.argv[-1] + '{"version": "3.9.25+"}' + sys.argv[-1])"""
    with pytest.raises(SafeInstallError, match=r"3\.9\.25") as caught:
        probe_python(fake_python(tmp_path / "python", script))
    assert caught.value.code == "python-too-old"


def test_the_probe_runs_on_old_interpreters() -> None:
    """Real old ones, where there are any, say that they are too old."""
    found = [path for path in Path(sys.base_prefix).parent.glob("3.[5-9].*/bin/python") if path.is_file()]
    if not found:
        pytest.skip("no old interpreter here")
    for path in found:
        if subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode != 0:
            continue
        with pytest.raises(SafeInstallError) as caught:
            probe_python(path)
        assert caught.value.code == "python-too-old"


def make(path: Path) -> Path:
    """An empty file with all folders above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_the_interpreter_is_chosen_as_a_user_would(tmp_path: Path) -> None:
    """ComfyUI's own, the embedded one beside it, the activated one, then ours; with the reason."""
    comfyui = tmp_path / "portable" / "ComfyUI"
    comfyui.mkdir(parents=True)
    env = {"CONDA_PREFIX": str(tmp_path / "conda"), "VIRTUAL_ENV": str(tmp_path / "active")}
    chosen = default_python(comfyui, env={})
    assert chosen.executable == Path(sys.executable)
    assert "runs Safe Install" in chosen.reason
    steps = [
        (make(tmp_path / "conda" / "bin" / "python"), "conda"),
        (make(tmp_path / "active" / "bin" / "python"), "activated virtual"),
        (make(tmp_path / "portable" / "python_embedded" / "python.exe"), "python_embedded"),
        (make(tmp_path / "portable" / "python_embeded" / "python.exe"), "python_embeded"),
        (make(comfyui / ".venv" / "Scripts" / "python.exe"), ".venv"),
        (make(comfyui / "venv" / "bin" / "python3"), "venv"),
    ]
    # Each is taken although the ones before it are there too.
    for count in range(len(steps)):
        for path, _ in steps:
            path.unlink(missing_ok=True)
        for path, _ in steps[: count + 1]:
            make(path)
        chosen = default_python(comfyui, env=env)
        assert chosen.executable == steps[count][0]
        assert steps[count][1] in chosen.reason


def test_an_activated_environment_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    """A variable that points to nothing is not believed."""
    chosen = default_python(tmp_path, env={"VIRTUAL_ENV": str(tmp_path / "gone")})
    assert chosen.executable == Path(sys.executable)
