"""One polite conversation: few connections, bounded answers, judged redirections, pauses when told so."""

from __future__ import annotations

import asyncio
import random
import threading
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from ....errors import CancelledError, Hint, SafeInstallError
from ...downloads import may_follow
from ..patience import Patience
from ..reply import Reply
from .failures import TRY_AGAIN, TryLaterError, read_json, redirection_refused, refuse_failure, unreachable

_Value = TypeVar("_Value")

_CHUNK = 256 * 1024
_MOST_REDIRECTIONS = 5
_MOST_ROUNDS = 100
_CANCEL_SECONDS = 0.05
_MOVED = (301, 302, 303, 307, 308)


def converse(work: Coroutine[Any, Any, _Value], cancel: threading.Event | None = None) -> _Value:
    """What the coroutine returns, run on a loop of its own. Blocks. Raises CancelledError at `cancel`."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _converse_here(work, cancel)
    # Somebody blocks a loop with us: their fault, but in its thread no other loop may run.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_converse_here, work, cancel).result()


def _converse_here(work: Coroutine[Any, Any, _Value], cancel: threading.Event | None) -> _Value:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_until_cancelled(work, cancel))
    finally:
        # Not asyncio.run: it would wait for a lookup of a name that hangs.
        loop.run_until_complete(_end_all())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _end_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _until_cancelled(work: Coroutine[Any, Any, _Value], cancel: threading.Event | None) -> _Value:
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=None if cancel is None else _CANCEL_SECONDS)
            if cancel is not None and cancel.is_set() and not task.done():
                raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(slots=True)
class Web:
    """The connections of one conversation with the server at `base`."""

    base: str
    patience: Patience
    agent: str
    _session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Web:
        patience = self.patience
        self._session = aiohttp.ClientSession(
            # Proxies of the environment, and netrc.
            trust_env=True,
            connector=aiohttp.TCPConnector(limit=4),
            headers={"User-Agent": self.agent},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=patience.connect_seconds, sock_read=patience.silent_seconds
            ),
            auto_decompress=True,
            # A server that sets cookies has nothing to remember us by.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    # --- questions ----------------------------------------------------------------------------------------

    async def ask(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
        *,
        tries: int = 0,
    ) -> Reply:
        """The JSON at `path` (quoted by the caller); a body makes it a POST.

        4xx answers but those that ask to come later are replies. Raises what `Registry` says.
        """
        address = f"{self.base}{path}"
        if query:
            address += "?" + urllib.parse.urlencode(query, errors="replace", quote_via=urllib.parse.quote)
        return await self.with_tries(lambda: self._ask_once(address, body), tries=tries)

    async def with_tries(
        self,
        once: Callable[[], Awaitable[_Value]],
        *,
        tries: int = 0,
        so_far: Callable[[], int] = lambda: 0,
    ) -> _Value:
        """What `once()` gives, tried again after pauses where it raises TryLaterError.

        A try after which `so_far()` is more than before counts for none: each further one is worth it.
        """
        left = tries = tries or self.patience.tries
        pause = self.patience.first_pause
        for rounds_left in range(_MOST_ROUNDS, 0, -1):
            before = so_far()
            try:
                return await once()
            except TryLaterError as later:
                if so_far() > before:
                    left, pause = tries, self.patience.first_pause
                else:
                    left -= 1
                wanted = later.seconds if later.seconds is not None else pause * random.uniform(0.5, 1)  # noqa: S311 - no secret
                if left <= 0 or rounds_left == 1 or wanted > self.patience.longest_pause:
                    raise later.error from later.__cause__
            await asyncio.sleep(wanted)
            pause *= 2
        raise AssertionError("the last round returns or raises")

    async def _ask_once(self, address: str, body: object) -> Reply:
        try:
            return await asyncio.wait_for(self._read_json(address, body), self.patience.answer_seconds)
        except asyncio.TimeoutError as error:
            raise TryLaterError(unreachable(address, "it takes too long to answer")) from error

    async def _read_json(self, address: str, body: object) -> Reply:
        async with self.open(address, body=body, headers={"Accept": "application/json"}) as answer:
            content = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > self.patience.largest_answer:
                    raise SafeInstallError(
                        "registry-answer-too-large",
                        f"The Registry's answer has more than {self.patience.largest_answer} bytes.",
                        context={"address": address},
                        hints=(TRY_AGAIN,),
                    )
            status = answer.status
        refuse_failure(address, status, answer.headers, bytes(content))
        try:
            value = read_json(bytes(content))
        except (ValueError, RecursionError) as error:
            if status >= HTTPStatus.BAD_REQUEST:
                return Reply(status, None)
            raise SafeInstallError(
                "registry-answer-invalid",
                "The Registry's answer is no JSON.",
                context={"address": address, "content_type": answer.headers.get("Content-Type", "")},
                hints=(
                    Hint(
                        "check-network",
                        "A page to log in to the network may stand in the way, or a proxy; look with a browser.",
                    ),
                ),
            ) from error
        return Reply(status, value)

    # --- one answer ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(
        self,
        address: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        as_sent: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one question, redirections followed where they may be; `as_sent`: not unpacked.

        Raises TryLaterError for a connection that fails, SafeInstallError `registry-redirection-refused`.
        """
        for _ in range(_MOST_REDIRECTIONS + 1):
            url = _url(address)
            try:
                async with self._request(url, body, headers, as_sent=as_sent) as answer:
                    if answer.status not in _MOVED:
                        yield answer
                        return
                    target = answer.headers.get("Location", "")
            except aiohttp.InvalidURL as error:
                raise redirection_refused(address, address) from error
            # What the reader of the answer meets comes through here as well.
            except (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError) as error:
                raise TryLaterError(unreachable(address, _words(error))) from error
            address = _next_address(address, target, is_question=body is None)
        raise redirection_refused(address, "again and again")

    def _request(self, url: URL, body: object, headers: Mapping[str, str] | None, *, as_sent: bool) -> Any:
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if as_sent:
            options["auto_decompress"] = False
        if body is not None:
            options["json"] = body
        method = "GET" if body is None else "POST"
        return self._session.request(method, url, **options)


def _url(address: str) -> URL:
    try:
        return URL(address, encoded=True)
    except ValueError as error:  # An address no client can make a request of.
        raise redirection_refused(address, address) from error


def _next_address(address: str, target: str, *, is_question: bool) -> str:
    try:
        followed = urllib.parse.urljoin(address, target)
        if target and is_question and may_follow(address, followed):
            return followed
    except ValueError:
        pass
    raise redirection_refused(address, target)


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "it takes too long to answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer is cut off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "it does not speak HTTP"
    return str(error) or type(error).__name__
