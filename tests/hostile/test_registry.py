"""A Registry that lies, drips, redirects or speaks no HTTP costs a little time and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.registry import RegistryVersion
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.registry.client import RegistryClient
from comfyui_safe_install.resolver.io.registry.patience import Patience
from comfyui_safe_install.tests.hostile.test_servers import BROKEN
from comfyui_safe_install.tests.kit.rogue import RogueServer

IMPATIENT = Patience(
    tries=2,
    first_pause=0.01,
    silent_seconds=0.5,
    answer_seconds=1,
    slow_seconds=0.4,
    largest_archive=5_000_000,
)


def ways(client: RegistryClient) -> dict[str, Callable[[], object]]:
    """Every way to make a request."""
    version = RegistryVersion(pack="x", version="1.0.0", download_url=f"{client.base}/x.zip")
    return {
        "pack": lambda: client.pack("x"),
        "search": lambda: client.search("x"),
        "states": lambda: client.status_of([("x", "1.0.0")]),
        "download": lambda: client.download(version, client.shelf.place(version)),
    }


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_what_is_no_answer_is_an_error_of_ours(number: int, tmp_path: Path) -> None:
    """With a code and a hint, after few requests; a count that fails says nothing at all."""
    with RogueServer(BROKEN[number]) as server:
        for name in ("pack", "search", "states", "download"):
            # Each with a client of its own, which has not been disappointed yet.
            client = RegistryClient(server.url, tmp_path / name, patience=IMPATIENT)
            with pytest.raises(SafeInstallError) as error:
                ways(client)[name]()
            assert error.value.code.startswith(("registry-", "download-"))
            assert error.value.hints
            client.count_install("x", "1.0.0")
        assert len(server.asked) < 50
    assert not list(tmp_path.rglob("*.zip"))


def test_a_dripping_answer_and_a_dripping_archive_are_given_up(tmp_path: Path) -> None:
    """A byte now and then keeps a connection alive for ever; patience has an end of its own."""

    def drip(_line: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\nPK\x03\x04"
        for _ in range(1000):
            yield b"x"

    with RogueServer(drip, pause=0.02) as server:
        client = RegistryClient(server.url, tmp_path, patience=IMPATIENT)
        for name in ("pack", "download"):
            begun = time.monotonic()
            with pytest.raises(SafeInstallError) as error:
                ways(client)[name]()
            assert error.value.code == "registry-unreachable"
            assert time.monotonic() - begun < 5
