# ruff: noqa: E501 - examples stand as they are
"""What a fuzzer begins with: a few well-formed examples of everything, and real files where they are at hand."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from comfyui_safe_install.tests.kit.workflows import png, webp

ROOT = Path(__file__).resolve().parents[2]

_PYPROJECT = b"""[project]
name = "pack"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["numpy>=1.25 ; python_version < '3.12'", "a[b] @ git+https://example.org/a@v1"]
optional-dependencies = { gpu = ["torch"] }
dynamic = ["readme"]
[tool.comfy]
DisplayName = "Pack"
[tool.poetry.dependencies]
python = "^3.10"
x = { version = "^1.2", extras = ["y"], optional = true }
[tool.setuptools.dynamic]
dependencies = { file = ["a.txt"] }
[[tool.uv.index]]
url = "https://example.org/simple"
"""
_LOCK = b"""lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "a"
version = "1.0"
wheels = [{ url = "https://example.org/a-1.0-py3-none-any.whl", size = 3, hashes = { sha256 = "00" } }]
[[packages]]
name = "b"
vcs = { type = "git", url = "https://example.org/b", commit-id = "00" }
"""
_RULES = b"""[x]
kind = "keep"
packages = ["torch"]
says = "no"
[y]
kind = "companion"
when = "numpy>=2"
require = ["a>1"]
says = "z"
"""
_SNAPSHOT = {
    "format": 1, "id": "20260101-000000-000aaaa", "created": "2026-01-01T00:00:00.000Z", "reason": "test", "label": "",
    "pinned": False, "prefix": "/env", "python": "3.12.0", "platform": "linux", "freeze": "a==1\n",
    "distributions": [{"name": "a", "version": "1", "record_digest": "00"}],
    "packs": [{"pack": {"name": "p", "path": "/p"}, "digest": "11"}],
    "unowned": [{"path": "x.pth", "size": 1, "digest": "22"}],
}  # fmt: skip
_NOTE = {
    "format": 1, "kind": "distribution", "transaction": "t", "displaced": "2026",
    "members": [
        {"name": "a", "version": "1", "digest": "0", "metadata": "purelib/a-1.dist-info", "changed": ["purelib/a.py"]}
    ],
    "entries": [{"path": "purelib/a", "live_path": "/x/a", "kind": "folder", "mode": 493, "copied": False}],
}  # fmt: skip
_STEPS = {
    "format": 1,
    "steps": [
        {"kind": "move", "source": "@ROOT@/a", "target": "@ROOT@/b"},
        {"kind": "make-dir", "path": "@ROOT@/c", "mode": 493},
        {"kind": "remove-dir", "path": "@ROOT@/d", "mode": 493},
    ],
    "remove_on_commit": ["@ROOT@/x"],
    "remove_on_rollback": [],
}
_BODIES: list[dict[str, object]] = [
    {
        "kind": "state",
        "state": "planned",
        "at": "2026",
        "format": 1,
        "operation": "x",
        "roots": ["/r"],
        "summary": {},
    },
    {"kind": "state", "state": "staged", "at": "2026"},
    {"kind": "state", "state": "tried", "at": "2026"},
    {"kind": "state", "state": "applying", "at": "2026", "steps": "00"},
    {"kind": "intent", "step": 0, "synced": True},
    {"kind": "done", "step": 0},
    {"kind": "undo", "step": 0},
    {"kind": "undone", "step": 0},
    {"kind": "state", "state": "rolled-back", "at": "2026"},
    {"kind": "cleaned"},
]


def _journal(count: int) -> bytes:
    lines = []
    for number, body in enumerate(_BODIES[:count], start=1):
        content = {"body": body, "seq": number}
        crc = zlib.crc32(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
        lines.append(
            json.dumps({**content, "crc": crc}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        )
    return b"".join(lines)


def _zip(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("p/__init__.py", "x = 1\n" * 9)
        opened.writestr("p/\u00e9.txt", "y")
        opened.writestr(
            "x-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: x\nVersion: 1\nRequires-Dist: a>1\n"
        )
    return buffer.getvalue()


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()


_REQUIREMENTS = (
    b"numpy>=1.25  # why\n-r a.txt\n--index-url https://example.org/simple\na @ https://example.org/a.whl ; os_name=='x'\n",
    b"\xef\xbb\xbfa[b,c]==1.0 --hash=sha256:"
    + b"0" * 64
    + b" \\\n ; python_version<'3'\n-e git+https://example.org/x#egg=y\n",
    "a\u2028--pre\n${HOME}\n-c a.txt\n<<<<<<< HEAD\npip install b\n".encode("utf-16"),
    b"git+ssh://git@example.org/a/b.git@v1#egg=c&subdirectory=d\n./local\nC:\\x\nfile:///etc\n",
)
_NODES = [
    {"type": "A", "properties": {"cnr_id": "a", "ver": "1.0", "Node name for S&R": "A"}},
    {"type": "B", "properties": {"aux_id": "o/b"}}, {"type": "Note"}, {"type": "6007e698-2ebd-4917-84d8-299b35d7b7ab"},
]  # fmt: skip
_SAVED: dict[str, object] = {
    "nodes": _NODES,
    "definitions": {"subgraphs": [{"id": "6007e698-2ebd-4917-84d8-299b35d7b7ab", "nodes": _NODES}]},
    "extra": {"groupNodes": {"g": {"nodes": [{"type": "workflow>g"}]}}},
}
_QUEUED = {"1": {"class_type": "A", "inputs": {}}, "2": {"class_type": "B", "inputs": {"x": ["1", 0]}}}
_TEXTS = {"workflow": json.dumps(_SAVED), "prompt": json.dumps(_QUEUED)}
_WORKFLOWS = (
    _dump(_SAVED), _dump(_QUEUED), _dump({"workflow": _SAVED, "prompt": _QUEUED}), png(_TEXTS), png(_TEXTS, kind=b"iTXt"), webp(_TEXTS),
)  # fmt: skip

_REGISTRY_VERSION = {
    "version": "1.0.0", "status": "NodeVersionStatusFlagged", "dependencies": ["numpy>=2 # why", "-r x", "a @ b"], "deprecated": True,
    "downloadUrl": "https://example.org/x.zip?sig=1", "supported_os": ["POSIX :: Linux"], "supported_comfyui_version": ">=0.3,<2",
}  # fmt: skip
_REGISTRY_PACK = {
    "id": "x", "name": "X", "publisher": {"id": "unclaimed"}, "latest_version": _REGISTRY_VERSION, "rating": 1.5, "downloads": 3,
    "repository": "https://example.org/x", "tags": ["a"], "status": "NodeStatusBanned", "supported_accelerators": ["GPU :: NVIDIA CUDA"],
}  # fmt: skip

SEEDS: dict[str, tuple[bytes, ...]] = {
    "requirements": _REQUIREMENTS,
    "pyproject": (_PYPROJECT, b"[project]\ndependencies = [1979-05-27, inf, {a = 1}, [[]]]\n"),
    "poetry": (b"^1.2.3", b"~1.2", b">=1,<2", b"1.*", b"^0.0.3 || 2", b"==1!2.0rc1+local"),
    "record": (b'x/__init__.py,sha256=abc,3\n../../../bin/x,,\n"q,uoted.py",,\n', b"/abs,,\n../../mine,,\n"),
    "metadata": (
        b"Metadata-Version: 2.1\nName: A_b\nVersion: 1.0\nRequires-Dist: c[d]>=1 ; extra == 'e'\n f\nProvides-Extra: e\n\nbody",
        b'{"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "00"}, "subdirectory": "y"}',
    ),
    "journal": (_journal(10), _journal(5), _journal(1)[:-3]),
    "journal_bodies": (b"\n".join(_dump(body) for body in _BODIES),),
    "steps": (_dump(_STEPS),),
    "recovery": (_dump(_STEPS) + b"\0\n" + _journal(5), _dump(_STEPS) + b"\0\n" + _journal(9)),
    "snapshot": (_dump(_SNAPSHOT),),
    "payload": (_dump(_NOTE),),
    "owner": (b'{"pid": 1, "host": "h", "since": "2026", "operation": "x"}',),
    "archive": (_zip(), _zip(zipfile.ZIP_STORED)),
    "wheel": (_zip(), _zip(zipfile.ZIP_STORED)),
    "source": (
        b"git+https://u:p@example.org/a/Flux.git@v1#egg=x", b"git@example.org:a/b.git@main", b"ext::sh -c x", b"./flux.zip",
        b"https://github.com/a/b/tree/main", b"file:///C:/x", b"pack@1.0", b"git+ssh://-oProxyCommand=x/y",
    ),
    "git_folder": (
        b"ref: refs/heads/main", b"0" * 40, b'[remote "origin"]\n url = https://u:p@example.org/x\n', b"gitdir: ../x",
        b"0" * 40 + b" refs/heads/main\n",
    ),
    "uv_solution": (b"a==1.0 \\\n    --hash=sha256:00\n    # via\n    #   -r in0000.in\n    #   b\nb[x] @ https://example.org/b.whl\n",),
    "uv_words": (b"error: No solution found when resolving dependencies: Because only foo<=1 is available and a depends on b",),
    "uv_lock": (_LOCK,),
    "workflow": _WORKFLOWS,
    "node_map": (
        _dump({"https://example.org/a/b": [["A"], {"title_aux": "b", "nodename_pattern": "^A (x|y.*)$", "preemptions": ["B"]}]}),
        _dump({"custom_nodes": [{"title": "b", "files": ["https://example.org/a/b"], "reference": "https://example.org/a/b"}]}),
    ),
    "node_source": (
        b"import x\nT = {'A': 1}\nNODE_CLASS_MAPPINGS: dict = {**T, 'B': 2} | dict(C=3)\nNODE_CLASS_MAPPINGS['D'], y = 1, 2\n",
        b"class N(io.ComfyNode):\n    def define_schema(cls):\n        return io.Schema(node_id='E', inputs=[])\nNODE_CLASS_MAPPINGS.update(f(T))\n",
    ),
    "registry": (
        _dump({"id": "x", "nodes": [_REGISTRY_PACK], "total": 1, "page": 1, "limit": 10, "totalPages": 1, **_REGISTRY_PACK}),
        _dump({"node_versions": [{"identifier": {"node_id": "x", "version": "1.0.0"}, "status": "success", "node_version": _REGISTRY_VERSION}]}),
        _dump({"comfy_nodes": [{"comfy_node_name": "A", "deprecated": True, "policy": "ComfyNodePolicyBanned"}], "totalNumberOfPages": 1}),
    ),
    "uv_lines": (b"a==1\0b @ https://example.org/b.whl", b"a\n--pre"),
    "remembered": (
        _dump({"versions": {"a": "1"}, "urls": {}, "via": {"a": ["b"]}, "asked_by": {}, "extras": {}, "indexes": {}}),
        b'{"problem": "network", "output": "x"}',
    ),
    "extra_paths": (b"x:\n  base_path: ..\n  custom_nodes: |\n    a\n    b\n  is_default: true\n", b"__version__ = '1.0'\n"),
    "rules": (_RULES,),
}  # fmt: skip


def seeds(target: str) -> Iterator[bytes]:
    """The seeds of a target, then the real dependency files of the corpus where there is one."""
    yield from SEEDS[target]
    ending = {"requirements": "requirements.txt", "pyproject": "pyproject.toml"}.get(target)
    corpus = Path(os.environ.get("SAFE_INSTALL_CORPUS") or ROOT.parent / "shared" / "corpus")
    if ending and corpus.is_dir():
        for path in sorted(corpus.rglob(f"*{ending}"))[:200]:
            yield path.read_bytes()
    for path in sorted((ROOT / "tests" / "fuzz" / "regressions" / target).glob("*")):
        yield path.read_bytes()
