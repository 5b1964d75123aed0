"""One target for each reader of things that come from elsewhere: bytes in, and only our own errors out.

The law of all of them: a reader gives a value, or raises an error of ours with a code; it writes nothing, and
where there is a writer, what was read can be written and read again. A broken law is any other exception.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
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
from comfyui_safe_install.resolver.core.snapshot import from_dict, to_dict
from comfyui_safe_install.resolver.core.solve import SolveInput
from comfyui_safe_install.resolver.core.sources import parse_source
from comfyui_safe_install.resolver.errors import SafeInstallError, one_line
from comfyui_safe_install.resolver.io.archives import ArchiveLimits, extract_zip
from comfyui_safe_install.resolver.io.artefacts import ArtefactFinder
from comfyui_safe_install.resolver.io.git_folder import read_git_folder
from comfyui_safe_install.resolver.io.metadata import normal_version, parse_headers, parse_origin
from comfyui_safe_install.resolver.io.payload import read_payload
from comfyui_safe_install.resolver.io.payloads import PayloadStore
from comfyui_safe_install.resolver.io.records import check_files, read_record
from comfyui_safe_install.resolver.io.snapshots import SnapshotStore
from comfyui_safe_install.resolver.io.solve_memory import Memory
from comfyui_safe_install.resolver.io.uv_answers import classify, parse_solution, staging_error
from comfyui_safe_install.resolver.io.uv_inputs import is_one_line, lines_of, write_inputs
from comfyui_safe_install.resolver.io.wheel_metadata import read_wheel_metadata
from comfyui_safe_install.resolver.io.workspace import open_workspace
from comfyui_safe_install.resolver.transaction.folder import StepList, load_steps
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.resolver.transaction.journal import Journal, last_body, read_journal
from comfyui_safe_install.resolver.transaction.owners import read_owner
from comfyui_safe_install.resolver.transaction.progress import Progress, read_progress
from comfyui_safe_install.resolver.transaction.recover import recover

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

_ID = "20260101T000000000000Z-0000"
_here: list[Path] = []


def place() -> Path:
    """A folder of this process on the fastest file system there is, made at the first call."""
    if not _here:
        memory = Path("/dev/shm")  # noqa: S108
        _here.append(
            Path(tempfile.mkdtemp(prefix="safe-install-fuzz-", dir=memory if memory.is_dir() else None))
        )
    return _here[0]


def clear() -> None:
    """Remove that folder."""
    while _here:
        shutil.rmtree(_here.pop(), ignore_errors=True)


def _file(name: str, raw: bytes) -> Path:
    path = place() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def _rooted(raw: bytes) -> bytes:
    """With the place of this process's root put in."""
    return raw.replace(b"@ROOT@", os.fsencode(place() / "root"))


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


def journal(raw: bytes) -> None:
    """A journal, from its bytes to what it says, and everything that lists it. Nothing is recovered by it."""
    state = place() / "state"
    path = _file(f"state/transactions/{_ID}/journal.jsonl", raw)
    steps = path.with_name("steps.json")
    if not steps.exists():
        steps.write_text(json.dumps(StepList().to_dict()))
    last_body(path)
    with suppress(SafeInstallError):
        read_progress(read_journal(path), path)
    for each in read_transactions(state):
        json.dumps(each.to_dict())


def journal_bodies(raw: bytes) -> None:
    """The bodies of journal lines (JSON, one a line), with right checksums: the grammar behind the bytes."""
    path = place() / "bodies.jsonl"
    path.unlink(missing_ok=True)
    writer = Journal(path)
    for line in raw.splitlines()[:20]:
        try:
            body = json.loads(line)
            if isinstance(body, dict):
                writer.append(body)
        except (ValueError, RecursionError, TypeError):
            continue
    try:
        read_progress(read_journal(path), path)
    except SafeInstallError:
        return


def steps(raw: bytes) -> None:
    """A steps.json, with nothing begun; every path is inside the roots, and it can be written again."""
    directory = _file("steps/steps.json", _rooted(raw)).parent
    root = place() / "root"
    root.mkdir(exist_ok=True)
    try:
        found = load_steps(directory, _planned(), roots=[root], state_dir=place() / "state")
    except SafeInstallError:
        return
    json.dumps(found.to_dict())


def recovery(raw: bytes) -> None:
    """Steps and a journal that announces the first: recovery refuses, or it changes nothing outside the root."""
    state = place() / "recovery"
    shutil.rmtree(state, ignore_errors=True)
    head, _, tail = _rooted(raw).partition(b"\0\n")
    _file(f"recovery/transactions/{_ID}/steps.json", head)
    _file(f"recovery/transactions/{_ID}/journal.jsonl", tail)
    root = place() / "root"
    root.mkdir(exist_ok=True)
    mine = _file("mine.txt", b"mine")
    try:
        recover(state, [root])
    except SafeInstallError as error:
        json.dumps(error.to_dict())
    assert mine.read_bytes() == b"mine"


def snapshot(raw: bytes) -> None:
    """A snapshot file in the store, and one to import; what was read can be written and read again."""
    store = SnapshotStore(place() / "snapshots-state")
    path = _file("snapshots-state/snapshots/20260101-000000-000aaaa.json", raw)
    store.list()
    try:
        value = json.loads(raw)
        found = from_dict(value)
    except (ValueError, RecursionError):
        return
    except SafeInstallError:
        return
    finally:
        path.unlink()
    assert from_dict(json.loads(json.dumps(to_dict(found)))) == found


def payload(raw: bytes) -> None:
    """A payload note; whatever it says, its places are inside the payload."""
    folder = _file("area/payloads/x/y/payload.json", raw).parent
    store = PayloadStore(place() / "area")
    store.list()
    root = str(place() / "env")
    layout = Layout.labelled(root)
    try:
        found = read_payload(folder)
    except SafeInstallError:
        return
    for entry in found.note.entries:
        assert str(found.place(entry)).startswith(str(folder))
    for member in found.note.members:
        store.find(*member.key)
        store.check(found, member, layout)


def owner(raw: bytes) -> None:
    """The file that names the owner of a lock."""
    found = read_owner(_file("lock.owner", raw))
    if found is not None:
        str(found)


def archive(raw: bytes) -> None:
    """A zip as a source; nothing lands outside its folder."""
    path = _file("x.zip", raw)
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
        text = read_wheel_metadata(str(_file("x-1-py3-none-any.whl", raw)))
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
        assert "::" not in found.location.partition("/")[0] or exists


def git_folder(raw: bytes) -> None:
    """A `.git` folder: HEAD, config, packed-refs, commondir and a `.git` file of that content."""
    tree = place() / "tree"
    for name in ("HEAD", "config", "packed-refs", "commondir", "refs/heads/main"):
        _file(f"tree/.git/{name}", raw)
        found = read_git_folder(tree)
        assert found is None or "\x1b" not in found.remote
        _file(f"tree/.git/{name}", b"ref: refs/heads/main" if name == "HEAD" else b"")
    _file("linked/.git", raw)
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
    _file("memory/key.json", raw)
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


@cache
def _planned() -> Progress:
    """What a journal says of a transaction that has just begun."""
    path = place() / "planned.jsonl"
    path.unlink(missing_ok=True)
    writer = Journal(path)
    writer.append(
        {
            "kind": "state",
            "state": "planned",
            "at": "",
            "format": 1,
            "operation": "",
            "roots": [],
            "summary": {},
        }
    )
    return read_progress(read_journal(path), path)


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
    )
}
