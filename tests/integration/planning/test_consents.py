"""What widens trust needs the user's word: extra indexes, direct URLs, hashes that do not fit."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    finding,
    status,
    violated,
)
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.wheels import make_sdist, make_wheel


@pytest.fixture
def extra(tmp_path: Path) -> Iterator[IndexServer]:
    """Another index, which nobody configured."""
    folder = tmp_path / "extra"
    folder.mkdir()
    with IndexServer(folder) as server:
        yield server


# --- indexes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--extra-index-url", "--index-url"])
def test_an_index_is_not_asked_without_consent(bench: Workbench, extra: IndexServer, option: str) -> None:
    """The configured index is used, and the finding says how to allow the other."""
    bench.offer("special", "1.0")
    make_wheel(extra.folder, "special", "2.0")
    plan = bench.plan(bench.pack("A", f"{option} {extra.url}", "special"))
    assert changes(plan) == {"special": "1.0"}
    named = finding(plan, "index-needs-consent")
    assert (named.pack, named.line, named.hints[0].code) == ("A", 1, "allow-indexes")
    assert not extra.requests
    assert {line.text: line.detail for line in plan.lines}[f"{option} {extra.url}"] == "index-needs-consent"


def test_a_granted_index_serves_the_packs_own_packages_only(bench: Workbench, extra: IndexServer) -> None:
    """Neither another pack's packages nor the libraries of its own come from there."""
    for name in ("special", "library", "others"):
        bench.offer(name, "1.0")
    make_wheel(extra.folder, "special", "2.0", requires=["library"])
    make_wheel(extra.folder, "library", "6.6.6")
    make_wheel(extra.folder, "others", "6.6.6")
    plan = bench.plan(
        bench.pack("A", f"--extra-index-url {extra.url}", "special"),
        bench.pack("B", "others"),
        allow=["indexes"],
    )
    assert changes(plan) == {"special": "2.0", "library": "1.0", "others": "1.0"}
    located = {package.name: package.url for package in plan.lock}
    assert located["special"].startswith(extra.url.removesuffix("simple/"))
    assert located["library"].startswith(bench.index.url.removesuffix("simple/"))
    assert "6.6.6" not in plan.pylock + plan.full_pylock
    assert set(extra.requests) <= {"/simple/special/", "/files/special-2.0-py3-none-any.whl.metadata"}
    assert "index-needs-consent" not in codes(plan)


def test_a_package_only_the_granted_index_has(bench: Workbench, extra: IndexServer) -> None:
    """It is found, locked with its hash, and its own bounds count."""
    bench.requires("numpy")
    bench.install("numpy", "2.0")
    make_wheel(extra.folder, "special", "1.0", requires=["numpy"])
    wheel = make_wheel(extra.folder, "special", "2.0", requires=["numpy>=3"])
    older = wheel.with_name(wheel.name.replace("2.0", "1.0"))
    source = bench.pack("A", f"--extra-index-url {extra.url}", "special", "git-less")
    bench.offer("git-less", "1.0")
    assert finding(bench.plan(source), "line-no-such-package").line == 2
    plan = bench.plan(source, allow=["indexes"])
    assert changes(plan) == {"special": "1.0", "git-less": "1.0"}
    assert hashlib.sha256(older.read_bytes()).hexdigest() in plan.pylock
    assert not plan.refusals


def test_an_index_that_has_nothing_of_the_pack(bench: Workbench, extra: IndexServer) -> None:
    """It is said, since the user consented to it; the second one, which has something, is used."""
    make_wheel(extra.folder, "special", "2.0")
    bench.offer("special", "1.0")
    nowhere = f"{extra.url}nothing/"
    lines = (f"--extra-index-url {nowhere}", f"--extra-index-url {extra.url}", "special")
    plan = bench.plan(bench.pack("A", *lines), allow=["indexes"])
    assert changes(plan) == {"special": "2.0"}
    assert finding(plan, "index-not-used").line == 1


