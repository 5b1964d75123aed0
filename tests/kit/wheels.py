"""Real wheels and sdists, made in milliseconds from a few words."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_EPOCH = (2024, 1, 1, 0, 0, 0)


def import_name(name: str) -> str:
    """The name as it stands in file names and imports: `Flux-Tools` gives `flux_tools`."""
    return re.sub(r"[-_.]+", "_", name).lower()


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    entry_points: Mapping[str, str] | None = None,
    data: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
    extras: Mapping[str, Sequence[str]] | None = None,
    top_level: str | None = None,
    requires_python: str | None = None,
) -> Path:
    """Make one wheel in `folder` (made if missing) and return its path. Same arguments, same bytes.

    `files` go to site-packages (default: a package with `__version__`), `data` and `scripts` to the
    environment's root and script folder; `entry_points` are console scripts (`{"tool": "mod:main"}`);
    `extras` map an extra to its requirements; `top_level` is the text of `top_level.txt`.
    """
    module = import_name(name)
    info, data_root = f"{module}-{version}.dist-info", f"{module}-{version}.data"
    if files is None:
        files = {f"{module}/__init__.py": f'__version__ = "{version}"\n'}
    members: dict[str, bytes] = {path: _as_bytes(content) for path, content in files.items()}
    members |= {f"{data_root}/data/{path}": _as_bytes(content) for path, content in (data or {}).items()}
    members |= {f"{data_root}/scripts/{path}": _as_bytes(text) for path, text in (scripts or {}).items()}
    members[f"{info}/METADATA"] = _metadata(name, version, requires, extras or {}, requires_python).encode()
    members[f"{info}/WHEEL"] = _wheel_file(tag).encode()
    if entry_points:
        lines = ["[console_scripts]", *(f"{script} = {target}" for script, target in entry_points.items())]
        members[f"{info}/entry_points.txt"] = ("\n".join(lines) + "\n").encode()
    if top_level is not None:
        members[f"{info}/top_level.txt"] = top_level.encode()
    record = [f"{path},sha256={_urlsafe_sha256(raw)},{len(raw)}" for path, raw in members.items()]
    members[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()

    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, raw in members.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (0o100755 if f"{data_root}/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, raw)
    return wheel


def make_sdist(
    folder: Path,
    name: str,
    version: str,
    *,
    fails: bool = False,
    requires: Sequence[str] = (),
    touches: Path | None = None,
) -> Path:
    """Make one sdist in `folder` and return its path; it builds offline, with a backend of its own.

    Its metadata is not static, so an installer must run its code to learn anything. `fails` makes that
    code raise; `touches` names a file to which it appends a line each time it runs, as proof that it did.
    """
    with tempfile.TemporaryDirectory() as scratch:
        wheel = make_wheel(Path(scratch), name, version, requires=requires)
        wheel_name, wheel_bytes = wheel.name, wheel.read_bytes()
    root = f"{import_name(name)}-{version}"
    backend = _BACKEND.format(
        fails=fails, touches=json.dumps(str(touches or "")), wheel=json.dumps(wheel_name)
    )
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": backend.encode(),
        wheel_name: wheel_bytes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    sdist = folder / f"{root}.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        for path, raw in members.items():
            entry = tarfile.TarInfo(f"{root}/{path}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return sdist


_BACKEND = '''\
"""Builds by handing out the wheel that came along."""
import pathlib, shutil

HERE = pathlib.Path(__file__).parent
WHEEL = {wheel}
TOUCHES = {touches}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if TOUCHES:
        with open(TOUCHES, "a", encoding="utf-8") as log:
            log.write(WHEEL + "\\n")
    if {fails}:
        raise RuntimeError("error: command 'gcc' failed: No such file or directory")
    shutil.copy(HERE / WHEEL, wheel_directory)
    return WHEEL
'''


def _metadata(
    name: str,
    version: str,
    requires: Sequence[str],
    extras: Mapping[str, Sequence[str]],
    requires_python: str | None,
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        for requirement in wanted:
            bare, _, marker = requirement.partition(";")
            condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
            lines.append(f"Requires-Dist: {bare.strip()} ; {condition}")
    return "\n".join(lines) + "\n"


def _wheel_file(tag: str) -> str:
    pythons, abis, platforms = tag.split("-")
    tags = [
        f"{py}-{abi}-{plat}"
        for py in pythons.split(".")
        for abi in abis.split(".")
        for plat in platforms.split(".")
    ]
    pure = "true" if platforms == "any" else "false"
    head = f"Wheel-Version: 1.0\nGenerator: test-kit\nRoot-Is-Purelib: {pure}\n"
    return head + "".join(f"Tag: {one}\n" for one in tags)


def _as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _urlsafe_sha256(raw: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
