"""A real package index on a free loopback port, which can be told to misbehave."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections import Counter
from contextlib import suppress
from enum import Enum
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

EVERYTHING = "*"


class Fault(str, Enum):
    """What the index answers instead of the truth."""

    NOT_FOUND = "404"
    SERVER_ERROR = "500"
    GARBAGE = "garbage"
    WRONG_HASH = "wrong-hash"
    TRUNCATED = "truncated"


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256
    """uv opens dozens of connections at once; those a queue of five has no room for are tried again a second later."""


class IndexServer:
    """Serves a folder of wheels and sdists as a PEP 503 index with PEP 658 metadata files.

    The folder is read at each request, so files may be added while it runs::

        with IndexServer(tmp_path / "dists") as index:
            subprocess.run(["uv", "pip", "install", "--index-url", index.url, "demo"])
            assert index.requests["/simple/demo/"] == 1
    """

    def __init__(self, folder: Path) -> None:
        """Listen at once on a free port; answer from `__enter__` on."""
        self.folder = folder
        self.requests: Counter[str] = Counter()
        """How often each path was asked for."""
        self._faults: dict[str, Fault] = {}
        self._server = _Listener(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What to give as `--index-url`."""
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    def file_url(self, path: Path) -> str:
        """The address of one file of the folder, for direct references."""
        return f"http://127.0.0.1:{self._server.server_port}/files/{path.name}"

    def break_down(self, what: str, fault: Fault) -> None:
        """From now on answer with `fault` for a project name, a file name, or EVERYTHING."""
        self._faults[what] = fault

    def repair(self) -> None:
        """Tell the truth again about everything."""
        self._faults.clear()

    def fault_of(self, what: str) -> Fault | None:
        """The fault set for this project or file name."""
        return self._faults.get(what) or self._faults.get(EVERYTHING)

    def __enter__(self) -> IndexServer:
        """Start answering."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, wait for the last answer and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class HangingIndex(IndexServer):
    """An index that never finishes sending wheels until it is let go; all else comes at once."""

    def __init__(self, folder: Path) -> None:
        """Hang from the start."""
        super().__init__(folder)
        self.asked = threading.Event()
        """Set once somebody waits for a wheel."""
        self.go = threading.Event()

    def __enter__(self) -> HangingIndex:
        """Start answering."""
        super().__enter__()
        return self

    def fault_of(self, what: str) -> Fault | None:
        """Wait in the answer to a whole wheel; metadata comes at once."""
        if self.requests[f"/files/{what}"]:
            self.asked.set()
            self.go.wait(60)
        return None


def _handler_for(index: IndexServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(with_body=True)

        def do_HEAD(self) -> None:
            self._respond(with_body=False)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            pass

        def _respond(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            index.requests[path] += 1
            status, kind, body, cut = _answer(index, path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                with suppress(ConnectionError):  # Who asked may have been killed meanwhile.
                    self.wfile.write(body[: len(body) // 2] if cut else body)

    return Handler


def _answer(index: IndexServer, path: str) -> tuple[int, str, bytes, bool]:
    """Status, content type, body, and whether to break off half-way."""
    place, _, rest = path.strip("/").partition("/")
    fault = index.fault_of(rest.removesuffix(".metadata"))
    if fault is Fault.NOT_FOUND:
        return 404, "text/plain", b"not here", False
    if fault is Fault.SERVER_ERROR:
        return 500, "text/plain", b"out of order", False
    if fault is Fault.GARBAGE:
        return 200, "application/octet-stream", b"\x00\xff<not anything>" * 8, False
    if place == "simple" and rest and canonicalize_name(rest) == rest:
        page = _project_page(index, rest)
        return (
            (404, "text/plain", b"no such project", False)
            if page is None
            else (200, "text/html", page, False)
        )
    if place == "files":
        content = _file_content(index, rest)
        if content is not None:
            return 200, "application/octet-stream", content, fault is Fault.TRUNCATED
    return 404, "text/plain", b"no such page", False


def _file_content(index: IndexServer, name: str) -> bytes | None:
    if "/" in name:
        return None
    file = index.folder / name
    if name.endswith(".whl.metadata"):
        wheel = file.with_suffix("")
        return _metadata_of(wheel) if wheel.is_file() else None
    return file.read_bytes() if file.is_file() else None


def _project_page(index: IndexServer, project: str) -> bytes | None:
    rows = []
    for file in sorted(index.folder.iterdir()):
        if _project_of(file.name) != project:
            continue
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if index.fault_of(file.name) is Fault.WRONG_HASH or index.fault_of(project) is Fault.WRONG_HASH:
            digest = "0" * 64
        attributes = ""
        if file.suffix == ".whl":
            metadata = _metadata_of(file)
            if metadata is not None:
                attributes = f' data-core-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
            bounds = parse_email(metadata or b"")[0].get("requires_python")
            if bounds:
                attributes += f' data-requires-python="{escape(bounds)}"'
        rows.append(f'<a href="/files/{file.name}#sha256={digest}"{attributes}>{file.name}</a><br>')
    return f"<!DOCTYPE html><html><body>{''.join(rows)}</body></html>".encode() if rows else None


def _project_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    if filename.endswith(".tar.gz"):
        return parse_sdist_filename(filename)[0]
    return ""


def _metadata_of(wheel: Path) -> bytes | None:
    """None for a wheel without any, or one that cannot be read, unless its metadata lies beside it."""
    beside = wheel.with_name(f"{wheel.name}.metadata")
    if beside.is_file():
        return beside.read_bytes()
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return archive.read(member)
    except (zipfile.BadZipFile, StopIteration, RuntimeError, OSError):
        return None
