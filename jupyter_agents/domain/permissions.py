"""Whether a call may run: allowed, asked or denied. Source: spec sections 1.3, 4.3 and 8.7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_agents.domain import mcp
from jupyter_agents.domain.agents import tool_config
from jupyter_agents.domain.judge import judge as judge_auto

Permission = Literal["allow", "ask", "deny"]


@dataclass(frozen=True)
class Verdict:
    """The permission, the wire's `evaluation` of it (None where no policy was asked), and why not."""

    permission: Permission
    evaluation: dict[str, Any] | None
    reason: str = ""


def judge(
    agent: Mapping[str, Any],
    name: str,
    offered: frozenset[str],
    given: Mapping[str, Any],
    said: Sequence[str] = (),
) -> Verdict:
    """The verdict over a call to a built-in tool.

    Parameters
    ----------
    agent:
        The session's agent snapshot.
    offered:
        Names of the built-in tools that this server runs.
    given, said:
        The call's input, and the texts of the client's user messages: what `auto` judges by.
    """
    config = tool_config(agent, name)
    return _verdict(config if name in offered else None, name, given, said)


def judge_mcp(
    agent: Mapping[str, Any], target: mcp.Target, given: Mapping[str, Any], said: Sequence[str] = ()
) -> Verdict:
    """The verdict over a call to a tool of an MCP server."""
    config = mcp.tool_config(agent, target.server, target.name)
    return _verdict(config, target.name, given, said, server=target.server)


def allowed_always(verdict: Verdict) -> Verdict:
    """`verdict` where the user always allows the tool in this session: what asks is allowed.

    The rule stands in the place of the policy, so the evaluation is ``always_allow``.
    """
    if verdict.permission != "ask":
        return verdict
    return Verdict("allow", {"type": "always_allow"})


def _verdict(
    config: Mapping[str, Any] | None,
    name: str,
    given: Mapping[str, Any],
    said: Sequence[str],
    *,
    server: str | None = None,
) -> Verdict:
    if config is None:
        return Verdict("deny", None, f"There is no tool named {name!r} in this session.")
    if not config["enabled"]:
        return Verdict("deny", None, f"The tool {name!r} is disabled in this session.")
    return by_policy(config, name, given, said, server=server)


def by_policy(
    config: Mapping[str, Any],
    name: str,
    given: Mapping[str, Any],
    said: Sequence[str] = (),
    *,
    server: str | None = None,
) -> Verdict:
    """The verdict of a tool's resolved policy; `server` names the MCP server that has the tool."""
    policy = config["permission_policy"]["type"]
    if policy == "auto":
        evaluated = judge_auto(name, given, said, server=server).evaluation
        permission: Permission = evaluated["type"]  # type: ignore[assignment]
        return Verdict(permission, {"type": "auto", "evaluated_permission": evaluated})
    return Verdict("allow" if policy == "always_allow" else "ask", {"type": policy})


def has_judge(agent: Mapping[str, Any]) -> bool:
    """Whether any tool of `agent` is judged by `auto`, which takes some milliseconds a call."""
    configs = (
        config
        for tool in agent["tools"]
        if tool["type"] != "custom"
        for config in (tool["default_config"], *tool["configs"])
    )
    return any(config["permission_policy"]["type"] == "auto" for config in configs)


def enabled_tools(agent: Mapping[str, Any], offered: frozenset[str]) -> list[str]:
    """The built-in tools that the model is shown, in a fixed order."""
    configs = {name: tool_config(agent, name) for name in sorted(offered)}
    return [name for name, config in configs.items() if config is not None and config["enabled"]]
