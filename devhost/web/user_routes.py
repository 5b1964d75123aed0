"""Users, settings and their files (app/user_manager.py and app/app_settings.py of 0.8.0)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from ..stand_in import folder_paths
from ..stand_in.comfy.cli_args import args

_SETTINGS = "comfy.settings.json"


def add(routes: web.RouteTableDef) -> None:
    """Put them into the table."""
    users = _read_users()
    _add_users(routes, users)
    _add_settings(routes, users)
    _add_listing(routes, users)
    _add_files(routes, users)


def _add_users(routes: web.RouteTableDef, users: dict[str, str]) -> None:
    @routes.get("/users")
    async def get_users(request: web.Request) -> web.Response:
        if args.multi_user:
            return web.json_response({"storage": "server", "users": users})
        migrated = _user_folder(request, users).exists()
        return web.json_response({"storage": "server", "migrated": migrated})

    @routes.post("/users")
    async def post_users(request: web.Request) -> web.Response:
        name = str((await request.json())["username"]).strip()
        if not name or name.startswith(folder_paths.SYSTEM_USER_PREFIX) or name in users.values():
            return web.json_response({"error": "Duplicate username."}, status=400)
        identifier = f"{name}_{len(users) + 1}"
        users[identifier] = name
        _users_file().write_text(json.dumps(users), encoding="utf-8")
        return web.json_response(identifier)


def _add_settings(routes: web.RouteTableDef, users: dict[str, str]) -> None:
    def read(request: web.Request) -> dict[str, Any]:
        try:
            settings: dict[str, Any] = json.loads(
                _file(request, users, _SETTINGS).read_text(encoding="utf-8")
            )
        except (FileNotFoundError, ValueError):
            return {}
        return settings

    def write(request: web.Request, settings: dict[str, Any]) -> web.Response:
        path = _file(request, users, _SETTINGS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=4), encoding="utf-8")
        return web.Response()

    @routes.get("/settings")
    async def get_settings(request: web.Request) -> web.Response:
        return web.json_response(read(request))

    @routes.get("/settings/{id}")
    async def get_setting(request: web.Request) -> web.Response:
        return web.json_response(read(request).get(request.match_info["id"]))

    @routes.post("/settings")
    async def post_settings(request: web.Request) -> web.Response:
        return write(request, {**read(request), **await request.json()})

    @routes.post("/settings/{id}")
    async def post_setting(request: web.Request) -> web.Response:
        return write(request, {**read(request), request.match_info["id"]: await request.json()})


def _add_listing(routes: web.RouteTableDef, users: dict[str, str]) -> None:
    @routes.get("/userdata")
    async def list_files(request: web.Request) -> web.Response:
        query = request.rel_url.query
        if not query.get("dir"):
            return web.Response(status=400, text="Directory not provided")
        folder = _file(request, users, query["dir"])
        if not folder.is_dir():
            return web.Response(status=404, text="Directory not found")
        paths = folder.rglob("*") if query.get("recurse", "").lower() == "true" else folder.glob("*")
        files = [path for path in paths if path.is_file()]
        if query.get("full_info", "").lower() == "true":
            return web.json_response([_described(path, folder) for path in files])
        names = [path.relative_to(folder).as_posix() for path in files]
        split = query.get("split", "").lower() == "true"
        return web.json_response([[name, *name.split("/")] for name in names] if split else names)

    @routes.get("/v2/userdata")
    async def list_entries(request: web.Request) -> web.Response:
        home = _user_folder(request, users)
        wanted = request.rel_url.query.get("path", "")
        folder = _file(request, users, wanted) if wanted else home
        if not folder.is_dir():
            return (
                web.json_response([])
                if folder == home
                else web.Response(status=404, text="Requested path not found")
            )
        entries = [
            {"name": path.name, "path": path.relative_to(home).as_posix(), "type": "directory"}
            if path.is_dir()
            else {**_described(path, home), "name": path.name, "type": "file"}
            for path in folder.rglob("*")
        ]
        entries.sort(key=lambda entry: (entry["type"] != "directory", entry["name"].lower()))
        return web.json_response(entries)


def _add_files(routes: web.RouteTableDef, users: dict[str, str]) -> None:
    @routes.get("/userdata/{file}")
    async def get_file(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_existing(request, users))

    @routes.post("/userdata/{file}")
    async def post_file(request: web.Request) -> web.Response:
        path = _file(request, users, request.match_info["file"])
        if request.query.get("overwrite") == "false" and path.exists():
            return web.Response(status=409, text="File already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await request.read())
        return _answer(request, users, path)

    @routes.delete("/userdata/{file}")
    async def delete_file(request: web.Request) -> web.Response:
        _existing(request, users).unlink()
        return web.Response(status=204)

    @routes.post("/userdata/{file}/move/{dest}")
    async def move_file(request: web.Request) -> web.Response:
        source = _existing(request, users)
        path = _file(request, users, request.match_info["dest"])
        if request.query.get("overwrite") == "false" and path.exists():
            return web.Response(status=409, text="File already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, path)
        return _answer(request, users, path)


# --- who and where ----------------------------------------------------------------------------------------------


def _users_file() -> Path:
    return Path(folder_paths.get_user_directory()) / "users.json"


def _read_users() -> dict[str, str]:
    if not args.multi_user:
        return {"default": "default"}
    users: dict[str, str] = json.loads(_users_file().read_text("utf-8")) if _users_file().is_file() else {}
    return users


def _user_folder(request: web.Request, users: dict[str, str]) -> Path:
    """The folder of the user who asks. Raises 401 for one that is none; system users never are."""
    user = request.headers.get("comfy-user", "default") if args.multi_user else "default"
    folder = folder_paths.get_public_user_directory(user)
    if folder is None or user not in users:
        raise web.HTTPUnauthorized
    return Path(folder)


def _file(request: web.Request, users: dict[str, str], name: str) -> Path:
    """A file in the user's folder. Raises 403 for a name that leads out of it."""
    home = _user_folder(request, users)
    path = Path(os.path.normpath(home / unquote(name)))
    if home not in path.parents and path != home:
        raise web.HTTPForbidden
    return path


def _existing(request: web.Request, users: dict[str, str]) -> Path:
    path = _file(request, users, request.match_info["file"])
    if not path.is_file():
        raise web.HTTPNotFound
    return path


def _described(path: Path, folder: Path) -> dict[str, Any]:
    found = path.stat()
    return {
        "path": path.relative_to(folder).as_posix(),
        "size": found.st_size,
        "modified": found.st_mtime,
        "created": found.st_ctime,
    }


def _answer(request: web.Request, users: dict[str, str], path: Path) -> web.Response:
    home = _user_folder(request, users)
    full = request.query.get("full_info", "").lower() == "true"
    return web.json_response(_described(path, home) if full else str(path.relative_to(home)))
