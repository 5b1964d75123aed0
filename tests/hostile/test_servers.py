"""A server that lies, drips, redirects or speaks no HTTP costs a little time and nothing else."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.io import downloads
from comfyui_safe_install.resolver.io.downloads import may_follow
from comfyui_safe_install.resolver.io.wheel_metadata import LARGEST, read_wheel_metadata
from comfyui_safe_install.resolver.wiring import PageProbe
from comfyui_safe_install.tests.kit.rogue import RogueServer, response
from comfyui_safe_install.tests.kit.wheels import make_wheel

METADATA = b"Metadata-Version: 2.1\nName: x\nVersion: 1\n"


def _endless(_line: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n" + METADATA
    while True:
        yield b"Requires-Dist: a\n" * 4096


def _bomb(_line: str) -> bytes:
    return response(gzip.compress(METADATA + b"\0" * 50_000_000), content_encoding="gzip")


BROKEN: list[Callable[[str], bytes | Iterator[bytes]]] = [
    lambda _line: b"SSH-2.0-OpenSSH_9.0\r\n",
    lambda _line: b"",
    lambda _line: b"HTTP/1.1 abc\r\n\r\n",
    lambda _line: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n",
    lambda _line: b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    lambda _line: b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    lambda _line: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    lambda _line: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab",
    lambda _line: b"\x00\xff" * 5000,
    _bomb,
    lambda _line: response(b"", "302 Found", location="file:///etc/passwd"),
    lambda _line: response(b"", "302 Found", location="ftp://127.0.0.1/x"),
    lambda _line: response(b"", "302 Found", location="//[bad"),
    lambda _line: response(b"", "302 Found", location="/again"),
    lambda _line: response(b"", "302 Found"),
    lambda _line: response(b"<html>" + METADATA),
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_what_is_no_metadata_is_refused(number: int) -> None:
    """Beside the wheel and inside it: OSError or ValueError, which leave the wheel's requirements unknown."""
    with RogueServer(BROKEN[number]) as server:
        with pytest.raises((OSError, ValueError)):
            read_wheel_metadata(f"{server.url}/x-1-py3-none-any.whl")
        assert len(server.asked) < 50


def test_an_endless_body_is_cut() -> None:
    """No more is read than a metadata file can have."""
    with RogueServer(_endless) as server:
        assert len(read_wheel_metadata(f"{server.url}/x-1-py3-none-any.whl")) <= LARGEST


def test_a_dripping_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps a connection alive for ever; the whole answer has a limit of its own."""
    monkeypatch.setattr(downloads, "_SECONDS_IN_ALL", 0.3)

    def drip(_line: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n" + METADATA
        for _ in range(100):
            yield b"x"

    with RogueServer(drip, pause=0.05) as server, pytest.raises(TimeoutError):
        read_wheel_metadata(f"{server.url}/x-1-py3-none-any.whl")
    # Then it is asked for the wheel's own end in the same way, which is given up as well.


def _ranged(body: bytes, total: str) -> Callable[[str], bytes]:
    def respond(line: str) -> bytes:
        if ".metadata" in line:
            return response(b"no", "404 Not Found")
        return response(body, "206 Partial Content", content_range=f"bytes 0-1/{total}")

    return respond


@pytest.mark.parametrize(
    "total", ["99999999999999999999", "0", "1", "-1", "*", "\u00b2".encode().decode("latin-1"), "9" * 5000]
)
def test_a_server_that_lies_about_a_wheel_is_not_asked_for_ever(tmp_path: Path, total: str) -> None:
    """Whatever size it claims, a handful of questions settle it."""
    wheel = make_wheel(tmp_path, "x", "1").read_bytes()
    with RogueServer(_ranged(wheel[-300:], total)) as server:
        with pytest.raises((OSError, ValueError)):
            read_wheel_metadata(f"{server.url}/x-1-py3-none-any.whl")
        assert len(server.asked) < 50


def _patched(raw: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    data = bytearray(raw)
    place = data.index(signature) + offset
    data[place : place + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (6, b"\xff"),
        (8, b"\x01"),
        (8, b"\x20"),
        (8, b"\x40"),
        (10, b"\x63"),
        (24, struct.pack("<I", 2**31)),
        (42, b"\xff" * 4),
    ],
    ids=["version", "encrypted", "patched", "strongly-encrypted", "method", "size", "offset"],
)
def test_a_broken_wheel_has_no_metadata(tmp_path: Path, method: int, offset: int, value: bytes) -> None:
    """Whatever zipfile raises, it is a ValueError here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("x-1.dist-info/METADATA", METADATA * 3)
    path = tmp_path / "x-1-py3-none-any.whl"
    path.write_bytes(_patched(buffer.getvalue(), b"PK\x01\x02", offset, value))
    with pytest.raises((OSError, ValueError)):
        read_wheel_metadata(str(path))


@pytest.mark.parametrize(
    ("target", "follows"),
    [
        ("https://files.example.org/x", True),
        ("http://files.example.org/x", True),
        ("file:///etc/passwd", False),
        ("ftp://example.org/x", False),
        ("http://127.0.0.1:8188/api/manager/reboot", False),
        ("http://localhost/", False),
        ("http://localhost./", False),
        ("http://a.localhost/", False),
        ("http://[::1]/", False),
        ("http://[::ffff:127.0.0.1]/", False),
        ("http://2130706433/", False),
        ("http://0x7f.1/", False),
        ("http://169.254.169.254/latest", False),
        ("http://10.0.0.1/", False),
        ("http://0/", False),
    ],
)
def test_a_page_of_the_net_does_not_make_us_ask_this_machine(target: str, follows: bool) -> None:
    """A redirection leads to another public server, or it is not followed."""
    assert may_follow("http://example.org/a", target) is follows


def test_a_redirection_keeps_its_encryption() -> None:
    """From TLS to plain text is a step down; within the own machine everything is at home."""
    assert not may_follow("https://example.org/", "http://example.org/")
    assert may_follow("http://127.0.0.1:1/", "http://127.0.0.1:2/")


def test_a_redirection_here_is_followed() -> None:
    """An index that moves its files elsewhere works."""
    with (
        RogueServer(lambda _line: response(METADATA)) as second,
        RogueServer(lambda _line: response(b"", "302 Found", location=f"{second.url}/there")) as first,
    ):
        assert read_wheel_metadata(f"{first.url}/x-1-py3-none-any.whl") == METADATA.decode()


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_an_index_that_breaks_serves_nothing(number: int) -> None:
    """The page of a package cannot be had, or it can; nothing is raised."""
    with RogueServer(BROKEN[number]) as server:
        assert PageProbe().served(server.url, ["x"]) in ((), ("x",))


@pytest.mark.parametrize(
    "index", ["file:///etc", "ftp://127.0.0.1", "data:,x", "", "::", "http://", "http://[", "gopher://x"]
)
def test_an_index_is_only_asked_over_http(index: str) -> None:
    """No file of this machine is opened for a pack's option line."""
    assert PageProbe().served(index, ["passwd"]) == ()
