"""The client beside a Registry that keeps to the schema, and one that does everything wrong."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.registry import RegistryVersion
from comfyui_safe_install.resolver.errors import CancelledError, RefusedError, SafeInstallError, UsageError
from comfyui_safe_install.resolver.io.registry.client import RegistryClient
from comfyui_safe_install.resolver.io.registry.patience import Patience
from comfyui_safe_install.tests.kit.registry_server import Fault, RegistryServer, make_archive, pack_files

IMPATIENT = Patience(
    first_pause=0.01,
    longest_pause=1.5,
    silent_seconds=0.5,
    answer_seconds=2,
    slow_seconds=0.3,
    page_pause=0.0,
)
LARGE = make_archive({"__init__.py": "", "weights.bin": os.urandom(100_000)})

Make = Callable[..., RegistryClient]


@pytest.fixture(scope="module")
def filled() -> Iterator[RegistryServer]:
    """A Registry with three packs."""
    with RegistryServer() as server:
        server.publish("flux-tools", "1.9.0", pack_files("flux-tools", "1.9.0"))
        server.publish("flux-tools", "1.10.0", pack_files("flux-tools", "1.10.0"))
        server.publish("flux-tools", "2.0.0", b"", status="NodeVersionStatusFlagged")
        server.publish("large", "1.0.0", LARGE)
        server.add_pack("old", publisher={"id": "", "name": "Unclaimed"})
        server.add_pack("bad", status="NodeStatusBanned")
        server.has_nodes("flux-tools", "1.10.0", *(f"Flux{number}" for number in range(230)))
        server.has_nodes("large", "1.0.0", "Flux1", "A/B ?#")
        server.packs["large"]["preempted_comfy_node_names"] = ["Flux1"]
        yield server


@pytest.fixture
def registry(filled: RegistryServer) -> Iterator[RegistryServer]:
    """That Registry, telling the truth."""
    filled.repair()
    filled.forget()
    yield filled
    filled.repair()


@pytest.fixture
def make(registry: RegistryServer, tmp_path: Path) -> Make:
    """Makes clients that share one cache."""

    def made(**options: object) -> RegistryClient:
        return RegistryClient(registry.url, tmp_path / "cache", **{"patience": IMPATIENT, **options})  # type: ignore[arg-type]

    return made


def code_of(act: Callable[[], object]) -> str:
    """The code of the error it raises."""
    with pytest.raises(SafeInstallError) as error:
        act()
    assert error.value.hints, "an error says what can be done"
    return error.value.code


# --- questions ----------------------------------------------------------------------------------------------


def test_packs_and_versions(make: Make) -> None:
    """The newest active version counts, by number; ids are asked for in any case."""
    client = make()
    assert client.pack("Flux-TOOLS").value.id == "flux-tools"
    assert client.newest("flux-tools").value.version == "1.10.0"
    assert [each.version for each in client.versions("flux-tools").value] == ["1.10.0", "1.9.0"]
    assert [each.version for each in client.versions("flux-tools", ["flagged"]).value] == ["2.0.0"]
    assert client.version("flux-tools", "1.9.0").value.download_url.endswith(".zip")
    assert client.search("flux").value.packs[0].id == "flux-tools"
    assert client.search("").value.total == 3, "those that are banned are not listed"
    assert client.search("", limit=5000).value.limit == 100


def test_what_is_not_there(make: Make) -> None:
    """Each kind of nothing has a code of its own."""
    client = make()
    assert code_of(lambda: client.pack("nothing")) == "registry-pack-not-found"
    assert code_of(lambda: client.pack("..")) == "registry-pack-not-found"
    assert code_of(lambda: client.version("flux-tools", "9.9.9")) == "registry-version-not-found"
    assert code_of(lambda: client.versions("bad")) == "registry-banned"
    with pytest.raises(UsageError, match="nobody has claimed it"):
        client.newest("old")
    with pytest.raises(RefusedError):
        client.versions("bad")


def test_it_can_be_asked_where_a_loop_runs(make: Make) -> None:
    """Another pack may call us from a handler of the server; it waits, and gets its answer."""

    async def handler() -> str:
        return make().pack("large").value.id

    assert asyncio.run(handler()) == "large"


def test_a_banned_pack_is_one_however_that_is_said(make: Make, registry: RegistryServer) -> None:
    """By its status, or by an answer that it is forbidden: both say that there is such a pack, and what of it."""
    assert make().pack("bad").value.status == "banned"
    registry.break_down("/nodes/large", Fault.FORBIDDEN)
    told = make().pack("large").value
    assert (told.id, told.status, told.status_detail) == ("large", "banned", "Node is banned")


def test_nodes_of_all_pages_and_their_owners(make: Make, registry: RegistryServer) -> None:
    """Pages are turned to the last and no further; who preempts a name owns it; any name can be asked for."""
    client = make()
    assert len(client.nodes("flux-tools", "1.10.0").value) == 230
    assert len(registry.asked) == 3
    for name, owner in (("Flux2", "flux-tools"), ("Flux1", "large"), ("A/B ?#", "large")):
        found = client.pack_of_node(name).value
        assert found is not None
        assert found.id == owner
    assert client.pack_of_node("Nobody's").value is None
    assert [each.id for each in client.search_by_node("Flux1").value.packs] == ["flux-tools", "large"]


def test_states_are_asked_in_bulk(make: Make, registry: RegistryServer) -> None:
    """Two thousand versions are three questions, and each gets its answer in its place."""
    asked = [
        ("flux-tools", "2.0.0"),
        *(("nothing", f"{number}.0.0") for number in range(2000)),
        ("Large", "1.0.0"),
    ]
    states = make().status_of(asked).value
    assert len(registry.asked) == 3
    assert states[0].found is not None
    assert states[0].found.status == "flagged"
    assert [(each.pack, each.version) for each in states[:3]] == asked[:3]
    assert states[5].found is None


def test_an_answer_is_remembered_for_a_while(
    make: Make, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same question is not asked twice, also by another process; later it is; an old answer makes do."""
    make().pack("flux-tools")
    assert make().pack("flux-tools").age < 5
    assert make().pack_of_node("Nobody's").value is None
    assert make().pack_of_node("Nobody's").value is None
    assert len(registry.asked) == 2
    make(refresh=True).pack("flux-tools")
    assert len(registry.asked) == 3

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    registry.break_down(".*", Fault.HANGS_UP)
    old = make().pack("flux-tools")
    assert 3500 < old.age < 3700
    assert [each.code for each in old.findings] == ["registry-answer-old"]
    registry.repair()
    assert make().pack("flux-tools").age == 0


