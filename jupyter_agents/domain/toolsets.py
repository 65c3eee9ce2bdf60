"""The ``tools`` and ``mcp_servers`` of an agent, checked and resolved. Source: spec sections 1.3 and 1.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jupyter_agents.domain import limits
from jupyter_agents.domain.web_config import web_extras
from jupyter_agents.errors import InvalidRequest

TOOLSET = "agent_toolset_20260401"
MCP_TOOLSET = "mcp_toolset"
ALWAYS_ALLOW = {"type": "always_allow"}
ALWAYS_ASK = {"type": "always_ask"}
ORDINARY = ("enabled", "permission_policy")
OPTIONAL = ("properties", "required")

Doc = dict[str, Any]


def resolve_tools(given: list[Doc] | None) -> list[Doc]:
    """The tools as stored and shown: every default resolved, in the order given.

    At most 128 entries, and at most 256 tools: a built-in toolset counts for its eight, an MCP toolset
    for the tools that it configures (what a server offers is not known here), a custom tool for itself.
    Raises `InvalidRequest` naming the field.
    """
    tools = given or []
    if len(tools) > limits.MAX_TOOLS:
        raise InvalidRequest(f"tools: {len(tools)} entries, at most {limits.MAX_TOOLS} are allowed.")
    number = sum(map(_count, tools))
    if number > limits.MAX_TOOLS_IN_ALL:
        raise InvalidRequest(
            f"tools: {number} tools across all toolsets, at most {limits.MAX_TOOLS_IN_ALL} are allowed."
        )
    _check_distinct(tools)
    custom = frozenset(tool["name"] for tool in tools if tool["type"] == "custom")
    return [_tool(f"tools.{position}", tool, custom) for position, tool in enumerate(tools)]


STDIO = "stdio:"
"""What an address of a program begins with, that an administrator allows as an MCP server."""


def resolve_servers(given: list[Doc] | None) -> list[Doc]:
    """The MCP servers as stored and shown. Raises `InvalidRequest` naming the field."""
    servers = given or []
    if len(servers) > limits.MAX_MCP_SERVERS:
        raise InvalidRequest(
            f"mcp_servers: {len(servers)} servers, at most {limits.MAX_MCP_SERVERS} are allowed."
        )
    for position, server in enumerate(servers):
        where = f"mcp_servers.{position}"
        limits.text(f"{where}.name", server["name"], limits.MAX_SERVER_NAME, shortest=1)
        _check_url(f"{where}.url", server["url"])
    repeated = _repeated([server["name"] for server in servers])
    if repeated is not None:
        raise InvalidRequest(f"mcp_servers: names must be unique; {repeated!r} is used twice.")
    return [dict(server) for server in servers]


def check_pairs(agent: Mapping[str, Any]) -> None:
    """Every MCP server has its toolset and the other way round (spec section 1.1)."""
    servers = {server["name"] for server in agent["mcp_servers"]}
    toolsets = {tool["mcp_server_name"] for tool in agent["tools"] if tool["type"] == MCP_TOOLSET}
    for name in sorted(servers ^ toolsets):
        side = "an mcp_toolset entry in tools" if name in servers else "an entry in mcp_servers"
        raise InvalidRequest(f"mcp_servers: {name!r} needs {side}.")


def server_host(server: Mapping[str, Any]) -> str:
    """The host name of an MCP server, in lower case."""
    return urlsplit(server["url"]).hostname or ""


def _count(tool: Mapping[str, Any]) -> int:
    match tool["type"]:
        case "custom":
            return 1
        case "mcp_toolset":
            return len(tool.get("configs") or [])
        case _:
            return len(limits.BUILT_IN_TOOLS)


def _check_distinct(tools: list[Doc]) -> None:
    if sum(tool["type"] == TOOLSET for tool in tools) > 1:
        raise InvalidRequest(f"tools: give {TOOLSET} once.")
    name = _repeated([tool["name"] for tool in tools if tool["type"] == "custom"])
    if name is not None:
        raise InvalidRequest(
            f"tools: the custom tool name {name[:128]!r} is used twice.", code="tool_name_conflict"
        )
    server = _repeated([tool["mcp_server_name"] for tool in tools if tool["type"] == MCP_TOOLSET])
    if server is not None:
        raise InvalidRequest(f"tools: give one mcp_toolset for the server {server[:255]!r}.")


def _repeated(names: list[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _tool(where: str, tool: Doc, custom: frozenset[str]) -> Doc:
    if tool["type"] == "custom":
        return _custom(where, tool)
    built_in = tool["type"] == TOOLSET
    if not built_in:
        name = tool["mcp_server_name"]
        limits.text(f"{where}.mcp_server_name", name, limits.MAX_SERVER_NAME, shortest=1)
    policy = ALWAYS_ALLOW if built_in else ALWAYS_ASK
    default = _resolved(tool.get("default_config") or {}, {"enabled": True, "permission_policy": policy})
    given, configs = tool.get("configs") or [], []
    if _repeated([entry["name"] for entry in given]) is not None:
        raise InvalidRequest(f"{where}.configs: a tool is configured twice.")
    for position, entry in enumerate(given):
        at = f"{where}.configs.{position}"
        limits.text(f"{at}.name", entry["name"], limits.MAX_TOOL_NAME, shortest=1)
        kind = {"type": entry["name"]} if built_in else {}
        extras = web_extras(at, entry, custom) if built_in else {}
        configs.append({**kind, "name": entry["name"], **_resolved(entry, default), **extras})
    return dict(tool) | {"default_config": default, "configs": configs}


def _resolved(config: Mapping[str, Any], default: Mapping[str, Any]) -> Doc:
    return {key: default[key] if config.get(key) is None else config[key] for key in ORDINARY}


def _custom(where: str, tool: Doc) -> Doc:
    name = tool["name"]
    if not limits.CUSTOM_NAME.fullmatch(name):
        raise InvalidRequest(f"{where}.name: use 1 to 128 letters, digits, '_' or '-'.")
    if name in limits.BUILT_IN_TOOLS or name.startswith("mcp__"):
        raise InvalidRequest(
            f"{where}.name: {name!r} is the name of a built-in tool.", code="tool_name_conflict"
        )
    limits.text(f"{where}.description", tool["description"], limits.MAX_SYSTEM, shortest=1)
    limits.input_schema(f"{where}.input_schema", tool["input_schema"])
    schema = {k: v for k, v in tool["input_schema"].items() if v is not None or k not in OPTIONAL}
    return dict(tool) | {"input_schema": schema}


def _check_url(field: str, url: str) -> None:
    limits.text(field, url, limits.MAX_URL, shortest=1)
    if url.startswith(STDIO):
        return
    problem = "expected an http(s) address such as https://mcp.example.com/mcp, in ASCII"
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise InvalidRequest(f"{field}: {problem}.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidRequest(f"{field}: {problem}.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidRequest(f"{field}: {problem}.")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(f"{field}: an address carries no user or password; give them in a vault.")
