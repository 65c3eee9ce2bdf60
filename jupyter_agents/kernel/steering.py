"""``%agent steer``: a message into the turn that runs."""

from __future__ import annotations

from jupyter_agents.kernel import turns
from jupyter_agents.kernel.command import Command
from jupyter_agents.kernel.lookup import session_id
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession, text

RUNNING = ("running", "rescheduling")
USAGE = "Usage: %agent steer TEXT, or %agent steer --session ID TEXT"


class Steering(Command):
    """The subcommand that reaches into a running turn."""

    def steer(self, line: str) -> None:
        """``%agent steer [--session ID] TEXT``"""
        id = None
        if line.split(" ")[0] == "--session":
            _, _, rest = line.partition(" ")
            id, _, line = rest.strip().partition(" ")
        if not line.strip():
            raise AgentError(USAGE)
        self._notebook.connect()
        session = self._latest() if id is None else None
        self._say(self._wait(self._steer(session, id or "", line.strip())))

    async def _steer(self, session: AgentSession | None, id: str, message: str) -> str:
        if session is None:
            connection = self._notebook.connection
            whole = await session_id(connection, id)
            session = AgentSession(connection, await connection.sdk.beta.sessions.retrieve(whole))
        found = await session.refresh()
        if found.status not in RUNNING:
            session.settled = False
            await turns.ready(session)
            raise AgentError(
                f"{session.name} is not at work, so there is nothing to steer. "
                f"A message to it goes in a cell that begins with %%agent {session.name}."
            )
        await session.send({"type": "user.message", "content": [text(message)]})
        return f"{session.name} is told, before its next step."
