"""Archives that a page sends, on a host that runs: installed, limited, cut off, cleared away."""

from __future__ import annotations

import io
import os
import socket
import sys
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from .conftest import NEEDS_ITS_PACKAGES, Scene
from .ground import wait_until
from .hosts import REAL, Running
from .talking import PREFIX, Reply

ZIP = "application/zip"
BEYOND_THE_HOSTS_LIMIT = 101 * 1024**2
"""Bytes: the host refuses to read a body of more than 100 MiB (server.py, `client_max_size`)."""


@pytest.fixture(scope="module", autouse=True)
def packages(scene: Scene) -> None:
    """There is something to take a snapshot of, and something to bring."""
    if scene.kind == REAL:
        pytest.skip(NEEDS_ITS_PACKAGES)
    scene.here.have("settled", "1.0")
    scene.here.wheel("fresh", "1.0")


def archive(files: dict[str, str | bytes]) -> bytes:
    """A zip with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            # Of no time, so that the same files are the same bytes.
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def pack(**more: str) -> bytes:
    """A pack as a zip, without a folder round it."""
    return archive({"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "requirements.txt": "fresh\n", **more})


def send(host: Running, name: str, body: Any, kind: str = ZIP, **headers: str) -> Reply:
    """An upload as the panel sends it."""
    header, token = host._fetched_token()
    return host.request(
        "POST",
        f"./uploads?name={quote(name)}",
        data=body,
        headers={"Content-Type": kind, header: token, **headers},
    )


def kept(scene: Scene) -> list[str]:
    """What lies among the uploads."""
    folder = scene.here.state / "uploads"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def task(source: str, **more: Any) -> dict[str, Any]:
    """The task that installs it."""
    return {"ui_id": "1", "client_id": "page", "kind": "install", "params": {"source": source}, **more}


def test_a_sent_zip_is_planned_and_installed_under_its_own_name(scene: Scene, host: Running) -> None:
    """Nowhere does a page, the history or the record see where it lay meanwhile."""
    answer = send(host, "C:\\Downloads\\Nice Pack (1).zip", pack())
    assert answer.status == 201, answer.text
    sent = answer.json()
    assert sent["name"] == "Nice-Pack.zip"
    assert sent["bytes"] == len(pack())
    assert Path(sent["source"]).read_bytes() == pack()
    accepted = host.post("./plan", task(sent["source"]))
    assert accepted.json()["job"]["operation"] == "plan install Nice-Pack.zip"
    planned = host.job(accepted)
    assert planned["state"] == "done", planned
    plan = host.get(f"./plan/{planned['plan_id']}").json()
    (change,) = plan["change"]["pack_changes"]
    assert (change["name"], change["to"]) == ("Nice-Pack", "Nice-Pack.zip")
    apply = {**task(""), "kind": "apply", "params": {"plan_id": plan["id"]}}
    done = host.job(host.post("./tasks", apply))
    assert done["state"] == "done", done
    assert done["operation"] == "install Nice-Pack"
    assert (scene.here.packs / "Nice-Pack" / "__init__.py").is_file()
    assert scene.here.versions()["fresh"] == "1.0"
    transaction = host.get(f"./transactions/{done['transaction_id']}").text
    record = (scene.here.state / "history.jsonl", scene.here.state / "record.jsonl")
    told = [str(plan), str(done), transaction, *(each.read_text() for each in record if each.is_file())]
    assert not [text for text in told if "uploads" in text]
    refused = host.job(host.post("./tasks", {**task(""), "kind": "rollback", "params": {}}))
    agree = refused["error"]["context"]["fingerprint"]
    back = host.job(host.post("./tasks", {**task("", agree=agree), "kind": "rollback", "params": {}}))
    assert back["state"] == "done", back


def test_an_archive_beyond_the_hosts_own_limit_comes_through_without_filling_memory(
    scene: Scene, host: Running, tmp_path: Path
) -> None:
    """Written piece by piece: the host holds a few megabytes of it at a time."""
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("__init__.py", "")
        opened.writestr("model.bin", bytes(BEYOND_THE_HOSTS_LIMIT))
    before = _most_memory(host.process.pid)
    with path.open("rb") as file:
        answer = send(host, "big.zip", file, **{"Content-Length": str(path.stat().st_size)})
    assert answer.status == 201, answer.text
    assert Path(answer.json()["source"]).stat().st_size == path.stat().st_size
    if sys.platform == "linux":
        assert _most_memory(host.process.pid) - before < 40 * 1024


def _most_memory(pid: int) -> int:
    """Kilobytes a process ever had in memory."""
    if sys.platform != "linux":
        return 0
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not-a-zip"),
        (b"P", 400, "not-a-zip"),
        (b"<html>404</html>", 400, "not-a-zip"),
        (b"\x1f\x8b\x08" + bytes(100), 400, "not-a-zip"),
        (pack()[:-30], 400, "archive-unreadable"),
        (b"PK\x03\x04" + bytes(2_000_000), 400, "archive-unreadable"),
        (archive({"../../evil.py": ""}), 403, "unsafe-archive"),
        (archive({"bomb": bytes(70 * 1024**2)}), 403, "unsafe-archive"),
    ],
    ids=["nothing", "one byte", "a page", "gzip", "half", "zeros", "leads out", "bomb"],
)
def test_what_is_no_pack_is_refused_at_once(
    scene: Scene, host: Running, body: bytes, status: int, code: str
) -> None:
    """With what to do about it; and nothing of it is kept."""
    before = kept(scene)
    answer = send(host, "Evil.zip", body)
    assert (answer.status, answer.code) == (status, code), answer.text
    error = answer.json()["error"]
    assert error["hints"]
    assert "uploads" not in str(error)
    assert kept(scene) == before


def test_names_and_encodings_that_make_no_sense_are_refused(scene: Scene, host: Running) -> None:
    """A name must be there; what is compressed once more is not unpacked here."""
    before = kept(scene)
    assert send(host, "", pack()).code == "request-invalid"
    assert send(host, "x" * 300, pack()).code == "request-invalid"
    assert send(host, "a.zip", pack(), **{"Content-Encoding": "gzip"}).status in (400, 415)
    assert send(host, "a.zip", pack(), "application/octet-stream").status == 201
    assert len(kept(scene)) == len(before) + 1


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_an_upload_that_breaks_off_leaves_nothing(scene: Scene, host: Running, how: str) -> None:
    """The page was closed: what had come is gone, nothing is logged as a fault, and the next one comes through."""
    before = kept(scene)
    header, token = host._fetched_token()
    place = urlsplit(host.url)
    lines = [
        f"POST {PREFIX}/uploads?name=Half.zip HTTP/1.1",
        f"Host: {place.netloc}",
        f"Content-Type: {ZIP}",
        f"{header}: {token}",
        "Content-Length: 50000000" if how == "length" else "Transfer-Encoding: chunked",
    ]
    data = b"PK\x03\x04" + bytes(3_000_000)
    with socket.create_connection((place.hostname or "", place.port or 0)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.sendall(data if how == "length" else f"{len(data):x}\r\n".encode() + data + b"\r\n")
        wait_until(lambda: len(kept(scene)) > len(before), "it is on its way")
    wait_until(lambda: kept(scene) == before, "what had come is gone")
    assert not [each for each in (scene.here.state / "uploads").iterdir() if not list(each.iterdir())]
    assert "unexpected error" not in host.text_of_log()
    assert send(host, "Whole.zip", pack()).status == 201


def test_old_ones_go_when_another_comes_and_when_comfyui_starts(scene: Scene, host: Running) -> None:
    """After a day, or when there are more than twenty; what is not ours in that folder stays."""
    folder = scene.here.state / "uploads"
    mine = folder / "notes" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("keep")
    yesterday = time.time() - 25 * 3600
    old = Path(send(host, "Old.zip", pack()).json()["source"])
    os.utime(old.parent, (yesterday, yesterday))
    dead = folder / "0123456789abcdef"
    dead.mkdir()
    (dead / "part").write_bytes(b"PK")
    os.utime(dead / "part", (yesterday, yesterday))
    newest = Path(send(host, "New.zip", pack()).json()["source"])
    assert not old.exists()
    assert not dead.exists()
    for _ in range(25):
        newest = Path(send(host, "More.zip", pack()).json()["source"])
    assert len(kept(scene)) == 20 + 1
    assert newest.is_file()
    os.utime(newest.parent, (yesterday, yesterday))
    other = scene.start()
    assert other.get("./status").status == 200
    other.stop()
    assert not newest.exists()
    assert mine.read_text() == "keep"


def test_a_host_others_can_reach_takes_none(scene: Scene) -> None:
    """As no path of its disk is taken there: refused before a byte is written."""
    with scene.start("--listen", "0.0.0.0") as lan:
        before = kept(scene)
        answer = send(lan, "Nice.zip", pack())
        assert (answer.status, answer.code) == (403, "local-source-not-allowed")
        assert kept(scene) == before
        assert "install-local" in lan.get("./status").json()["permits"]
