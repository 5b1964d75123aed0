"""RECORD files, well-formed and hostile, and files compared with them."""

from __future__ import annotations

import compileall
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.ownership import RecordedFile
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.records import (
    check_files,
    installed_holdings,
    read_record,
    verify_distribution,
)
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def live(venv: Venv) -> Live:
    """An empty environment."""
    return Live(venv)


def with_record(live: Live, text: str | bytes, name: str = "odd") -> Path:
    """A distribution with this RECORD."""
    info = live.venv.site_packages / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    (info / "INSTALLER").write_text("pip")
    (info / "RECORD").write_bytes(text.encode() if isinstance(text, str) else text)
    return info


def paths(live: Live, name: str = "odd") -> list[str]:
    """The places its RECORD names, relative to the environment."""
    files = read_record(live.layout, live.layout.purelib, f"{name}-1.0.dist-info")
    return [file.path.removeprefix(f"{live.layout.data}/") for file in files]


def site(live: Live) -> str:
    """site-packages, relative to the environment."""
    return live.layout.purelib.removeprefix(f"{live.layout.data}/")


def test_every_kind_of_entry_is_read(live: Live, dists: Path) -> None:
    """Library, scripts and data, with hash and size, at their places."""
    install(
        live.venv, make_wheel(dists, "pkg", "1.0", scripts={"run": "#!python\n"}, data={"share/a.txt": "abc"})
    )
    files = {file.path: file for file in read_record(live.layout, live.layout.purelib, "pkg-1.0.dist-info")}
    data = files[f"{live.layout.data}/share/a.txt"]
    assert (data.algorithm, data.size) == ("sha256", 3)
    assert data.digest == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
    assert f"{live.layout.scripts}/run" in files
    assert f"{live.layout.purelib}/pkg/__init__.py" in files


def test_record_is_csv(live: Live) -> None:
    """Names with commas, quotes, spaces and letters of any script; empty lines; missing columns."""
    with_record(live, '"a, b.py",,\n\n"say ""hi"".py",sha256=x,12\nnaïve/日本.py\nx y.py,,\n')
    assert paths(live) == [
        f"{site(live)}/{each}" for each in ("a, b.py", 'say "hi".py', "naïve/日本.py", "x y.py")
    ]


def test_a_size_that_is_no_number_is_unknown(live: Live) -> None:
    """It is simply not compared."""
    with_record(live, "a.py,sha256=x,many\n")
    (file,) = read_record(live.layout, live.layout.purelib, "odd-1.0.dist-info")
    assert file.size == -1


def test_crooked_paths_inside_are_straightened(live: Live) -> None:
    """`.`, `..` and doubled separators name the same places."""
    inside = live.layout.data
    with_record(live, f"./a.py,,\nx/../b.py,,\nc//d.py,,\n../../../bin/e,,\n{inside}/f.txt,,\n")
    assert paths(live) == [
        f"{site(live)}/a.py",
        f"{site(live)}/b.py",
        f"{site(live)}/c/d.py",
        "bin/e",
        "f.txt",
    ]


@pytest.mark.parametrize(
    "entry", ["../../../../outside", "/etc/passwd", "x/../../../../../outside", "../../../.."]
)
def test_entries_that_lead_outside_are_refused(live: Live, entry: str) -> None:
    """No RECORD makes us touch what is not the environment's."""
    with_record(live, f"ok.py,,\n{entry},,\n")
    with pytest.raises(SafeInstallError) as caught:
        paths(live)
    assert caught.value.code == "record-outside-prefix"


def test_a_link_that_leads_outside_is_refused(live: Live, tmp_path: Path) -> None:
    """Also where the words stay inside."""
    (live.venv.root / "share").symlink_to(tmp_path)
    with_record(live, "../../../share/x,,\n")
    with pytest.raises(SafeInstallError) as caught:
        paths(live)
    assert caught.value.code == "record-outside-prefix"


def test_a_link_inside_is_resolved(live: Live) -> None:
    """`lib64` is a link to `lib` in many environments; both words mean one file."""
    assert (live.venv.root / "lib64").is_symlink()
    with_record(live, f"../../../lib64/{Path(site(live)).relative_to('lib').as_posix()}/a.py,,\n")
    assert paths(live) == [f"{site(live)}/a.py"]


