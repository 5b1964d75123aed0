"""What the user writes is understood as one source, or refused with the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.pack_names import check_pack_name
from comfyui_safe_install.resolver.core.sources import SourceKind, SourceSpec, parse_source
from comfyui_safe_install.resolver.errors import RefusedError, SafeInstallError, UsageError


def parse(text: str, *present: str, installed: tuple[str, ...] = ()) -> SourceSpec:
    """The source, where only the paths `present` exist."""
    return parse_source(text, exists=lambda path: path in present, installed=installed)


@pytest.mark.parametrize(
    ("text", "location", "ref", "name"),
    [
        ("git+https://example.org/a/Flux.git@v1.2", "https://example.org/a/Flux.git", "v1.2", "Flux"),
        ("git+https://example.org/a/Flux", "https://example.org/a/Flux", "", "Flux"),
        ("https://github.com/a/b", "https://github.com/a/b", "", "b"),
        ("https://github.com/a/b.git", "https://github.com/a/b.git", "", "b"),
        ("https://github.com/a/b/", "https://github.com/a/b", "", "b"),
        ("https://github.com/a/b@dev", "https://github.com/a/b", "dev", "b"),
        ("https://github.com/a/b/tree/feature/x", "https://github.com/a/b", "feature/x", "b"),
        ("git+https://example.org/a/b@feature/x", "https://example.org/a/b", "feature/x", "b"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git", "", "b"),
        ("git@example.org:a/b.git@v1", "git@example.org:a/b.git", "v1", "b"),
        ("git+ssh://git@example.org/a/b.git", "ssh://git@example.org/a/b.git", "", "b"),
        ("ssh://git@example.org:22/a/b.git@main", "ssh://git@example.org:22/a/b.git", "main", "b"),
        ("git+file:///srv/repos/b@v1", "file:///srv/repos/b", "v1", "b"),
        ("git+https://example.org/a/x.git#egg=Better", "https://example.org/a/x.git", "", "Better"),
        ("git+https://user:pw@example.org/a/b", "https://user:pw@example.org/a/b", "", "b"),
    ],
)
def test_git_sources_give_url_ref_and_folder_name(text: str, location: str, ref: str, name: str) -> None:
    """Every usual way to write a repository gives the URL for git, the reference and the pack's name."""
    spec = parse(text)
    assert (spec.kind, spec.location, spec.ref, spec.name) == (SourceKind.GIT, location, ref, name)


def test_an_at_sign_in_an_existing_path_is_no_ref() -> None:
    """A local repository whose own name holds an @ is taken whole."""
    spec = parse("git+file:///srv/b@home", "/srv/b@home")
    assert (spec.location, spec.ref, spec.name) == ("file:///srv/b@home", "", "b@home")


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("/packs/Flux", SourceKind.FOLDER, "Flux"),
        ("/packs/Flux/", SourceKind.FOLDER, "Flux"),
        ("/packs/Flux-main.zip", SourceKind.ZIP, "Flux-main"),
        ("/packs/flux_tools-1.0-py3-none-any.whl", SourceKind.WHEEL, "flux_tools"),
        ("file:///packs/My%20Pack", SourceKind.FOLDER, "My Pack"),
    ],
)
def test_local_sources(text: str, kind: SourceKind, name: str) -> None:
    """What exists on this machine is a folder, a zip or a wheel, by its suffix."""
    spec = parse(text, text, "/packs/My Pack")
    assert (spec.kind, spec.name) == (kind, name)


def test_windows_paths() -> None:
    """A drive letter is no URL scheme and no host."""
    assert parse("C:\\packs\\Flux", "C:\\packs\\Flux").name == "Flux"
    assert parse("git+file:///C:/repos/b@home", "C:/repos/b@home").location == "file:///C:/repos/b@home"
    with pytest.raises(UsageError) as caught:
        parse("C:\\packs\\gone")
    assert caught.value.code == "source-not-found"


def test_registry_names() -> None:
    """A bare name is one of the Registry, with a version after the @."""
    spec = parse("comfyui-impact-pack@8.1.2")
    assert (spec.kind, spec.location, spec.ref) == (SourceKind.REGISTRY, "comfyui-impact-pack", "8.1.2")
    assert parse("flux").ref == ""


