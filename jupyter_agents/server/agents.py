"""``/v1/agents``. Source: spec section 1."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import wire
from jupyter_agents.domain import roster
from jupyter_agents.domain.agents import create_agent, update_agent
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import rfc3339
from jupyter_agents.server.handlers import NO_CURSOR, Handler, age_bounds, age_cursor, check_limit
from jupyter_agents.store.catalog import ACTIVE, Catalog, Page
from jupyter_agents.store.pages import Cursor, parse_cursor

CREATE = wire.strict(wire.AgentCreate)
UPDATE = wire.strict(wire.AgentUpdate)
LIST = wire.query(wire.AgentList)
LIST_VERSIONS = wire.query(wire.AgentVersionList)
RETRIEVE = wire.query(wire.AgentRetrieve)


class Agents(Handler):
    """The collection."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Create an agent."""
        context = self.context
        body, now = self.body(CREATE), rfc3339(context.clock())
        found = members(context.catalog, body.get("multiagent"), None)
        agent = await asyncio.to_thread(create_agent, body, context.new_id("agent"), now, found)
        context.config.policy.check_agent(agent)
        await context.catalog.save_agent(agent, over=None)
        self.reply(agent)

    @authenticated
    @authorized
    async def get(self) -> None:
        """List agents, newest first."""
        given = self.arguments(LIST)
        cursor = age_cursor(given.get("page"), "desc", "agent")
        where = age_bounds(given, cursor)
        if not given.get("include_archived"):
            where &= ACTIVE
        limit = check_limit(given.get("limit"), 20, 100)
        page = self.context.catalog.page("agent", where, "desc", cursor, limit)
        self.reply_page(page, dict)


class Agent(Handler):
    """One agent."""

    @authenticated
    @authorized
    async def get(self, agent_id: str) -> None:
        """Retrieve an agent, newest or at ``?version=``."""
        version = self.arguments(RETRIEVE).get("version")
        if version is not None and version < 1:
            raise InvalidRequest("version: expected 1 or more.")
        catalog = self.context.catalog
        found = catalog.get("agent", agent_id) if version is None else catalog.version(agent_id, version)
        self.reply(found)

    @authenticated
    @authorized
    async def post(self, agent_id: str) -> None:
        """Update an agent: a new version where something changes."""
        body = self.body(UPDATE)
        catalog, now = self.context.catalog, rfc3339(self.context.clock())
        stored = catalog.get("agent", agent_id)
        found = members(catalog, body.get("multiagent"), stored["multiagent"])
        agent = await asyncio.to_thread(update_agent, stored, body, now, found)
        self.context.config.policy.check_agent(agent)

        def make(current: dict[str, Any]) -> dict[str, Any]:
            return agent if current == stored else update_agent(current, body, now, found)

        self.reply(await catalog.change("agent", agent_id, make))


class ArchiveAgent(Handler):
    """Archiving."""

    @authenticated
    @authorized
    async def post(self, agent_id: str) -> None:
        """Archive an agent; again is a no-op."""
        now = rfc3339(self.context.clock())
        self.reply(
            await self.context.catalog.change(
                "agent", agent_id, lambda agent: agent | {"archived_at": agent["archived_at"] or now}
            )
        )


class AgentVersions(Handler):
    """The versions of an agent."""

    @authenticated
    @authorized
    async def get(self, agent_id: str) -> None:
        """List versions, newest first."""
        given = self.arguments(LIST_VERSIONS)
        newest = self.context.catalog.get("agent", agent_id)
        cursor = parse_cursor(given.get("page"), "desc", int, str)
        if cursor is not None and cursor.key[1] != agent_id:
            raise InvalidRequest(NO_CURSOR)
        limit = check_limit(given.get("limit"), 20, 100)
        before = None if cursor is None else cursor.key[0]
        found = self.context.catalog.versions(agent_id, before, limit + 1)
        more = Cursor("desc", (found[limit - 1]["version"], agent_id)) if len(found) > limit else None
        archived = {"archived_at": newest["archived_at"]}
        self.reply_page(Page(found[:limit], more), lambda agent: agent | archived)


def members(catalog: Catalog, given: Any, stored: Any) -> roster.Found:
    """The agents that a roster names after an update, as far as they exist."""
    whole = stored if given is None else roster.merge(given, stored)
    found = {}
    for id, version in roster.references(whole):
        with contextlib.suppress(NotFound):
            agent = catalog.get("agent", id) if version is None else catalog.version(id, version)
            found[id, version] = agent
    return found


ROUTES = [
    (r"/v1/agents", Agents),
    (r"/v1/agents/([^/]+)", Agent),
    (r"/v1/agents/([^/]+)/archive", ArchiveAgent),
    (r"/v1/agents/([^/]+)/versions", AgentVersions),
]
