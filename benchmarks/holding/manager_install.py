"""ComfyUI-Manager 4.3 in the same host, installing the same distributions in its own two ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ...tests.e2e.ground import Ground
from ...tests.kit.repositories import make_repository
from ..workshop import BenchError

CONFIG = "[default]\nuse_uv = True\nsecurity_level = normal\nallow_git_url_install = True\n"


def allow_git_urls(ground: Ground) -> None:
    """Let Manager's own window install from a git URL. To be called before the host starts."""
    folder = ground.base / "user" / "__manager"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.ini").write_text(CONFIG, encoding="utf-8")
    ground.variables["GITHUB_ENDPOINT"] = (ground.root / "github").as_uri()


def manager_installs(ground: Ground, names: Sequence[str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """What Manager can be asked to do, with its words. Half of the names each, so that both have work."""
    half = len(names) // 2
    yield (
        f"Manager's install of {half}, as its queue does it",
        partial(_by_the_queue, ground, names[:half]),
    )
    yield (
        f"Manager's install of {half}, by git URL in its legacy window",
        partial(_by_git_url, ground, names[half:]),
    )


def _by_the_queue(ground: Ground, names: Sequence[str]) -> None:
    pack = ground.packs / "queue-pack"
    pack.mkdir()
    (pack / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    (pack / "requirements.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    answer = ground.host.get("/holding_probe/manager?pack=queue-pack", timeout=600)
    _expect(ground, answer.status, names)


def _by_git_url(ground: Ground, names: Sequence[str]) -> None:
    lines = "".join(f"{name}\n" for name in names)
    files = {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "requirements.txt": lines}
    make_repository(ground.root / "github" / "bench" / "url-pack", files)
    body = b"https://github.com/bench/url-pack"
    headers = {"Content-Type": "text/plain"}
    answer = ground.host.request(
        "POST", "/v2/customnode/install/git_url", data=body, headers=headers, timeout=600
    )
    _expect(ground, answer.status, names)
    time.sleep(1)


def _expect(ground: Ground, status: int, names: Sequence[str]) -> None:
    missing: Any = set(names) - ground.versions().keys()
    if status != 200 or missing:  # noqa: PLR2004
        raise BenchError(f"Manager did not install: {status}, {sorted(missing)[:3]} missing")
