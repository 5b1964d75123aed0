"""The list of packs is what ComfyUI would load, and what it passes over on purpose."""

from __future__ import annotations

import shutil
from pathlib import Path

from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.io.git_folder import read_git_folder
from comfyui_safe_install.resolver.io.packs import list_packs, pack_digest, pack_state
from comfyui_safe_install.resolver.io.workspace import open_workspace
from comfyui_safe_install.tests.kit.comfy import make_comfy


def packs_of(comfy: Path) -> dict[str, Pack]:
    """The packs by name; disabled ones with a minus in front."""
    return {("-" if pack.disabled else "") + pack.name: pack for pack in list_packs(open_workspace(comfy))}


def test_which_entries_are_packs(tmp_path: Path) -> None:
    """Folders with a pack's files, single modules and disabled ones are listed; the rest is not."""
    comfy = make_comfy(
        tmp_path / "c",
        packs={"beta": {}, "Alpha": {"pyproject.toml": '[project]\nname = "a"\nversion = "1.2"\n'}},
    )
    nodes = comfy / "custom_nodes"
    for path, text in {
        "only_requirements/requirements.txt": "numpy",
        "old.disabled/__init__.py": "",
        ".disabled/flux@1_0_0/__init__.py": "",
        ".git/__init__.py": "",
        "__pycache__/__init__.py": "",
        "empty/readme.md": "",
        "websocket_image_save.py": "",
        "example_node.py.example": "",
        "single.py.disabled": "",
        "broken/pyproject.toml": "[project",
    }.items():
        (nodes / path).parent.mkdir(parents=True, exist_ok=True)
        (nodes / path).write_text(text, encoding="utf-8")
    (nodes / "dangling").symlink_to(tmp_path / "gone")
    packs = packs_of(comfy)
    assert list(packs) == [
        "Alpha", "beta", "broken", "-flux", "-old", "only_requirements", "-single", "websocket_image_save",
    ]  # fmt: skip
    assert packs["Alpha"].version == "1.2"
    assert packs["broken"].version == ""
    assert packs["-flux"].path == str(nodes / ".disabled" / "flux@1_0_0")
    assert [name for name, pack in packs.items() if pack.is_file] == ["-single", "websocket_image_save"]


def test_every_custom_nodes_folder_counts(tmp_path: Path) -> None:
    """Packs of all folders are listed, a linked one under the link's name."""
    comfy = make_comfy(tmp_path / "c", packs={"a": {}})
    other = tmp_path / "other"
    shutil.copytree(comfy / "custom_nodes" / "a", other / "b")
    (other / "linked").symlink_to(comfy / "custom_nodes" / "a")
    workspace = open_workspace(comfy, custom_nodes=[comfy / "custom_nodes", other])
    assert [pack.name for pack in list_packs(workspace)] == ["a", "b", "linked"]


def test_the_digest_follows_content_only(tmp_path: Path) -> None:
    """Same files, same digest, wherever they lie; bytecode and `.git` do not count, all else does."""
    comfy = make_comfy(tmp_path / "c", packs={"a": {"js/x.js": "1", "js/y.js": "2"}, "b": {}})
    nodes = comfy / "custom_nodes"
    first = pack_digest(packs_of(comfy)["a"])
    for path in ("a/__pycache__/x.pyc", "a/.git/HEAD"):
        (nodes / path).parent.mkdir(parents=True, exist_ok=True)
        (nodes / path).write_text("x", encoding="utf-8")
    assert pack_digest(packs_of(comfy)["a"]) == first
    seen = {first}
    (nodes / "a/js/x.js").write_text("2", encoding="utf-8")
    seen.add(pack_digest(packs_of(comfy)["a"]))
    (nodes / "a/js/x.js").rename(nodes / "a/js/z.js")
    seen.add(pack_digest(packs_of(comfy)["a"]))
    (nodes / "a/link").symlink_to("js/z.js")
    seen.add(pack_digest(packs_of(comfy)["a"]))
    (nodes / "a/link").unlink()
    (nodes / "a/link").symlink_to("js/y.js")
    seen.add(pack_digest(packs_of(comfy)["a"]))
    assert len(seen) == 5


def test_a_single_file_has_a_digest_and_no_git(tmp_path: Path) -> None:
    """A pack that is one module has a digest of its own and no local changes to speak of."""
    comfy = make_comfy(tmp_path / "c")
    (comfy / "custom_nodes" / "one.py").write_text("x = 1\n", encoding="utf-8")
    pack = packs_of(comfy)["one"]
    assert len(pack_digest(pack)) == 64
    assert pack_state(pack, with_dirty=True).dirty is None


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_git_folder_is_read_by_hand(tmp_path: Path) -> None:
    """Commit and remote come from loose and packed references, worktrees and detached heads alike."""
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (git / "config").write_text(
        '[core]\n\tbare = false\n[remote "other"]\n\turl = https://example.org/other\n'
        '[remote "origin"]\n\tfetch = x\n\turl = https://user:s3cret@example.org/a/b.git\n',
        encoding="utf-8",
    )
    found = read_git_folder(tmp_path)
    assert found is not None
    assert (found.commit, found.branch) == ("", "main")
    assert found.remote == "https://***@example.org/a/b.git"
    (git / "packed-refs").write_text(
        f"# pack-refs\n{COMMIT} refs/heads/main\n^{COMMIT[::-1]}\n", encoding="utf-8"
    )
    assert read_git_folder(tmp_path).commit == COMMIT  # type: ignore[union-attr]
    (git / "refs/heads/main").write_text(COMMIT[::-1] + "\n", encoding="utf-8")
    assert read_git_folder(tmp_path).commit == COMMIT[::-1]  # type: ignore[union-attr]
    (git / "HEAD").write_text(COMMIT + "\n", encoding="utf-8")
    assert read_git_folder(tmp_path).commit == COMMIT  # type: ignore[union-attr]

    linked = tmp_path / "linked"
    linked.mkdir()
    own = git / "worktrees" / "linked"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (own / "commondir").write_text("../..\n", encoding="utf-8")
    (linked / ".git").write_text("gitdir: ../.git/worktrees/linked\n", encoding="utf-8")
    assert read_git_folder(linked).commit == COMMIT[::-1]  # type: ignore[union-attr]


def test_references_cannot_lead_out_of_the_git_folder(tmp_path: Path) -> None:
    """A crafted HEAD reads no file elsewhere and never loops."""
    git = tmp_path / ".git"
    (git / "refs").mkdir(parents=True)
    (tmp_path / "secret").write_text(COMMIT, encoding="utf-8")
    for head in ("ref: refs/../../secret", "ref: ../secret", "ref: /etc/passwd", "ref: refs/self"):
        (git / "HEAD").write_text(head, encoding="utf-8")
        (git / "refs/self").write_text("ref: refs/self", encoding="utf-8")
        assert read_git_folder(tmp_path).commit == ""  # type: ignore[union-attr]
    assert read_git_folder(tmp_path / "gone") is None
