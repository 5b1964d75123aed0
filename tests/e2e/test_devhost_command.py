"""The stand-in's command line: how it starts, what it can be made, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.package import ROOT

from .hosts import STAND_IN, HostDied, interrupt, start
from .witness import write


def test_sys_exit_in_a_pack_ends_the_host_with_its_code(tmp_path: Path) -> None:
    """Only `except Exception` guards the import of packs, in ComfyUI as here."""
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", "--crash-pack", "deadly", "--without-safe-install")
    assert died.value.code == 3
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", "--without-safe-install")
    assert died.value.code == 3
    packs = ["--disable-all-custom-nodes", "--whitelist-custom-nodes", "safe-install", "--quick-test-for-ci"]
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", *packs)
    assert died.value.code == 0


def test_signals_end_it_in_good_order(tmp_path: Path) -> None:
    """SIGTERM and Ctrl-C give exit code 0, also while pages listen; the port is free at once."""
    base = tmp_path / "comfy"
    with start(STAND_IN, base, "--without-system-user-directory") as running, running.events():
        assert (base / "custom_nodes" / "safe-install" / "resolver").is_symlink()
        assert running.stop() == 0
    port = running.url.rsplit(":", 1)[1]
    with start(STAND_IN, base, "--port", port, "--without-safe-install") as running:
        assert running.url.endswith(f":{port}")
        with pytest.raises(HostDied, match=f"error: cannot listen on 127.0.0.1 port {port}") as died:
            start(STAND_IN, tmp_path / "other", "--port", port, "--without-safe-install")
        assert died.value.code == 2
        assert "/safe-install" not in running.text_of_log().rsplit("web root", 1)[1]
        assert interrupt(running) == 0


def test_a_host_can_be_made_a_special_one(tmp_path: Path) -> None:
    """CORS, users, policy, the whole network, more folders of packs, and answers left out or put in."""
    base = tmp_path / "comfy"
    write(tmp_path / "guards" / "first", {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"})
    write(tmp_path, {"nodes.json": '{"Saved": {"name": "Saved"}}'})
    write(tmp_path, {"paths.yaml": "mine:\n  base_path: .\n  is_default: true\n  custom_nodes: guards\n"})
    arguments = [
        "--lan",
        "--enable-cors-header",
        "--multi-user",
        "--disable-api-nodes",
        "--without-safe-install",
    ]
    arguments += ["--drop", "/api/i18n", "--object-info", str(tmp_path / "nodes.json")]
    arguments += ["--extra-model-paths-config", str(tmp_path / "paths.yaml"), "--fail-pack", "last"]
    with start(STAND_IN, base, *arguments) as host:
        foreign = host.request("POST", "/__queue", data=b"{}", headers={"Origin": "http://evil.example"})
        assert (foreign.status, foreign.headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert foreign.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert (host.get("/api/i18n").status, host.get("/i18n").status) == (404, 200)
        assert "Saved" in host.get("/object_info").json()
        assert host.get("/api/settings").status == 401
        user = host.post("/users", {"username": "ann"}).json()
        assert host.get("/users").json()["users"] == {user: "ann"}
        assert host.get("/api/settings", headers={"comfy-user": user}).json() == {}
        assert host.get("/api/settings", headers={"comfy-user": "__safe_install"}).status == 401
        folders = host.get("/internal/folder_paths").json()["custom_nodes"]
        assert folders == [str(tmp_path / "guards"), str(base / "custom_nodes")]
        assert "guards/first" in host.text_of_log().split("Import times")[1]
        assert host.request("OPTIONS", "/prompt").status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--base"),
        (["--base", "{here}/file"], "is not a folder"),
        (["--base", "{here}/full"], "it is no ComfyUI folder"),
        (["--base", "{here}/real"], "start its main.py instead"),
        (["--base", "{here}/new", "--python", "{here}/nowhere"], "there is no interpreter"),
        (["--base", "{here}/new", "--python", "{here}/file"], "cannot be run"),
        (["--base", "{here}/new", "--python", "{here}/old"], "is Python 2.7"),
        (["--base", "{here}/new", "--port", "70000"], "is no port"),
        (["--base", "{here}/new", "--front-end-root", "{here}"], "has no index.html"),
        (["--base", "{here}/new", "--lann"], "unrecognized arguments: --lann"),
    ],
)
def test_bad_arguments_are_said_clearly(tmp_path: Path, arguments: list[str], words: str) -> None:
    """Exit code 2 and a sentence, before anything is made or started."""
    (tmp_path / "file").write_text("")
    write(tmp_path / "full", {"something": ""})
    write(tmp_path / "real", {"nodes.py": "", "custom_nodes/x.py": ""})
    write(tmp_path, {"old": "#!/bin/sh\necho 2 7\n"}).joinpath("old").chmod(0o755)
    given = [argument.format(here=tmp_path) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "devhost", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
