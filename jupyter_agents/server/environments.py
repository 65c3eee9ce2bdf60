"""``/v1/environments``. Source: spec section 2."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.domain.environments import create_environment, update_environment
from jupyter_agents.ids import rfc3339
from jupyter_agents.server.handlers import Handler, age_cursor, check_limit
from jupyter_agents.store.catalog import ACTIVE, Where

CREATE = wire.strict(wire.EnvironmentCreate)
UPDATE = wire.strict(wire.EnvironmentUpdate)
LIST = wire.query(wire.EnvironmentList)


class Environments(Handler):
    """The collection."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Create an environment; its name is unique among those not archived."""
        context = self.context
        now = rfc3339(context.clock())
        environment = create_environment(self.body(CREATE), context.new_id("env"), now)
        context.sandboxes.check_environment(environment)
        await context.sandboxes.check_image(environment["metadata"])
        await context.catalog.add_environment(environment)
        self.reply(environment)

    @authenticated
    @authorized
    async def get(self) -> None:
        """List environments, newest first."""
        given = self.arguments(LIST)
        where = Where() if given.get("include_archived") else ACTIVE
        cursor = age_cursor(given.get("page"), "desc", "env")
        limit = check_limit(given.get("limit"), 20, 100)
        page = self.context.catalog.page("environment", where, "desc", cursor, limit)
        self.reply_page(page, dict)


class Environment(Handler):
    """One environment."""

    @authenticated
    @authorized
    async def get(self, environment_id: str) -> None:
        """Retrieve an environment."""
        self.reply(self.context.catalog.get("environment", environment_id))

    @authenticated
    @authorized
    async def post(self, environment_id: str) -> None:
        """Update an environment; sandboxes that run already keep what they have."""
        context, body = self.context, self.body(UPDATE)
        now = rfc3339(context.clock())
        await context.sandboxes.check_image(body.get("metadata") or {})

        def make(stored: dict[str, Any]) -> dict[str, Any]:
            environment = update_environment(stored, body, now)
            context.sandboxes.check_environment(environment)
            return environment

        self.reply(await context.catalog.change("environment", environment_id, make))

    @authenticated
    @authorized
    async def delete(self, environment_id: str) -> None:
        """Delete an environment that no session refers to."""
        await self.context.catalog.delete_environment(environment_id)
        self.reply({"id": environment_id, "type": "environment_deleted"})


class ArchiveEnvironment(Handler):
    """Archiving."""

    @authenticated
    @authorized
    async def post(self, environment_id: str) -> None:
        """Archive an environment; its sessions go on, and again is a no-op."""
        now = rfc3339(self.context.clock())
        self.reply(
            await self.context.catalog.change(
                "environment",
                environment_id,
                lambda found: found | {"archived_at": found["archived_at"] or now},
            )
        )


ROUTES = [
    (r"/v1/environments", Environments),
    (r"/v1/environments/([^/]+)", Environment),
    (r"/v1/environments/([^/]+)/archive", ArchiveEnvironment),
]
