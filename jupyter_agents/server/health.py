"""``/local/sandboxes``: how the sandboxes of this server are. Source: docs/local-api.md."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.runtime import health
from jupyter_agents.server.handlers import Handler


class Sandboxes(Handler):
    """``local/sandboxes``."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """A row for each session that this server process holds, and what waits for one."""
        self.reply({"data": await health.report(self.context), "warm": health.warm(self.context)})


ROUTES = [(r"/local/sandboxes", Sandboxes)]
