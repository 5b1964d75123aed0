"""Packs by their id in the Registry, through the command line, from a Registry that keeps to the schema."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.io.registry import opening
from comfyui_safe_install.resolver.io.registry.patience import Patience
from comfyui_safe_install.tests.kit.installation import Answer, Installation, differences
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.private_servers import make_repository
from comfyui_safe_install.tests.kit.registry_server import Fault, RegistryServer, make_archive, pack_files

IMPATIENT = Patience(first_pause=0.01, longest_pause=0.5, silent_seconds=0.5, answer_seconds=2)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryServer]:
    """The Registry the command line asks, with one pack in two versions."""
    monkeypatch.setattr(opening, "PATIENCE", IMPATIENT)
    with RegistryServer() as server:
        monkeypatch.setenv("SAFE_INSTALL_REGISTRY", server.url)
        server.publish("flux-tools", "1.0.0", pack_files("flux-tools", "1.0.0", "needed"))
        server.publish(
            "flux-tools", "1.1.0", pack_files("flux-tools", "1.1.0", "needed"), dependencies=["needed"]
        )
        yield server


@pytest.fixture
def bench(here: Installation) -> Installation:
    """A ComfyUI whose index has what the pack needs."""
    here.have("base", "1.0")
    here.wheel("needed", "1.0")
    return here


def codes(answer: Answer) -> list[str]:
    """Codes of the plan's findings."""
    plan = answer.document.get("plan", answer.document)
    return [each["code"] for each in plan["findings"]]


def archives(registry: RegistryServer) -> list[str]:
    """The archives that were asked for."""
    return [path for path in registry.paths() if path.startswith("/archives/")]


# --- installing ---------------------------------------------------------------------------------------------


def test_a_pack_is_installed_by_its_id(bench: Installation, registry: RegistryServer) -> None:
    """Its newest version with what it needs, marked for ComfyUI-Manager, counted once; a rollback undoes all of it."""
    before = bench.tree()
    planned = bench.run("plan", "flux-tools")
    assert planned.document["pack_changes"][0]["to"] == "flux-tools@1.1.0"
    assert codes(planned) == []
    assert registry.installs == {}, "looking is not installing"

    applied = bench.run("install", "flux-tools", "--yes").applied

    assert registry.installs == {"flux-tools@1.1.0": 1}
    assert archives(registry) == ["/archives/flux-tools-1.1.0.zip"], "what was planned is not fetched again"
    assert bench.versions() == {"base": "1.0", "needed": "1.0"}
    # What Manager 4.3 writes (`_cnr_install`): the archive's names in its order, joined by line feeds.
    tracking = (bench.packs / "flux-tools" / ".tracking").read_bytes()
    assert tracking == b"__init__.py\npyproject.toml\nrequirements.txt\nnodes/sampler.py"

    assert bench.run("rollback", applied["snapshot"], "--yes").code == 0
    assert differences(before, bench.tree()) == []