def test_offline_nobody_is_asked(make: Make, registry: RegistryServer) -> None:
    """What was said before is told, whatever its age; the rest is an error that says so."""
    make().pack("flux-tools")
    registry.forget()
    client = make(offline=True)
    assert client.pack("flux-tools").value.id == "flux-tools"
    assert client.anew().pack("flux-tools").findings[0].code == "registry-answer-old"
    assert code_of(lambda: client.pack("large")) == "registry-offline"
    client.count_install("flux-tools", "1.9.0")
    assert registry.asked == []


def test_a_spoilt_memory_is_no_memory(make: Make, registry: RegistryServer, tmp_path: Path) -> None:
    """Whatever lies in its files: the Registry is asked instead."""
    make().pack("flux-tools")
    (file,) = (tmp_path / "cache" / "answers").iterdir()
    for content in (b"", b"[1]", b'{"question": 1}', file.read_bytes().replace(b"flux-tools", b"other-tool")):
        file.write_bytes(content)
        assert make().pack("flux-tools").age == 0
    assert len(registry.asked) == 5


# --- being a good guest -------------------------------------------------------------------------------------


def test_it_says_who_asks(make: Make, registry: RegistryServer) -> None:
    """Each request names the project, and brings no cookies."""
    make(agent="comfyui-safe-install/1.0").pack("flux-tools")
    assert registry.asked[0].headers["User-Agent"] == "comfyui-safe-install/1.0"
    assert "Cookie" not in registry.asked[0].headers


def test_it_waits_as_it_is_told(make: Make, registry: RegistryServer) -> None:
    """Retry-After is kept to; a longer one than patience lasts ends it at once."""
    registry.break_down("/nodes/flux-tools", Fault.BUSY_WITH_PAUSE, times=1)
    make().pack("flux-tools")
    first, second = (each.at for each in registry.asked)
    assert second - first >= 1.0
    registry.forget()
    registry.break_down("/nodes/large", Fault.BUSY_FOR_LONG)
    assert code_of(lambda: make().pack("large")) == "registry-busy"
    assert len(registry.asked) == 1


