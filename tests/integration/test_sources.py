"""Sources are brought here by the real git and from real folders and archives."""

from __future__ import annotations

import os
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import CancelledError, RefusedError, SafeInstallError, UsageError
from comfyui_safe_install.resolver.io.git import is_dirty
from comfyui_safe_install.resolver.io.pack_tree import script_findings
from comfyui_safe_install.resolver.io.packs import list_packs, pack_state
from comfyui_safe_install.resolver.io.sources import FetchedPack, fetch_source, read_source
from comfyui_safe_install.resolver.io.workspace import open_workspace
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.trees import hash_tree

PACK = {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "requirements.txt": "numpy\n"}


@pytest.fixture(autouse=True)
def _own_git_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git with a made-up user and nobody's settings."""
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n", encoding="utf-8"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str) -> str:
    """What git says, in the repository `folder`."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str], message: str = "x") -> str:
    """Write the files, commit everything and return the commit."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make_repository(folder: Path) -> Path:
    """A repository of one pack: tag v1, then a commit on main, a branch `dev/x`, and an unnamed commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    commit(folder, {**PACK, "version.txt": "1"})
    git(folder, "tag", "-a", "v1", "-m", "one")
    git(folder, "checkout", "-q", "-b", "dev/x")
    commit(folder, {"version.txt": "dev"})
    git(folder, "checkout", "-q", "main")
    commit(folder, {"version.txt": "2"})
    return folder


def fetch(text: str, aside: Path, **options: object) -> FetchedPack:
    """The pack of that source."""
    return fetch_source(read_source(text), aside, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ref", "version", "branch"),
    [("", "2", "main"), ("@v1", "1", "HEAD"), ("@dev/x", "dev", "dev/x"), ("@main", "2", "main")],
)
def test_branches_and_tags(tmp_path: Path, ref: str, version: str, branch: str) -> None:
    """The default branch, a tag and a branch are checked out; a branch can be pulled later."""
    source = make_repository(tmp_path / "Flux")
    lines: list[str] = []
    fetched = fetch(f"git+file://{source}{ref}", tmp_path / "aside", on_line=lines.append)
    assert (fetched.name, fetched.tree) == ("Flux", tmp_path / "aside" / "Flux")
    assert (fetched.tree / "version.txt").read_text(encoding="utf-8") == version
    assert git(fetched.tree, "rev-parse", "--abbrev-ref", "HEAD") == branch
    assert fetched.commit == git(fetched.tree, "rev-parse", "HEAD")
    assert (fetched.files, fetched.in_place) == (3, False)
    assert lines
    if branch != "HEAD":
        assert git(fetched.tree, "pull", "-q") == ""
    assert is_dirty(fetched.tree) is False


def test_commits_full_short_and_on_no_branch(tmp_path: Path) -> None:
    """A commit is found by its full or short name, and asked of the server where no branch leads to it."""
    source = make_repository(tmp_path / "Flux")
    first = git(source, "rev-parse", "v1^{commit}")
    assert fetch(f"git+file://{source}@{first}", tmp_path / "a").commit == first
    assert fetch(f"git+file://{source}@{first[:10]}", tmp_path / "b").commit == first
    git(source, "checkout", "-q", "--detach")
    loose = commit(source, {"version.txt": "3"})
    git(source, "update-ref", "refs/pull/7/head", loose)
    git(source, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(source, "checkout", "-q", "main")
    assert fetch(f"git+file://{source}@{loose}", tmp_path / "c").commit == loose
    assert fetch(f"git+file://{source}@pull/7/head", tmp_path / "d").commit == loose


def test_a_ref_nobody_has(tmp_path: Path) -> None:
    """A wrong reference is named, and nothing is left behind."""
    source = make_repository(tmp_path / "Flux")
    for ref in ("v9", "0" * 40):
        with pytest.raises(SafeInstallError) as caught:
            fetch(f"git+file://{source}@{ref}", tmp_path / "aside")
        assert caught.value.code == "git-ref-not-found"
        assert ref in caught.value.message
        assert list((tmp_path / "aside").iterdir()) == []


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    """git's own last words come along, and nothing is left behind."""
    with pytest.raises(SafeInstallError) as caught:
        fetch(f"git+file://{tmp_path}/gone", tmp_path / "aside")
    assert caught.value.code == "git-failed"
    assert "gone" in caught.value.context["output"]
    assert list((tmp_path / "aside").iterdir()) == []


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """A closed port is a network failure, whose message holds no password."""
    with pytest.raises(SafeInstallError) as caught:
        fetch("git+http://user:s3cret@127.0.0.1:1/a/b", tmp_path / "aside")
    assert caught.value.code == "network-unreachable"
    assert "s3cret" not in str(caught.value.to_dict())


