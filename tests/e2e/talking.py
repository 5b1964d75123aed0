"""Talking to a running host: requests as a page makes them, and the events of its websocket."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PREFIX = "/safe_install/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the host answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Our error code; empty for an answer that is no error of ours."""
        try:
            return str(self.json()["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass(slots=True)
class Client:
    """One caller. Paths that begin with a dot are ours: `./status` is `/safe_install/v1/status`."""

    url: str = ""
    _token: tuple[str, str] | None = field(default=None, repr=False)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, timeout: float = 60.0) -> Reply:
        """A GET."""
        return self.request("GET", path, headers=headers, timeout=timeout)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """A POST of JSON, with our token, as the panel sends it."""
        return self._change("POST", path, body, headers)

    def patch(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """A PATCH, the same."""
        return self._change("PATCH", path, body, headers)

    def delete(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """A DELETE, the same."""
        return self._change("DELETE", path, body, headers)

    def _change(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None) -> Reply:
        sent = {"Content-Type": "application/json"}
        if path.startswith("./"):
            name, token = self._fetched_token()
            sent[name] = token
        data = json.dumps({} if body is None else body).encode()
        return self.request(method, path, data=data, headers={**sent, **(headers or {})})

    def _fetched_token(self) -> tuple[str, str]:
        if self._token is None:
            answer = self.get("./token").json()
            self._token = (answer["header"], answer["token"])
        return self._token

    def forget_token(self) -> None:
        """Fetch a new one next time: each start of the host has its own."""
        self._token = None

    def request(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Reply:
        """Exactly this request, with no header of ours. Raises OSError when nobody answers."""
        address = self.url + (PREFIX + path[1:] if path.startswith("./") else path)
        request = urllib.request.Request(address, data=data, headers=dict(headers or {}), method=method)
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                return Reply(status=answer.status, headers=dict(answer.headers), body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(status=error.code, headers=dict(error.headers), body=error.read())

    def job(self, accepted: Reply, *, seconds: float = 120.0) -> dict[str, Any]:
        """The job that a POST was answered with, once it ended; the test fails when it does not."""
        assert accepted.status == 202, accepted.text
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self.get(f"./jobs/{accepted.json()['id']}?wait=5").json()
            if job.get("ended"):
                return job
            assert time.monotonic() < deadline, job


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class Events:
    """The websocket of one page, read in a thread; a context manager."""

    url: str
    client: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """Every message so far: `{"type": ..., "data": ...}`."""
    _new: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    _opened: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Events:
        """Connected, with the first `status` received."""
        self._thread.start()
        assert self._opened.wait(20), "the websocket did not open"
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self._loop.close()

    def next(
        self, kind: str, where: Callable[[Any], bool] = lambda _data: True, *, seconds: float = 60.0
    ) -> Any:
        """`data` of the next message of that type that nobody took yet; the test fails when none comes."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            try:
                message = self._new.get(timeout=max(left, 0.01))
            except queue.Empty:
                raise AssertionError(
                    f"no {kind} came; seen: {[each['type'] for each in self.seen]}"
                ) from None
            if message["type"] == kind and where(message["data"]):
                return message["data"]

    def of(self, kind: str) -> list[Any]:
        """`data` of every message of that type up to now, in order."""
        return [message["data"] for message in list(self.seen) if message["type"] == kind]

    def _read(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())

    async def _listen(self) -> None:
        address = f"{self.url}/ws" + (f"?clientId={self.client}" if self.client else "")
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            stopped = asyncio.ensure_future(self._stop.wait())
            while True:
                coming = asyncio.ensure_future(socket.receive())
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    return
                message = coming.result()
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
                elif message.type in (
                    aiohttp.WSMsgType.CLOSE,
                    aiohttp.WSMsgType.CLOSED,
                    aiohttp.WSMsgType.CLOSING,
                ):
                    stopped.cancel()
                    return

    def _take(self, message: dict[str, Any]) -> None:
        self.seen.append(message)
        self._new.put(message)
        if not self._opened.is_set():
            self.client = message.get("data", {}).get("sid", self.client)
            self._opened.set()
