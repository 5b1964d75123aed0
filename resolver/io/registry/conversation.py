"""Questions to the Registry, answered from memory while that is fresh, and when it must do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...core.registry import Answer
from ...core.types import Finding
from ...errors import Hint, SafeInstallError
from .memory import AnswerMemory
from .patience import Patience
from .reply import Reply

if TYPE_CHECKING:
    from .web.asking import Web

_Value = TypeVar("_Value")

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_DOWN_SECONDS = 30.0
"""How long a Registry that could not be reached is not tried again."""
_MAKE_DO = frozenset({"registry-unreachable", "registry-busy", "registry-failed", "registry-answer-invalid"})
"""Errors for which an old answer is better than none."""


@dataclass(slots=True)
class Conversation:
    """Asks one Registry. Every method blocks; any thread may call."""

    base: str
    """Its address, without a slash at the end."""
    cache: Path
    """Where answers and archives are kept."""
    agent: str = "comfyui-safe-install"
    offline: bool = False
    refresh: bool = False
    """Ask anew whatever is remembered."""
    patience: Patience = field(default_factory=Patience)
    cancel: threading.Event | None = None
    memory: AnswerMemory = field(init=False)
    _down: tuple[float, SafeInstallError] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.memory = AnswerMemory(self.cache / "answers")

    def told(
        self,
        path: str,
        read: Callable[[Reply], _Value],
        fresh: float,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
    ) -> Answer[_Value]:
        """The answer: the one remembered while it is `fresh` (seconds), else a new one, else an old one."""
        question = json.dumps([self.base, path, [list(each) for each in query], body], sort_keys=True)
        known = self._recall(question, read)
        if known is not None and known.age < fresh and not self.refresh:
            return known
        if self.offline:
            if known is None:
                raise self.not_asked("nothing is remembered of this question")
            return _old(known, "it is not asked (offline)")
        try:
            return self._ask(path, query, body, question, read)
        except SafeInstallError as error:
            if known is None or error.code not in _MAKE_DO:
                raise
            return _old(known, f"it cannot be asked: {error.message}")

    def _recall(self, question: str, read: Callable[[Reply], _Value]) -> Answer[_Value] | None:
        remembered = self.memory.recall(question)
        if remembered is None:
            return None
        try:
            return Answer(value=read(Reply(remembered.status, remembered.value)), age=remembered.age)
        except SafeInstallError:  # Only what could be read was kept; somebody else has written this.
            return None

    def _ask(
        self,
        path: str,
        query: Sequence[tuple[str, str]],
        body: object,
        question: str,
        read: Callable[[Reply], _Value],
    ) -> Answer[_Value]:
        if self._down is not None and self.is_down:
            raise self._down[1]
        try:
            reply = self.converse(lambda web: web.ask(path, query, body), self.cancel)
        except SafeInstallError as error:
            if error.code == "registry-unreachable":
                self._down = (time.monotonic(), error)
            raise
        value = read(reply)
        self.memory.keep(question, reply.status, reply.value)
        return Answer(value=value)

    def converse(
        self, work: Callable[[Web], Awaitable[_Value]], cancel: threading.Event | None = None
    ) -> _Value:
        """What `work` returns, given the connections of a new conversation."""
        # Late: aiohttp takes a while to load, and most commands ask nobody.
        from .web.asking import Web, converse

        async def whole() -> _Value:
            async with Web(self.base, self.patience, self.agent) as web:
                return await work(web)

        return converse(whole(), cancel)

    @property
    def is_down(self) -> bool:
        """Whether it could not be reached a moment ago."""
        return self._down is not None and time.monotonic() - self._down[0] < _DOWN_SECONDS

    def not_asked(self, why: str) -> SafeInstallError:
        """The error for what only the Registry could tell."""
        return SafeInstallError(
            "registry-offline",
            f"The Registry is not asked (offline), and {why}.",
            context={"registry": self.base},
            hints=(
                Hint(
                    "go-online",
                    "Leave --offline out, and `offline` in [registry] of settings.toml; then again.",
                ),
            ),
        )


def _old(known: Answer[_Value], why: str) -> Answer[_Value]:
    finding = Finding(
        code="registry-answer-old",
        message=f"What the Registry said {_ago(known.age)} ago has to do: {why}",
        hints=(Hint("try-later", "Try again later to be sure that it still holds."),),
    )
    return Answer(value=known.value, age=known.age, findings=(*known.findings, finding))


def _ago(seconds: float) -> str:
    for unit, length in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
