"""``openapi.json``: the API as an OpenAPI 3.1 document, made from the operations and the SDK's types.

Source: https://spec.openapis.org/oas/v3.1.0; spec section 0.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from jupyter_server.auth.decorator import authorized
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents._version import __version__
from jupyter_agents.domain.filenames import EXPIRY_SECONDS
from jupyter_agents.errors import ApiError
from jupyter_agents.server.handlers import Handler
from jupyter_agents.server.operations import OPERATIONS, Operation

Doc = dict[str, Any]
Inputs = dict[tuple[str, JsonSchemaMode], TypeAdapter[Any]]

REF = "#/components/schemas/{model}"
UPLOAD: Doc = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "expires_in_seconds": {
            "type": "integer",
            "minimum": EXPIRY_SECONDS[0],
            "maximum": EXPIRY_SECONDS[1],
        },
    },
}
ERROR: Doc = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "request_id": {"type": "string"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object", "properties": {"error_code": {"type": "string"}}},
            },
        },
    },
}


@cache
def document() -> Doc:
    """The document; its paths are below the API's root."""
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, mode, adapter) for (name, mode), adapter in _inputs().items()], ref_template=REF
    )
    found = {name: schema for (name, _), schema in schemas.items()}
    paths: Doc = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, found)
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-agents", "version": __version__},
        "servers": [{"url": "."}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}) | {"Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _inputs() -> Inputs:
    inputs: Inputs = {}
    for operation in OPERATIONS:
        if operation.body is not None:
            inputs[f"{operation.name} body", "validation"] = TypeAdapter(wire.body_type(operation.body))
        if operation.answer is not None:
            inputs[f"{operation.name} answer", "serialization"] = TypeAdapter(operation.answer)
        for name, hint in _parameters(operation).items():
            inputs[f"{operation.name} {name}", "validation"] = TypeAdapter(hint)
    return inputs


def _parameters(operation: Operation) -> dict[str, Any]:
    found = {} if operation.query is None else wire.parameters(operation.query)
    return {name: hint for name, hint in found.items() if f"{{{name}}}" not in operation.path}


def _operation(operation: Operation, schemas: Doc) -> Doc:
    found: Doc = {
        "operationId": operation.name,
        "tags": [operation.name.partition(".")[0]],
        "parameters": [
            *(_in_path(part[1:-1]) for part in operation.path.split("/") if part.startswith("{")),
            *(
                {"name": name, "in": "query", "schema": schemas[f"{operation.name} {name}"]}
                for name in _parameters(operation)
            ),
        ],
        "responses": {"200": _good(operation, schemas)}
        | {str(status): _bad(status) for status in operation.statuses},
    }
    if operation.upload:
        found["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}}
    if operation.body is not None:
        schema = schemas[f"{operation.name} body"]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _in_path(name: str) -> Doc:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _good(operation: Operation, schemas: Doc) -> Doc:
    if operation.kind == "bytes":
        return {"description": "The bytes.", "content": {"application/octet-stream": {}}}
    schema = schemas[f"{operation.name} answer"]
    if operation.kind == "stream":
        return {
            "description": "Server-sent events; the data of each is an event as JSON.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "x-event": schema}},
        }
    if operation.kind == "page":
        schema = _page(schema)
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _page(item: Doc) -> Doc:
    return {
        "type": "object",
        "required": ["data", "next_page"],
        "properties": {
            "data": {"type": "array", "items": item},
            "next_page": {"type": ["string", "null"]},
        },
    }


def _bad(status: int) -> Doc:
    names = {error.status: error.type for error in ApiError.__subclasses__()}
    schema = {"$ref": REF.format(model="Error")}
    return {"description": names[status], "content": {"application/json": {"schema": schema}}}


class OpenApi(Handler):
    """``openapi.json``."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """The document."""
        self.reply(await asyncio.to_thread(document))


ROUTES = [(r"/openapi.json", OpenApi)]