@pytest.mark.parametrize("line", ["--find-links /some/where", "--trusted-host example.invalid", "--pre"])
def test_other_options_are_said_and_left_out(bench: Workbench, line: str) -> None:
    """They would act on every pack."""
    bench.offer("special", "1.0")
    bench.offer("special", "2.0rc1")
    plan = bench.plan(bench.pack("A", line, "special"), allow=["indexes"])
    assert changes(plan) == {"special": "1.0"}
    assert finding(plan, "option-not-used").line == 1


# --- direct URLs --------------------------------------------------------------------------------------------------


def test_a_wheel_by_url(bench: Workbench) -> None:
    """Without consent it is named and the pack is stopped; with it the wheel is planned, with its version."""
    bench.offer("needed", "1.0")
    wheel = bench.offer("direct", "1.5", "needed")
    line = f"direct @ {bench.index.file_url(wheel)}"
    source = bench.pack("A", line)
    refused = bench.plan(source)
    assert [(each.code, each.line) for each in refused.refusals] == [("url-needs-consent", 1)]
    assert not refused.changes
    plan = bench.plan(source, allow=["urls"])
    assert changes(plan) == {"direct": "1.5", "needed": "1.0"}
    assert not plan.refusals
    (package,) = [each for each in plan.lock if each.name == "direct"]
    assert package.url == bench.index.file_url(wheel)
    assert not package.builds


def test_a_wheel_by_url_without_a_name(bench: Workbench) -> None:
    """The wheel's own file name tells."""
    url = bench.index.file_url(bench.offer("direct", "1.5"))
    assert changes(bench.plan(bench.pack("A", url), allow=["urls"])) == {"direct": "1.5"}


def test_a_url_beside_a_granted_index(bench: Workbench, extra: IndexServer) -> None:
    """A URL without a name and an index of the same pack get on with each other."""
    make_wheel(extra.folder, "special", "2.0")
    url = bench.index.file_url(bench.offer_source("direct", "1.5"))
    lines = (f"--extra-index-url {extra.url}", "special", url)
    plan = bench.plan(bench.pack("A", *lines), allow=["urls", "indexes", "builds"])
    assert changes(plan) == {"special": "2.0", "direct": "1.5"}


