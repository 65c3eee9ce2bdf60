"""The wire's limits, checked once where requests come in. Source: spec sections 0.6, 1.1 and 7.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_agents.errors import InvalidRequest

MAX_NAME = 256
MAX_DESCRIPTION = 2048
MAX_SYSTEM = 100_000
MAX_TITLE = 256
METADATA_PAIRS = 16
METADATA_KEY = 64
METADATA_VALUE = 512
MAX_TOOLS = 128
MAX_TOOLS_IN_ALL = 256
MAX_TOOL_NAME = 128
MAX_MCP_SERVERS = 20
MAX_SERVER_NAME = 255
MAX_URL = 2048
MAX_ARN = 2048
MAX_SKILLS = 20
MAX_HOSTS = 1000

BUILT_IN_TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search")
CUSTOM_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def text(field: str, value: str, longest: int, *, shortest: int = 0, code: str | None = None) -> str:
    """`value` if its length in characters is allowed, else `InvalidRequest` naming `field`."""
    if len(value) < shortest:
        raise InvalidRequest(f"{field}: must not be empty.", code=code)
    if len(value) > longest:
        raise InvalidRequest(f"{field}: {len(value)} characters, at most {longest} are allowed.", code=code)
    return value


def metadata(pairs: Mapping[str, str]) -> dict[str, str]:
    """Metadata within the limits of spec section 0.6."""
    code = "invalid_metadata"
    if len(pairs) > METADATA_PAIRS:
        problem = f"metadata: {len(pairs)} pairs, at most {METADATA_PAIRS} are allowed."
        raise InvalidRequest(problem, code=code)
    for key, value in pairs.items():
        text("metadata key", key, METADATA_KEY, shortest=1, code=code)
        text(f"metadata.{key}", value, METADATA_VALUE, code=code)
    return dict(pairs)


def patch_metadata(
    stored: Mapping[str, str], patch: Mapping[str, str | None] | None, *, empty_deletes: bool = False
) -> dict[str, str]:
    """`stored` with `patch` applied: a string sets, null deletes, what is not named stays."""
    result = dict(stored)
    for key, value in (patch or {}).items():
        if value is None or (empty_deletes and value == ""):
            result.pop(key, None)
        else:
            result[key] = value
    return metadata(result)


def hosts(field: str, names: list[str] | None) -> list[str]:
    """Bare hosts or ``*.example.com``: no scheme, port or path (spec section 2.2)."""
    if len(names or ()) > MAX_HOSTS:
        raise InvalidRequest(f"{field}: at most {MAX_HOSTS} hosts are allowed.")
    for position, name in enumerate(names or []):
        if len(name) > 253 or not HOST.fullmatch(name.lower()):
            raise InvalidRequest(
                f"{field}.{position}: {name[:100]!r} is not a host name; "
                "give a bare host such as example.com or *.example.com, without scheme, port or path."
            )
    return list(names or [])


def input_schema(field: str, schema: Mapping[str, Any]) -> None:
    """A custom tool's schema: no ``$ref``, no union at the top (spec section 1.3)."""
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            raise InvalidRequest(f"{field}.{word}: not allowed at the top of an input schema.")
    if _has_ref(schema):
        raise InvalidRequest(f"{field}: $ref is not allowed in an input schema.")
    for name in schema.get("properties") or {}:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
            raise InvalidRequest(
                f"{field}.properties: {name[:100]!r} must be 1 to 64 letters, digits, '_', '.' or '-'."
            )


def _has_ref(value: object, depth: int = 0) -> bool:
    if depth > 100:
        return True
    if isinstance(value, Mapping):
        return "$ref" in value or any(_has_ref(v, depth + 1) for v in value.values())
    return isinstance(value, list) and any(_has_ref(v, depth + 1) for v in value)
