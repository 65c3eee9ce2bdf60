"""``%agent undo`` and ``fork``: back in a session's history, with its files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jupyter_agents.cell.fold import ends
from jupyter_agents.kernel.command import Command
from jupyter_agents.kernel.lookup import session_id
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession
from jupyter_agents.kernel.undone import Undone

UNDO = "Usage: %agent undo, or %agent undo NAME, or %agent undo SESSION"
FORK = "Usage: %agent fork EVENT, where EVENT is an event's id or a turn's number; --session ID before it"


class Rewinding(Command):
    """The subcommands that go back."""

    def undo(self, line: str) -> None:
        """``%agent undo [NAME|SESSION]``: put back the files that the last turn changed."""
        self._notebook.connect()
        if len(line.split()) > 1:
            raise AgentError(UNDO)
        for said in self._wait(self._undo(line.strip())).lines():
            self._say(said)

    def fork(self, line: str) -> None:
        """``%agent fork [--session ID] EVENT``: go on from there in a new session, with its files."""
        found = re.fullmatch(r"(?:--session\s+(\S+)\s+)?(\S+)", line.strip())
        if found is None:
            raise AgentError(FORK)
        self._notebook.connect()
        session = self._wait(self._fork(found[1] or "", found[2]))
        self._notebook.remember(session)
        self._say(f"{session.id} goes on from there, with the files as they were then.")
        self._say(f"The next %%agent {session.name} goes on in it.")

    async def _undo(self, given: str) -> Undone:
        return await (await self._session(given)).undo()

    async def _fork(self, given: str, event: str) -> AgentSession:
        session = await self._session(given)
        return await session.fork(await event_id(session, event))

    async def _session(self, given: str) -> AgentSession:
        """The session of an agent's name in this notebook, of an id, or the latest."""
        if not given:
            return self._latest()
        own = [session for session in self._notebook.sessions.values() if session.name == given]
        if own:
            return own[-1]
        connection = self._notebook.connection
        whole = await session_id(connection, given)
        return AgentSession(connection, await connection.sdk.beta.sessions.retrieve(whole))


async def event_id(session: AgentSession, given: str) -> str:
    """The id of an event; of a turn's number, the event with which the turn ended."""
    if not given.isdigit():
        return given
    turns = _ends(await session.history())
    if not 0 < int(given) <= len(turns):
        raise AgentError(
            f"{session.name} has had {len(turns)} whole turns in this session; there is no {given}."
        )
    return turns[int(given) - 1]


def _ends(events: Iterable[Any]) -> list[str]:
    """The ids of the events with which the turns ended."""
    found: list[str] = []
    goes_on = False
    for event in events:
        if event.type == "user.message":
            goes_on = True
        elif goes_on and ends(event.to_dict(mode="json")):
            found.append(event.id)
            goes_on = False
    return found
