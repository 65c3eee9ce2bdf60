"""From a create request to a session's document, with its files in place.

Source: spec sections 3.1 and 7.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_agents.domain import agents, session_object
from jupyter_agents.domain.inbox import check_content
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.attachments import Attachments
from jupyter_agents.runtime.files import Files
from jupyter_agents.store.catalog import Catalog

Doc = dict[str, Any]


class Creator:
    """Checks create requests and mounts their files.

    Parameters
    ----------
    check:
        Raises `InvalidRequest` for a session that its environment cannot serve.
    max_files:
        Files that one session may have mounted.
    """

    def __init__(
        self,
        catalog: Catalog,
        files: Files,
        attachments: Attachments,
        check: Callable[[Doc, Doc], None],
        max_files: int,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._attachments = attachments
        self._check = check
        self._max_files = max_files
        self._clock = clock
        self._new_id = new_id

    async def make(self, body: Mapping[str, Any], session_id: str) -> Doc:
        """The document of a new, idle session. Raises `InvalidRequest`, `NotFound`."""
        session_object.check_body(body)
        agent = self._agent(body)
        environment = self._catalog.get("environment", body["environment_id"])
        if environment["archived_at"] is not None:
            raise InvalidRequest(f"environment `{environment['id']}` is archived.")
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
        return doc

    def _agent(self, body: Mapping[str, Any]) -> Doc:
        given = body["agent"]
        reference: Doc = {"id": given} if isinstance(given, str) else given
        agent = self._catalog.get("agent", reference["id"])
        if agent["archived_at"] is not None:
            raise InvalidRequest(f"agent `{agent['id']}` is archived and starts no new sessions.")
        if reference.get("version") is not None:
            agent = self._catalog.version(agent["id"], reference["version"])
        if reference.get("type") == "agent_with_overrides":
            agent = agents.override(agent, reference)
        session_object.check_runnable(agent, body)
        return agent

    async def _mount(self, session_id: str, resources: list[Doc]) -> list[Doc]:
        if len(resources) > self._max_files:
            raise InvalidRequest(f"resources: at most {self._max_files} files are allowed.")
        shown = []
        for position, resource in enumerate(resources):
            try:
                shown.append(await self._files.mount(session_id, resource))
            except NotFound as error:
                raise InvalidRequest(f"resources.{position}.file_id: {error.message}") from None
            except InvalidRequest as error:
                raise InvalidRequest(f"resources.{position}.{error.message}") from None
        return shown
