"""``%agent show``, ``files``, ``cost`` and ``doctor``: look at what there is and what it took."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_agents.cell import words
from jupyter_agents.kernel import agents, checkup, definition, front, status, turns
from jupyter_agents.kernel.command import Command
from jupyter_agents.kernel.lookup import SHORTEST, session_id
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.sheet import Cell, Link, Sheet

MOST = 1_000
MOST_REFUSED = 10
NO_PRICE = "no price"


class Looking(Command):
    """The subcommands that show and change nothing."""

    def show(self, line: str) -> Sheet:
        """``%agent show NAME|SESSION``: an agent or a session as a card."""
        name = line.strip()
        if not name:
            raise AgentError("Usage: %agent show NAME, or %agent show SESSION")
        self._notebook.connect()
        return self._wait(self._show(name))

    def files(self, line: str) -> Sheet:
        """``%agent files [ID]``: the files that a session was given and made."""
        self._notebook.connect()
        given = line.strip() or self._latest().id
        return self._wait(self._files(given))

    def cost(self, line: str) -> Sheet:
        """``%agent cost``: tokens and list cost of each session, and in all."""
        self._nothing(line, "cost")
        self._notebook.connect()
        return self._wait(self._cost())

    def doctor(self, line: str) -> status.State:
        """``%agent doctor``: everything is probed anew."""
        self._nothing(line, "doctor")
        connection = self._notebook.connect()
        report = self._wait(connection.get("doctor"))
        bare = self._wait(front.is_bare(connection))
        return checkup.report(report, connection.base_url, connection.address.origin, bare_page=bare)

    async def _show(self, name: str) -> Sheet:
        connection = self._notebook.connection
        agent = await agents.find_agent(connection, name)
        if agent is not None:
            return _agent_card(agent)
        if len(name.removeprefix("sesn_")) >= SHORTEST and name.removeprefix("sesn_").isalnum():
            try:
                id = await session_id(connection, name)
            except AgentError:
                if name.startswith("sesn_"):
                    raise
            else:
                return await self._session_card(id)
        await agents.need_agent(connection, name)
        raise AgentError(f"There is no agent and no session {name!r}.")

    async def _session_card(self, id: str) -> Sheet:
        session = AgentSession(
            self._notebook.connection, await self._notebook.connection.sdk.beta.sessions.retrieve(id)
        )
        found = session.resource
        count, turn = turns.last_turn(await session.history())
        sandbox = await session.connection.get(f"sessions/{id}/sandbox")
        rows: list[tuple[Cell, Cell]] = [
            ("agent", f"{session.name}, version {found.agent.version}"),
            ("model", session.model),
            ("environment", await self._environment_name(found.environment_id)),
            ("state", _state(found, turn)),
            ("begun", found.created_at.astimezone().strftime("%Y-%m-%d %H:%M")),
            ("turns", f"{count}"),
            ("tokens", _tokens(found.usage)),
            ("list cost", _price(list_cost(found), sum(_counts(found.usage)))),
            ("sandbox", f"{words.sandbox(sandbox.get('kind')) or 'none'}, {sandbox.get('state')}"),
            ("workspace", str(sandbox.get("path") or sandbox.get("workspace") or "")),
        ]
        rows += [("note", str(note)) for note in sandbox.get("notes") or ()]
        for one in (sandbox.get("refused") or [])[-MOST_REFUSED:]:
            rows.append(("the network refused", f"{one['host']}:{one['port']}: {one['reason']}"))
        if found.title:
            rows.insert(0, ("title", found.title))
        rows += [(name, value) for name, value in sorted(found.metadata.items())]
        if turn is not None and turn.waiting:
            calls = "; ".join(words.tool_summary(tool.to_dict(), 60) or tool.name for tool in turn.waiting)
            rows.append(("waits for you", calls))
        return Sheet(f"Session {id}", (), rows, note=f"%agent attach {id[-6:]} goes on with it.")

    async def _environment_name(self, id: str) -> str:
        import anthropic

        try:
            return (await self._notebook.connection.sdk.beta.environments.retrieve(id)).name
        except anthropic.NotFoundError:
            return f"{id} (deleted)"

    async def _files(self, given: str) -> Sheet:
        connection = self._notebook.connection
        id = await session_id(connection, given)
        session = await connection.sdk.beta.sessions.retrieve(id)
        sandbox = await connection.get(f"sessions/{id}/sandbox")
        changes = (await connection.get(f"sessions/{id}/changes"))["data"]
        latest = {str(change["path"]): change for change in changes}
        there = str(sandbox.get("workspace") or "")
        base = await asyncio.to_thread(_way, there) if connection.is_local else None
        rows: list[tuple[Cell, ...]] = []
        for path, change in sorted(latest.items()):
            if change["kind"] != "deleted":
                name: Cell = path if base is None else Link(path, Path(base, path).as_posix())
                rows.append((name, words.size(change.get("size")), str(change["kind"])))
        for resource in session.resources:
            mount = getattr(resource, "mount_path", None)
            if mount:
                rows.append((str(mount), "", "given to the agent"))
        note = (
            f"The folder is {sandbox.get('path') or there}."
            if rows
            else "It was given no files and has made none."
        )
        columns = ("file", "size", "how") if rows else ()
        return Sheet(f"Files of {id}", columns, rows, numbers=(1,), note=note)

    async def _cost(self) -> Sheet:
        own = {session.id for session in self._notebook.sessions.values()}
        connection = self._notebook.connection
        rows: list[tuple[Cell, ...]] = []
        read = written = 0
        dollars, unpriced, more = 0.0, 0, False
        async for session in connection.sdk.beta.sessions.list(limit=100, include_archived=True):
            if len(rows) >= MOST:
                more = True
                break
            cost, (inward, outward) = list_cost(session), _counts(session.usage)
            read, written = read + inward, written + outward
            dollars += cost or 0.0
            unpriced += cost is None and inward > 0
            mark = " (this notebook)" if session.id in own else ""
            name = f"{session.agent.name}{mark}"
            price = _price(cost, inward + outward)
            rows.append((session.id, name, str(session.agent.model.id), f"{inward:,}", f"{outward:,}", price))
        rows.append(("in all", "", "", f"{read:,}", f"{written:,}", _price(dollars, read + written)))
        notes = ["By list prices, in US dollars."]
        if unpriced:
            notes.append(f"{unpriced} of the sessions used a model without a known price; it is not counted.")
        if more:
            notes.append(f"Only the newest {MOST} sessions are counted.")
        columns = ("session", "agent", "model", "tokens in", "tokens out", "list cost")
        return Sheet("Cost", columns, rows, numbers=(3, 4, 5), note=" ".join(notes))


def _way(folder: str) -> str | None:
    """From this folder, which is the notebook's, to another one; None where it is not on this machine."""
    return os.path.relpath(folder) if folder and Path(folder).is_dir() else None


