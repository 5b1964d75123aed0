"""A pack's own `.git` is read, and nothing that it configures is run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.git import clone, is_dirty
from comfyui_safe_install.resolver.io.git_folder import read_git_folder
from comfyui_safe_install.resolver.io.packs import pack_state
from comfyui_safe_install.resolver.io.sources import fetch_source, read_source
from comfyui_safe_install.tests.kit.repositories import configure, git, make_repository, program


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """The file that a program of the repository would make."""
    return tmp_path / "it-ran"


@pytest.mark.parametrize("name", ["evil", "EVIL", "a=b", "a.b=c", "=", 'qu"ote', "b l a n k", "\u00e9", ""])
def test_no_filter_of_a_repository_runs(tmp_path: Path, proof: Path, name: str) -> None:
    """Whatever name the filter has, also one that git's command line cannot say."""
    repository = make_repository(tmp_path / "pack")
    command = program(tmp_path, proof)
    written = name.replace('"', '\\"')
    configure(
        repository,
        f'[filter "{written}"]\n clean = {command}\n smudge = {command}\n process = {command}\n required',
    )
    quoted = f'"* filter={name}"' if '"' in name else f"* filter={name}"
    (repository / ".gitattributes").write_text(quoted.replace('qu"ote', 'qu\\"ote') + "\n")
    (repository / "__init__.py").write_text("changed\n")
    os.utime(repository / "__init__.py", (1, 1))
    assert is_dirty(repository) in (True, None)
    assert pack_state(Pack(name="pack", path=str(repository)), with_dirty=True).commit
    assert not proof.exists()


def _programs(repository: Path, command: Path) -> None:
    hooks = repository / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "query-watchman", "post-checkout"):
        shutil.copy(command, hooks / hook)
    configure(
        repository,
        f"[core]\n fsmonitor = {command}\n hooksPath = {hooks}\n sshCommand = {command}\n pager = {command}\n"
        f" editor = {command}\n askPass = {command}\n gitProxy = {command}\n alternateRefsCommand = {command}\n"
        f"[diff]\n external = {command}\n[gpg]\n program = {command}\n[alias]\n status = !{command}\n"
        f" config = !{command}\n[credential]\n helper = !{command}\n[uploadpack]\n packObjectsHook = {command}",
    )


def _included(repository: Path, command: Path) -> None:
    (repository / ".git" / "more").write_text(
        f'[filter "x"]\n clean = {command}\n[core]\n fsmonitor = {command}\n'
    )
    configure(repository, '[include]\n path = more\n[includeIf "gitdir:**"]\n path = more')
    (repository / ".gitattributes").write_text("* filter=x\n")


def _worktree(repository: Path, command: Path) -> None:
    configure(repository, "[extensions]\n worktreeConfig = true")
    (repository / ".git" / "config.worktree").write_text(f'[filter "x"]\n clean = {command}\n')
    (repository / ".gitattributes").write_text("* filter=x\n")


def _elsewhere(repository: Path, command: Path) -> None:
    _programs(repository, command)
    hidden = repository.parent / "hidden"
    (repository / ".git").rename(hidden)
    (repository / ".git").write_text(f"gitdir: {hidden}\n")


def _linked(repository: Path, command: Path) -> None:
    _programs(repository, command)
    hidden = repository.parent / "hidden"
    (repository / ".git").rename(hidden)
    (repository / ".git").symlink_to(hidden)


def _missing_objects(repository: Path, command: Path) -> None:
    """A partial clone whose missing objects a program of the remote would bring."""
    blob = git(repository, "rev-parse", "HEAD:__init__.py")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    config = repository / ".git" / "config"
    config.write_text(
        config.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 1")
    )
    configure(
        repository,
        '[extensions]\n partialClone = far\n[remote "far"]\n promisor = true\n partialclonefilter = blob:none\n'
        f" url = ext::{command}\n uploadpack = {command}\n",
    )


HARMFUL = [_programs, _included, _worktree, _elsewhere, _linked, _missing_objects]


@pytest.mark.parametrize("harm", HARMFUL)
def test_nothing_a_repository_configures_runs_when_it_is_looked_at(
    tmp_path: Path, proof: Path, harm: Callable[[Path, Path], None]
) -> None:
    """fsmonitor, hooks, aliases, diff programs, included configuration, a `.git` that lies elsewhere."""
    repository = make_repository(tmp_path / "pack")
    harm(repository, program(tmp_path, proof))
    (repository / "__init__.py").write_text("changed\n")
    assert is_dirty(repository) in (True, None)
    assert read_git_folder(repository) is not None
    assert not proof.exists()


