"""``/v1/sessions/{id}/resources``. Source: spec section 7.3."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.server.handlers import Handler, check_limit

ADD = wire.strict(wire.ResourceAdd)
UPDATE = wire.strict(wire.ResourceUpdate)
LIST = wire.query(wire.ResourceList)

MOST = 1000


class SessionResources(Handler):
    """The collection."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Mount one more file into a session."""
        self.reply(await self.context.resources.add(session_id, self.body(ADD)))

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """List resources, oldest first; without ``limit`` all of them."""
        given = self.arguments(LIST)
        limit = None if given.get("limit") is None else check_limit(given["limit"], MOST, MOST)
        self.reply_page(self.context.resources.page(session_id, given.get("page"), limit), dict[str, Any])


class SessionResource(Handler):
    """One resource."""

    @authenticated
    @authorized
    async def get(self, session_id: str, resource_id: str) -> None:
        """Retrieve a resource."""
        self.reply(self.context.resources.get(session_id, resource_id))

    @authenticated
    @authorized
    async def post(self, session_id: str, resource_id: str) -> None:
        """Change the authorization token of a repository."""
        body = UPDATE(self.body() | {"session_id": session_id})
        token = body["authorization_token"]
        self.reply(await self.context.resources.update(session_id, resource_id, token))

    @authenticated
    @authorized
    async def delete(self, session_id: str, resource_id: str) -> None:
        """Take a file out of a session."""
        await self.context.resources.remove(session_id, resource_id)
        self.reply({"id": resource_id, "type": "session_resource_deleted"})


ROUTES = [
    (r"/v1/sessions/([^/]+)/resources", SessionResources),
    (r"/v1/sessions/([^/]+)/resources/([^/]+)", SessionResource),
]