def _agent_card(agent: Any) -> Sheet:
    from jupyter_agents.kernel import yaml_text

    rows: list[tuple[Cell, Cell]] = [
        ("id", agent.id),
        ("version", f"{agent.version}"),
        ("model", str(agent.model.id)),
        ("changed", agent.updated_at.astimezone().strftime("%Y-%m-%d %H:%M")),
    ]
    note = f"The definition, as %%agent define {agent.name} takes it:"
    block = yaml_text.write(definition.fields_of(agent))
    return Sheet(f"Agent {agent.name}", (), rows, note=note, block=block)


def _state(session: Any, turn: Any) -> str:
    if session.archived_at is not None:
        return "archived"
    if turn is not None and turn.status == "waiting":
        return "waiting for you"
    return str(session.status)


def list_cost(session: Any) -> float | None:
    """The session's list cost so far, US dollars; None where its model has no price."""
    cost = session.usage.list_cost
    return None if cost is None else int(cost.amount) / 100


def _counts(usage: Any) -> tuple[int, int]:
    """Tokens read, those of the cache included, and tokens written."""
    cache = usage.cache_creation
    made = 0 if cache is None else cache.ephemeral_5m_input_tokens + cache.ephemeral_1h_input_tokens
    read = (usage.input_tokens or 0) + (usage.cache_read_input_tokens or 0) + made
    return read, usage.output_tokens or 0


def _tokens(usage: Any) -> str:
    read, written = _counts(usage)
    return f"{read:,} in, {written:,} out"


def _price(dollars: float | None, tokens: int) -> str:
    """The list cost of `tokens`; nothing where there were none."""
    if not tokens:
        return ""
    return NO_PRICE if dollars is None else words.cost(dollars)