@pytest.mark.parametrize("harm", HARMFUL)
def test_nothing_a_repository_configures_runs_when_it_is_installed_from(
    tmp_path: Path, proof: Path, harm: Callable[[Path, Path], None]
) -> None:
    """By its folder, and by its `file://` address."""
    repository = make_repository(tmp_path / "pack")
    harm(repository, program(tmp_path, proof))
    for number, text in enumerate((str(repository), f"git+file://{repository}")):
        try:
            fetched = fetch_source(read_source(text), tmp_path / f"aside{number}")
        except SafeInstallError as error:
            assert error.code in ("git-failed", "symlink-leaves-pack")  # noqa: PT017 - or a copy that does no harm
        else:
            assert is_dirty(fetched.tree) in (True, False, None)
    assert not proof.exists()


@pytest.mark.parametrize("transport", ["ext", "file", "option"])
def test_a_submodule_cannot_leave_the_network(tmp_path: Path, proof: Path, transport: str) -> None:
    """`ext::` runs a program, and an address like an option would be one; both end the clone."""
    inner = make_repository(tmp_path / "inner")
    outer = make_repository(tmp_path / "outer")
    git(outer, "submodule", "add", "--quiet", str(inner), "sub")
    addresses = {
        "ext": f"ext::{program(tmp_path, proof)}",
        "file": "file::/etc",
        "option": f"--upload-pack=touch {proof}",
    }
    git(outer, "config", "--file", ".gitmodules", "submodule.sub.url", addresses[transport])
    git(outer, "commit", "--all", "--quiet", "--message=second")
    with pytest.raises(SafeInstallError) as caught:
        clone(f"file://{outer}", tmp_path / "clone")
    assert caught.value.code == "git-failed"
    assert not proof.exists()


@pytest.mark.parametrize("name", ["../../../escape", "..", "a/../../../../escape"])
def test_a_submodule_cannot_land_outside(tmp_path: Path, proof: Path, name: str) -> None:
    """A submodule's name becomes a folder in `.git`, and its own command for updates a program."""
    inner = make_repository(tmp_path / "inner")
    outer = make_repository(tmp_path / "outer")
    git(outer, "submodule", "add", "--quiet", str(inner), "sub")
    (outer / ".gitmodules").write_text(
        f'[submodule "{name}"]\n path = sub\n url = file://{inner}\n update = !touch {proof}\n'
    )
    git(outer, "commit", "--all", "--quiet", "--message=second")
    (tmp_path / "box").mkdir()
    with pytest.raises(SafeInstallError) as caught:
        clone(f"file://{outer}", tmp_path / "box" / "clone")
    assert caught.value.code == "git-failed"
    assert [path.name for path in (tmp_path / "box").iterdir()] == ["clone"]
    assert not (tmp_path / "escape").exists()
    assert not proof.exists()


@pytest.mark.parametrize(
    "files",
    [
        {"HEAD": b"ref: refs/heads/a\0b\n"},
        {"HEAD": b"ref: refs/heads/\xff\xfe"},
        {"HEAD": b"ref: refs/heads/../../../../secret"},
        {"HEAD": b"ref: refs/heads/x", "refs/heads/x": b"ref: refs/heads/x"},
        {"HEAD": b""},
        {"commondir": b"a\0b"},
        {"commondir": b"/dev"},
        {"config": b'[remote "origin"]\nurl = https://user:secret@example.org/\x1b[31mx\n'},
        {"config": b"[" * 100_000},
        {"packed-refs": b"\0" * 1_000_000},
    ],
)
def test_a_broken_git_folder_is_read_as_far_as_it_goes(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Nothing in it raises, and nothing secret or commanding comes out."""
    repository = make_repository(tmp_path / "pack")
    (tmp_path / "secret").write_text("f" * 40)
    for name, raw in files.items():
        path = repository / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    found = read_git_folder(repository)
    assert found is not None
    assert found.commit != "f" * 40
    assert "secret@" not in found.remote
    assert "\x1b" not in found.remote
    assert is_dirty(repository) in (True, False, None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", [".git", ".git/HEAD", ".git/config", ".git/packed-refs", ".git/commondir"])
def test_a_pipe_in_place_of_a_file_of_git_does_not_hang(tmp_path: Path, name: str) -> None:
    """Nobody would ever write into it."""
    repository = make_repository(tmp_path / "pack")
    path = repository / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    found = read_git_folder(repository)
    assert found is None or not found.remote
