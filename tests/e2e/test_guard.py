"""Each attack on a host that runs, from a browser and from the net: refused with its code, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from comfyui_safe_install.server_routes.table import ROUTES, Route

from .conftest import Scene
from .hosts import Running
from .talking import PREFIX, Reply
from .wire_level import send

JSON = ("Content-Type", "application/json")
ZIP = ("Content-Type", "application/zip")
OURS = "X-Safe-Install-Token"
EVIL = "https://attacker.example"
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
CHANGING = [route for route in ROUTES if route.changes]
READING = [route for route in ROUTES if not route.changes]
Headers = Sequence[tuple[str, str]]


@pytest.fixture(scope="module", autouse=True)
def something_installed(scene: Scene) -> None:
    """There is something to take a snapshot of."""
    scene.here.have("settled", "1.0")


@pytest.fixture(scope="module")
def lan(scene: Scene) -> Running:
    """The same host as a careless user starts it: open to the network, and to every origin."""
    return scene.start("--listen", "0.0.0.0", "--enable-cors-header", "*")


@pytest.fixture(params=["guarded", "open"])
def server(request: pytest.FixtureRequest, host: Running, lan: Running) -> Running:
    """Both of them: with the host's own check of the origin, and with none at all."""
    return host if request.param == "guarded" else lan


@pytest.fixture
def unchanged(server: Running, scene: Scene) -> Iterator[None]:
    """Fails the test when anything was begun, kept, moved or restarted meanwhile."""
    before = _standing(server, scene)
    yield
    assert _standing(server, scene) == before


def _standing(server: Running, scene: Scene) -> tuple[object, ...]:
    listed = [
        server.get(f"./{name}").json()["pagination"]["total"]
        for name in ("jobs", "transactions", "snapshots")
    ]
    listed.append(len(list((scene.here.state / "uploads").glob("*"))))
    packs = sorted(path.name for path in scene.here.comfy.joinpath("custom_nodes").iterdir())
    return (*listed, packs, server.process.pid, server.text_of_log().count("restarting"), token_of(server))


def token_of(server: Running) -> str:
    """The token, as our page gets it."""
    return str(server.get("./token").json()["token"])


def place(server: Running) -> str:
    """Name and port."""
    return urlsplit(server.url).netloc


def port(server: Running) -> int:
    """The port."""
    return urlsplit(server.url).port or 0


def path_of(route: Route) -> str:
    """A path the route is reached by."""
    return PREFIX + route.path.replace("{id}", "some-id").replace("{other}", "now").replace(
        "{package}", "numpy"
    )


def refused(answer: Reply, *codes: str) -> None:
    """Refused by us with one of the codes, or by the host before us (which says nothing)."""
    assert answer.status in (400, 403, 415), answer
    assert answer.code in ("", *codes), answer.text
    if answer.code:
        error = answer.json()["error"]
        assert error["message"]
        assert error["hints"], "a refusal says what to do"


def snapshot(server: Running, headers: Headers, body: bytes = b"{}") -> Reply:
    """The harmless change that every attack tries: to take a snapshot."""
    return send(server.url, "POST", f"{PREFIX}/snapshots", headers, body)


def upload(server: Running, headers: Headers, body: bytes = EMPTY_ZIP) -> Reply:
    """The other one: to have an archive kept."""
    return send(server.url, "POST", f"{PREFIX}/uploads?name=Evil.zip", headers, body)


