"""Full snapshots: time and room to make one, to make one again, and to go back, by strategy."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import cast

from ..resolver.core.guard import GuardSettings
from ..resolver.engine.in_force import snapshot_now
from ..resolver.engine.rolling_back import Rollback
from ..resolver.engine.session import Session
from ..resolver.io.site import LiveSite
from ..resolver.ports import Site
from ..resolver.transaction.fs import remove_tree
from ..resolver.wiring import PageProbe, open_site
from ..tests.kit.comfy import make_comfy
from ..tests.kit.trees import hash_tree
from ..tests.kit.venvs import make_venv
from .report import Table, figure
from .workshop import Workshop

QUANTILES = (
    (0.0, 20),
    (0.05, 277),
    (0.25, 1198),
    (0.5, 2358),
    (0.75, 11042),
    (0.9, 36023),
    (0.95, 71479),
    (0.99, 593184),
    (0.995, 901696),
    (0.999, 3115397),
    (1.0, 41458584),
)
"""Sizes of the 33,524 files of an environment with torch (CPU) and ComfyUI's requirements."""

PER_DISTRIBUTION = (8, 9, 12, 15, 20, 30, 45, 70, 110, 160, 240, 700)
"""Files of distributions, in turn: 118 on average, as a real environment of 300 has."""

