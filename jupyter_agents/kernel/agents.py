"""Agents and environments by name: find, define, make the default ones.

NAME is the newest agent of that name that is not archived.

Source: docs/decisions.md "Magics", "default agent, environment"; spec section 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_agents.kernel.client import Connection
from jupyter_agents.kernel.definition import MAX_TURNS as MAX_TURNS
from jupyter_agents.kernel.definition import Definition as Definition
from jupyter_agents.kernel.definition import changed
from jupyter_agents.kernel.problems import AgentError, did_you_mean

if TYPE_CHECKING:
    from jupyter_agents import wire

DEFAULT_AGENT = "default"
DEFAULT_ENVIRONMENT = "notebook"


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
    """Create or update an agent; says ``created``, ``unchanged``, or which fields changed.

    Another's change in between is a conflict, which the server answers.
    """
    status = {} if definition.model else await connection.get("status")
    body: Any = definition.body(status["model"]["default_model"] if status else "")
    agent = await find_agent(connection, definition.name)
    agents = connection.sdk.beta.agents
    if agent is None:
        return await agents.create(name=definition.name, **body), "created"
    gone = dict.fromkeys(agent.metadata.keys() - body["metadata"].keys())
    body["metadata"] = {**body["metadata"], **gone}
    updated = await agents.update(agent.id, version=agent.version, **body)
    fields = changed(agent, updated)
    return updated, f"{', '.join(fields)} changed" if fields else "unchanged"


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
