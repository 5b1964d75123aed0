"""Names in place of secrets: nothing is lost by it, and nothing given away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.errors import redact
from comfyui_safe_install.resolver.io import credentials
from comfyui_safe_install.resolver.io.child_environment import without_secrets
from comfyui_safe_install.resolver.io.downloads import ask
from comfyui_safe_install.resolver.io.pack_files import pack_reader
from comfyui_safe_install.tests.kit.private_servers import basic

ADDRESSES = (
    "https://user:hunter2@host.invalid/simple",
    "http://hunter2@host.invalid:8080/x.whl#sha256=00",
    "demo @ https://u:p%40%2Fhunter2@host.invalid/demo-1.0-py3-none-any.whl ; python_version > '3'",
    "demo @ git+https://hunter2@host.invalid/a/b.git@main#egg=demo",
    "--extra-index-url https://host.invalid/simple?token=hunter2",
    "https://bucket.invalid/a.whl?X-Amz-Credential=hunter2&x=1&X-Amz-Signature=hunter2#egg=a",
    "https://host.invalid/a.whl?sig=hunter2&se=2030",
)


@pytest.mark.parametrize("text", ADDRESSES)
def test_a_hidden_secret_is_gone_and_comes_back(text: str) -> None:
    """Hiding takes it out, twice as well as once; revealing gives the very text back."""
    hidden = credentials.hide(text)
    assert "hunter2" not in hidden
    assert credentials.hide(hidden) == hidden
    assert credentials.reveal(hidden) == text
    assert "hunter2" not in redact(text)
    assert "SAFE_INSTALL" not in redact(hidden)


@pytest.mark.parametrize(
    "text",
    ["demo==1.0", "https://host.invalid/a?page=2", "git+ssh://git@host.invalid/a.git", "a@b.invalid", "://"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Addresses without a secret, the user `git` of SSH, and mail addresses are left alone."""
    assert credentials.hide(text) == text


@given(st.text(max_size=200))
def test_any_text_comes_back(text: str) -> None:
    """Whatever a file holds: nothing is lost by hiding."""
    assert credentials.reveal(credentials.hide(text)) == text


def test_the_same_place_gets_the_same_name() -> None:
    """So a plan made twice is the same; another secret there gets another name, and none can be guessed from it."""
    first = credentials.hide("https://a:one@same.invalid/x")
    again = credentials.hide("https://a:one@same.invalid/x")
    other = credentials.hide("https://a:two@same.invalid/x")
    assert first == again != other
    assert credentials.reveal(other) == "https://a:two@same.invalid/x"


def test_only_what_the_texts_name_is_handed_out() -> None:
    """The children of one solve, builds among them, see nothing of other servers."""
    mine = credentials.hide("demo @ https://me:mine-secret@mine.invalid/a.whl?token=mine-token")
    credentials.hide("https://you:your-secret@yours.invalid/")
    found = "\n".join(credentials.variables_for([mine]).values())
    assert "mine-secret" in found
    assert "mine-token" in found
    assert "your-secret" not in found
    assert credentials.variables_for(["demo==1.0"]) == {}