LARGEST = 434_000_000
"""Bytes of the largest library there, of which each environment has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRow:
    """One strategy on one environment."""

    environment: str
    strategy: str
    files: int
    bytes: int
    make: float
    room: int
    """Bytes on the disk the full copy takes, its list included."""
    again: float
    again_room: int
    one_plan: float
    one_apply: float
    """Bringing the largest distribution back, which was removed."""
    many_plan: float
    many_apply: float
    """Undoing rewritten files in each tenth distribution."""
    exact: bool

    def to_dict(self) -> dict[str, object]:
        """For the JSON file."""
        return asdict(self)


def bench_guarding(
    workshop: Workshop, counts: list[int], strategies: list[str], real: Path | None
) -> list[GuardRow]:
    """Every strategy on made-up environments of so many distributions, and on a copy of a real one."""
    rows = []
    grounds: list[tuple[str, Callable[[Path], None]]] = [
        (str(count), partial(_make_environment, count=count)) for count in counts
    ]
    if real is not None:
        grounds.append((f"{real.name} (real)", partial(_copy_environment, real)))
    for name, make in grounds:
        folder = workshop.folder("guard", fresh=True)
        comfy = make_comfy(folder / "comfy")
        make(comfy / ".venv")
        for strategy in strategies:
            print(f"  {name}, {strategy} ...", flush=True)
            rows.append(_one(comfy, name, strategy))
        for words, act in (("cp -a, for comparison", ["-a"]), ("cp -al, hardlinks of everything", ["-al"])):
            rows.append(_by_cp(folder, comfy / ".venv", name, words, act))
        remove_tree(folder)
    return rows


def _one(comfy: Path, name: str, strategy: str) -> GuardRow:
    site = open_site(comfy)
    session = Session(site=cast("Site", site), probe=PageProbe())
    site.guard.configure(GuardSettings(strategy=strategy))
    os.sync()  # What others wrote is not ours to wait for.
    begun = time.monotonic()
    snapshot = snapshot_now(session.site, site.environment(), "benchmark")
    copy = site.guard.keep(snapshot.id)
    make = time.monotonic() - begun
    site.snapshots.save(snapshot)
    room = _room(site)
    begun = time.monotonic()
    site.guard.keep(f"{snapshot.id}-again")
    again = time.monotonic() - begun
    again_room = _room(site) - room

    packages = Path(site.python.purelib)
    before = hash_tree(packages)
    tops = sorted(
        (path for path in packages.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")),
        key=lambda path: sum(each.lstat().st_size for each in path.rglob("*") if each.is_file()),
    )
    shutil.rmtree(tops[-1])
    one = _go_back(session, snapshot.id)
    for top in tops[::10]:
        for file in top.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                file.unlink()  # As installers do; `mixed` would lose what is edited in place.
                file.write_bytes(b"#" + data)
    many = _go_back(session, snapshot.id)
    exact = hash_tree(packages) == before
    for area in (site.area, site.pack_area, site.state):
        remove_tree(area)
    return GuardRow(
        environment=name,
        strategy=f"{strategy} ({copy.method})" if strategy != copy.method else strategy,
        files=copy.files,
        bytes=copy.bytes,
        make=make,
        room=room,
        again=again,
        again_room=again_room,
        one_plan=one[0],
        one_apply=one[1],
        many_plan=many[0],
        many_apply=many[1],
        exact=exact,
    )


def _go_back(session: Session, name: str) -> tuple[float, float]:
    """Seconds of the plan and of carrying it out."""
    rolling = Rollback(session=session)
    begun = time.monotonic()
    plan = rolling.plan(rolling.find(name))
    planned = time.monotonic() - begun
    begun = time.monotonic()
    rolling.apply(plan)
    return planned, time.monotonic() - begun


def _room(site: LiveSite) -> int:
    """Bytes on the disk, a file with a live name as well not counted."""
    total = 0
    for root in (site.area / "guard", site.state / "guard"):
        for path in root.rglob("*"):
            info = path.lstat()
            if path.is_file() and info.st_nlink == 1:
                total += info.st_blocks * 512
    return total


def _by_cp(folder: Path, venv: Path, name: str, words: str, options: list[str]) -> GuardRow:
    target = folder / "by-cp"
    os.sync()
    begun = time.monotonic()
    subprocess.run(["cp", *options, str(venv), str(target)], check=True)
    os.sync()
    make = time.monotonic() - begun
    files = [path.lstat() for path in target.rglob("*") if path.is_file() and not path.is_symlink()]
    room = sum(info.st_blocks * 512 for info in files if info.st_nlink == 1)
    remove_tree(target)
    none = float("nan")
    return GuardRow(
        environment=name,
        strategy=words,
        files=len(files),
        bytes=sum(info.st_size for info in files),
        make=make,
        room=room,
        again=make,
        again_room=room,
        one_plan=none,
        one_apply=none,
        many_plan=none,
        many_apply=none,
        exact=True,
    )


def _copy_environment(real: Path, venv: Path) -> None:
    subprocess.run(["cp", "-a", str(real), str(venv)], check=True)


def _make_environment(venv: Path, count: int) -> None:
    """An environment of made-up distributions with the sizes of real ones; the same at each call."""
    chance = random.Random(count)  # noqa: S311 - no secret
    block = chance.randbytes(1 << 20)
    packages = make_venv(venv).site_packages
    for number in range(count):
        name = f"made_up_{number}"
        folder = packages / name
        folder.mkdir()
        record = []
        for file in range(PER_DISTRIBUTION[number % len(PER_DISTRIBUTION)]):
            size = LARGEST if number == 0 and file == 0 else _size(chance.random())
            path = folder / (f"part_{file}.so" if size > 1 << 20 else f"part_{file}.py")
            digest = _write(path, f"# {number} {file}\n".encode(), block, size)
            record.append(f"{name}/{path.name},sha256={digest},{path.stat().st_size}")
        metadata = packages / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "INSTALLER").write_text("uv\n")
        record += [f"{metadata.name}/{each},," for each in ("METADATA", "INSTALLER", "RECORD")]
        (metadata / "RECORD").write_text("\n".join(record) + "\n")


def _size(share: float) -> int:
    """The size at that share of all files, in between by the logarithm."""
    for (low, small), (high, large) in pairwise(QUANTILES):
        if share <= high:
            part = (share - low) / (high - low)
            return round(math.exp(math.log(small) * (1 - part) + math.log(large) * part))
    return QUANTILES[-1][1]


def _write(path: Path, head: bytes, block: bytes, size: int) -> str:
    """A file of that size whose content no other has; its digest as RECORD writes it."""
    digest = hashlib.sha256()
    left = max(size, len(head))
    with path.open("wb") as stream:
        for chunk in (head, *[block] * (left // len(block) + 1)):
            part = chunk[:left]
            stream.write(part)
            digest.update(part)
            left -= len(part)
            if not left:
                break
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def guarding_table(rows: list[GuardRow]) -> Table:
    """All of it in one table."""
    table = Table(
        title="Full snapshots",
        heads=(
            "distributions",
            "files, MB",
            "bytes kept by",
            "make, s",
            "room, MB",
            "again, s",
            "room, MB",
            "one removed: plan + back, s",
            "a tenth rewritten: plan + back, s",
            "exact",
        ),
    )
    for row in rows:
        has_way = not math.isnan(row.one_plan)
        table.add(
            row.environment,
            f"{row.files}, {row.bytes / 1e6:.0f}",
            row.strategy,
            figure(row.make),
            f"{row.room / 1e6:.0f}",
            figure(row.again),
            f"{row.again_room / 1e6:.1f}",
            f"{figure(row.one_plan)} + {figure(row.one_apply)}" if has_way else "-",
            f"{figure(row.many_plan)} + {figure(row.many_apply)}" if has_way else "-",
            ("yes" if row.exact else "NO") if has_way else "-",
        )
    return table
