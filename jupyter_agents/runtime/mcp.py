"""The MCP servers of one session: connected when it begins to run, asked by its calls.

In a replay nothing is connected: what was recorded is listed and answered.
Source: spec sections 5.6 and 17; docs/decisions.md "MCP".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_agents.domain import mcp
from jupyter_agents.domain.prompt import build_request
from jupyter_agents.domain.state import Call, State
from jupyter_agents.errors import ApiError
from jupyter_agents.runtime.mcp_config import McpConfig
from jupyter_agents.runtime.mcp_connection import UNREACHABLE, Connection, McpFailure
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.sandbox.base import ToolResult

Doc = dict[str, Any]
Place = tuple[str, str]


@dataclass
class Found:
    """listings: ``{"server", "url", "tools"}`` that differ from what the journal has; failures: by server."""

    listings: list[Doc] = field(default_factory=list)
    failures: list[tuple[str, McpFailure]] = field(default_factory=list)


class SessionMcp:
    """The connections of one session. One that fails is tried again when the session next runs.

    Parameters
    ----------
    recordings:
        What the session replays, or None; blocks the first time, raises `ApiError`.
    """

    def __init__(self, config: McpConfig, recordings: Callable[[], Recordings | None]) -> None:
        self._config = config
        self._recordings = recordings
        self._connections: dict[Place, Connection] = {}
        self._opening: dict[Place, asyncio.Task[Connection]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._toolsets: dict[Place, Doc | None] = {}
        self._seen: Any = None
        self._replays = False

    def due(self, state: State) -> bool:
        """Whether to look at the servers before the model is asked: once for each idle -> running."""
        agent = state.session["agent"]
        if not agent["mcp_servers"] and not self._connections:
            return False
        return self._replays or self._seen != self._moment(state)

    async def look(self, state: State) -> Found:
        """Connect to the servers of the session's agent and list their tools; never raises for a server."""
        recordings = await asyncio.to_thread(self._recorded)
        self._replays = recordings is not None
        if recordings is not None:
            return Found(await asyncio.to_thread(_from_recordings, state, recordings))
        agent = state.session["agent"]
        wanted = {(server["name"], server["url"]) for server in mcp.wanted(agent)}
        for place in self._connections.keys() - wanted:
            self._drop(self._connections[place])
        found = Found()
        await asyncio.gather(*(self._look_at(place, state, found) for place in sorted(wanted)))
        found.listings.sort(key=lambda listing: str(listing["server"]))
        found.failures.sort(key=lambda failure: failure[0])
        self._seen = self._moment(state)
        return found

    async def call(self, call: Call) -> ToolResult:
        """Run a call; a server that cannot be asked is an error result."""
        recordings = await asyncio.to_thread(self._recorded)
        if recordings is not None:
            recorded = recordings.result(call.tool_use_id)
            return recorded or ToolResult.text(
                f"{call.name}: the recording has no result of this call.", is_error=True
            )
        place = (call.server, call.url)
        try:
            connection = await self._connected(place)
            if connection.suspect:
                connection = await self._trusted(connection)
            return await connection.call(call.name, call.input)
        except McpFailure as error:
            return ToolResult.text(f"{call.name}: {error.message}", is_error=True)

    async def close(self) -> None:
        """End all connections. Idempotent."""
        opening, self._opening = self._opening, {}
        for task in opening.values():
            task.cancel()
        await asyncio.gather(*opening.values(), return_exceptions=True)
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._seen = None
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _moment(self, state: State) -> Any:
        agent = state.session["agent"]
        return (state.running_since, agent["mcp_servers"], agent["tools"])

    def _recorded(self) -> Recordings | None:
        try:
            return self._recordings()
        except ApiError:
            return Recordings()

    async def _look_at(self, place: Place, state: State, found: Found) -> None:
        name, url = place
        agent, known = state.session["agent"], state.mcp.get(name)
        toolset = mcp.toolset(agent, name)
        other = known is None or known["url"] != url or toolset != self._toolsets.get(place)
        try:
            connection = await self._connected(place)
            if not (connection.may_have_changed or connection.suspect or other):
                return
            listing = await connection.listing(lambda tool: mcp.enabled(agent, name, tool))
            connection.suspect = False
        except McpFailure as error:
            self._forget(place)
            found.failures.append((name, error))
            return
        self._toolsets[place] = toolset
        taken = {"url": url, "tools": listing.done()}
        if taken == known:
            return
        found.listings.append({"server": name, **taken})
        problem = listing.problem()
        if problem is not None:
            message = f"The MCP server {name!r} is connected, but not all of its tools can be used. {problem}"
            found.failures.append((name, McpFailure(message, UNREACHABLE)))

    async def _connected(self, place: Place) -> Connection:
        """The living connection to a server, opened where there is none. Raises `McpFailure`."""
        connection = self._connections.get(place)
        if connection is not None:
            if connection.alive:
                return connection
            self._drop(connection)
        if place not in self._opening:
            self._opening[place] = asyncio.create_task(self._open(place))
            self._opening[place].add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening[place])

    async def _open(self, place: Place) -> Connection:
        connection = Connection(*place, self._config)
        try:
            await connection.open()
        except BaseException:
            self._drop(connection)
            raise
        finally:
            self._opening.pop(place, None)
        self._connections[place] = connection
        return connection

    async def _trusted(self, connection: Connection) -> Connection:
        """`connection` where the server answers, after a call was given up; else a new one."""
        try:
            await connection.check()
        except McpFailure:
            self._drop(connection)
            return await self._connected((connection.name, connection.url))
        return connection

    def _forget(self, place: Place) -> None:
        if place in self._connections:
            self._drop(self._connections[place])

    def _drop(self, connection: Connection) -> None:
        self._connections.pop((connection.name, connection.url), None)
        task = asyncio.create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _from_recordings(state: State, recordings: Recordings) -> list[Doc]:
    """The recorded listings with which a recorded answer fits the session as it stands."""
    urls = {server["name"]: server["url"] for server in state.session["agent"]["mcp_servers"]}
    for snapshot in [state.mcp, *recordings.listings]:
        listed = {
            name: {"url": urls[name], "tools": found["tools"]}
            for name, found in snapshot.items()
            if name in urls
        }
        if recordings.fits(build_request(replace(state, mcp=listed))):
            return [
                {"server": name, **found} for name, found in listed.items() if state.mcp.get(name) != found
            ]
    return []
