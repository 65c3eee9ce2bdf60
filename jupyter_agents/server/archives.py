"""``/local/sessions/{id}/workspace``: a session's files in one piece. Source: docs/local-api.md."""

from __future__ import annotations

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.errors import InvalidRequest, SandboxError
from jupyter_agents.server.handlers import Handler

CHUNK = 1024 * 1024


class Workspace(Handler):
    """``local/sessions/{id}/workspace``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """The workspace as a compressed tar archive."""
        context = self.context
        session = context.catalog.get("session", session_id)
        try:
            async with context.archives.of(session) as path:
                with path.open("rb") as file:
                    self.set_header("Content-Type", "application/gzip")
                    self.set_header("X-Content-Type-Options", "nosniff")
                    self.set_header("Content-Disposition", f'attachment; filename="{session_id}.tar.gz"')
                    self.set_header("Content-Length", str(path.stat().st_size))
                    while chunk := await asyncio.to_thread(file.read, CHUNK):
                        self.write(chunk)
                        await self.flush()
        except SandboxError as error:
            raise InvalidRequest(str(error)) from None
        await self.finish()


ROUTES = [(r"/local/sessions/([^/]+)/workspace", Workspace)]
