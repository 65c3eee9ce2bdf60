"""Agents: what a create or update request makes of the stored object.

Pure functions from a validated body to the wire object. Source: spec section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits, pricing, web
from jupyter_agents.errors import Conflict, InvalidRequest, NotSupported

TOOLSET = "agent_toolset_20260401"
ALWAYS_ALLOW = {"type": "always_allow"}
ALWAYS_ASK = {"type": "always_ask"}
IDENTITY = {"type": "service_account"}
NOT_IN_SNAPSHOT = ("created_at", "updated_at", "archived_at", "metadata")

Doc = dict[str, Any]


def create_agent(body: Mapping[str, Any], agent_id: str, now: str) -> Doc:
    """A new agent, version 1, every default resolved."""
    agent: Doc = {
        "id": agent_id,
        "type": "agent",
        **_config(body),
        "metadata": limits.metadata(body.get("metadata", {})),
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
    }
    check_pairs(agent)
    return agent


def update_agent(stored: Mapping[str, Any], body: Mapping[str, Any], now: str) -> Doc:
    """The next version of `stored`, or `stored` itself where nothing changes (spec section 1.6).

    Raises `Conflict` where ``version`` is given and not the current one.
    """
    if stored["archived_at"] is not None:
        raise InvalidRequest(f"agent `{stored['id']}` is archived and cannot be updated.")
    expected = body.get("version")
    if expected is not None and expected != stored["version"]:
        raise Conflict(
            f"version: {expected} was given, the agent is at version {stored['version']}; "
            "retrieve it and apply the change again."
        )
    merged = {key: stored[key] for key in CONFIG_FIELDS}
    given = {k: v for k, v in body.items() if k not in ("version", "metadata")}
    if "model" in given:
        given["model"] = _keep_effort(given["model"], stored["model"])
    merged |= given
    new = dict(stored) | _config(merged)
    new["metadata"] = limits.patch_metadata(stored["metadata"], body.get("metadata"))
    check_pairs(new)
    if new == stored:
        return dict(stored)
    return new | {"version": stored["version"] + 1, "updated_at": now}


def snapshot(agent: Mapping[str, Any]) -> Doc:
    """The agent as a session shows it (spec section 3.2)."""
    return {k: v for k, v in agent.items() if k not in NOT_IN_SNAPSHOT}


def override(agent: Mapping[str, Any], overrides: Mapping[str, Any]) -> Doc:
    """`agent` with a session's overrides: given values replace, null and ``[]`` clear (spec 3.1)."""
    if "model" in overrides and overrides["model"] is None:
        raise InvalidRequest("agent.model: a session needs a model.", code="agent_model_required")
    given = {k: v for k, v in overrides.items() if k in CONFIG_FIELDS}
    new = dict(agent) | _config({k: agent[k] for k in CONFIG_FIELDS} | given)
    check_pairs(new)
    return new


def _config(body: Mapping[str, Any]) -> Doc:
    if body.get("multiagent") is not None:
        raise NotSupported("multiagent")
    if body.get("skills"):
        raise NotSupported("skills")
    return {
        "name": limits.text("name", body["name"], limits.MAX_NAME, shortest=1),
        "model": resolve_model(body["model"]),
        "description": limits.text("description", body.get("description") or "", limits.MAX_DESCRIPTION)
        or None,
        "system": limits.text("system", body.get("system") or "", limits.MAX_SYSTEM) or None,
        "tools": [_tool(i, t) for i, t in enumerate(_tools(body.get("tools")))],
        "mcp_servers": list(body.get("mcp_servers") or []),
        "skills": [],
        "multiagent": None,
        "execution_identity": body.get("execution_identity") or IDENTITY,
    }


CONFIG_FIELDS = (
    "name",
    "model",
    "description",
    "system",
    "tools",
    "mcp_servers",
    "skills",
    "multiagent",
    "execution_identity",
)


def resolve_model(given: Any) -> Doc:
    """The model object with its effort, speed and geography (spec section 1.2)."""
    config = {"id": given} if isinstance(given, str) else dict(given)
    limits.text("model", config["id"], limits.MAX_NAME, shortest=1)
    facts = pricing.model(config["id"])
    effort = config.get("effort")
    if isinstance(effort, str):
        effort = {"type": effort}
    if effort is None and facts.effort is not None:
        effort = {"type": facts.effort}
    speed = config.get("speed") or "standard"
    if speed == "fast" and not facts.fast:
        raise InvalidRequest(f"model.speed: {config['id']} has no fast mode.")
    geo = config.get("inference_geo")
    if geo not in (None, "us", "global"):
        raise InvalidRequest("model.inference_geo: expected 'us', 'global' or null.")
    return {"id": config["id"], "effort": effort, "speed": speed, "inference_geo": geo}


