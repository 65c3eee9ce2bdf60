"""``--ask``: tools that ask first in one session; the agent itself stays as it is.

Source: spec sections 1.3 (permission policies) and 3.4 (a session's own tools).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyter_agents.kernel.definition import TOOLS, TOOLSET
from jupyter_agents.kernel.problems import AgentError, did_you_mean
from jupyter_agents.kernel.session import AgentSession

ASK = {"permission_policy": {"type": "always_ask"}}
Doc = dict[str, Any]


async def ask(session: AgentSession, names: Sequence[str]) -> None:
    """Let these tools of the session ask from now on."""
    tools = listed(session.resource.agent)
    asked: Any = with_asking(tools, names)
    if asked == tools:
        return
    if session.busy:
        raise AgentError(
            "--ask changes the session's tools, and it is at work: stop it with %agent interrupt."
        )
    sessions = session.connection.sdk.beta.sessions
    session.resource = await sessions.update(session.id, agent={"tools": asked})


def listed(agent: Any) -> list[Doc]:
    """The tools of an agent, or of a session's, as a request has them."""
    return [entry.to_dict(mode="json", exclude_none=True) for entry in agent.tools]


def with_asking(tools: Sequence[Doc], names: Sequence[str]) -> list[Doc]:
    """The session's `tools`, where those called `names` ask first.

    A name is a built-in tool's, an MCP server's for all of its tools, or a custom tool's, which is the
    client's to run in any case. Raises `AgentError` for another.
    """
    known = [name for entry in tools for name in _names(entry)]
    for name in names:
        if name not in known:
            raise AgentError(
                f"--ask: the agent has no tool {name!r}.{did_you_mean(name, known)} "
                f"It has {', '.join(known) or 'none'}."
            )
    return [_asking(entry, names) for entry in tools]


def _names(entry: Doc) -> list[str]:
    match entry["type"]:
        case kind if kind == TOOLSET:
            return [name for name in TOOLS if _config(entry, name)["enabled"]]
        case "mcp_toolset":
            return [str(entry["mcp_server_name"])]
        case _:
            return [str(entry["name"])]


def _config(entry: Doc, name: str) -> Doc:
    own: Doc = next((config for config in entry.get("configs") or () if config["name"] == name), {})
    return {"enabled": True} | (entry.get("default_config") or {}) | own


def _asking(entry: Doc, names: Sequence[str]) -> Doc:
    match entry["type"]:
        case kind if kind == TOOLSET:
            others = [config for config in entry.get("configs") or () if config["name"] not in names]
            asked = [{**_config(entry, name), "name": name, **ASK} for name in TOOLS if name in names]
            return {**entry, "configs": [*others, *asked]}
        case "mcp_toolset" if entry["mcp_server_name"] in names:
            configs = [{**config, **ASK} for config in entry.get("configs") or ()]
            return {
                **entry,
                "default_config": {**(entry.get("default_config") or {}), **ASK},
                "configs": configs,
            }
        case _:
            return entry
