"""Agents and environments by name: find, define, make the default ones.

NAME is the newest agent of that name that is not archived. A definition is the whole configuration:
what it does not give is the default, so the same line gives the same agent.

Source: docs/decisions.md "Magics", "default agent, environment"; spec section 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.problems import AgentError, did_you_mean

if TYPE_CHECKING:
    from jupyter_agents import wire

TOOLSET = "agent_toolset_20260401"
TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search")
DEFAULT_AGENT = "default"
DEFAULT_ENVIRONMENT = "notebook"
MAX_TURNS = "jupyter-agents/max-turns"


@dataclass(frozen=True)
class Definition:
    """What ``%agent define`` says. `tools` is None for all; `max_turns` counts model requests."""

    name: str
    model: str | None = None
    system: str | None = None
    description: str | None = None
    tools: tuple[str, ...] | None = None
    max_turns: int | None = None


def toolset(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """The ``tools`` array for the named built-in tools; None is all of them.

    Raises `AgentError` for a name that is no tool.
    """
    if names is None:
        return [{"type": TOOLSET}]
    for name in names:
        if name not in TOOLS:
            raise AgentError(
                f"There is no tool {name!r}.{did_you_mean(name, TOOLS)} "
                f"The tools are {', '.join(TOOLS)}; --tools none is an agent without tools."
            )
    if not names:
        return []
    return [
        {
            "type": TOOLSET,
            "default_config": {"enabled": False},
            "configs": [{"name": name, "enabled": True} for name in names],
        }
    ]


async def find_agent(connection: Connection, name: str) -> wire.Agent | None:
    """The newest agent called `name` that is not archived."""
    found = [agent async for agent in connection.sdk.beta.agents.list(limit=100) if agent.name == name]
    return max(found, key=lambda agent: agent.created_at, default=None)


async def agent_names(connection: Connection) -> list[str]:
    """The names of all agents that are not archived."""
    return sorted({agent.name async for agent in connection.sdk.beta.agents.list(limit=100)})


async def need_agent(connection: Connection, name: str, version: int | None = None) -> wire.Agent:
    """The agent called `name`, at `version` or the latest; ``default`` is made on first use.

    Raises `AgentError` with the close matches where there is none.
    """
    agent = await find_agent(connection, name)
    if agent is None and name == DEFAULT_AGENT:
        return (await define(connection, Definition(DEFAULT_AGENT)))[0]
    if agent is None:
        close = did_you_mean(name, await agent_names(connection))
        raise AgentError(
            f"There is no agent {name!r}.{close} Define one with: %agent define {name} --system ..."
        )
    if version is None or agent.version == version:
        return agent
    return await connection.sdk.beta.agents.retrieve(agent.id, version=version)


async def define(connection: Connection, definition: Definition) -> tuple[wire.Agent, str]:
    """Create or update an agent; says ``created``, ``updated`` or ``unchanged``."""
    tools: Any = toolset(definition.tools)
    model = definition.model or (await connection.get("status"))["model"]["default_model"]
    agent = await find_agent(connection, definition.name)
    turns = None if definition.max_turns is None else str(definition.max_turns)
    agents = connection.sdk.beta.agents
    if agent is None:
        created = await agents.create(
            name=definition.name,
            model=model,
            system=definition.system,
            description=definition.description,
            tools=tools,
            metadata={} if turns is None else {MAX_TURNS: turns},
        )
        return created, "created"
    patch: Any = {MAX_TURNS: turns} if turns or MAX_TURNS in agent.metadata else {}
    updated = await agents.update(
        agent.id,
        model=model,
        system=definition.system,
        description=definition.description,
        tools=tools,
        metadata=patch,
    )
    return updated, "unchanged" if updated.version == agent.version else "updated"


async def need_environment(connection: Connection, name: str) -> wire.Environment:
    """The environment called `name`; ``notebook`` (no network) is made on first use.

    Raises `AgentError` with the close matches where there is none.
    """
    environments = connection.sdk.beta.environments
    known = [environment async for environment in environments.list(limit=100)]
    for environment in known:
        if environment.name == name:
            return environment
    if name == DEFAULT_ENVIRONMENT:
        return await environments.create(
            name=name,
            description="For notebooks: no network.",
            config={"type": "cloud", "networking": {"type": "limited", "allowed_hosts": []}},
        )
    names = [environment.name for environment in known]
    raise AgentError(
        f"There is no environment {name!r}.{did_you_mean(name, names)} "
        f"Known: {', '.join(sorted({*names, DEFAULT_ENVIRONMENT}))}."
    )
