"""One target for each reader of things that come from elsewhere: bytes in, and only our own errors out.

The law of all of them: a reader gives a value, or raises an error of ours with a code; it writes nothing, and
where there is a writer, what was read can be written and read again. A broken law is any other exception.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

from comfyui_safe_install.resolver.core.closure import applying_requirements
from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.layout import Layout
from comfyui_safe_install.resolver.core.pack_names import check_pack_name
from comfyui_safe_install.resolver.core.poetry import poetry_requirement, poetry_specifier
from comfyui_safe_install.resolver.core.pyproject import read_pyproject
from comfyui_safe_install.resolver.core.reader import UnreadableFile
from comfyui_safe_install.resolver.core.requirements import read_requirements
from comfyui_safe_install.resolver.core.rules import parse_rules
from comfyui_safe_install.resolver.core.solve import SolveInput
from comfyui_safe_install.resolver.core.sources import parse_source
from comfyui_safe_install.resolver.errors import SafeInstallError, one_line
from comfyui_safe_install.resolver.io.archives import ArchiveLimits, extract_zip
from comfyui_safe_install.resolver.io.artefacts import ArtefactFinder
from comfyui_safe_install.resolver.io.git_folder import read_git_folder
from comfyui_safe_install.resolver.io.metadata import normal_version, parse_headers, parse_origin
from comfyui_safe_install.resolver.io.records import check_files, read_record
from comfyui_safe_install.resolver.io.solve_memory import Memory
from comfyui_safe_install.resolver.io.uv_answers import classify, parse_solution, staging_error
from comfyui_safe_install.resolver.io.uv_inputs import is_one_line, lines_of, write_inputs
from comfyui_safe_install.resolver.io.wheel_metadata import read_wheel_metadata
from comfyui_safe_install.resolver.io.workspace import open_workspace
from comfyui_safe_install.tests.fuzz.ground import clear, place, put
from comfyui_safe_install.tests.fuzz.registry_targets import registry
from comfyui_safe_install.tests.fuzz.state_targets import (
    journal,
    journal_bodies,
    owner,
    payload,
    recovery,
    snapshot,
    steps,
)
from comfyui_safe_install.tests.fuzz.workflow_targets import node_map, node_source, workflow

__all__ = ["TARGETS", "clear"]

Target = Callable[[bytes], None]

MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0",
    "platform_system": "Linux",
    "platform_version": "#1",
    "python_full_version": "3.12.0",
    "python_version": "3.12",
    "sys_platform": "linux",
}


def _reader(files: dict[str, bytes]) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        if path not in files:
            raise UnreadableFile("file-missing", f"{path} is not there.")
        return files[path]

    return read


def requirements(raw: bytes) -> None:
    """A pack's requirements.txt, which may include itself; what is taken is one line for uv."""
    found = read_requirements("pack", "requirements.txt", _reader({"requirements.txt": raw, "a.txt": raw}))
    for line in found.lines:
        assert line.requirement is None or is_one_line(str(line.requirement))
        line.applies(MARKERS)
        if line.url:
            assert is_one_line(line.url), line.url
    for finding in found.findings:
        finding.to_dict()
        one_line(finding.message)


def pyproject(raw: bytes) -> None:
    """A pack's pyproject.toml, whose dependencies may lie in files."""
    read = _reader({"pyproject.toml": raw, "requirements.txt": b"a\n", "a.txt": b"b\n"})
    found = read_pyproject("pack", raw, read)
    for line in (*found.gathered.lines, *(each for extra in found.extras.values() for each in extra.lines)):
        assert line.requirement is None or is_one_line(str(line.requirement))
        line.applies(MARKERS)
    gather("pack", read, ("pyproject.toml", "requirements.txt"))


def poetry(raw: bytes) -> None:
    """A version constraint in Poetry's notation, alone and in a table."""
    text = raw.decode("utf-8", "replace")
    for wanted in (
        text,
        {"version": text},
        {"git": text, "rev": text},
        {"url": text, "markers": text, "extras": [text]},
    ):
        try:
            poetry_requirement("name", wanted)
        except ValueError:
            continue
    try:
        poetry_specifier(text)
    except ValueError:
        return


def record(raw: bytes) -> None:
    """A RECORD, and what verifying by it does; no path leads out of the environment or to Python itself."""
    root = place() / "env"
    site = root / "lib" / "python3.12" / "site-packages"
    info = site / "x-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "RECORD").write_bytes(raw)
    layout = Layout(
        purelib=str(site), platlib=str(site), scripts=f"{root}/bin", headers=f"{root}/include", data=str(root)
    )
    try:
        files = read_record(layout, str(site), info.name)
    except SafeInstallError:
        return
    for file in files:
        assert os.path.normpath(file.path).startswith(f"{root}/"), file
        assert not layout.is_pythons_own(os.path.normpath(file.path)), file
        layout.label(file.path)
    check_files(files)