@pytest.mark.parametrize(
    ("fault", "code", "questions"),
    [
        (Fault.BUSY, "registry-busy", 4),
        (Fault.SERVER_ERROR, "registry-failed", 4),
        (Fault.CUT_OFF, "registry-unreachable", 4),
        (Fault.HANGS_UP, "registry-unreachable", 8),  # aiohttp itself repeats a question nobody has heard.
        (Fault.HTML, "registry-answer-invalid", 1),
        (Fault.GARBAGE, "registry-answer-invalid", 1),
        (Fault.HUGE, "registry-answer-too-large", 1),
        (Fault.TO_FILE, "registry-redirection-refused", 1),
        (Fault.IN_CIRCLES, "registry-redirection-refused", 6),
    ],
)
def test_each_fault_of_an_answer(
    make: Make, registry: RegistryServer, fault: Fault, code: str, questions: int
) -> None:
    """A few tries with pauses where they may help, one where not, and an error with a code; nothing is remembered."""
    registry.break_down("/nodes/flux-tools", fault)
    assert code_of(lambda: make().pack("flux-tools")) == code
    assert len(registry.asked) <= questions
    registry.repair()
    assert make().pack("flux-tools").age == 0


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.BUSY, Fault.SERVER_ERROR, Fault.CUT_OFF, Fault.HANGS_UP])
def test_a_passing_fault_passes(make: Make, registry: RegistryServer, fault: Fault) -> None:
    """The second try brings the answer."""
    registry.break_down("/nodes/flux-tools", fault, times=1)
    assert make().pack("flux-tools").value.id == "flux-tools"


def test_a_silent_registry_is_tried_once_for_all(make: Make, registry: RegistryServer) -> None:
    """Fifty questions to a Registry that is gone wait as long as one."""
    registry.break_down(".*", Fault.SILENT)
    client = make()
    assert code_of(lambda: client.pack("flux-tools")) == "registry-unreachable"
    begun = time.monotonic()
    for number in range(50):
        assert code_of(lambda: client.pack_of_node(f"Node{number}")) == "registry-unreachable"  # noqa: B023
    assert time.monotonic() - begun < 1


def test_another_pack_than_asked_for_is_no_answer(make: Make, registry: RegistryServer) -> None:
    """A cache in between that mixes things up does not get another pack installed."""
    registry.packs["flux-tools"]["id"] = "evil"
    try:
        assert code_of(lambda: make().pack("flux-tools")) == "registry-answer-invalid"
    finally:
        registry.packs["flux-tools"]["id"] = "flux-tools"