def test_source_by_url_needs_both_consents(bench: Workbench, tmp_path: Path) -> None:
    """To the URL and to running what is there."""
    log = tmp_path / "ran.txt"
    sdist = make_sdist(bench.index.folder, "direct", "1.5", touches=log)
    source = bench.pack("A", f"direct @ {bench.index.file_url(sdist)}")
    assert [each.code for each in bench.plan(source, allow=["urls"]).refusals] == ["line-needs-build"]
    assert not log.exists()
    plan = bench.plan(source, allow=["urls", "builds"])
    assert changes(plan) == {"direct": "1.5"}
    assert [package.name for package in plan.lock if package.builds] == ["direct"]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """The URL of a git repository with a package `vcs` 3.1, served by HTTP as plain files."""
    work, bare = tmp_path / "vcs", tmp_path / "www" / "vcs.git"
    work.mkdir()
    wheel = make_wheel(tmp_path / "built", "vcs", "3.1", requires=["needed"])
    (work / wheel.name).write_bytes(wheel.read_bytes())
    (work / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (work / "backend.py").write_text(
        "import pathlib, shutil\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    shutil.copy(pathlib.Path(__file__).parent / {wheel.name!r}, folder)\n"
        f"    return {wheel.name!r}\n"
    )
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"]
    for command in (
        [*git, "init", "-q"],
        [*git, "add", "-A"],
        [*git, "commit", "-qm", "first"],
        [*git, "clone", "-q", "--bare", ".", str(bare)],
        [*git, "-C", str(bare), "update-server-info"],
    ):
        subprocess.run(command, cwd=work, check=True, capture_output=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(bare.parent))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/vcs.git"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("form", ["vcs @ git+{url}@main", "git+{url}", "git+{url}#egg=vcs"])
def test_a_repository(bench: Workbench, repository: str, form: str) -> None:
    """A VCS requirement needs consent to the URL and to the build, whether it says its name or not."""
    bench.offer("needed", "1.0")
    source = bench.pack("A", form.format(url=repository))
    assert [each.code for each in bench.plan(source).refusals] == ["url-needs-consent"]
    assert [each.code for each in bench.plan(source, allow=["urls"]).refusals] == ["line-needs-build"]
    plan = bench.plan(source, allow=["urls", "builds"])
    assert changes(plan) == {"vcs": "3.1", "needed": "1.0"}
    assert not plan.refusals
    assert status(plan, "A") == ("ok", "")


def test_what_was_installed_from_there_needs_no_consent_again(bench: Workbench) -> None:
    """The pack of the URL and every other pack can be planned without a word about it."""
    wheel = bench.offer("direct", "1.5")
    url = bench.index.file_url(wheel)
    bench.install("direct", "1.5")
    (bench.info("direct") / "direct_url.json").write_text(f'{{"url": "{url}", "archive_info": {{}}}}')
    bench.own_pack("Owner", f"direct @ {url}")
    bench.offer("rich", "14.0")
    plan = bench.plan(bench.pack("A", "rich", url))
    assert changes(plan) == {"rich": "14.0"}
    assert not plan.refusals
    assert "url-needs-consent" not in codes(plan)


def test_anothers_url_is_not_asked_for_again(bench: Workbench) -> None:
    """A pack from before wants a URL nobody consented to: that is said, and stops only itself."""
    bench.own_pack("Owner", "direct @ https://example.invalid/direct-1.0-py3-none-any.whl")
    bench.offer("rich", "14.0")
    plan = bench.plan(bench.pack("A", "rich"))
    assert changes(plan) == {"rich": "14.0"}
    assert not plan.refusals
    assert finding(plan, "url-needs-consent").pack == "Owner"


def test_a_dead_url_stops_its_own_pack_only(bench: Workbench) -> None:
    """The host of one pack's wheel is gone; the index is not, and the others get what they need."""
    bench.offer("rich", "14.0")
    bench.own_pack("Dead", "direct @ http://127.0.0.1:9/direct-1.0-py3-none-any.whl")
    bench.own_pack("Alive", "rich")
    plan = bench.plan(allow=["urls"])
    assert changes(plan) == {"rich": "14.0"}
    assert status(plan, "Dead") == ("unresolvable", "line-url-unreachable")


def test_a_missing_file_behind_a_url(bench: Workbench) -> None:
    """404 is about the line, not about the network."""
    url = bench.index.file_url(Path("direct-1.0-py3-none-any.whl"))
    plan = bench.plan(bench.pack("A", f"direct @ {url}"), allow=["urls"])
    assert [each.code for each in plan.refusals] == ["line-no-such-package"]


def test_a_url_for_something_of_cores_is_given_up(bench: Workbench) -> None:
    """Core's package stays, whatever the pack brings along."""
    bench.requires("numpy")
    bench.install("numpy", "2.0")
    url = bench.index.file_url(bench.offer("numpy", "1.26"))
    plan = bench.plan(bench.pack("A", f"numpy @ {url}"), allow=["urls"])
    assert not plan.changes
    assert violated(plan) == {("A", f"numpy @ {url}")}


def test_two_urls_for_one_package(bench: Workbench) -> None:
    """One of them is taken, and the other is named as violated."""
    urls = [bench.index.file_url(bench.offer("direct", version)) for version in ("1.0", "2.0")]
    plan = bench.plan(*(bench.pack(f"P{n}", f"direct @ {url}") for n, url in enumerate(urls)), allow=["urls"])
    assert changes(plan) == {"direct": "1.0"}
    assert violated(plan) == {("P1", f"direct @ {urls[1]}")}
    assert not plan.refusals


# --- hashes -------------------------------------------------------------------------------------------------------


def test_a_hash_is_held_to(bench: Workbench) -> None:
    """The file must be the one the pack's author tried."""
    digest = hashlib.sha256(bench.offer("exact", "1.0").read_bytes()).hexdigest()
    assert changes(bench.plan(bench.pack("A", f"exact==1.0 --hash=sha256:{digest}"))) == {"exact": "1.0"}
    plan = bench.plan(bench.pack("B", f"exact==1.0 --hash=sha256:{'0' * 64}"))
    assert [(each.code, each.line) for each in plan.refusals] == [("hash-not-offered", 1)]
