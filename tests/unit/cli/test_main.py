"""The frame around every command: exit codes, one document, and what works when packages are broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from comfyui_safe_install.resolver import cli
from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import (
    BusyError,
    CancelledError,
    RecoveryNeededError,
    RefusedError,
    SafeInstallError,
    UsageError,
)
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.venvs import Venv


def run_main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one run in this process."""
    code = cli.main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every command raise this."""

    def run(*_: object) -> tuple[Mapping[str, object], int]:
        sys.stdout.write("a library says something\n")
        raise error

    monkeypatch.setattr(cli, "_run", run)


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (SafeInstallError("a", "m"), 1, "a"),
        (CancelledError("a", "m"), 1, "a"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (UsageError("a", "m"), 2, "a"),
        (RefusedError("a", "m"), 3, "a"),
        (BusyError("a", "m"), 4, "a"),
        (RecoveryNeededError("a", "m"), 5, "a"),
        (ValueError("surprise https://u:secret@example.org"), 1, "internal-error"),
        (SystemExit(9), 1, "internal-error"),
        (ModuleNotFoundError("No module named 'packaging'", name="packaging"), 1, "dependency-broken"),
        (ImportError("ours", name=f"{cli.__name__}_x"), 1, "internal-error"),
    ],
)
def test_each_class_of_error_has_its_exit_code(
    error: BaseException,
    exit_code: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code follows from the error's class; with --json the error is the only thing on stdout."""
    fail_with(monkeypatch, error)
    got, out, err = run_main(capsys, "verify", "--json")
    document = json.loads(out)
    assert (got, document["ok"], document["error"]["code"]) == (exit_code, False, code)
    assert "secret" not in out
    assert err == "a library says something\n"


def test_an_unexpected_error_is_shown_and_traced_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never silent; the traceback, redacted too, only with --verbose."""
    fail_with(monkeypatch, ValueError("surprise https://u:secret@example.org"))
    _, out, err = run_main(capsys, "verify")
    assert out == ""
    assert "error: Something unexpected happened: ValueError: surprise" in err
    assert "[internal-error]" in err
    assert "Traceback" not in err
    _, _, err = run_main(capsys, "verify", "--verbose")
    assert "Traceback" in err
    assert "secret" not in err


def test_wrong_usage_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage errors go to stderr in text and to the document with --json."""
    code, out, err = run_main(capsys, "instal")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "hint: See `safe-install --help`." in err
    code, out, err = run_main(capsys, "--json", "instal")
    assert (code, err) == (2, "")
    assert json.loads(out)["error"]["code"] == "usage"


def test_help_and_version_end_with_zero(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """The version is the project's."""
    assert run_main(capsys, "--help")[0] == 0
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    code, out, _ = run_main(capsys, "--version")
    assert code == 0
    assert f'version = "{out.split()[1]}"' in project
    assert json.loads(run_main(capsys, "--version", "--json")[1]) == {"ok": True, "version": out.split()[1]}


def test_nothing_named_and_nothing_found_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a ComfyUI anywhere every command says how to name one."""
    monkeypatch.chdir(tmp_path)
    for command in (["plan"], ["recover"], ["history"]):
        code, out, _ = run_main(capsys, *command, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (2, "comfyui-not-named")


_FRESH = """
import sys
sys.path.insert(0, sys.argv[1])
from kit.package import register_package
register_package()
"""
_RUN = """
from comfyui_safe_install.resolver.cli import main
code = main(sys.argv[2:])
"""
_THIRD_PARTY = """
found = {"packaging", "pydantic", "aiohttp", "yaml", "tqdm", "uv"} & set(sys.modules)
code = f"imported {found}" if found else code
"""


def run_fresh(root: Path, *arguments: str, broken: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One run in a fresh interpreter: with `broken` on its path, or failing where a package is imported."""
    code = (
        _FRESH
        + (f"sys.path.insert(0, {str(broken)!r})\n" if broken else "")
        + _RUN
        + ("" if broken else _THIRD_PARTY)
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", f"{code}\nsys.exit(code)", f"{root}/tests", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["recover"], ["history"], ["instal"]])
def test_the_light_commands_import_only_the_standard_library(
    arguments: list[str], root: Path, tmp_path: Path
) -> None:
    """Help, version, history, wrong usage, and recovery with nothing to do need no package."""
    comfy = make_comfy(tmp_path / "comfy")
    options = [] if arguments[0].startswith("--") else ["--comfyui", str(comfy)]
    done = run_fresh(root, *arguments, *options)
    assert done.returncode == (2 if arguments == ["instal"] else 0), done.stderr
    assert "Traceback" not in done.stderr


def begin(state: Path, *roots: Path) -> str:
    """A transaction whose process is gone."""
    return Transaction.begin(state, operation="install x", roots=roots, summary={}).id


def test_recover_works_when_every_package_is_broken(root: Path, tmp_path: Path, venv: Venv) -> None:
    """With packaging, pydantic, yaml and uv raising at import an interrupted change is still taken back."""
    comfy = make_comfy(tmp_path / "comfy")
    state = comfy / "user" / "__safe_install"
    identifier = begin(state, venv.site_packages)
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("packaging", "pydantic", "yaml", "uv", "tqdm", "aiohttp"):
        (broken / f"{name}.py").write_text("raise RuntimeError('broken by the crash')\n")
    options = ["--comfyui", str(comfy), "--python", str(venv.python), "--json"]
    failed = run_fresh(root, "verify", *options, broken=broken)
    assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (1, "internal-error")
    done = run_fresh(root, "recover", *options, broken=broken)
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [each["id"] for each in document["recovered"]] == [identifier]
    assert document["recovered"][0]["outcome"] == "rolled-back"
    again = run_fresh(root, "recover", *options, broken=broken)
    assert json.loads(again.stdout)["recovered"] == []


def test_recover_names_what_waits_for_the_next_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deferred change is none of recovery's business, but it is shown, by history too."""
    comfy = make_comfy(tmp_path / "comfy")
    state = comfy / "user" / "__safe_install"
    transaction = Transaction.begin(state, operation="install x", roots=(comfy,), summary={})
    transaction.advance(TransactionState.STAGED)
    transaction.advance(TransactionState.TRIED)
    transaction.defer()
    code, out, _ = run_main(capsys, "recover", "--comfyui", str(comfy))
    assert code == 0
    assert out.splitlines() == [
        "Nothing to recover.",
        f"The change {transaction.id} waits for the next start of ComfyUI; see `safe-install deferred list`.",
    ]
    assert "waits for the next start" in run_main(capsys, "history", "--comfyui", str(comfy))[1]
    assert json.loads(run_main(capsys, "recover", "--json", "--comfyui", str(comfy))[1])["deferred"] == [
        transaction.id
    ]


def test_recover_refuses_a_damaged_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be understood is left alone, and the exit code says that somebody must look."""
    comfy = make_comfy(tmp_path / "comfy")
    state = comfy / "user" / "__safe_install"
    identifier = begin(state, comfy)
    (state / "transactions" / identifier / "journal.jsonl").write_bytes(b"nonsense\nnonsense\n")
    code, out, _ = run_main(capsys, "recover", "--json", "--comfyui", str(comfy))
    assert (code, json.loads(out)["error"]["code"]) == (5, "journal-damaged")
    assert "unreadable" in run_main(capsys, "history", "--comfyui", str(comfy))[1]
