"""From a create request to a session's document, with its files in place.

Source: spec sections 3.1 and 7.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jupyter_agents.domain import agents, session_object
from jupyter_agents.domain.inbox import check_content
from jupyter_agents.domain.resources import count
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.attachments import Attachments
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.repositories import KIND, Repositories
from jupyter_agents.store.catalog import Catalog

Doc = dict[str, Any]

MOST_REPOSITORIES = 20


class Creator:
    """Checks create requests and attaches their files and repositories.

    Parameters
    ----------
    check_startable:
        Raises `InvalidRequest` for an environment that starts no session.
    check:
        Raises `InvalidRequest` for a session that its environment cannot serve.
    check_packages:
        The same for packages that cannot be installed; may wait until it is known which sandbox works.
    places:
        What the model is told of folders that its sandbox shows.
    max_files:
        Files that one session may have mounted.
    """

    def __init__(
        self,
        catalog: Catalog,
        files: Files,
        mounted: Mounted,
        repositories: Repositories,
        attachments: Attachments,
        check_startable: Callable[[Doc], None],
        check: Callable[[Doc, Doc], None],
        check_packages: Callable[[Doc, Doc], Awaitable[None]],
        places: Callable[[Doc], list[str]],
        max_files: int,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._mounted = mounted
        self._repositories = repositories
        self._attachments = attachments
        self._check_startable = check_startable
        self._check = check
        self._check_packages = check_packages
        self._places = places
        self._max_files = max_files
        self._clock = clock
        self._new_id = new_id

    async def make(self, body: Mapping[str, Any], session_id: str) -> Doc:
        """The document of a new, idle session. Raises `InvalidRequest`, `NotFound`."""
        session_object.check_body(body)
        agent = await self._agent(body)
        environment = self._catalog.get("environment", body["environment_id"])
        self._check_startable(environment)
        initial = body.get("initial_events") or []
        for position, event in enumerate(initial):
            check_content(f"initial_events.{position}.content", event["content"])
        await self._attachments.check("initial_events", initial)
        doc = session_object.create_session(
            body,
            agent,
            environment,
            await self._mount(session_id, body.get("resources") or []),
            session_id=session_id,
            thread_id=self._new_id("sthr"),
            now=rfc3339(self._clock()),
        )
        self._check(doc, environment)
        await self._check_packages(doc, environment)
        doc["notes"] += self._places(doc)
        return doc

    async def forget(self, session_id: str) -> None:
        """Remove the files, folders and tokens of a session that is not, or no longer, there."""
        await self._files.forget_session(session_id)
        await asyncio.to_thread(self._mounted.forget_session, session_id)
        self._repositories.forget(session_id)

    async def _agent(self, body: Mapping[str, Any]) -> Doc:
        given = body["agent"]
        reference: Doc = {"id": given} if isinstance(given, str) else given
        agent = self._catalog.get("agent", reference["id"])
        if agent["archived_at"] is not None:
            raise InvalidRequest(f"agent `{agent['id']}` is archived and starts no new sessions.")
        if reference.get("version", 1) < 1:
            raise InvalidRequest("agent.version: expected 1 or more.")
        if reference.get("version") is not None:
            if reference["version"] < 1:
                raise InvalidRequest("agent.version: expected 1 or more.")
            agent = self._catalog.version(agent["id"], reference["version"])
        if reference.get("type") == "agent_with_overrides":
            agent = await asyncio.to_thread(agents.override, agent, reference)
        session_object.check_runnable(agent, body)
        return agent

    async def _mount(self, session_id: str, given: list[Doc]) -> list[Doc]:
        if count(given, KIND) > MOST_REPOSITORIES:
            raise InvalidRequest(f"resources: at most {MOST_REPOSITORIES} repositories are allowed.")
        if count(given, "file") > self._max_files:
            raise InvalidRequest(f"resources: at most {self._max_files} files are allowed.")
        shown: list[Doc] = []
        for position, resource in enumerate(given):
            try:
                if resource["type"] == KIND:
                    shown.append(self._repositories.attach(session_id, resource, shown))
                else:
                    shown.append(await self._mounted.mount(session_id, resource, shown))
            except NotFound as error:
                raise InvalidRequest(f"resources.{position}.file_id: {error.message}") from None
            except InvalidRequest as error:
                raise InvalidRequest(f"resources.{position}.{error.message}") from None
        return shown