def _keep_effort(given: Any, stored: Mapping[str, Any]) -> Any:
    config = {"id": given} if isinstance(given, str) else dict(given or {})
    if config.get("id") == stored["id"] and "effort" not in config:
        config["effort"] = stored["effort"]
    return config


def _tools(tools: list[Doc] | None) -> list[Doc]:
    tools = tools or []
    if len(tools) > limits.MAX_TOOLS:
        raise InvalidRequest(f"tools: {len(tools)} entries, at most {limits.MAX_TOOLS} are allowed.")
    if sum(t["type"] == TOOLSET for t in tools) > 1:
        raise InvalidRequest(f"tools: give {TOOLSET} once.")
    names = [t["name"] for t in tools if t["type"] == "custom"]
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise InvalidRequest(
            f"tools: the custom tool name {repeated[0]!r} is used twice.", code="tool_name_conflict"
        )
    return tools


def _tool(position: int, tool: Doc) -> Doc:
    where = f"tools.{position}"
    if tool["type"] == "custom":
        return _custom_tool(where, tool)
    policy = ALWAYS_ALLOW if tool["type"] == TOOLSET else ALWAYS_ASK
    default = _resolved(tool.get("default_config") or {}, {"enabled": True, "permission_policy": policy})
    configs = [
        ({"type": c["name"]} if tool["type"] == TOOLSET else {})
        | c
        | _resolved(c, default)
        | (web.resolved(f"{where}.configs.{n}", c) if tool["type"] == TOOLSET else {})
        for n, c in enumerate(tool.get("configs") or [])
    ]
    names = [c["name"] for c in configs]
    if len(set(names)) != len(names):
        raise InvalidRequest(f"{where}.configs: a tool is configured twice.")
    return dict(tool) | {"default_config": default, "configs": configs}


def _resolved(config: Mapping[str, Any], default: Mapping[str, Any]) -> Doc:
    return {k: default[k] if config.get(k) is None else config[k] for k in ("enabled", "permission_policy")}


def _custom_tool(where: str, tool: Doc) -> Doc:
    name = tool["name"]
    if not limits.CUSTOM_NAME.fullmatch(name):
        raise InvalidRequest(f"{where}.name: use 1 to 128 letters, digits, '_' or '-'.")
    if name in limits.BUILT_IN_TOOLS or name.startswith("mcp__"):
        raise InvalidRequest(
            f"{where}.name: {name!r} is the name of a built-in tool.", code="tool_name_conflict"
        )
    limits.text(f"{where}.description", tool["description"], limits.MAX_SYSTEM, shortest=1)
    limits.input_schema(f"{where}.input_schema", tool["input_schema"])
    return dict(tool)


def check_pairs(agent: Mapping[str, Any]) -> None:
    """Every MCP server has its toolset and the other way round (spec section 1.1), and what names a
    custom tool names one that is there."""
    web.check_references(agent["tools"])
    servers = [s["name"] for s in agent["mcp_servers"]]
    toolsets = [t["mcp_server_name"] for t in agent["tools"] if t["type"] == "mcp_toolset"]
    if len(servers) > limits.MAX_MCP_SERVERS:
        raise InvalidRequest(f"mcp_servers: at most {limits.MAX_MCP_SERVERS} are allowed.")
    if len(set(servers)) != len(servers):
        raise InvalidRequest("mcp_servers: names must be unique.")
    for name in set(servers) ^ set(toolsets):
        side = "an mcp_toolset entry in tools" if name in servers else "an entry in mcp_servers"
        raise InvalidRequest(f"mcp_servers: {name!r} needs {side}.")


def tool_config(agent: Mapping[str, Any], name: str) -> Doc | None:
    """The resolved configuration of a built-in tool, or None where the agent does not have it."""
    for tool in agent["tools"]:
        if tool["type"] == TOOLSET:
            own = [c for c in tool["configs"] if c["name"] == name]
            return dict(own[0] if own else tool["default_config"])
    return None