def test_what_was_installed_is_recorded_so_that_it_can_be_had_again(
    bench: Installation, registry: RegistryServer
) -> None:
    """History and snapshots tell id, version and the archive's hash; by them exactly it is installed, or nothing."""
    archive = registry.archives["flux-tools-1.0.0.zip"]
    digest = hashlib.sha256(archive).hexdigest()
    source = f"flux-tools@1.0.0#sha256={digest}"
    bench.run("install", "flux-tools@1.0", "--yes")

    (change,) = bench.run("history").document["transactions"][0]["summary"]["packs"]
    assert (change["to"], change["sha256"]) == ("flux-tools@1.0.0", digest)
    said = subprocess.run(
        [sys.executable, str(ROOT), "--comfyui", str(bench.comfy), "history"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert source in said.stdout
    snapshot = bench.run("snapshot", "create").document["snapshot"]["id"]
    (pack,) = bench.run("snapshot", "show", snapshot).document["snapshot"]["packs"]
    assert pack["source"] == source

    assert bench.run("uninstall", "flux-tools", "--yes").code == 0
    bench.run("install", source, "--yes")
    assert (bench.packs / "flux-tools").is_dir()
    bench.run("uninstall", "flux-tools", "--yes")
    before = bench.tree()
    registry.publish("flux-tools", "1.0.0", pack_files("flux-tools", "1.0.0", "other"))
    (bench.state / "cache" / "registry").rename(bench.root / "elsewhere")
    assert bench.run("install", source, "--yes").error == "download-hash-differs"
    assert differences(before, bench.tree()) == []


def test_a_newer_version_takes_the_place_of_the_older(bench: Installation, registry: RegistryServer) -> None:
    """Whatever its folder is called, with what the user keeps in it; there is no second copy."""
    bench.run("install", "flux-tools@1.0.0", "--yes")
    assert bench.run("update", "--yes").applied["operation"] == "update flux-tools"
    assert bench.run("rollback", "--yes").code == 0
    (bench.packs / "flux-tools").rename(bench.packs / "My_Flux")
    (bench.packs / "My_Flux" / "models.txt").write_text("mine")

    answer = bench.run("install", "FLUX-Tools@latest", "--yes")

    assert answer.applied
    assert "own-files-kept" in codes(answer)
    assert [path.name for path in bench.packs.iterdir()] == ["My_Flux"]
    assert '"1.1.0"' in (bench.packs / "My_Flux" / "__init__.py").read_text()
    assert (bench.packs / "My_Flux" / "models.txt").read_text() == "mine"
    assert "models.txt" not in (bench.packs / "My_Flux" / ".tracking").read_text()
    assert bench.run("install", "flux-tools", "--yes").document["applied"] is None, "it is up to date"
    assert registry.installs["flux-tools@1.1.0"] == 2


def test_the_same_pack_from_elsewhere_is_replaced_loudly(
    bench: Installation, registry: RegistryServer
) -> None:
    """A folder of that name in other case is no second place for it; a rollback brings it back."""
    source = bench.source("Flux-Tools", "needed", files={"mine.py": "x = 1\n"})
    bench.run("install", source, "--yes")
    before = bench.tree()
    answer = bench.run("install", "flux-tools", "--yes")
    assert "registry-replaces-other" in codes(answer)
    assert [path.name for path in bench.packs.iterdir()] == ["Flux-Tools"]
    assert (bench.packs / "Flux-Tools" / ".tracking").is_file()
    assert bench.run("rollback", "--yes").code == 0
    assert differences(before, bench.tree()) == []
    assert registry.installs == {"flux-tools@1.1.0": 1}


def test_a_disabled_copy_and_a_double_are_told(bench: Installation, registry: RegistryServer) -> None:
    """Neither is touched."""
    del registry
    files = pack_files("flux-tools", "0.9.0")
    for place in (".disabled/flux-tools@0_9_0", "flux-tools", "flux-copy"):
        for name, content in {**files, ".tracking": "\n".join(files)}.items():
            path = bench.packs / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    found = codes(bench.run("plan", "flux-tools"))
    assert {"disabled-copy-stays", "pack-installed-twice"} <= set(found)


def test_nightly_is_the_repository(bench: Installation, registry: RegistryServer, tmp_path: Path) -> None:
    """Cloned under the pack's id and marked in `.git`; counted nowhere. A commit can be named instead."""
    (tmp_path / "bare").mkdir()
    for folder, pack in (("Repository-Name", "night-pack"), ("Other-Name", "orphan")):
        for name, content in pack_files(pack, "0.0.1").items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        make_repository(tmp_path / "bare", tmp_path / folder)
    with serving(tmp_path / "bare") as address:
        unclaimed = {"id": "", "name": "Unclaimed"}
        registry.add_pack("night-pack", repository=f"{address}/Repository-Name.git", publisher=unclaimed)
        registry.add_pack("orphan", repository=f"{address}/Other-Name.git", publisher=None)
        refused = bench.run("install", "night-pack", "--yes")
        assert refused.error == "registry-no-version"
        assert "night-pack@nightly" in str(refused.document)

        assert bench.run("install", "night-pack@nightly", "--yes").applied
        pack_folder = bench.packs / "night-pack"
        assert (pack_folder / ".git" / ".cnr-id").read_bytes() == b"night-pack"
        assert not (pack_folder / ".tracking").exists()
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=pack_folder, check=True, capture_output=True, text=True
        ).stdout.strip()
        assert codes(bench.run("plan", f"night-pack@{commit}")) == ["already-newest"]
        # Manager 4.3 (`install_by_id`) names it by its repository where the Registry has no publisher.
        assert bench.run("plan", "orphan@nightly").document["pack_changes"][0]["name"] == "Other-Name"
    assert registry.installs == {}


def test_a_repository_of_this_machine_is_not_cloned_on_the_registry_s_word(
    bench: Installation, registry: RegistryServer, tmp_path: Path
) -> None:
    """Neither a folder, nor a transport that runs commands, nor somebody's SSH key."""
    addresses = (tmp_path.as_uri(), "ext::sh -c true", "git@example.org:a/b.git", "", "not an address")
    for number, address in enumerate(addresses):
        registry.add_pack(f"odd-{number}", repository=address)
        assert bench.run("plan", f"odd-{number}@nightly").error == "registry-repository-refused"


# --- judged first -------------------------------------------------------------------------------------------


def test_what_the_registry_refuses_is_never_downloaded(bench: Installation, registry: RegistryServer) -> None:
    """Banned, deleted, flagged, unknown: an error with its code, and not one archive is asked for."""
    registry.add_pack("bad-pack", status="NodeStatusBanned", status_detail="steals keys")
    registry.publish("gone-pack", "1.0.0", b"")
    registry.packs["gone-pack"]["status"] = "NodeStatusDeleted"
    registry.publish("flux-tools", "2.0.0", b"", status="NodeVersionStatusFlagged", status_reason="eval")
    registry.publish("flux-tools", "3.0.0", b"", status="NodeVersionStatusBanned")
    before = bench.tree()
    for source, code, exit_code in (
        ("bad-pack", "registry-banned", 3),
        ("bad-pack@nightly", "registry-banned", 3),
        ("gone-pack", "registry-deleted", 3),
        ("flux-tools@2.0.0", "registry-flagged", 3),
        ("flux-tools@3.0.0", "registry-banned", 3),
        ("flux-tools@9.9.9", "registry-version-not-found", 2),
        ("no-such-pack", "registry-pack-not-found", 2),
    ):
        answer = bench.run("install", source, "--yes")
        assert (answer.error, answer.code) == (code, exit_code), source
        assert answer.document["error"]["hints"]
    assert archives(registry) == []
    assert registry.installs == {}
    assert differences(before, bench.tree()) == []


def test_a_flagged_version_needs_consent_and_an_unfit_one_is_told(
    bench: Installation, registry: RegistryServer
) -> None:
    """With `--allow flagged` it is planned; what its author says of versions and systems is a finding."""
    registry.publish(
        "flux-tools",
        "2.0.0",
        pack_files("flux-tools", "2.0.1"),
        status="NodeVersionStatusFlagged",
        deprecated=True,
        supported_os=["Plan 9", "Windows" if sys.platform != "win32" else "Linux"],
        dependencies=["torch"],
    )
    answer = bench.run("plan", "flux-tools@2.0.0", "--allow", "flagged")
    assert answer.code == 0
    assert set(codes(answer)) == {
        "registry-flagged",
        "registry-deprecated",
        "registry-system-unsupported",
        "registry-dependencies-differ",
        "registry-version-differs",
    }


# --- faults -------------------------------------------------------------------------------------------------

UNSAFE = io.BytesIO()
with zipfile.ZipFile(UNSAFE, "w") as _archive:
    _archive.writestr("../outside.py", "x = 1\n")
BROKEN = make_archive(pack_files("flux-tools", "1.1.0"))[:-30]

FAULTS: list[tuple[str, Fault | bytes, str]] = [
    ("/nodes/flux-tools", Fault.BUSY, "registry-busy"),
    ("/nodes/flux-tools", Fault.SERVER_ERROR, "registry-failed"),
    ("/nodes/flux-tools", Fault.GARBAGE, "registry-answer-invalid"),
    ("/nodes/flux-tools", Fault.HUGE, "registry-answer-too-large"),
    ("/nodes/flux-tools", Fault.SILENT, "registry-unreachable"),
    ("/archives/.*", Fault.BUSY_FOR_LONG, "registry-busy"),
    ("/archives/.*", Fault.WRONG_LENGTH, "download-cut-off"),
    ("/archives/.*", Fault.SHORT_LENGTH, "archive-unreadable"),
    ("/archives/.*", Fault.LYING_TYPE, "download-not-an-archive"),
    ("/archives/.*", Fault.HTML, "download-not-an-archive"),
    ("/archives/.*", Fault.TO_FILE, "registry-redirection-refused"),
    ("/archives/.*", Fault.IN_CIRCLES, "registry-redirection-refused"),
    ("/archives/.*", Fault.HANGS_UP, "registry-unreachable"),
    ("content", b"PK\x03\x04 and no more", "archive-unreadable"),
    ("content", BROKEN, "archive-unreadable"),
    ("content", UNSAFE.getvalue(), "unsafe-archive"),
    ("content", make_archive({"readme.txt": "nothing"}), "not-a-pack"),
]


def test_each_fault_is_survived(bench: Installation, registry: RegistryServer) -> None:
    """An error with a code, few requests, all as before, nothing left aside; and once it is over, all is well."""
    before = bench.tree()
    sound = registry.archives["flux-tools-1.1.0.zip"]
    for path, fault, code in FAULTS:
        registry.forget()
        if isinstance(fault, Fault):
            registry.break_down(path, fault)
        else:
            registry.archives["flux-tools-1.1.0.zip"] = fault
        answer = bench.run("install", "flux-tools", "--yes")
        assert (answer.error, answer.code in (1, 3)) == (code, True), (path, fault)
        assert answer.document["error"]["hints"], code
        assert len(registry.asked) <= 12, (path, fault)
        assert differences(before, bench.tree()) == []
        assert bench.files_aside() == []
        registry.repair()
        registry.archives["flux-tools-1.1.0.zip"] = sound
    assert registry.installs == {}
    registry.break_down("/nodes/.*", Fault.SERVER_ERROR, times=1)
    registry.break_down("/archives/.*", Fault.CUT_OFF, times=1)
    assert bench.run("install", "flux-tools", "--yes").applied


def test_a_count_that_fails_and_an_install_that_fails(bench: Installation, registry: RegistryServer) -> None:
    """What could not be counted is installed all the same; what was not installed is not counted."""
    registry.publish("broken", "1.0.0", pack_files("broken", "1.0.0", "no-such-package-anywhere"))
    assert bench.run("install", "broken", "--yes").code != 0
    assert registry.installs == {}
    registry.break_down("/nodes/flux-tools/install", Fault.SERVER_ERROR)
    assert bench.run("install", "flux-tools", "--yes").applied
    assert registry.paths().count("/nodes/flux-tools/install") == 1


def test_offline_makes_do_with_what_is_here(bench: Installation, registry: RegistryServer) -> None:
    """A pack that was planned before is installed without asking anybody, and that is told; another one is not."""
    registry.publish("lone", "1.0.0", pack_files("lone", "1.0.0"))
    assert bench.run("plan", "lone").code == 0
    registry.forget()
    answer = bench.run("install", "lone", "--yes", "--offline")
    assert answer.applied
    assert "registry-answer-old" in codes(answer)
    assert bench.run("plan", "flux-tools", "--offline").error == "registry-offline"
    assert registry.asked == []
    (bench.state / "settings.toml").write_text("[registry]\noffline = true\n")
    assert bench.run("plan", "flux-tools").error == "registry-offline"


# --- looking ------------------------------------------------------------------------------------------------


def test_search_shows_packs_and_one_with_its_versions(bench: Installation, registry: RegistryServer) -> None:
    """By words or by a node's name, with what is installed; each version is judged."""
    registry.has_nodes("flux-tools", "1.1.0", "FluxLoader")
    registry.publish("flux-tools", "2.0.0", b"", status="NodeVersionStatusFlagged")
    bench.run("install", "flux-tools@1.0.0", "--yes")
    for arguments in (["flux"], ["--node", "FluxLoader"], []):
        found = bench.run("search", *arguments).document
        assert [(each["id"], each["latest"], each["installed"]) for each in found["packs"]] == [
            ("flux-tools", "1.1.0", "1.0.0")
        ]
    assert bench.run("search", "nothing of the kind").document["packs"] == []
    shown = bench.run("search", "--show", "flux-tools").document
    assert [each["version"] for each in shown["versions"]] == ["2.0.0", "1.1.0", "1.0.0"]
    assert shown["versions"][0]["refusals"][0]["code"] == "registry-flagged"
    assert shown["versions"][1]["dependencies"] == ["needed"]
    assert shown["installed"] == "1.0.0"
    assert bench.run("search", "a", "--node", "b").code == 2
    assert registry.installs["flux-tools@1.0.0"] == 1


def test_whoever_does_not_ask_the_registry_does_not_wait_for_aiohttp() -> None:
    """The command line and the whole engine load without it."""
    code = (
        "import sys; sys.path.insert(0, 'tests'); from kit.package import register_package; register_package();"
        "import comfyui_safe_install.resolver.cli.changes, comfyui_safe_install.resolver.io.site;"
        "import comfyui_safe_install.resolver.cli.registry; print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


class serving:  # noqa: N801 - reads as a word in `with`
    """The address of a server of plain files, which is enough for git."""

    def __init__(self, folder: Path) -> None:
        handler = partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass
