"""Looking for secrets: in files, in texts, and on the command lines of every process that is started meanwhile."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


class CommandLines:
    """Every command line seen on this machine while it watched."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at /proc again and again, from a thread."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        self.seen.add((entry / "cmdline").read_bytes())
                    except OSError:
                        continue


def forms(secret: str) -> set[bytes]:
    """The secret as it may be written: as it is, quoted for addresses, and in base64 at each of its offsets."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode()}
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + raw)
        # Only the letters that the bytes around it do not change.
        found.add(whole[(offset * 8 + 5) // 6 : len(whole) - 4])
    return found


def leaks(secrets: Mapping[str, str], texts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which secret is to be found where, among the (place, content) given."""
    found = []
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    for place, content in texts:
        for name, written in wanted.items():
            hits = [form for form in written if form in content]
            if hits:
                at = content.index(hits[0])
                found.append(f"{name} in {place}: ...{content[max(0, at - 80) : at + 40]!r}...")
    return found


def files_below(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """(path, path and content) of every file below the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path), str(path).encode() + b"\n" + path.read_bytes()