def test_a_proxy_is_used_and_trusted_no_further(
    registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's proxy is asked; a public Registry may not send one to this machine."""
    monkeypatch.setenv("http_proxy", registry.url)
    monkeypatch.setenv("HTTP_PROXY", registry.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    client = RegistryClient("http://registry.example.org", tmp_path, patience=IMPATIENT)
    assert client.pack("flux-tools").value.id == "flux-tools"
    registry.break_down("/nodes/large", Fault.TO_LOOPBACK)
    assert code_of(lambda: client.pack("large")) == "registry-redirection-refused"
    version = client.version("flux-tools", "1.9.0").value
    assert version.download_url.startswith("http://127.0.0.1")
    assert (
        code_of(lambda: client.download(version, client.shelf.place(version))) == "download-address-refused"
    )


# --- downloads ----------------------------------------------------------------------------------------------


@pytest.fixture
def version(make: Make) -> RegistryVersion:
    """The version with the large archive."""
    return make().newest("large").value


def files_of(client: RegistryClient) -> list[str]:
    """What lies on the shelf, by kind."""
    return sorted(path.name.partition(".")[2] for path in client.shelf.folder.iterdir())


def test_a_download_is_whole_hashed_and_kept(
    make: Make, registry: RegistryServer, version: RegistryVersion
) -> None:
    """Its bytes are told as they come; the second time nothing is fetched, unless what was kept is spoilt."""
    client = make()
    place = client.shelf.place(version)
    seen: list[tuple[int, int]] = []
    first = client.download(version, place, on_bytes=lambda done, total: seen.append((done, total)))
    assert place.read_bytes() == LARGE
    assert seen[-1] == (len(LARGE), len(LARGE))
    assert client.download(version, place) == first
    assert registry.paths().count("/archives/large-1.0.0.zip") == 1
    place.write_bytes(LARGE[:-1] + b"x")
    assert client.download(version, place) == first
    assert place.read_bytes() == LARGE
    assert files_of(client) == ["json", "zip"]


@pytest.mark.parametrize("fault", [Fault.CUT_OFF, Fault.IGNORES_IF_RANGE])
def test_a_download_goes_on_where_it_was_cut_off(
    make: Make, registry: RegistryServer, version: RegistryVersion, fault: Fault
) -> None:
    """Again and again, as long as each try brings some more; what is here is not asked for again."""
    registry.forget()
    registry.break_down("/archives/.*", fault)
    client = make()
    client.download(version, client.shelf.place(version))
    assert client.shelf.place(version).read_bytes() == LARGE
    ranges = [each.headers.get("Range", "bytes=0-") for each in registry.asked]
    assert ranges == [f"bytes={first}-" for first in range(0, len(LARGE), registry.chunk)]


def test_a_download_goes_on_in_another_process(
    make: Make, registry: RegistryServer, version: RegistryVersion
) -> None:
    """What a failed or cancelled one has brought stays."""
    registry.forget()
    registry.break_down("/archives/.*", Fault.CUT_OFF, times=2)
    registry.break_down("/archives/.*", Fault.SERVER_ERROR)
    assert code_of(lambda: make().download(version, make().shelf.place(version))) == "registry-failed"
    registry.repair()
    registry.forget()
    make().download(version, make().shelf.place(version))
    assert [each.headers["Range"] for each in registry.asked] == [f"bytes={2 * registry.chunk}-"]
    assert make().shelf.place(version).read_bytes() == LARGE


@pytest.mark.parametrize(
    "fault", [Fault.CHANGED, Fault.NOT_RESUMABLE, Fault.WRONG_LENGTH, Fault.SERVER_ERROR]
)
def test_a_download_begins_anew_where_it_must(
    make: Make, registry: RegistryServer, version: RegistryVersion, fault: Fault
) -> None:
    """Parts of two files are never put together."""
    registry.break_down("/archives/.*", fault, times=2)
    client = make()
    client.download(version, client.shelf.place(version))
    assert client.shelf.place(version).read_bytes() == LARGE


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.CHANGED, "download-cut-off"),
        (Fault.NOT_RESUMABLE, "download-cut-off"),
        (Fault.WRONG_LENGTH, "download-cut-off"),
        (Fault.LYING_TYPE, "download-not-an-archive"),
        (Fault.HTML, "download-not-an-archive"),
        (Fault.HUGE, "download-not-an-archive"),
        (Fault.TO_FTP, "registry-redirection-refused"),
        (Fault.IN_CIRCLES, "registry-redirection-refused"),
        (Fault.BUSY_FOR_LONG, "registry-busy"),
        (Fault.HANGS_UP, "registry-unreachable"),
    ],
)
def test_each_fault_of_a_download(
    make: Make, registry: RegistryServer, version: RegistryVersion, fault: Fault, code: str
) -> None:
    """An error with a code, few tries, and nothing that could be taken for the archive."""
    registry.forget()
    registry.break_down("/archives/.*", fault)
    client = make()
    assert code_of(lambda: client.download(version, client.shelf.place(version))) == code
    assert len(registry.asked) <= 8
    assert "zip" not in files_of(client)


def test_a_download_is_limited(make: Make, version: RegistryVersion) -> None:
    """By what is announced, before a byte is read."""
    client = make(patience=Patience(largest_archive=50_000))
    assert code_of(lambda: client.download(version, client.shelf.place(version))) == "download-too-large"
    assert files_of(client) == []


def test_a_download_can_be_cancelled(make: Make, registry: RegistryServer, version: RegistryVersion) -> None:
    """Also while nothing comes at all."""
    registry.break_down("/archives/.*", Fault.SILENT)
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    client = make(patience=Patience())
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        client.download(version, client.shelf.place(version), cancel=cancel)
    assert time.monotonic() - begun < 2


def test_two_downloads_at_once_do_not_meet(
    make: Make, registry: RegistryServer, version: RegistryVersion
) -> None:
    """Each has a part of its own; whoever is second puts the same file to the same place."""
    registry.break_down("/archives/.*", Fault.SLOW)
    got: list[bytes] = []

    def fetch() -> None:
        got.append(make().download(version, make().shelf.place(version)).path.read_bytes())

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [LARGE] * 3
    assert files_of(make()) == ["json", "zip"]
