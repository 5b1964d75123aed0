"""Which pack a user means, where it goes when it is disabled, and in which order packs change their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.pack_origin import (
    GIT,
    LOCAL,
    NIGHTLY,
    REGISTRY,
    PackOrigin,
    by_version,
    disabled_name,
    matching,
    repository_url,
    same_repository,
)
from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.engine.movement import in_order
from comfyui_safe_install.resolver.io.pack_origin import read_origin


def pack(name: str, version: str = "", *, is_file: bool = False) -> Pack:
    """A pack that is there."""
    return Pack(name=name, path=f"/nodes/{name}", version=version, is_file=is_file)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Flux", ["Flux"]),
        ("FLUX", ["Flux"]),
        ("flux-tools", ["Flux"]),
        ("https://github.com/Other/Clone.git", ["Clone"]),
        ("git@github.com:other/clone", ["Clone"]),
        ("clone", ["Clone"]),
        ("nobody", []),
    ],
)
def test_a_pack_is_meant_by_its_folder_its_id_or_its_repository(subject: str, expected: list[str]) -> None:
    """The folder's own name counts first, then what Manager and the Registry call it."""
    known = [
        (pack("Flux"), PackOrigin(kind=REGISTRY, id="flux-tools")),
        (pack("Clone"), PackOrigin(kind=GIT, id="flux-clone", url="https://github.com/other/clone")),
    ]
    assert [found.name for found, _ in matching(known, subject)] == expected


def test_addresses_of_one_repository_are_the_same_and_others_are_not() -> None:
    """Scheme, user and suffix do not count; host and path do, and no address is like nothing."""
    assert same_repository("https://user@example.org/a/b.git/", "ssh://git@example.org/a/b")
    assert not same_repository("https://example.org/a/b", "https://example.com/a/b")
    assert not same_repository("", "")


def test_a_disabled_folder_tells_its_version_as_manager_does() -> None:
    """And keeps its own name, so that enabling brings it back to the very place."""
    assert disabled_name(pack("Flux", "1.2.0"), PackOrigin(kind=REGISTRY, id="flux")) == "Flux@1_2_0"
    assert disabled_name(pack("Flux", "1.2.0"), PackOrigin(kind=NIGHTLY, id="flux")) == "Flux@nightly"
    assert disabled_name(pack("Flux", "1.2.0"), PackOrigin(kind=GIT)) == "Flux"
    assert disabled_name(pack("one", is_file=True), PackOrigin(kind=LOCAL)) == "one.py"


def test_where_git_finds_a_repository_is_told_without_what_was_a_password() -> None:
    """A plain path becomes a file address; what was redacted is not asked for."""
    assert repository_url(PackOrigin(url="https://***@example.org/a/b")) == "https://example.org/a/b"
    assert repository_url(PackOrigin(url="/srv/a b")) == "file:///srv/a%20b"
    assert repository_url(PackOrigin(url="git@example.org:a/b")) == "git@example.org:a/b"


def test_the_newest_comes_first_and_what_has_no_version_last() -> None:
    """By the rules of versions, not of letters."""
    packs = [pack("a", ""), pack("b", "1.9.0"), pack("c", "1.10.0"), pack("d", "odd")]
    assert [each.name for each in by_version(packs)][:2] == ["c", "b"]


def test_each_place_is_left_before_something_comes_to_it() -> None:
    """Two that stand in each other's way cannot be moved by renames alone."""
    a, b, c = Path("/a"), Path("/b"), Path("/c")
    assert in_order([(a, b), (b, c)]) == [(b, c), (a, b)]
    with pytest.raises(ValueError, match="go round"):
        in_order([(a, b), (b, a)])


def test_the_marks_manager_leaves_are_read(tmp_path: Path) -> None:
    """`.tracking`, `.git/.cnr-id`, a remote: read off the files, and broken ones say nothing."""
    root = tmp_path / "Flux"
    root.mkdir()
    here = Pack(name="Flux", path=str(root))
    assert read_origin(here) == PackOrigin()
    (root / "pyproject.toml").write_text('[project]\nname = "flux-tools"\n')
    assert read_origin(here) == PackOrigin(id="flux-tools")
    (root / ".tracking").write_text("__init__.py")
    assert read_origin(here) == PackOrigin(kind=REGISTRY, id="flux-tools")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".git" / "config").write_text('[remote "origin"]\n\turl = https://example.org/a/Flux\n')
    expected = PackOrigin(kind=GIT, id="flux-tools", url="https://example.org/a/Flux", branch="main")
    assert read_origin(here) == expected
    (root / ".git" / ".cnr-id").write_text("flux\n")
    assert (read_origin(here).kind, read_origin(here).id) == (NIGHTLY, "flux")
    (root / "pyproject.toml").write_text("[project\n")
    assert read_origin(here).id == "flux"
