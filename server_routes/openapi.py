"""The OpenAPI 3.1 document, made from the table of routes and the models of `wire`."""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from . import wire
from .guard import TOKEN_HEADER
from .table import PREFIX, ROUTES, Route

_PARAMETER = re.compile(r"\{(\w+)\}")
_REFERENCE = "#/components/schemas/{model}"
_NOT_OF_ROUTES = frozenset({"Changed", "Failure"})
"""Models that are described though no route of the table names them: of errors and of events."""
_FAILURES = {
    "400": "The request makes no sense.",
    "403": "It is refused.",
    "404": "There is nothing of that name.",
    "409": "Not now, or not without a yes.",
    "500": "It failed; nothing was changed.",
    "503": "A package Safe Install needs is broken.",
}


@cache
def document() -> dict[str, Any]:
    """The document. Blocks for the imports of all handlers, whose first sentences it tells."""
    names = {name for route in ROUTES for name in (route.answer, route.body) if name}
    models = [_model(name) for name in sorted(names | _NOT_OF_ROUTES)]
    modes: list[Any] = [
        (model, "validation" if issubclass(model, wire.Body) else "serialization") for model in models
    ]
    _, schemas = models_json_schema(modes, by_alias=True, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"{PREFIX}{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Safe Install",
            "version": "1",
            "description": "Every path is there a second time below /api.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": TOKEN_HEADER,
                    "description": f"From GET {PREFIX}/token, by a page of this server.",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    module, _, function = route.handler.partition(":")
    handler = getattr(importlib.import_module(f".handlers.{module}", __package__), function)
    answers = {str(route.status): _answer("What was asked for.", route.answer)}
    answers |= {status: _answer(words, "Failure") for status, words in _FAILURES.items()}
    operation: dict[str, Any] = {
        "operationId": f"{module}_{function}",
        "tags": [module],
        "summary": " ".join((handler.__doc__ or "").split()),
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": answers,
    }
    if route.body:
        schema = {"$ref": _REFERENCE.format(model=route.body)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.takes:
        raw = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.takes, raw)}
    if route.changes:
        operation["security"] = [{"token": []}]
    return operation


def _answer(words: str, model: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=model)}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.query:
        return []
    schema = _model(route.query).model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": each}
        for name, each in schema.get("properties", {}).items()
    ]


def _model(name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(wire, name)
    return found