def test_two_users_of_one_server_are_kept_apart() -> None:
    """Two repositories of one forge, each with a token of its own: git is told which is for which."""
    first = credentials.hide("a @ git+https://token-a@forge.invalid/x/a.git@main")
    second = credentials.hide("b @ git+https://token-b@forge.invalid/x/b.git#egg=b")
    for texts in ([first, second], ["url = https://forge.invalid/x/a.git", "https://forge.invalid/x/b.git"]):
        found = credentials.variables_for(texts)
        count = int(found["GIT_CONFIG_COUNT"])
        settings = [(found[f"GIT_CONFIG_KEY_{n}"], found[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]
        for path, token in (("/x/a.git", "token-a"), ("/x/b.git", "token-b")):
            helper = dict(settings)[f"credential.https://forge.invalid{path}.helper"]
            variable = helper.partition("username=$")[2].partition('"')[0]
            assert found[variable] == token


def test_uv_and_git_get_them_as_variables() -> None:
    """Requirement files hold names; repositories lose even those, for uv would show them on git's command line."""
    hidden = credentials.hide("a @ https://u:pw@one.invalid/a.whl\nb @ git+https://u:pw@one.invalid/b.git")
    written = credentials.for_requirements(hidden)
    assert "git+https://one.invalid/b.git" in written
    assert "https://${SAFE_INSTALL_SECRET_" in written
    assert credentials.from_requirements(written.splitlines()[0]) == hidden.splitlines()[0]
    access = credentials.clone_access("https://u:pw@one.invalid/b.git")
    assert "pw" not in " ".join(access.options)
    assert "pw" in access.variables.values()


def test_a_packs_files_are_read_without_their_secrets(tmp_path: Path) -> None:
    """Whatever the encoding, all other bytes stay."""
    text = "# \xe9t\xe9\nx @ https://u:hunter2@host.invalid/x.whl\n".encode("latin-1") + b"\xff\x00"
    (tmp_path / "requirements.txt").write_bytes(text)
    read = pack_reader(tmp_path)("requirements.txt")
    assert b"hunter2" not in read
    assert credentials.reveal(read.decode("latin-1")).encode("latin-1") == text


def test_a_forged_name_stands_for_nothing(tmp_path: Path) -> None:
    """A pack cannot have the secret of one server sent to another by writing its name."""
    name = credentials.hide("https://u:hunter2@forged.invalid/x.whl").partition("@")[0].partition("://")[2]
    (tmp_path / "requirements.txt").write_text(f"x @ https://{name}@evil.invalid/x-1.0-py3-none-any.whl\n")
    read = pack_reader(tmp_path)("requirements.txt").decode()
    assert "hunter2" not in credentials.reveal(read)
    assert "hunter2" not in str(credentials.variables_for([read]))


def test_a_copy_with_secrets_is_private_and_short_lived(tmp_path: Path) -> None:
    """uv reads a lock with addresses in full; nobody else may, and not for longer."""
    file = tmp_path / "pylock.toml"
    file.write_text(credentials.hide("url = 'https://u:hunter2@host.invalid/x.whl'"))
    with credentials.revealed(file) as copy:
        assert "hunter2" in copy.read_text()
        assert copy.stat().st_mode & 0o777 == 0o600
        assert copy.match("pylock.*.toml")
    assert [each.name for each in tmp_path.iterdir()] == ["pylock.toml"]
    assert "hunter2" not in file.read_text()


@pytest.mark.parametrize(
    "text", ["https://" * 20_000, "://" + "a" * 200_000, "http://a?" + "b&" * 80_000, "https://a@b " * 20_000]
)
def test_long_texts_take_no_longer_than_they_are(text: str) -> None:
    """No text of a stranger keeps us busy."""
    begun = time.perf_counter()
    redact(text)
    credentials.hide(text)
    assert time.perf_counter() - begun < 5


class _Seen(BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]
    target = ""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(302 if self.target else 200)
        if self.target:
            self.send_header("Location", self.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def two_servers() -> Iterator[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]:
    """(address of one that redirects to the other, what it saw, what the other saw)."""
    far: type[_Seen] = type("Far", (_Seen,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), far) as second:
        target = f"http://127.0.0.1:{second.server_port}/far"
        near: type[_Seen] = type("Near", (_Seen,), {"seen": [], "target": target})
        with ThreadingHTTPServer(("127.0.0.1", 0), near) as first:
            for server in (first, second):
                threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield f"127.0.0.1:{first.server_port}/near", near.seen, far.seen
            first.shutdown()
        second.shutdown()


def test_who_we_are_is_told_to_that_server_alone(
    two_servers: tuple[str, list[tuple[str, str]], list[tuple[str, str]]],
) -> None:
    """Credentials go as a header, not in the address, and not along with a redirection."""
    place, near, far = two_servers
    hidden = credentials.hide(f"http://u:hunter2@{place}?token=hunter3")
    with ask(hidden):
        pass
    assert near == [("/near?token=hunter3", basic("u", "hunter2"))]
    assert far == [("/far", "")]


def test_access_comes_from_uvs_settings_and_netrc_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a user has told uv how to get in, our own questions to that server get in as well."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine net.invalid login me password pw\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://u:p%40@index.invalid/simple")
    monkeypatch.setenv("UV_INDEX", "house=https://house.invalid/simple")
    monkeypatch.setenv("UV_INDEX_HOUSE_USERNAME", "me")
    monkeypatch.setenv("UV_INDEX_HOUSE_PASSWORD", "pw")
    me = credentials.Access("me", "pw")
    assert credentials.access_to("https://index.invalid/files/a.whl") == credentials.Access("u", "p@")
    assert credentials.access_to("https://house.invalid/files/a.whl") == me
    assert credentials.access_to("https://net.invalid/a") == me
    assert credentials.access_to("https://nobody.invalid/a") is None
    assert credentials.headers_for("https://nobody.invalid/a") == {}


def test_code_of_packs_gets_no_secrets() -> None:
    """Trials nothing at all; install.py and builds what packages are fetched with."""
    environment = {
        "PATH": "/bin",
        "LANG": "C",
        "GITHUB_TOKEN": "x",
        "HF_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "OPENAI_API_KEY": "x",
        "MY_URL": "https://u:p@host.invalid/",
        "SSH_AUTH_SOCK": "/run/agent",
        "UV_DEFAULT_INDEX": "https://u:p@host.invalid/",
        "UV_INDEX_HOUSE_PASSWORD": "x",
        "HTTPS_PROXY": "http://u:p@proxy.invalid/",
    }
    assert without_secrets(environment).keys() == {"PATH", "LANG"}
    assert without_secrets(environment, indexes=True).keys() == {
        *("PATH", "LANG", "SSH_AUTH_SOCK", "UV_DEFAULT_INDEX", "UV_INDEX_HOUSE_PASSWORD", "HTTPS_PROXY"),
    }
