"""A Comfy Registry on a free loopback port, after the published OpenAPI document, which can be told to misbehave.

Paths, query names, status codes, fields and the lowering of page sizes are those of https://api.comfy.org/openapi.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from .registry_handler import Asked, Fault, handler_for

__all__ = ["Fault", "RegistryServer", "make_archive", "pack_files"]

LARGEST_PAGE = 100
"""Packs to a page; what is more is lowered and told."""
MOST_AT_ONCE = 1000

Row = dict[str, Any]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who has read enough hangs up."""


@dataclass(slots=True)
class _Fault:
    kind: Fault
    times: int


def make_archive(files: Mapping[str, str | bytes]) -> bytes:
    """A zip as comfy-cli publishes it: files alone, at the top."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def pack_files(
    name: str, version: str, *requirements: str, dependencies: Sequence[str] = ()
) -> dict[str, str]:
    """The files of a small pack, as its author publishes them."""
    listed = ", ".join(json.dumps(each) for each in dependencies)
    return {
        "__init__.py": f'NODE_CLASS_MAPPINGS = {{}}\nVERSION = "{version}"\n',
        "pyproject.toml": f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = [{listed}]\n'
        f'[project.urls]\nRepository = "https://example.org/{name}"\n'
        '[tool.comfy]\nPublisherId = "kit"\n',
        "requirements.txt": "".join(f"{line}\n" for line in requirements),
        "nodes/sampler.py": "VALUE = 1\n",
    }


@dataclass(slots=True)
class RegistryServer:
    """The Registry; a context manager. Packs may be added while it runs.

    ::

        with RegistryServer() as registry:
            registry.publish("flux-tools", "1.0.0", pack_files("flux-tools", "1.0.0", "numpy"))
            registry.break_down("/nodes/flux-tools", Fault.BUSY, times=2)
    """

    packs: dict[str, Row] = field(default_factory=dict)
    releases: dict[tuple[str, str], Row] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    nodes: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    installs: Counter[str] = field(default_factory=Counter)
    """{`id@version`: how often it was installed}, as the real one counts."""
    chunk: int = 16 * 1024
    """Bytes a cut-off download brings each time."""
    pause: float = 0.0
    """Seconds before each answer."""
    _faults: list[tuple[str, _Fault]] = field(default_factory=list)
    _server: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gone: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    # --- filling ------------------------------------------------------------------------------------------

    def add_pack(self, pack: str, **fields: Any) -> Row:
        """A pack without a version; `fields` are of `Node`."""
        row = {
            "id": pack,
            "name": pack.title(),
            "description": f"What {pack} does.",
            "author": "kit",
            "publisher": {"id": "kit", "name": "Kit", "status": "PublisherStatusActive"},
            "repository": f"https://example.org/{pack}",
            "status": "NodeStatusActive",
            "downloads": 3,
            "github_stars": 1,
            "created_at": "2025-01-01T00:00:00Z",
            **fields,
        }
        self.packs[pack] = {key: value for key, value in row.items() if value is not None}
        return self.packs[pack]

    def publish(
        self, pack: str, version: str, files: Mapping[str, str | bytes] | bytes = b"", **fields: Any
    ) -> Row:
        """A version of a pack, with its archive; `fields` are of `NodeVersion`."""
        if pack not in self.packs:
            self.add_pack(pack)
        name = f"{pack}-{version}.zip"
        content = files if isinstance(files, bytes) else make_archive(files)
        self.archives[name] = content
        row = {
            "id": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
            "node_id": pack,
            "version": version,
            "downloadUrl": f"{self.url}/archives/{name}",
            "dependencies": [],
            "changelog": "",
            "createdAt": "2025-01-01T00:00:00Z",
            "deprecated": False,
            "status": "NodeVersionStatusActive",
            **fields,
        }
        self.releases[pack, version] = {key: value for key, value in row.items() if value is not None}
        return self.releases[pack, version]

    def has_nodes(self, pack: str, version: str, *names: str) -> None:
        """The node types of a version."""
        self.nodes[pack, version] = [
            {"comfy_node_name": name, "category": "kit", "policy": "ComfyNodePolicyActive"} for name in names
        ]

    # --- misbehaving --------------------------------------------------------------------------------------

    def break_down(self, path: str, fault: Fault, *, times: int = 10**9) -> None:
        """Answer with `fault` where the path matches this regular expression, so many times."""
        self._faults.append((path, _Fault(fault, times)))

    def repair(self) -> None:
        """Tell the truth again."""
        self._faults.clear()

    def fault_of(self, path: str) -> Fault | None:
        """The fault for this request; it is used up by asking."""
        with self._lock:
            for pattern, fault in self._faults:
                if fault.times > 0 and re.fullmatch(pattern, path):
                    fault.times -= 1
                    return fault.kind
        return None

    # --- what was asked -----------------------------------------------------------------------------------

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [each.path for each in self.asked]

    def forget(self) -> None:
        """Forget what was asked."""
        self.asked.clear()

    # --- answers ------------------------------------------------------------------------------------------

    def answer(self, asked: Asked, body: bytes) -> tuple[int, object]:
        """Status and JSON."""
        parts = [unquote(part) for part in asked.path.strip("/").split("/")]
        routes: tuple[tuple[str, tuple[str, ...], Callable[..., tuple[int, object]]], ...] = (
            ("GET", ("nodes",), self._list),
            ("GET", ("nodes", "search"), self._list),
            ("GET", ("nodes", "*"), self._node),
            ("GET", ("nodes", "*", "install"), self._install),
            ("GET", ("nodes", "*", "versions"), self._versions),
            ("GET", ("nodes", "*", "versions", "*"), self._version),
            ("GET", ("nodes", "*", "versions", "*", "comfy-nodes"), self._comfy_nodes),
            ("GET", ("comfy-nodes", "*", "node"), self._owner),
        )
        if (asked.method, parts) == ("POST", ["bulk", "nodes", "versions"]):
            return self._bulk(body)
        for method, pattern, route in routes:
            if (
                method == asked.method
                and len(parts) == len(pattern)
                and all(wanted in ("*", part) for wanted, part in zip(pattern, parts, strict=True))
            ):
                return route(
                    asked, *(part for wanted, part in zip(pattern, parts, strict=True) if wanted == "*")
                )
        return 404, {"message": "Not Found"}

    def _list(self, asked: Asked) -> tuple[int, object]:
        words = asked.query.get("search", [""])[0].lower()
        node = asked.query.get("comfy_node_search", [""])[0].lower()
        banned = asked.query.get("include_banned", ["false"])[0] == "true"
        found = [
            self._whole(pack)
            for pack, row in self.packs.items()
            if words in f"{pack} {row.get('name', '')} {row.get('description', '')}".lower()
            and (not node or any(node in name.lower() for name in self._names_of(pack)))
            and (banned or row.get("status") == "NodeStatusActive")
        ]
        page = max(1, int(asked.query.get("page", ["1"])[0]))
        limit = min(LARGEST_PAGE, int(asked.query.get("limit", ["10"])[0]) or 10)
        return 200, {
            "nodes": found[(page - 1) * limit : page * limit],
            "total": len(found),
            "page": page,
            "limit": limit,
            "totalPages": -(-len(found) // limit),
        }

    def _node(self, _asked: Asked, pack: str) -> tuple[int, object]:
        # Ids are kept in lower case, and asked for in any.
        known = next((each for each in self.packs if each.lower() == pack.lower()), None)
        return (200, self._whole(known)) if known else _missing("Node not found")

    def _versions(self, asked: Asked, pack: str) -> tuple[int, object]:
        if pack not in self.packs:
            return _missing("Node not found")
        if self.packs[pack].get("status") == "NodeStatusBanned":
            return 403, {"error": "forbidden", "message": "Node is banned"}
        statuses = asked.query.get("statuses", ())
        rows = [row for (owner, _), row in self.releases.items() if owner == pack]
        return 200, [row for row in rows if not statuses or row["status"] in statuses]

    def _version(self, _asked: Asked, pack: str, version: str) -> tuple[int, object]:
        row = self.releases.get((pack, version))
        return (200, row) if row else _missing("Version not found")

    def _install(self, asked: Asked, pack: str) -> tuple[int, object]:
        version = asked.query.get("version", [""])[0]
        if version and not re.fullmatch(r"\d+\.\d+\.\d+", version):
            return 400, {"error": "bad-request", "message": "Bad version format"}
        if not version:
            latest = self._latest(pack)
            version = latest["version"] if latest else ""
        row = self.releases.get((pack, version))
        if row is None:
            return _missing("Node not found")
        self.installs[f"{pack}@{version}"] += 1
        return 200, row

    def _comfy_nodes(self, asked: Asked, pack: str, version: str) -> tuple[int, object]:
        rows = self.nodes.get((pack, version), [])
        page, limit = int(asked.query.get("page", ["1"])[0]), int(asked.query.get("limit", ["10"])[0])
        return 200, {
            "comfy_nodes": rows[(page - 1) * limit : page * limit],
            "totalNumberOfPages": -(-len(rows) // limit),
        }

    def _owner(self, _asked: Asked, name: str) -> tuple[int, object]:
        owners = [pack for pack in self.packs if name in self._names_of(pack)]
        owners.sort(key=lambda pack: name not in self.packs[pack].get("preempted_comfy_node_names", ()))
        return (200, self._whole(owners[0])) if owners else _missing("Node not found")

    def _bulk(self, body: bytes) -> tuple[int, object]:
        wanted = json.loads(body)["node_versions"]
        if len(wanted) > MOST_AT_ONCE:
            return 400, {"error": "bad-request", "message": "too many"}
        rows = []
        for each in wanted:
            found = self.releases.get((each["node_id"], each["version"]))
            rows.append(
                {
                    "identifier": each,
                    "status": "success" if found else "not_found",
                    **({"node_version": found} if found else {}),
                }
            )
        return 200, {"node_versions": rows}

    def _whole(self, pack: str) -> Row:
        latest = self._latest(pack)
        return {**self.packs[pack], **({"latest_version": latest} if latest else {})}

    def _latest(self, pack: str) -> Row | None:
        rows = [row for (owner, _), row in self.releases.items() if owner == pack]
        active = [row for row in rows if row["status"] == "NodeVersionStatusActive"]
        return max(active, key=lambda row: [int(part) for part in row["version"].split(".")], default=None)

    def _names_of(self, pack: str) -> set[str]:
        listed = {
            row["comfy_node_name"] for (owner, _), rows in self.nodes.items() if owner == pack for row in rows
        }
        return listed | set(self.packs[pack].get("preempted_comfy_node_names", ()))

    # --- running ------------------------------------------------------------------------------------------

    def __enter__(self) -> RegistryServer:
        """Start answering."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and free the port."""
        self._gone.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        self._gone.wait(seconds)


def _missing(message: str) -> tuple[int, object]:
    return 404, {"error": "not-found", "message": message}
