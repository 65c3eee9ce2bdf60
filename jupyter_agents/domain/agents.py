"""Agents: what a create or update request makes of the stored object.

Pure functions from a validated body to the wire object. Source: spec section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_agents.domain import limits, roster
from jupyter_agents.domain.model_config import resolve_model, update_model
from jupyter_agents.domain.skills import check_readable, resolve_skills
from jupyter_agents.domain.toolsets import (
    ALWAYS_ALLOW,
    ALWAYS_ASK,
    TOOLSET,
    check_pairs,
    resolve_servers,
    resolve_tools,
)
from jupyter_agents.errors import Conflict, InvalidRequest

__all__ = [
    "ALWAYS_ALLOW",
    "ALWAYS_ASK",
    "TOOLSET",
    "create_agent",
    "override",
    "snapshot",
    "tool_config",
    "update_agent",
]

IDENTITY = {"type": "service_account"}
NOT_IN_SNAPSHOT = ("created_at", "updated_at", "archived_at", "metadata")

Doc = dict[str, Any]
NOBODY: roster.Found = {}


def create_agent(body: Mapping[str, Any], agent_id: str, now: str, found: roster.Found = NOBODY) -> Doc:
    """A new agent, version 1, every default resolved.

    Parameters
    ----------
    found:
        The agents that the body's roster names (`roster.references`).
    """
    agent: Doc = {
        "id": agent_id,
        "type": "agent",
        **{field: resolve(body.get(field)) for field, resolve in FIELDS.items()},
        "multiagent": _multiagent(body.get("multiagent"), None, (agent_id, 1), found),
        "metadata": limits.metadata(body.get("metadata", {})),
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "archived_at": None,
    }
    _check(agent, found)
    return agent


def update_agent(
    stored: Mapping[str, Any], body: Mapping[str, Any], now: str, found: roster.Found = NOBODY
) -> Doc:
    """The next version of `stored`, or `stored` itself where nothing changes (spec section 1.6).

    found: the agents that the given and the stored roster name. Raises `Conflict` where ``version`` is
    given and not the current one.
    """
    if stored["archived_at"] is not None:
        raise InvalidRequest(f"agent `{stored['id']}` is archived and cannot be updated.")
    expected = body.get("version")
    if expected is not None and expected < 1:
        raise InvalidRequest("version: expected 1 or more.")
    if expected is not None and expected != stored["version"]:
        raise Conflict(
            f"version: {expected} was given, the agent is at version {stored['version']}; "
            "retrieve it and apply the change again."
        )
    own = (stored["id"], stored["version"])
    new = dict(stored) | {field: resolve(body[field]) for field, resolve in FIELDS.items() if field in body}
    if "model" in body:
        new["model"] = update_model(body["model"], stored["model"])
    if "multiagent" in body:
        new["multiagent"] = _multiagent(body["multiagent"], stored["multiagent"], own, found)
    new["metadata"] = limits.patch_metadata(stored["metadata"], body.get("metadata"))
    if new == stored:
        return dict(stored)
    _check(new, found)
    version = stored["version"] + 1
    multiagent = roster.repin(new["multiagent"], own, version)
    return new | {"multiagent": multiagent, "version": version, "updated_at": now}


def snapshot(agent: Mapping[str, Any]) -> Doc:
    """The agent as a session shows it (spec section 3.2)."""
    return {k: v for k, v in agent.items() if k not in NOT_IN_SNAPSHOT}


def override(agent: Mapping[str, Any], overrides: Mapping[str, Any]) -> Doc:
    """`agent` with a session's overrides: given values replace, null and ``[]`` clear (spec 3.1)."""
    new = dict(agent) | {
        field: resolve(overrides[field]) for field, resolve in FIELDS.items() if field in overrides
    }
    _check(new, NOBODY)
    return new


def _name(given: Any) -> str:
    return limits.text("name", given or "", limits.MAX_NAME, shortest=1)


def _description(given: Any) -> str | None:
    return limits.text("description", given or "", limits.MAX_DESCRIPTION) or None


def _system(given: Any) -> str | None:
    return limits.text("system", given or "", limits.MAX_SYSTEM) or None


def _identity(given: Any) -> Doc:
    if given is not None and given["type"] == "aws_role":
        limits.text("execution_identity.role_arn", given["role_arn"], limits.MAX_ARN, shortest=1)
    return dict(given or IDENTITY)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "model": resolve_model,
    "description": _description,
    "system": _system,
    "tools": resolve_tools,
    "mcp_servers": resolve_servers,
    "skills": resolve_skills,
    "execution_identity": _identity,
}
"""What each field of a body becomes; None stands for absent and for null."""


def _multiagent(given: Any, stored: Any, own: roster.Reference, found: roster.Found) -> Doc | None:
    return None if given is None else roster.resolve(roster.merge(given, stored), own, found)


def _check(agent: Mapping[str, Any], found: roster.Found) -> None:
    check_pairs(agent)
    check_readable(agent, tool_config(agent, "read"))
    roster.check_roster(agent, found)


def tool_config(agent: Mapping[str, Any], name: str) -> Doc | None:
    """The resolved configuration of a built-in tool, or None where the agent does not have it."""
    for tool in agent["tools"]:
        if tool["type"] == TOOLSET:
            own = [c for c in tool["configs"] if c["name"] == name]
            return dict(own[0] if own else tool["default_config"])
    return None
