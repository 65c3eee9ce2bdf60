"""``/v1/sessions``. Source: spec section 3."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.domain.session_object import cleared
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.server.handlers import Handler, age_bounds, age_cursor, check_limit
from jupyter_agents.store.catalog import ACTIVE, Where

CREATE = wire.strict(wire.SessionCreate)
UPDATE = wire.strict(wire.SessionUpdate)
LIST = wire.query(wire.SessionList)

FIELDS = {
    "agent_id": "$.agent.id",
    "agent_version": "$.agent.version",
    "deployment_id": "$.deployment_id",
}
HAS_STORE = (
    "EXISTS (SELECT 1 FROM json_each(body, '$.resources') WHERE json_extract(value, '$.memory_store_id') = ?)"
)


class Sessions(Handler):
    """The collection."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Create a session."""
        body = CREATE(cleared(self.body()))
        environment = self.context.catalog.find("environment", body["environment_id"]) or {"metadata": {}}
        await self.context.sandboxes.check_image(environment["metadata"], body.get("metadata") or {})
        self.reply(await self.context.manager.create(body))

    @authenticated
    @authorized
    async def get(self) -> None:
        """List sessions by age, newest first unless ``order=asc``."""
        given = self.arguments(LIST)
        order = given.get("order", "desc")
        cursor = age_cursor(given.get("page"), order, "sesn")
        where = age_bounds(given, cursor) & _filters(given)
        limit = check_limit(given.get("limit"), 20, 100)
        page = self.context.catalog.page("session", where, order, cursor, limit)
        self.reply_page(page, self.context.manager.present, previous=True)


def _filters(given: dict[str, Any]) -> Where:
    if "agent_version" in given and "agent_id" not in given:
        raise InvalidRequest("agent_version: only together with agent_id.")
    where = Where() if given.get("include_archived") else ACTIVE
    for name, path in FIELDS.items():
        if name in given:
            where &= Where((f"json_extract(body, '{path}') = ?",), (given[name],))
    if given.get("statuses"):
        marks = ",".join("?" * len(given["statuses"]))
        where &= Where((f"status IN ({marks})",), tuple(given["statuses"]))
    if "memory_store_id" in given:
        where &= Where((HAS_STORE,), (given["memory_store_id"],))
    return where


class Session(Handler):
    """One session."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Retrieve a session."""
        self.reply(self.context.manager.show(session_id))

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Update a session."""
        self.reply(await self.context.manager.update(session_id, self.body(UPDATE)))

    @authenticated
    @authorized
    async def delete(self, session_id: str) -> None:
        """Delete a session that is not running."""
        await self.context.manager.delete(session_id)
        self.reply({"id": session_id, "type": "session_deleted"})


class ArchiveSession(Handler):
    """Archiving."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Archive a session that is not running; again is a no-op."""
        self.reply(await self.context.manager.archive(session_id))


ROUTES = [
    (r"/v1/sessions", Sessions),
    (r"/v1/sessions/([^/]+)", Session),
    (r"/v1/sessions/([^/]+)/archive", ArchiveSession),
]
