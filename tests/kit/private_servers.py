"""Servers on loopback that want to know who one is: a package index, and a git repository."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .index import IndexServer


class PrivateIndex(IndexServer):
    """A package index that answers only who knows the user and password."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        """Listen at once on a free port."""
        super().__init__(folder)
        self._user, self._password = user, password
        self.refused = 0
        """Requests without the right user and password."""
        index = self
        base: Any = self._server.RequestHandlerClass

        class Handler(base):  # type: ignore[misc]
            def _respond(self, *, with_body: bool) -> None:
                if self.headers.get("Authorization") == basic(user, password):
                    return super()._respond(with_body=with_body)  # type: ignore[no-any-return]
                index.refused += 1
                return _refuse(self)

        self._server.RequestHandlerClass = Handler

    def __enter__(self) -> PrivateIndex:
        """Start answering."""
        super().__enter__()
        return self

    def with_access(self, address: str) -> str:
        """The address with user and password in it."""
        access = f"{quote(self._user, safe='')}:{quote(self._password, safe='')}"
        return address.replace("http://", f"http://{access}@", 1)


def basic(user: str, password: str) -> str:
    """The header of HTTP's basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def private_git(repositories: Path, user: str, password: str) -> Iterator[str]:
    """The address of a server (without user and password) that hands out the bare repositories in a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != basic(user, password):
                return _refuse(self)
            return super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(repositories))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def make_repository(repositories: Path, source: Path) -> str:
    """A bare repository with the files of `source`, as `<name>.git`; its name. For servers of plain files."""

    def git(*arguments: str, cwd: Path) -> None:
        who = ("-c", "user.name=kit", "-c", "user.email=kit@example.invalid")
        subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True, timeout=60)

    name = f"{source.name}.git"
    git("init", "-q", "-b", "main", cwd=source)
    git("add", "-A", cwd=source)
    git("commit", "-q", "-m", "all", cwd=source)
    git("clone", "-q", "--bare", str(source), str(repositories / name), cwd=source)
    git("update-server-info", cwd=repositories / name)
    return name


def _refuse(handler: Any) -> None:
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", 'Basic realm="private"')
    handler.send_header("Content-Length", "0")
    handler.end_headers()
