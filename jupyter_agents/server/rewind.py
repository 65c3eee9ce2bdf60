"""``/local/sessions/{id}/undo`` and ``fork``: go back in a session's history, with its files.

Source: docs/local-api.md, docs/files.md.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.server.handlers import Handler


class SessionUndo(Handler):
    """``local/sessions/{id}/undo``."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Put back the files that the last turn, or all turns from an event on, changed."""
        self.reply(await self.context.undo.undo(session_id, self.body()))


class SessionFork(Handler):
    """``local/sessions/{id}/fork``."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """A new session that goes on from an event, with the files as they were then."""
        self.reply(await self.context.forks.fork(session_id, self.body()))


ROUTES = [
    (r"/local/sessions/([^/]+)/undo", SessionUndo),
    (r"/local/sessions/([^/]+)/fork", SessionFork),
]
