"""What an environment says of itself, against real uv in real venvs, whole and damaged."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.core.types import Environment
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.environment import freeze_text, read_environment
from comfyui_safe_install.resolver.io.metadata import parse_headers, parse_origin
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def live(venv: Venv) -> Live:
    """An empty environment."""
    return Live(venv)


def uv(live: Live, *arguments: str) -> str:
    """What uv prints for the environment."""
    command = [
        find_uv_bin(),
        "pip",
        *arguments,
        "--python",
        live.python.executable,
        "--no-config",
        "--offline",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def codes(environment: Environment) -> list[str]:
    """The codes of its findings."""
    return [finding.code for finding in environment.findings]


def source_folder(folder: Path, name: str) -> Path:
    """A project that builds offline, with a backend of its own."""
    folder.mkdir()
    wheel = make_wheel(folder, name, "1.0", files={f"{name}.py": ""})
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(
        "import pathlib, shutil\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    shutil.copy(pathlib.Path(__file__).parent / {wheel.name!r}, folder)\n"
        f"    return {wheel.name!r}\n"
        "build_editable = build_wheel\n"
    )
    return folder


def test_an_empty_environment_has_nothing(live: Live) -> None:
    """No distributions and no findings, which is no error."""
    environment = live.environment()
    assert environment.distributions == ()
    assert environment.findings == ()
    assert freeze_text(environment) == ""


def test_a_distribution_is_read_whole(live: Live, dists: Path) -> None:
    """Name, normal version, requirements, extras, installer, place and RECORD digest."""
    wheel = make_wheel(
        dists, "Foo.Bar_Baz", "2024.01.05", requires=["numpy>=1"], extras={"gpu": ["cupy"]}, top_level="x"
    )
    install(live.venv, wheel)
    (found,) = live.environment().distributions
    assert (found.name, found.version, found.installer) == ("foo-bar-baz", "2024.1.5", "uv")
    assert found.requires[0] == "numpy>=1"
    assert found.provides_extras == ("gpu",)
    assert found.site == str(live.venv.site_packages)
    assert (live.venv.site_packages / found.metadata_dir / "RECORD").is_file()
    assert len(found.record_digest) == 64
    assert found.origin.startswith("file://")
    assert not found.editable
    assert not found.conda


def test_freeze_is_what_uv_says(live: Live, dists: Path, tmp_path: Path) -> None:
    """Index installs, local wheels, folders, editables, git, odd names and versions: the same lines."""
    index = [
        make_wheel(dists, name, version) for name, version in [("Zeta_x", "1.0"), ("alpha", "2.0.post1")]
    ]
    index += [make_wheel(dists, "torchlike", "2.5.1+cu128"), make_wheel(dists, "cal", "2024.01.05")]
    names = ["zeta-x", "alpha", "torchlike", "cal"]
    uv(live, "install", "--quiet", "--no-deps", "--no-index", "--find-links", str(dists), *names)
    local = make_wheel(tmp_path / "local", "by-file", "1.0")
    uv(live, "install", "--quiet", "--no-deps", str(local))
    uv(live, "install", "--quiet", "--no-deps", str(source_folder(tmp_path / "in folder", "infolder")))
    uv(live, "install", "--quiet", "--no-deps", "-e", str(source_folder(tmp_path / "linked", "linked")))
    repository = source_folder(tmp_path / "repository", "bygit")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@e", *arguments], cwd=repository, check=True
        )
    uv(live, "install", "--quiet", "--no-deps", f"bygit @ git+{repository.as_uri()}")
    environment = live.environment()
    assert len(environment.distributions) == 8
    assert freeze_text(environment) == uv(live, "freeze")
    assert environment.findings == ()
    editable = environment.get("linked")
    assert editable is not None
    assert editable.editable
    assert environment.get("torchlike") is not None
    by_git = environment.get("bygit")
    assert by_git is not None
    assert by_git.origin.startswith("git+file://")
    assert len(by_git.origin.rpartition("@")[2]) == 40


def test_a_killed_installer_is_noticed(live: Live, dists: Path) -> None:
    """Metadata without INSTALLER and with missing files: torn, which uv itself calls satisfied."""
    install(live.venv, make_wheel(dists, "torn", "1.0", files={f"torn/m{i}.py": "x" for i in range(10)}))
    folder = live.venv.site_packages
    (folder / "torn-1.0.dist-info" / "INSTALLER").unlink()
    for number in range(1, 10):
        (folder / "torn" / f"m{number}.py").unlink()
    environment = live.environment()
    assert codes(environment) == ["torn-distribution"]
    assert "10 of" in environment.findings[0].message
    assert environment.versions == {"torn": "1.0"}
    assert "torn" in uv(live, "freeze")


def test_a_missing_installer_alone_is_no_alarm(live: Live, dists: Path) -> None:
    """Some tools never write it; the files are what counts."""
    install(live.venv, make_wheel(dists, "whole", "1.0"))
    info = live.venv.site_packages / "whole-1.0.dist-info"
    (info / "INSTALLER").unlink()
    record = (info / "RECORD").read_text().splitlines()
    (info / "RECORD").write_text("".join(f"{line}\n" for line in record if "INSTALLER" not in line))
    assert codes(live.environment()) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"Nonsense\n\nName: late\n", None])
def test_broken_metadata_is_a_finding(live: Live, dists: Path, content: bytes | None) -> None:
    """The distribution is still listed, by the name of its folder, so that it can be repaired."""
    install(live.venv, make_wheel(dists, "broken-one", "1.5"))
    path = live.venv.site_packages / "broken_one-1.5.dist-info" / "METADATA"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    environment = live.environment()
    assert codes(environment) == ["unreadable-metadata"]
    assert environment.versions == {"broken-one": "1.5"}


def test_two_metadata_folders_of_one_name_are_a_finding(live: Live, dists: Path) -> None:
    """Both stay in the list, and the finding names both."""
    install(live.venv, make_wheel(dists, "Twice", "1.0"))
    info = live.venv.site_packages / "twice-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: TWICE\nVersion: 2.0\n")
    (info / "INSTALLER").write_text("pip\n")
    environment = live.environment()
    assert [each.version for each in environment.distributions] == ["1.0", "2.0"]
    (finding,) = environment.findings
    assert finding.code == "duplicate-metadata"
    assert "twice-1.0.dist-info" in finding.message
    assert "twice-2.0.dist-info" in finding.message


def test_what_pip_left_behind_is_a_finding_and_no_distribution(live: Live) -> None:
    """pip renames to `~name` before it removes; a kill leaves that."""
    (live.venv.site_packages / "~umpy-1.0.dist-info").mkdir()
    environment = live.environment()
    assert environment.distributions == ()
    assert codes(environment) == ["interrupted-pip"]


def test_legacy_installs_are_listed_without_a_digest(live: Live, tmp_path: Path) -> None:
    """`.egg-info` folders and files and `.egg-link`s have no RECORD, and so can never be moved."""
    site = live.venv.site_packages
    (site / "eggy-1.0-py3.11.egg-info").mkdir()
    (site / "eggy-1.0-py3.11.egg-info" / "PKG-INFO").write_text("Name: eggy\nVersion: 1.0\n")
    (site / "flat-2.0.egg-info").write_text("Name: flat\nVersion: 2.0\n")
    source = tmp_path / "devel"
    (source / "devel.egg-info").mkdir(parents=True)
    (source / "devel.egg-info" / "PKG-INFO").write_text("Name: devel\nVersion: 3.0\nRequires-Dist: x\n")
    (site / "devel.egg-link").write_text(f"{source}\n.")
    environment = live.environment()
    assert environment.versions == {"devel": "3.0", "eggy": "1.0", "flat": "2.0"}
    assert {each.record_digest for each in environment.distributions} == {""}
    assert codes(environment) == []
    linked = environment.get("devel")
    assert linked is not None
    assert linked.editable
    assert linked.origin == source.as_uri()
    assert linked.requires == ("x",)
    assert freeze_text(environment) == uv(live, "freeze")


def test_an_egg_link_into_nothing_is_a_finding(live: Live, tmp_path: Path) -> None:
    """A source folder that is gone leaves a distribution without a version."""
    (live.venv.site_packages / "gone.egg-link").write_text(f"{tmp_path / 'gone'}\n.")
    (live.venv.site_packages / "void.egg-link").write_text("")
    assert codes(live.environment()) == ["unreadable-metadata", "unreadable-metadata"]


def test_conda_is_recognised(live: Live, dists: Path) -> None:
    """By INSTALLER, and by conda's own records for what older packages do not say themselves."""
    install(
        live.venv,
        make_wheel(dists, "said", "1.0"),
        make_wheel(dists, "listed", "2.0"),
        make_wheel(dists, "by-uv", "3.0"),
    )
    site = live.venv.site_packages
    (site / "said-1.0.dist-info" / "INSTALLER").write_text("conda")
    (site / "listed-2.0.dist-info" / "INSTALLER").unlink()
    records = Path(live.python.prefix) / "conda-meta"
    records.mkdir()
    for name in ("listed-2.0-py311h0_0", "by-uv-2.9-py_0", "history"):
        (records / f"{name}.json").write_text("{}")
    environment = read_environment(replace(live.python, is_conda=True))
    assert {each.name for each in environment.distributions if each.conda} == {"said", "listed"}
    assert all(each.is_local_build for each in environment.distributions if each.conda)