@pytest.mark.parametrize(
    "text",
    [
        "--upload-pack=/bin/sh",
        "git+--upload-pack=x",
        "git+-oProxyCommand=x@host:a/b",
        "ext::sh -c whoami",
        "git+ext::sh -c whoami",
        "file::/srv/repo",
        "git+https://-oProxyCommand=x/a/b",
        "git+ssh://-oProxyCommand=x/a/b",
        "git+ssh://-l@example.org/a/b",
        "git@-oX:a/b",
        "git@example.org:-x/b",
        "git+https://example.org/a/b@--upload-pack=x",
        "git+https://example.org/a/b\nhost=evil.example",
        "git+https://example.org/a/b%0ahost=evil.example",
        "git+https:///a/b",
        "git+file://host/a/b",
        "pack\x00name",
    ],
)
def test_texts_that_could_run_something_are_refused(text: str) -> None:
    """Options in disguise, transport helpers and control characters never reach a program."""
    with pytest.raises(RefusedError) as caught:
        parse(text)
    assert caught.value.code == "unsafe-source"


@pytest.mark.parametrize("ref", ["HEAD~1", "a..b", "a b", "x:y", "main^{tree}", "@{-1}", "a.lock", "/x//y"])
def test_revision_arithmetic_is_no_ref(ref: str) -> None:
    """After the @ stands the name of a branch, tag or commit, nothing git would calculate with."""
    with pytest.raises(UsageError) as caught:
        parse(f"git+https://example.org/a/b@{ref}")
    assert caught.value.code in ("git-ref-invalid", "source-not-understood", "pack-name-invalid")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://example.org/a/b",
        "https://example.org/a/b.zip",
        "https://example.org/a/b?x=1",
        "git+https://example.org/a/b#subdirectory=c",
        "git+https://example.org:port/a/b",
        "not a name",
        "file:///srv/x.git#y",
    ],
)
def test_other_texts_are_not_understood(text: str) -> None:
    """What is no source says so, and names what would be one."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.code in ("source-not-understood", "source-not-found")
    assert caught.value.hints


def test_credentials_are_redacted_in_text_and_errors() -> None:
    """A token in the address is for git alone: neither the shown text nor an error holds it."""
    spec = parse("git+https://user:s3cret@example.org/a/b")
    assert "s3cret" not in spec.text
    assert "s3cret" in spec.location
    with pytest.raises(SafeInstallError) as caught:
        parse("git+https://user:s3cret@example.org/a/b@-x")
    assert "s3cret" not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "-x", "a/b", "a\\b", "con", "NUL.txt", "COM1", "x.", "x ", " x", "a:b", "a*b",
     "x.disabled", "__pycache__", "x" * 151, "a\x1bb", "lpt9.py"],
)  # fmt: skip
def test_names_no_folder_may_have(name: str) -> None:
    """A name that one of the three systems cannot keep as it is, or that ComfyUI passes over, is refused."""
    with pytest.raises(UsageError) as caught:
        check_pack_name(name)
    assert caught.value.code == "pack-name-invalid"


@pytest.mark.parametrize(
    "name", ["ComfyUI-Impact-Pack", "was-node-suite", "a", "Ünïcode", "a b", "console", "x@1"]
)
def test_names_a_folder_may_have(name: str) -> None:
    """Ordinary names pass, even where they resemble a forbidden one."""
    assert check_pack_name(name) == name


def test_a_name_that_differs_by_case_only_is_a_clash() -> None:
    """Two packs must not share one folder on Windows and macOS; the very same name is a replacement."""
    with pytest.raises(UsageError) as caught:
        parse("https://example.org/a/FLUX", installed=("Flux",))
    assert caught.value.code == "pack-name-clash"
    assert parse("https://example.org/a/Flux", installed=("Flux",)).name == "Flux"


@given(st.text())
def test_any_text_gives_a_spec_or_our_error(text: str) -> None:
    """No text at all escapes as another kind of exception, and no accepted one starts like an option."""
    try:
        spec = parse(text)
    except SafeInstallError:
        return
    assert not spec.location.startswith("-")
    assert not spec.ref.startswith("-")
    assert check_pack_name(spec.name) == spec.name
