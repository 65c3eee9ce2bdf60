"""Whether a call may run: allowed, asked or denied. Source: spec sections 1.3, 4.3 and 8.7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_agents.domain import mcp
from jupyter_agents.domain.agents import tool_config

Permission = Literal["allow", "ask", "deny"]


@dataclass(frozen=True)
class Verdict:
    """The permission, the wire's `evaluation` of it (None where no policy was asked), and why not."""

    permission: Permission
    evaluation: dict[str, Any] | None
    reason: str = ""


def judge(agent: Mapping[str, Any], name: str, offered: frozenset[str]) -> Verdict:
    """The verdict over a call to a built-in tool.

    Parameters
    ----------
    agent:
        The session's agent snapshot.
    offered:
        Names of the built-in tools that this server runs.
    """
    config = tool_config(agent, name)
    return _verdict(config if name in offered else None, name)


def judge_mcp(agent: Mapping[str, Any], target: mcp.Target) -> Verdict:
    """The verdict over a call to a tool of an MCP server."""
    return _verdict(mcp.tool_config(agent, target.server, target.name), target.name)


def allowed_always(verdict: Verdict) -> Verdict:
    """`verdict` where the user always allows the tool in this session: what asks is allowed.

    The rule stands in the place of the policy, so the evaluation is ``always_allow``.
    """
    if verdict.permission != "ask":
        return verdict
    return Verdict("allow", {"type": "always_allow"})


def _verdict(config: Mapping[str, Any] | None, name: str) -> Verdict:
    if config is None:
        return Verdict("deny", None, f"There is no tool named {name!r} in this session.")
    if not config["enabled"]:
        return Verdict("deny", None, f"The tool {name!r} is disabled in this session.")
    policy = config["permission_policy"]["type"]
    permission: Permission = "allow" if policy == "always_allow" else "ask"
    return Verdict(permission, {"type": policy})


def enabled_tools(agent: Mapping[str, Any], offered: frozenset[str]) -> list[str]:
    """The built-in tools that the model is shown, in a fixed order."""
    configs = {name: tool_config(agent, name) for name in sorted(offered)}
    return [name for name, config in configs.items() if config is not None and config["enabled"]]