def test_a_folder_that_cannot_be_listed_is_an_error(live: Live, tmp_path: Path) -> None:
    """An empty list would later look like a wish to remove everything."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(SafeInstallError) as caught:
        read_environment(replace(live.python, purelib=str(loop), platlib=str(loop)))
    assert caught.value.code == "environment-unreadable"
    (live.venv.site_packages / "odd.egg-link").write_text(str(loop))
    assert codes(live.environment()) == ["unreadable-metadata"]


def test_site_packages_that_is_a_file_is_no_list(live: Live, tmp_path: Path) -> None:
    """A site directory that is not there, or no folder, has nothing in it."""
    odd = tmp_path / "odd"
    odd.write_text("")
    python = replace(live.python, purelib=str(odd), platlib=str(tmp_path / "gone"))
    assert read_environment(python).distributions == ()


def test_headers_are_read_as_the_specification_says() -> None:
    """Continuation lines, any case, other line ends, and nothing from the description."""
    raw = (
        b"Metadata-Version: 2.4\r\n"
        b"name: Pkg\r\nVERSION: 1.0\r\nRequires-Dist: a>=1;\r\n  python_version>'3'\r\n"
        b"Provides-Extra: x\r\nLicense: line one\r\n        Name: not-this\r\n\r\nRequires-Dist: not-this\r\n"
    )
    headers = parse_headers(raw)
    assert (headers.name, headers.version) == ("Pkg", "1.0")
    assert headers.requires == ("a>=1; python_version>'3'",)
    assert headers.provides_extras == ("x",)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (
            {"url": "https://e.example/x.whl", "archive_info": {"hash": "sha256=00"}},
            "https://e.example/x.whl",
        ),
        (
            {"url": "https://me:secret@e.example/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://***@e.example/r.git@abc",
        ),
        (
            {
                "url": "https://e.example/m.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
                "subdirectory": "p",
            },
            "git+https://e.example/m.git@abc#subdirectory=p",
        ),
        ({"url": 7}, ""),
        ([], ""),
    ],
)
def test_origins_are_direct_references(value: object, url: str) -> None:
    """As a requirement would be written (PEP 440, PEP 610); credentials are masked; nonsense is no origin."""
    assert parse_origin(json.dumps(value).encode()).url == url


def test_a_damaged_origin_is_none() -> None:
    """Broken JSON, even nested without end, never raises."""
    assert parse_origin(b"{").url == ""
    assert parse_origin(b"[" * 200_000).url == ""