def test_git_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git the user is told so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SafeInstallError) as caught:
        fetch(f"git+file://{tmp_path}/x", tmp_path / "aside")
    assert caught.value.code == "git-missing"


def test_an_empty_repository_and_one_without_a_pack(tmp_path: Path) -> None:
    """A repository with nothing in it, or nothing that is a pack, is refused."""
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    with pytest.raises(SafeInstallError) as caught:
        fetch(f"git+file://{tmp_path}/empty", tmp_path / "aside")
    assert caught.value.code == "git-failed"
    commit(tmp_path / "empty", {"README.md": "hello", "script.py": "print(1)"})
    with pytest.raises(RefusedError) as refused:
        fetch(f"git+file://{tmp_path}/empty", tmp_path / "aside")
    assert refused.value.code == "not-a-pack"
    commit(tmp_path / "empty", {"nodes.py": "NODE_CLASS_MAPPINGS = {}"})
    assert fetch(f"git+file://{tmp_path}/empty", tmp_path / "aside").files == 3


def test_submodules_come_along(tmp_path: Path) -> None:
    """A submodule is checked out at the commit the pack names."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    commit(library, {"lib.py": "x = 1\n"})
    source = make_repository(tmp_path / "Flux")
    git(source, "-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{library}", "lib")
    commit(source, {})
    commit(library, {"lib.py": "x = 2\n"})
    fetched = fetch(f"git+file://{source}", tmp_path / "aside")
    assert (fetched.tree / "lib" / "lib.py").read_text(encoding="utf-8") == "x = 1\n"
    assert is_dirty(fetched.tree) is False


def test_nothing_of_a_repository_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's hooks nor template hooks nor LFS filters run while a pack is brought here."""
    witness = tmp_path / "witness"
    hooks = tmp_path / "hooks"
    for folder in (hooks, tmp_path / "template" / "hooks"):
        folder.mkdir(parents=True)
        for name in ("post-checkout", "reference-transaction", "post-merge"):
            (folder / name).write_text(f"#!/bin/sh\necho {name} >> {witness}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
    with (tmp_path / "gitconfig").open("a", encoding="utf-8") as config:
        config.write(
            f"[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {tmp_path}/template\n"
            f'[filter "lfs"]\n\tsmudge = echo smudge >> {witness}\n\trequired = true\n'
        )
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    source = tmp_path / "Flux"
    source.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(source, "init", "-q")
    git(source, "config", "user.email", "a@example.org")
    git(source, "config", "user.name", "a")
    commit(source, {**PACK, ".gitattributes": "*.bin filter=lfs\n", "big.bin": pointer})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    fetched = fetch(f"git+file://{source}", tmp_path / "aside")
    assert not witness.exists()
    assert not (fetched.tree / ".git" / "hooks").exists()
    assert (fetched.tree / "big.bin").read_text(encoding="utf-8") == pointer
    assert [finding.code for finding in fetched.findings] == ["lfs-pointers"]


def test_git_variables_of_a_hook_are_not_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from inside a git hook, the clone still goes to its own folder."""
    source = make_repository(tmp_path / "Flux")
    other = make_repository(tmp_path / "other")
    before = hash_tree(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path))
    assert fetch(f"git+file://{source}", tmp_path / "aside").commit
    assert hash_tree(other) == before


def test_a_local_submodule_of_a_remote_repository_is_not_read(tmp_path: Path) -> None:
    """Only a source that is itself local may name folders of this machine; the transports say so to git."""
    secret = make_repository(tmp_path / "secret")
    source = make_repository(tmp_path / "Flux")
    git(source, "-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{secret}", "lib")
    commit(source, {})
    git(source, "update-server-info")
    # git's "dumb" protocol is plain files over HTTP.
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(source))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(SafeInstallError) as caught:
            fetch(f"git+http://127.0.0.1:{server.server_port}/.git#egg=Flux", tmp_path / "aside")
        server.shutdown()
    assert caught.value.code == "git-failed"
    assert "transport 'file' not allowed" in caught.value.context["output"]
    assert list((tmp_path / "aside").iterdir()) == []


@pytest.mark.parametrize("target", ["../outside", "/etc/passwd", "here/../../x"])
def test_links_that_leave_the_pack(tmp_path: Path, target: str) -> None:
    """A link out of the pack is refused, from a repository and from a folder alike."""
    source = make_repository(tmp_path / "Flux")
    (source / "deep" / "er").mkdir(parents=True)
    (source / "here").symlink_to("deep/er/../../.")
    (source / "deep" / "link").symlink_to(("../" if target.startswith("here") else "") + target)
    if target == "../outside":
        (source / "deep" / "link").rename(source / "link")
    commit(source, {})
    for text in (f"git+file://{source}", str(source)):
        with pytest.raises(RefusedError) as caught:
            fetch(text, tmp_path / "aside")
        assert caught.value.code == "symlink-leaves-pack"
        assert list((tmp_path / "aside").iterdir()) == []


def test_a_folder_is_copied_clean(tmp_path: Path) -> None:
    """Files, modes and inner links are copied; bytecode and hooks are not; the source is untouched."""
    source = make_repository(tmp_path / "Flux")
    (source / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (source / "run.sh").chmod(0o755)
    (source / "link.txt").symlink_to("version.txt")
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "x.pyc").touch()
    hook = source / ".git" / "hooks" / "post-merge"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n", encoding="utf-8")
    before = hash_tree(source)
    fetched = fetch(str(source), tmp_path / "aside")
    assert hash_tree(source) == before
    kept = hash_tree(source, exclude=["__pycache__", "hooks"])
    assert hash_tree(fetched.tree) == kept
    assert fetched.commit == git(source, "rev-parse", "HEAD")
    assert fetched.files == 5
    assert is_dirty(fetched.tree) is True


def test_a_worktree_is_copied_without_its_git_file(tmp_path: Path) -> None:
    """Two work trees must not share one repository: the pointer stays behind, and a finding says so."""
    source = make_repository(tmp_path / "Flux")
    git(source, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "v1")
    fetched = fetch(str(tmp_path / "tree"), tmp_path / "aside")
    assert not (fetched.tree / ".git").exists()
    assert [finding.code for finding in fetched.findings] == ["repository-left-out"]


def test_special_files_are_refused(tmp_path: Path) -> None:
    """A pipe in a pack is refused instead of read for ever."""
    source = make_comfy(tmp_path / "c", packs={"Flux": {}}) / "custom_nodes" / "Flux"
    os.mkfifo(source / "pipe")
    with pytest.raises(RefusedError) as caught:
        fetch(str(source), tmp_path / "aside")
    assert caught.value.code == "special-file"
    assert list((tmp_path / "aside").iterdir()) == []


def test_a_live_pack_stays_where_it_is(tmp_path: Path) -> None:
    """A folder that already lies in custom_nodes is not copied; the same folder elsewhere is."""
    comfy = make_comfy(tmp_path / "c", packs={"Flux": PACK})
    live = comfy / "custom_nodes"
    fetched = fetch(str(live / "Flux"), tmp_path / "aside", custom_nodes=[live])
    assert (fetched.in_place, fetched.tree) == (True, live / "Flux")
    assert not (tmp_path / "aside").exists()
    assert fetch(str(live / "Flux"), tmp_path / "aside").in_place is False


def test_folders_that_are_no_source(tmp_path: Path) -> None:
    """A file, a folder that holds the target, a folder without a pack: each is refused with its code."""
    comfy = make_comfy(tmp_path / "c", packs={"Flux": PACK})
    aside = comfy / "custom_nodes" / "Flux" / "aside"
    (tmp_path / "one.py").touch()
    codes = []
    for text in (comfy / "custom_nodes" / "Flux", tmp_path / "one.py", tmp_path / "c" / "models"):
        with pytest.raises(SafeInstallError) as caught:
            fetch(str(text), aside)
        codes.append(caught.value.code)
    assert codes == ["source-contains-target", "source-not-a-folder", "not-a-pack"]


def test_relative_paths_and_registry_names(tmp_path: Path) -> None:
    """A path counts from the given folder; any other name is the Registry's, which is not asked yet."""
    make_comfy(tmp_path / "c", packs={"Flux": PACK})
    nodes = tmp_path / "c" / "custom_nodes"
    assert read_source("Flux", base=nodes).location == str(nodes / "Flux")
    assert read_source(".", base=nodes / "Flux").name == "Flux"
    assert read_source("../x/../Flux/", base=nodes / "x").name == "Flux"
    with pytest.raises(UsageError) as caught:
        fetch_source(read_source("Flux", base=tmp_path), tmp_path / "aside")
    assert caught.value.code == "registry-unavailable"


@pytest.mark.parametrize(
    ("top", "version", "name"),
    [("Flux-main/", "", "Flux"), ("Flux-1.2.0/", "1.2.0", "Flux"), ("Flux-1.2.0/", "3", "Flux-1.2.0"),
     ("", "", "dl"), ("Flux-" + "a" * 40 + "/", "", "Flux")],
)  # fmt: skip
def test_a_zip_gets_the_name_of_its_repository(tmp_path: Path, top: str, version: str, name: str) -> None:
    """The top folder of the archive names the pack, without what the download page added to it."""
    with zipfile.ZipFile(tmp_path / "dl.zip", "w") as archive:
        archive.writestr(f"{top}__init__.py", "")
        archive.writestr(f"{top}pyproject.toml", f'[project]\nname = "flux"\nversion = "{version}"\n')
    fetched = fetch(str(tmp_path / "dl.zip"), tmp_path / "aside")
    assert (fetched.name, fetched.files) == (name, 2)
    assert [path.name for path in (tmp_path / "aside").iterdir()] == [name]


def test_zips_that_are_refused(tmp_path: Path) -> None:
    """A bad entry, a bad name, a name that clashes and an archive without a pack leave nothing behind."""
    codes = []
    for entry in ("../x/__init__.py", "con-main/__init__.py", "FLUX/__init__.py", "Flux/readme.md"):
        with zipfile.ZipFile(tmp_path / "dl.zip", "w") as archive:
            archive.writestr(entry, "")
        with pytest.raises(SafeInstallError) as caught:
            fetch(str(tmp_path / "dl.zip"), tmp_path / "aside", installed=["Flux"])
        codes.append(caught.value.code)
        assert list((tmp_path / "aside").iterdir()) == []
    assert codes == ["unsafe-archive", "pack-name-invalid", "pack-name-clash", "not-a-pack"]


def test_cancel_leaves_nothing(tmp_path: Path) -> None:
    """A job cancelled before it starts brings nothing here."""
    source = make_repository(tmp_path / "Flux")
    cancel = threading.Event()
    cancel.set()
    for text in (str(source), f"git+file://{source}"):
        with pytest.raises(CancelledError):
            fetch(text, tmp_path / "aside", cancel=cancel)
        assert list((tmp_path / "aside").iterdir()) == []


def test_local_changes_are_seen_without_running_anything(tmp_path: Path) -> None:
    """Dirty means a changed or new file; the repository's own filters and file watcher do not run."""
    comfy = make_comfy(tmp_path / "c")
    folder = make_repository(comfy / "custom_nodes" / "Flux")
    witness = tmp_path / "witness"
    git(folder, "config", "filter.evil.clean", f"sh -c 'echo x >> {witness}; cat'")
    git(folder, "config", "filter.evil.required", "true")
    git(folder, "config", "core.fsmonitor", f"sh -c 'echo x >> {witness}'")
    (folder / ".git" / "info" / "attributes").write_text("*.txt filter=evil\n", encoding="utf-8")
    os.utime(folder / "version.txt", (1, 1))
    (pack,) = list_packs(open_workspace(comfy))
    assert pack.dirty is None
    before = hash_tree(folder)
    assert pack_state(pack, with_dirty=True).dirty is False
    assert hash_tree(folder) == before
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").touch()
    assert pack_state(pack, with_dirty=True).dirty is False
    (folder / "new.txt").touch()
    assert pack_state(pack, with_dirty=True).dirty is True
    assert not witness.exists()


def test_a_pack_without_a_repository_is_not_its_parents(tmp_path: Path) -> None:
    """A pack inside ComfyUI's own repository has no state of its own, and a broken one is unknown."""
    comfy = make_comfy(tmp_path / "c", packs={"Flux": PACK})
    git(comfy, "init", "-q")
    (pack,) = list_packs(open_workspace(comfy))
    assert pack_state(pack, with_dirty=True).dirty is None
    (comfy / "custom_nodes" / "Flux" / ".git").mkdir()
    assert pack_state(pack, with_dirty=True).dirty is None


def test_scripts_that_run_by_themselves_are_named(tmp_path: Path) -> None:
    """install.py and prestartup_script.py are findings before anything is installed."""
    for name in ("__init__.py", "install.py", "prestartup_script.py"):
        (tmp_path / name).touch()
    codes = [finding.code for finding in script_findings("Flux", tmp_path)]
    assert codes == ["install-script", "prestartup-script"]
