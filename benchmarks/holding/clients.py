"""Pages that read: a process of its own, so that only the server is measured. Ends when its input does.

`python clients.py URL COUNT PAUSE PATH...`: COUNT clients, each of which asks for the paths in turn and rests PAUSE
seconds between. Prints one JSON object at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp


async def main(url: str, count: int, pause: float, paths: list[str]) -> None:
    """Ask until there is no more input."""
    stop = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: stop.set())
    took: list[float] = []
    answers: dict[str, int] = {}

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(pause * number / count)
        turn = number
        while not stop.is_set():
            begun = time.perf_counter()
            try:
                async with session.get(url + paths[turn % len(paths)]) as answer:
                    await answer.read()
                    said = str(answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = type(error).__name__
            took.append(time.perf_counter() - begun)
            answers[said] = answers.get(said, 0) + 1
            turn += 1
            await asyncio.sleep(pause)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session, number) for number in range(count)))
    took.sort()
    shown = {name: took[int((len(took) - 1) * share)] * 1000 for name, share in (("p50", 0.5), ("p99", 0.99))}
    print(
        json.dumps({"requests": len(took), "answers": answers, **shown, "max": took[-1] * 1000}), flush=True
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