def test_an_environment_behind_a_link_keeps_its_name(live: Live, tmp_path: Path) -> None:
    """Reached through a link, everything is spelled the way the interpreter was named."""
    (tmp_path / "alias").symlink_to(live.venv.root)
    linked = Live(
        Venv(
            root=tmp_path / "alias",
            python=tmp_path / "alias" / "bin" / "python",
            site_packages=live.venv.site_packages,
            scripts=live.venv.scripts,
        )
    )
    with_record(live, "../../../bin/tool,,\na.py,,\n")
    files = read_record(linked.layout, linked.layout.purelib, "odd-1.0.dist-info")
    assert [file.path for file in files] == [f"{linked.layout.scripts}/tool", f"{linked.layout.purelib}/a.py"]


@pytest.mark.parametrize("text", [b"a.py,\xff\xfe\n", b'"never closed,,\n', b"a\x00b.py,,\n", b'"a"b,,\n'])
def test_an_unreadable_record_is_said_to_be(live: Live, text: bytes) -> None:
    """Wrong encoding, broken quotes, NUL: an error with a code."""
    with_record(live, text)
    with pytest.raises(SafeInstallError) as caught:
        paths(live)
    assert caught.value.code in ("record-unreadable", "record-outside-prefix")


def test_a_missing_record_is_said_to_be(live: Live) -> None:
    """Nothing is made up."""
    with_record(live, "").joinpath("RECORD").unlink()
    with pytest.raises(SafeInstallError) as caught:
        paths(live)
    assert caught.value.code == "record-missing"


def test_one_bad_record_does_not_stop_the_rest(live: Live, dists: Path) -> None:
    """The bad one loses its digest and so cannot be moved; what it owns inside stays its own."""
    install(live.venv, make_wheel(dists, "good", "1.0"))
    with_record(live, "odd.py,,\n../../../../outside,,\n")
    with_record(live, '"', name="worse")
    installed = installed_holdings(live.environment())
    by_name = {each.distribution.name: each for each in installed.holdings}
    assert by_name["good"].distribution.record_digest
    assert by_name["odd"].distribution.record_digest == ""
    assert [file.path.rpartition("/")[2] for file in by_name["odd"].files] == ["odd.py"]
    assert by_name["worse"].files == ()
    assert [finding.code for finding in installed.findings] == ["unusable-record", "unusable-record"]


def test_a_good_install_verifies(live: Live, dists: Path) -> None:
    """Bytecode made since does not count."""
    install(live.venv, make_wheel(dists, "pkg", "1.0", files={f"pkg/m{i}.py": str(i) for i in range(100)}))
    compileall.compile_dir(str(live.venv.site_packages), quiet=2)
    (distribution,) = live.environment().distributions
    assert verify_distribution(live.python, distribution) == ()


@pytest.mark.parametrize("count", [5, 100])
def test_missing_and_changed_files_are_named(live: Live, dists: Path, count: int) -> None:
    """Also a change that keeps the size; with few files and with many (hashed by several threads)."""
    install(live.venv, make_wheel(dists, "pkg", "1.0", files={f"pkg/m{i}.py": "abc" for i in range(count)}))
    folder = live.venv.site_packages / "pkg"
    (folder / "m0.py").unlink()
    (folder / "m1.py").write_text("abX")
    (folder / "m2.py").write_text("longer")
    (distribution,) = live.environment().distributions
    missing, changed = verify_distribution(live.python, distribution)
    assert (missing.code, changed.code) == ("files-missing", "files-changed")
    assert "m0.py" in missing.message
    assert "m1.py" in changed.message
    assert "2 files" in changed.message
    (_, by_size) = verify_distribution(live.python, distribution, hashes=False)
    assert "m1.py" not in by_size.message


def test_a_distribution_without_record_cannot_be_verified(live: Live) -> None:
    """There is nothing to compare with, which was said elsewhere."""
    with_record(live, "").joinpath("RECORD").unlink()
    (distribution,) = live.environment().distributions
    assert verify_distribution(live.python, distribution) == ()


def test_a_record_that_cannot_be_used_is_the_finding(live: Live) -> None:
    """Verifying says so instead of raising."""
    with_record(live, "../../../../outside,,\n")
    (distribution,) = live.environment().distributions
    assert [each.code for each in verify_distribution(live.python, distribution)] == ["unusable-record"]


def test_a_hash_nobody_knows_leaves_the_size(tmp_path: Path) -> None:
    """A RECORD of the future may use another algorithm."""
    (tmp_path / "a").write_text("abc")
    file = RecordedFile(path=str(tmp_path / "a"), algorithm="blake9", digest="x", size=3)
    assert check_files([file]) == ()
    (tmp_path / "a").write_text("abcd")
    assert [each.kind for each in check_files([file])] == ["size"]
