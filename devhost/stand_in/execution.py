"""The queue of prompts (execution.py of 0.8.0), of which none runs; tests put prompts in as if some did."""

from __future__ import annotations

import threading
from typing import Any

Item = tuple[Any, ...]


class PromptQueue:
    """What waits and what runs, with ComfyUI's names."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.mutex = threading.RLock()
        self.queue: list[Item] = []
        self.currently_running: dict[int, Item] = {}
        self.history: dict[str, Any] = {}
        self.flags: dict[str, Any] = {}

    def pretend(self, *, running: int, pending: int) -> None:
        """Have so many prompts run and wait."""
        with self.mutex:
            self.currently_running = {number: _prompt(number) for number in range(running)}
            self.queue = [_prompt(running + number) for number in range(pending)]
        self.server.queue_updated()

    def get_tasks_remaining(self) -> int:
        """Prompts that run or wait."""
        with self.mutex:
            return len(self.queue) + len(self.currently_running)

    def get_current_queue(self) -> tuple[list[Item], list[Item]]:
        """(running, waiting)."""
        with self.mutex:
            return list(self.currently_running.values()), list(self.queue)

    def get_current_queue_volatile(self) -> tuple[list[Item], list[Item]]:
        """(running, waiting)."""
        return self.get_current_queue()

    def get_history(self, prompt_id: str | None = None, **_page: Any) -> dict[str, Any]:
        """Prompts that ended: none."""
        return dict(self.history) if prompt_id is None else {}

    def wipe_queue(self) -> None:
        """Let nothing wait."""
        with self.mutex:
            self.queue = []
        self.server.queue_updated()

    def wipe_history(self) -> None:
        """Forget what ended."""
        self.history = {}

    def set_flag(self, name: str, data: Any) -> None:
        """Remember a wish of the worker's."""
        self.flags[name] = data

    def get_flags(self, reset: bool = True) -> dict[str, Any]:
        """The wishes."""
        flags = dict(self.flags)
        if reset:
            self.flags = {}
        return flags


def _prompt(number: int) -> Item:
    return (number, f"prompt-{number}", {}, {}, [], {})
