"""A pack for the host that is measured: a clock in its event loop. Copied into custom_nodes as `__init__.py`.

`GET /holding_probe` tells what the loop was like since the last time it was asked, and begins anew. The clock asks
to be woken each millisecond; what it is late by is how long a click had to wait just then.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from pathlib import Path
from typing import IO

from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS: dict[str, type] = {}
TICK = 0.001
WORST = 20


def _schedule() -> IO[str] | None:
    """What Linux tells of the waiting of this thread; other systems say nothing of it."""
    told = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return told.open(encoding="ascii") if told.exists() else None


class _Clock:
    def __init__(self) -> None:
        self.late: list[float] = []
        self.worst: list[tuple[float, float, float, float]] = []
        """Late by, of that waiting for a processor, of that collecting garbage, and when: all in milliseconds."""
        self.collected = 0.0
        self.began = time.perf_counter()
        gc.callbacks.append(self._collecting)

    def _collecting(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._since = time.perf_counter()
        else:
            self.collected += time.perf_counter() - self._since

    async def run(self) -> None:
        stream = _schedule()

        def queued() -> float:
            if stream is None:
                return 0.0
            stream.seek(0)
            return int(stream.read().split()[1]) / 1e9

        waited, collected, last = queued(), self.collected, time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            late = time.perf_counter() - last - TICK
            now_waited, now_collected = queued(), self.collected
            self.late.append(late)
            if late > 0.005:  # noqa: PLR2004
                row = (late, now_waited - waited, now_collected - collected, time.perf_counter() - self.began)
                self.worst.append(tuple(round(each * 1000, 1) for each in row))  # type: ignore[arg-type]
            waited, collected, last = now_waited, now_collected, time.perf_counter()

    def take(self) -> dict[str, object]:
        late, self.late = sorted(self.late), []
        worst, self.worst = sorted(self.worst, reverse=True)[:WORST], []
        seconds, self.began = time.perf_counter() - self.began, time.perf_counter()
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        found = (
            {name: late[int((len(late) - 1) * share)] * 1000 for name, share in shares.items()}
            if late
            else {}
        )
        most = late[-1] * 1000 if late else 0.0
        return {"seconds": seconds, "ticks": len(late), **found, "max": most, "worst": worst}


_clock = _Clock()
_running: list[asyncio.Task[None]] = []


@PromptServer.instance.routes.get("/holding_probe")  # type: ignore[untyped-decorator]
async def tell(_request: web.Request) -> web.Response:
    """What was measured since the last time; the first time nothing."""
    if not _running:
        _running.append(asyncio.get_running_loop().create_task(_clock.run()))
    return web.json_response(_clock.take())


@PromptServer.instance.routes.get("/holding_probe/manager")  # type: ignore[untyped-decorator]
async def install(request: web.Request) -> web.Response:
    """What ComfyUI-Manager's queue does with a pack whose files are in place: in a thread, line by line."""
    cores = (sys.modules.get(f"comfyui_manager.{kind}.manager_core") for kind in ("glob", "legacy"))
    core = next(each for each in cores if each is not None)
    path = Path(__file__).parent.parent / request.query["pack"]
    done = await asyncio.to_thread(core.unified_manager.execute_install_script, "", str(path))
    return web.json_response({"done": bool(done)}, status=200 if done else 500)