def metadata(raw: bytes) -> None:
    """METADATA and direct_url.json of something installed."""
    headers = parse_headers(raw)
    assert len(headers.name.splitlines()) < 2
    assert len(normal_version(headers.version).splitlines()) < 2
    applying_requirements(headers.requires, MARKERS, headers.provides_extras)
    parse_origin(raw)


def archive(raw: bytes) -> None:
    """A zip as a source; nothing lands outside its folder."""
    path = put("x.zip", raw)
    target = place() / "unpacked"
    before = sorted(place().iterdir())
    try:
        extract_zip(path, target, limits=ArchiveLimits(entries=200, bytes=2_000_000, directory=200_000))
    except SafeInstallError:
        pass
    finally:
        shutil.rmtree(target, ignore_errors=True)
    assert sorted(place().iterdir()) == before


def wheel(raw: bytes) -> None:
    """The METADATA inside a wheel."""
    try:
        text = read_wheel_metadata(str(put("x-1-py3-none-any.whl", raw)))
    except (OSError, ValueError):
        return
    parse_headers(text.encode())


def _yes(_path: str) -> bool:
    return True


def _no(_path: str) -> bool:
    return False


def source(raw: bytes) -> None:
    """What a user may type or paste as a source; a name that comes out is fit to be a folder's."""
    text = raw.decode("utf-8", "replace")
    for exists in (True, False):
        try:
            found = parse_source(text, exists=(_yes if exists else _no), installed=("Flux",))
        except SafeInstallError:
            continue
        assert check_pack_name(found.name) == found.name
        assert not found.location.startswith("-")
        assert not found.ref.startswith("-")
        # What git would take for a transport helper; behind an @ two colons are a part of a path.
        assert exists or not re.match(r"[A-Za-z0-9+.-]+::", found.location)


def git_folder(raw: bytes) -> None:
    """A `.git` folder: HEAD, config, packed-refs, commondir and a `.git` file of that content."""
    tree = place() / "tree"
    for name in ("HEAD", "config", "packed-refs", "commondir", "refs/heads/main"):
        put(f"tree/.git/{name}", raw)
        found = read_git_folder(tree)
        assert found is None or "\x1b" not in found.remote
        put(f"tree/.git/{name}", b"ref: refs/heads/main" if name == "HEAD" else b"")
    put("linked/.git", raw)
    read_git_folder(place() / "linked")


def uv_solution(raw: bytes) -> None:
    """What `uv pip compile` writes."""
    try:
        parse_solution(raw.decode("utf-8", "replace"), {"in0000.in": "pack"})
    except SafeInstallError:
        return


def uv_words(raw: bytes) -> None:
    """uv's words when it fails, and git's progress: a class is found for any."""
    text = raw.decode("utf-8", "replace")
    classify(text)
    json.dumps(staging_error(text).to_dict())


def uv_lock(raw: bytes) -> None:
    """A pylock.toml (PEP 751) as uv writes it."""
    finder = ArtefactFinder.__new__(ArtefactFinder)
    finder._ranks = {}
    try:
        for package, version in finder._read_lock(raw.decode("utf-8", "replace")).values():
            finder._locked(package, version, ())
    except SafeInstallError:
        return


def uv_lines(raw: bytes) -> None:
    """Lines on their way to uv: what gets through is what came in, line by line."""
    texts = raw.decode("utf-8", "replace").split("\0")
    try:
        written = lines_of(texts)
        write_inputs(place(), [SolveInput(label="pack", texts=tuple(texts))])
    except SafeInstallError:
        return
    assert written.split("\n")[:-1] == texts
    assert not any(line.lstrip().startswith("-") or line.endswith("\\") for line in written.split("\n"))


def remembered(raw: bytes) -> None:
    """An answer of the solver in the cache."""
    put("memory/key.json", raw)
    Memory(place() / "memory").recall("key")


def extra_paths(raw: bytes) -> None:
    """ComfyUI's extra_model_paths.yaml."""
    comfyui = place() / "comfyui"
    (comfyui / "custom_nodes").mkdir(parents=True, exist_ok=True)
    (comfyui / "requirements.txt").touch()
    (comfyui / "extra_model_paths.yaml").write_bytes(raw)
    (comfyui / "comfyui_version.py").write_bytes(raw)
    try:
        open_workspace(comfyui)
    except SafeInstallError:
        return


def rules(raw: bytes) -> None:
    """A user's own rules.toml."""
    try:
        table: dict[str, Any] = tomllib.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    try:
        parse_rules(table)
    except SafeInstallError:
        return


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        *(
            requirements,
            pyproject,
            poetry,
            record,
            metadata,
            journal,
            journal_bodies,
            steps,
            recovery,
            snapshot,
        ),
        *(payload, owner, archive, wheel, source, git_folder, uv_solution, uv_words, uv_lock, uv_lines),
        *(remembered, extra_paths, rules),
        *(workflow, node_map, node_source, registry),
    )
}