# --- what is let through ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [PREFIX, f"/api{PREFIX}"])
def test_our_page_gets_through(server: Running, prefix: str) -> None:
    """With its origin, JSON and the token: else all the refusals below would prove nothing."""
    origin = f"http://{place(server)}"
    page = [("Host", place(server)), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")]
    got = send(server.url, "GET", f"{prefix}/token", page)
    assert got.status == 200
    told = {name.lower(): value for name, value in got.headers.items()}
    assert told["cache-control"] == "no-store"
    assert told["cross-origin-resource-policy"] == "same-origin"
    assert told["x-content-type-options"] == "nosniff"
    token = (got.json()["header"], got.json()["token"])
    done = send(
        server.url,
        "POST",
        f"{prefix}/snapshots",
        [*page, ("Origin", origin), JSON, token],
        b'{"label": "guard"}',
    )
    job = server.job(done)
    assert job["state"] == "done", job["error"]


def test_a_program_gets_through_with_the_token(host: Running) -> None:
    """curl and scripts send no headers of a browser."""
    answer = snapshot(host, [("host", "LOCALHOST:" + str(port(host))), JSON, (OURS.upper(), token_of(host))])
    job = host.job(answer)
    assert job["state"] == "done", job["error"]


# --- attacks that know no token -----------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["", "/api"])
def test_no_change_without_the_token(server: Running, unchanged: None, api: str) -> None:
    """Every route that changes anything, by both of its addresses, with everything right but the token."""
    for route in CHANGING:
        right = [("Host", place(server)), ("Origin", f"http://{place(server)}"), ZIP if route.takes else JSON]
        for more, code in (([], "token-missing"), ([(OURS, "x" * 43)], "token-wrong")):
            answer = send(server.url, route.method, api + path_of(route), [*right, *more], b"{}")
            assert (answer.status, answer.code) == (403, code), route


# --- attacks that even know the token -----------------------------------------------------------------------

_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_ATTACKS: dict[str, tuple[Headers, Headers, str]] = {
    # Name: headers in the place of our page's Host and Origin; those in the place of its JSON; the code.
    "foreign origin": ([("Origin", EVIL)], [JSON], "foreign-origin"),
    "another port of this machine": ([("Origin", "http://127.0.0.1:3000")], [JSON], "foreign-origin"),
    "another name of this machine": ([("Origin", "http://localhost:{port}")], [JSON], "foreign-origin"),
    "origin of the same name without port": ([("Origin", "http://127.0.0.1")], [JSON], "foreign-origin"),
    "sandboxed frame": ([("Origin", "null")], [JSON], "origin-null"),
    "empty origin": ([("Origin", "")], [JSON], "foreign-origin"),
    "extension of the browser": ([("Origin", "chrome-extension://abc")], [JSON], "foreign-origin"),
    "capitals": ([("ORIGIN", "HTTPS://ATTACKER.EXAMPLE")], [JSON], "foreign-origin"),
    "two origins": ([("Origin", "http://{place}"), ("Origin", EVIL)], [JSON], "header-repeated"),
    "foreign origin, host on the LAN": (
        [("Host", "192.168.1.5:{port}"), ("Origin", EVIL)],
        [JSON],
        "foreign-origin",
    ),
    "rebinding": (
        [("Host", "attacker.example:{port}"), ("Origin", "http://attacker.example:{port}")],
        [JSON],
        "host-not-allowed",
    ),
    "rebinding, as the browser of today says it": (
        [
            ("Host", "attacker.example"),
            ("Origin", "http://attacker.example"),
            ("Sec-Fetch-Site", "same-origin"),
        ],
        [JSON],
        "host-not-allowed",
    ),
    "name that begins like this machine": (
        [("Host", "127.0.0.1.attacker.example")],
        [JSON],
        "host-not-allowed",
    ),
    "two hosts": ([("Host", "{place}"), ("Host", "attacker.example")], [JSON], "header-repeated"),
    "no host": ([("X-Host", "{place}")], [JSON], "host-not-allowed"),
    "host with a user": ([("Host", "attacker.example@{place}")], [JSON], "host-not-allowed"),
    "forwarded host": (
        [("Host", "attacker.example"), ("X-Forwarded-Host", "{place}"), ("Forwarded", "host={place}")],
        [JSON],
        "host-not-allowed",
    ),
    "browser says cross-site": ([("Sec-Fetch-Site", "cross-site")], [JSON], "cross-site-request"),
    "browser says same-site": ([("Sec-Fetch-Site", "same-site")], [JSON], "cross-site-request"),
    "browser says so in capitals": ([("SEC-FETCH-SITE", "CROSS-SITE")], [JSON], "cross-site-request"),
    "form": ([("Origin", "http://{place}")], [_FORM], "not-json"),
    "form as text": ([("Origin", "http://{place}")], [("Content-Type", "text/plain")], "not-json"),
    "multipart form": ([], [("Content-Type", "multipart/form-data; boundary=x")], "not-json"),
    "beacon": ([], [("Content-Type", "text/plain;charset=UTF-8")], "not-json"),
    "no type": ([], [], "not-json"),
    "type that only holds json": ([], [("Content-Type", "text/plain; x=application/json")], "not-json"),
    "two types": ([], [JSON, ("Content-Type", "text/plain")], "header-repeated"),
}


@pytest.mark.parametrize("attack", _ATTACKS)
def test_attacks_with_the_token_are_refused_all_the_same(
    server: Running, unchanged: None, attack: str
) -> None:
    """Should a token leak, every other rule still stands by itself."""
    given, types, code = _ATTACKS[attack]
    sent = [(name, value.format(place=place(server), port=port(server))) for name, value in given]
    if not {"host", "x-host"} & {name.lower() for name, _ in sent}:
        sent = [("Host", place(server)), *sent]
    token = (OURS, token_of(server))
    refused(snapshot(server, [*sent, *types, token]), code)
    # An archive is no JSON; nothing else is different about it.
    types = [ZIP if each == JSON else each for each in types]
    refused(upload(server, [*sent, *types, token]), code.replace("not-json", "media-type-not-taken"))


@pytest.mark.parametrize(
    "given", ["application/json", "application/zip, text/plain", "application/zip; q=1", ""]
)
def test_an_archive_comes_as_nothing_else(server: Running, unchanged: None, given: str) -> None:
    """Only as what a browser does not send to another site without asking it first."""
    headers = [("Host", place(server)), ("Content-Type", given), (OURS, token_of(server))]
    answer = upload(server, headers)
    assert (answer.status, answer.code) == (415, "media-type-not-taken")


def test_a_host_that_is_not_said_is_refused(server: Running, unchanged: None) -> None:
    """HTTP/1.0 has no Host; proxies and scanners speak it, browsers never."""
    headers = [JSON, (OURS, token_of(server))]
    answer = send(server.url, "POST", f"{PREFIX}/snapshots", headers, b"{}", version="HTTP/1.0")
    refused(answer, "host-not-allowed")
    refused(send(server.url, "GET", f"{PREFIX}/token", [], version="HTTP/1.0"), "host-not-allowed")


def test_no_get_changes_anything(server: Running, unchanged: None) -> None:
    """An image or a link is a GET: of what changes anything there is none, and no header makes a POST of it."""
    override = [
        ("X-HTTP-Method-Override", "POST"),
        ("X-HTTP-Method", "POST"),
        ("X-Method-Override", "POST"),
    ]
    headers = [("Host", place(server)), *override, JSON, (OURS, token_of(server))]
    for route in CHANGING:
        answer = send(server.url, "GET", f"{path_of(route)}?_method={route.method}", headers)
        assert answer.status in (400, 404, 405), (route, answer)


def test_other_methods_do_nothing(server: Running, unchanged: None) -> None:
    """PUT, and words that are no method, find no route; HEAD and OPTIONS are no way around."""
    headers = [("Host", place(server)), JSON, (OURS, token_of(server))]
    for method in ("PUT", "HEAD", "OPTIONS", "TRACE", "PROPFIND"):
        for route in CHANGING:
            send(server.url, method, path_of(route), headers)


# --- what can be read ---------------------------------------------------------------------------------------

_READERS: dict[str, Headers] = {
    "foreign page": [("Host", "{place}"), ("Origin", EVIL)],
    "foreign page of today": [("Host", "{place}"), ("Sec-Fetch-Site", "cross-site")],
    "page of another port": [("Host", "{place}"), ("Sec-Fetch-Site", "same-site")],
    "foreign page, host on the LAN": [("Host", "192.168.1.5:8188"), ("Origin", "http://attacker.example")],
    "sandboxed frame": [("Host", "{place}"), ("Origin", "null")],
    "rebound page": [("Host", "attacker.example:8188")],
    "rebound page of today": [("Host", "attacker.example"), ("Sec-Fetch-Site", "same-origin")],
    "two hosts": [("Host", "{place}"), ("Host", "{place}")],
}


@pytest.mark.parametrize("reader", _READERS)
def test_nothing_is_read_by_pages_of_others(server: Running, unchanged: None, reader: str) -> None:
    """The token above all; but neither what is installed, nor where, nor what happened."""
    headers = [(name, value.format(place=place(server))) for name, value in _READERS[reader]]
    token = token_of(server)
    for route in READING:
        for prefix in ("", "/api"):
            answer = send(server.url, "GET", prefix + path_of(route), headers)
            refused(
                answer,
                "foreign-origin",
                "origin-null",
                "cross-site-request",
                "host-not-allowed",
                "header-repeated",
            )
            assert token not in answer.text


def test_a_preflight_does_not_grant_our_header(server: Running, unchanged: None) -> None:
    """A browser asks first whether a page of another site may send it, and is never told that it may."""
    asked = [
        ("Host", place(server)),
        ("Origin", EVIL),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,x-safe-install-token"),
    ]
    answer = send(server.url, "OPTIONS", f"{PREFIX}/tasks", asked)
    granted = {name.lower(): value.lower() for name, value in answer.headers.items()}
    assert OURS.lower() not in granted.get("access-control-allow-headers", "")


def test_what_the_refusals_tell_is_not_secret(server: Running) -> None:
    """They name the header and where to get it, never what should be in it."""
    answer = snapshot(server, [("Host", place(server)), JSON, (OURS, "guess")])
    assert answer.code == "token-wrong"
    assert token_of(server) not in answer.text


# --- names and tiers ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(host: Running) -> Iterator[Path]:
    """settings.toml of the running host; gone afterwards."""
    path = Path(host.get("./status").json()["state"]) / "settings.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    yield path
    path.unlink(missing_ok=True)


def test_a_name_in_the_settings_is_known_at_once(host: Running, settings: Path) -> None:
    """For whoever reaches ComfyUI by a name of his own; the refusal before told him what to write."""
    headers = [("Host", "comfy.example:8188")]
    before = send(host.url, "GET", f"{PREFIX}/token", headers)
    assert before.code == "host-not-allowed"
    assert 'hosts = ["comfy.example:8188"]' in before.json()["error"]["hints"][0]["text"]
    settings.write_text('[server]\nhosts = ["comfy.example"]\n', encoding="utf-8")
    assert send(host.url, "GET", f"{PREFIX}/token", headers).status == 200
    settings.write_text("[server]\nhosts = 1\n", encoding="utf-8")
    # Whoever asks may be anybody, and is not told what is wrong with the user's files; the log is.
    assert send(host.url, "GET", f"{PREFIX}/token", headers).code == "host-not-allowed"
    assert "hosts in [server] must be a list" in host.text_of_log()
    assert host.get("./token").status == 200


def install(server: Running, source: str) -> Reply:
    """Ask for an install."""
    return server.post(
        "./tasks", {"ui_id": "1", "client_id": "", "kind": "install", "params": {"source": source}}
    )


def test_a_git_url_needs_its_owners_leave(host: Running, settings: Path, unchanged_host: None) -> None:
    """Refused as Manager refuses it, naming the setting and the file; the setting is believed."""
    answer = install(host, "git+https://attacker.example/evil/pack")
    assert (answer.status, answer.code) == (403, "git-url-not-allowed")
    error = answer.json()["error"]
    assert error["context"]["setting"] == "allow_git_url_install"
    assert error["context"]["file"] in error["hints"][0]["text"]


def test_only_this_machine_may_name_its_folders(
    host: Running, lan: Running, scene: Scene, unchanged_host: None
) -> None:
    """On a host others can reach, no path of its disk is taken, nor is anything taken back."""
    for source in ("/etc", "file:///etc", "./input", "evil.zip", "git+file:///etc"):
        answer = install(lan, source)
        assert (answer.status, answer.code) == (403, "local-source-not-allowed"), source
    for path, body in (
        ("./tasks", {"ui_id": "1", "client_id": "", "kind": "rollback", "params": {}}),
        ("./manager/snapshot", {"snapshot": {"cnr_custom_nodes": {"some-pack": "1.0.0"}}}),
    ):
        answer = lan.post(path, body)
        assert (answer.status, answer.code) == (403, "network-position"), path


def test_a_strong_level_refuses_every_change(host: Running, scene: Scene, unchanged_host: None) -> None:
    """By Manager's own config.ini, read anew each time; and what is refused names it."""
    config = scene.here.comfy / "user" / "__manager" / "config.ini"
    existed = config.read_bytes() if config.exists() else None
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[default]\nsecurity_level = strong\n", encoding="utf-8")
    try:
        for kind, params in (
            ("install", {"source": "some-pack"}),
            ("uninstall", {"node_name": "some-pack"}),
            ("rollback", {}),
            ("sync", {}),
        ):
            body = {"ui_id": "1", "client_id": "", "kind": kind, "params": params}
            answer = host.post("./tasks", body)
            assert (answer.status, answer.code) == (403, "security-level"), kind
            assert answer.json()["error"]["context"]["file"] == str(config)
            assert host.post("./plan", body).code == "security-level"
        assert host.post("./restart", {}).code == "security-level"
    finally:
        if existed is None:
            config.unlink()
        else:
            config.write_bytes(existed)


@pytest.fixture
def unchanged_host(host: Running, scene: Scene) -> Iterator[None]:
    """As `unchanged`, for the host alone."""
    before = _standing(host, scene)
    yield
    assert _standing(host, scene) == before
