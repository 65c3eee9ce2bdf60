"""What this kernel knows: its server, the agents it defined, the sessions it goes on with.

The map (agent, version, environment) -> session lives here only. A restarted kernel, or a new
version of an agent, starts a new session; where someone reads it, `notes` says so in one line.

Source: docs/decisions.md "Magics".
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from jupyter_agents.kernel import agents, asking, environments, files, session, turns
from jupyter_agents.kernel.client import Connection, connect, missing_extension
from jupyter_agents.kernel.lookup import session_id
from jupyter_agents.kernel.problems import OR_REPLAY, AgentError
from jupyter_agents.kernel.recordings import Recordings
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.skew import skew
from jupyter_agents.kernel.worker import Worker

NOTEBOOK = "jupyter-agents/notebook"
NOTEBOOK_FOLDER = "jupyter-agents/notebook-folder"
LONGEST_VALUE = 512

Key = tuple[str, int, str]


_current: Notebook | None = None


def current() -> Notebook:
    """The state of this process; the magics and the Python functions share it."""
    global _current
    _current = _current or Notebook()
    return _current


class Notebook:
    """The state behind the magics. The async methods are for the worker's loop."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.recordings = Recordings()
        self.sessions: dict[Key, AgentSession] = {}
        self.latest: AgentSession | None = None
        self.pins: dict[str, int] = {}
        self.path: str | None = None
        self.interactive = False
        self.front_end = False
        self.notes: list[str] = []
        self._connection: Connection | None = None
        self._ready = False
        self._skew: str | None = None

    def on_ask(self, interactive: bool, background: bool = False) -> str:
        """Where a call waits and the cell does not say: ``wait``, ``return`` or ``deny``.

        With our front end, which announces itself, someone can answer while the cell runs. A turn in
        the background keeps nobody from answering.
        """
        if not interactive:
            return "deny"
        return "wait" if self.front_end or background else "return"

    def connect(self) -> Connection:
        """The connection to this kernel's server; a dead embedded server is replaced."""
        known = self._connection
        if known is None or (known.server is not None and not known.server.alive):
            fresh = connect()
            self.worker.run(self._check(fresh))
            self._connection, self._ready = fresh, False
            self.sessions.clear()
        assert self._connection is not None
        return self._connection

    @property
    def connected(self) -> bool:
        """Whether `connect` made a connection already."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The connection that `connect` made."""
        assert self._connection is not None
        return self._connection

    def use(self, connection: Connection) -> None:
        """Talk to this server from now on."""
        self.worker.run(self._check(connection))
        self._connection, self._ready = connection, False
        self.sessions.clear()

    async def _check(self, connection: Connection) -> None:
        import anthropic

        try:
            status = await connection.get("status")
            self._skew = skew(status.get("version"))
        except anthropic.NotFoundError:
            raise missing_extension(connection) from None

    async def define(self, connection: Connection, definition: agents.Definition) -> tuple[Any, str]:
        """Create or update an agent, and pin the version for this kernel."""
        agent, change = await agents.define(connection, definition)
        self.pins[agent.name] = agent.version
        return agent, change

    async def define_environment(
        self, connection: Connection, definition: environments.EnvironmentDefinition
    ) -> str:
        """Create or update an environment; says what changed.

        A session keeps the environment that it began with, so those of this kernel are not gone on with.
        """
        made, fields = await environments.define(connection, definition)
        if fields is None:
            return f"{made.name}: created ({made.id})"
        if not fields:
            return f"{made.name}: unchanged ({made.id})"
        old = [key for key in self.sessions if key[2] == made.id]
        for key in old:
            del self.sessions[key]
        then = f". The next %%agent --env {made.name} begins a new session." if old else ""
        words = ", ".join(field.replace("_", "-") for field in fields)
        return f"{made.name}: {words} changed ({made.id}){then}"

    async def open(self, connection: Connection, options: Namespace) -> tuple[AgentSession, bool]:
        """The session that a call with `options` goes to, and whether it is a new one."""
        self.notes = [self._skew] if self._skew else []
        self._skew = None
        if options.session:
            found, is_new = await self._attach(connection, options), False
        else:
            found, is_new = await self._own(connection, options)
        if options.ask:
            await asking.ask(found, options.ask)
        brought = options.given if is_new else await files.bring(found, options.given)
        self.notes += [f"{one.variable}: {one.about} -> {one.path}" for one in brought if one.variable]
        if not is_new:
            await self._adjust(found, options)
        await found.offer(getattr(options, "toolbox", None) or found.toolbox)
        self.latest = found
        return found, is_new

    async def _attach(self, connection: Connection, options: Namespace) -> AgentSession:
        id = await session_id(connection, options.session)
        resource = await connection.sdk.beta.sessions.retrieve(id)
        if options.name and options.name != resource.agent.name:
            raise AgentError(
                f"The session {resource.id} is of the agent {resource.agent.name!r}, not of {options.name!r}."
            )
        known = {found.id: found for found in self.sessions.values()}
        found = known.get(resource.id) or AgentSession(connection, resource)
        await turns.ready(found)
        self.remember(found)
        return found

    def remember(self, found: AgentSession) -> None:
        """Go on with this session where its agent, version and environment are asked for."""
        resource = found.resource
        self.sessions[(resource.agent.id, resource.agent.version, resource.environment_id)] = found
        self.pins[resource.agent.name] = resource.agent.version
        self.latest = found

    async def _own(self, connection: Connection, options: Namespace) -> tuple[AgentSession, bool]:
        name = options.name or agents.DEFAULT_AGENT
        agent = await agents.need_agent(connection, name, self.pins.get(name))
        environment = await agents.need_environment(connection, options.env or agents.DEFAULT_ENVIRONMENT)
        key = (agent.id, agent.version, environment.id)
        known = None if options.new else self.sessions.get(key)
        if known is not None:
            await turns.ready(known)
            return known, False
        if not options.replay and self.recordings.replay_from is None:
            await self.need_model(connection)
        asking.with_asking(asking.listed(agent), options.ask or ())
        if self.interactive and not options.new:
            await self._note_earlier(connection, agent)
        made = await session.create(
            connection,
            agent_id=agent.id,
            agent_version=agent.version,
            environment_id=environment.id,
            metadata=self._metadata(options, agent),
            resources=await files.upload(connection, options.given),
            budget_cents=options.budget,
            python=(sys.prefix, sys.base_prefix),
        )
        files.note(made, options.given)
        self.sessions[key] = made
        return made, True

    async def need_model(self, connection: Connection) -> None:
        """Raises `AgentError` where the server has no model to ask."""
        if self._ready:
            return
        status = await connection.get("status")
        self._ready = bool(status["model"]["ready"] or status.get("replay"))
        if not self._ready:
            problem = status["model"].get("problem") or "No model is set up yet."
            raise AgentError(f"{problem} {OR_REPLAY}")

    async def _note_earlier(self, connection: Connection, agent: Any) -> None:
        """Say so where this notebook already has a session of the agent."""
        older = [key for key in self.sessions if key[0] == agent.id and key[1] != agent.version]
        if older:
            self.notes.append(f"{agent.name} is now version {agent.version}: a new session begins.")
            return
        async for found in connection.sdk.beta.sessions.list(agent_id=agent.id, limit=20):
            if found.metadata.get(NOTEBOOK) == self.location and found.archived_at is None:
                self.notes.append(
                    f"A new session of {agent.name} begins. "
                    f"To go on with the earlier one: %%agent --session {found.id}"
                )
            return

    async def _adjust(self, found: AgentSession, options: Namespace) -> None:
        """Options that change a session that is there already."""
        sessions = found.connection.sdk.beta.sessions
        if options.max_turns is not None:
            await sessions.update(found.id, metadata={agents.MAX_TURNS: str(options.max_turns)})
        if options.no_notebook and (found.resource.metadata or {}).get(NOTEBOOK_FOLDER) != "no":
            raise AgentError("This session may see the notebook's folder since it began: add --new.")
        if options.budget is None:
            return
        budget = found.resource.budget
        if budget is None:
            raise AgentError("A budget is set when a session starts: add --new.")
        if budget.max_list_cost.amount != str(options.budget):
            amount: Any = {"amount": str(options.budget), "currency": "USD"}
            found.resource = await sessions.update(
                found.id, budget={"type": "limit", "max_list_cost": amount}
            )

    @property
    def location(self) -> str:
        """The notebook's path where it is known, this folder's otherwise."""
        return self.path or os.environ.get("JPY_SESSION_NAME") or str(Path.cwd())

    def _metadata(self, options: Namespace, agent: Any) -> dict[str, str]:
        turns_limit = options.max_turns or (agent.metadata or {}).get(agents.MAX_TURNS)
        metadata = {agents.MAX_TURNS: str(turns_limit)} if turns_limit else {}
        if len(self.location) <= LONGEST_VALUE:
            metadata[NOTEBOOK] = self.location
        if options.no_notebook:
            metadata[NOTEBOOK_FOLDER] = "no"
        return metadata
