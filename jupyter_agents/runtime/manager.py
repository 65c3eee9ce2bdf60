"""SessionManager: creates sessions, finds their runners, recovers at start, ends idle sandboxes.

Source: spec sections 3.1, 3.6 and 5.8; docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_agents.domain import agents, session_object
from jupyter_agents.domain.events import Stamp, terminated
from jupyter_agents.domain.inbox import check_content
from jupyter_agents.domain.sessions import State, apply
from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.model import Model
from jupyter_agents.runtime.runner import Services, SessionRunner
from jupyter_agents.runtime.streams import Hub, Subscription
from jupyter_agents.runtime.tools import SessionTools
from jupyter_agents.store import catalog as documents
from jupyter_agents.store.catalog import Catalog, Where
from jupyter_agents.store.journal import Journal, delete_records
from jupyter_agents.store.ownership import Ownership

Doc = dict[str, Any]

FOLLOW_SECONDS = 0.1
SWEEP_SECONDS = 15.0
MOST_FILES = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What the manager is built from."""

    journal: Journal
    catalog: Catalog
    ownership: Ownership
    files: Files
    hub: Hub
    clock: Clock
    new_id: NewId
    model: Callable[[str], Model]
    dropped: Callable[[str], set[str]]
    tools: Callable[[Doc], SessionTools]
    check: Callable[[Doc, Doc], None]
    idle_timeout: Callable[[Doc], float]
    turn_ended: Callable[[str], None]
    resolve: Callable[[Doc], Any]
    write: Callable[[Callable[[sqlite3.Connection], None]], Any]
    max_files: int = MOST_FILES


class SessionManager:
    """The sessions of one server process.

    Parameters
    ----------
    parts:
        The store, the files, the model and the sandboxes.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._runners: dict[str, SessionRunner] = {}
        self._loading: dict[str, asyncio.Lock] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._services = Services(
            journal=parts.journal,
            hub=parts.hub,
            clock=parts.clock,
            new_id=parts.new_id,
            model=parts.model,
            dropped=parts.dropped,
            resolve=parts.resolve,
            project=_project,
            turn_ended=parts.turn_ended,
        )

    async def start(self) -> None:
        """Let sessions that were running go on, and look after streams and idle sandboxes."""
        self._tasks = [
            asyncio.create_task(self._follow(), name="follow journals"),
            asyncio.create_task(self._sweep(), name="end idle sandboxes"),
        ]
        cut = Where(("status IN ('running', 'rescheduling')",))
        for doc in self.parts.catalog.all("session", cut):
            try:
                await self.runner(doc["id"])
            except Conflict:
                log.info("Session %s is run by another process", doc["id"])

    async def stop(self) -> None:
        """End all sandboxes; running turns go on at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.parts.hub.close()
        await asyncio.gather(*(runner.close() for runner in self._runners.values()))
        self._runners.clear()
        self.parts.ownership.close()

    async def create(self, body: Mapping[str, Any]) -> Doc:
        """Create a session, as shown on the wire (spec section 3.1)."""
        parts = self.parts
        session_object.check_body(body)
        agent = self._agent(body["agent"])
        environment = parts.catalog.get("environment", body["environment_id"])
        if environment["archived_at"] is not None:
            raise InvalidRequest(f"environment `{environment['id']}` is archived.")
        initial = body.get("initial_events") or []
        for position, event in enumerate(initial):
            check_content(f"initial_events.{position}.content", event["content"])
        session_id = parts.new_id("sesn")
        resources = await self._mount(session_id, body.get("resources") or [])
        doc = session_object.create_session(
            body,
            agent,
            environment,
            resources,
            session_id=session_id,
            thread_id=parts.new_id("sthr"),
            now=rfc3339(parts.clock()),
        )
        parts.check(doc, environment)
        parts.ownership.acquire(session_id)
        draft = Stamp(parts.clock, parts.new_id).private("private.session", doc)
        records = await parts.journal.append(
            session_id, 0, [draft], lambda c: documents.put(c, "session", doc, status="idle")
        )
        state = State()
        for record in records:
            apply(state, record)
        self._runners[session_id] = SessionRunner(self._services, state, parts.tools(doc))
        if initial:
            await self._runners[session_id].post(initial)
            return self.show(session_id) | {"status": "running"}
        return self.show(session_id)

    def show(self, session_id: str) -> Doc:
        """The session as the API shows it; of a live one, as it is this moment."""
        doc = self.parts.catalog.get("session", session_id)
        runner = self._runners.get(session_id)
        if runner is not None and not runner.broken:
            state = runner.state
            doc |= {"status": state.status, "usage": state.usage_wire()}
        return session_object.wire(doc, rfc3339(self.parts.clock()))

    async def runner(self, session_id: str) -> SessionRunner:
        """The runner of a session, loaded and recovered where it was not; we own it from now on.

        Raises `NotFound`, or `Conflict` where another process runs the session.
        """
        async with self._loading.setdefault(session_id, asyncio.Lock()):
            found = self._runners.get(session_id)
            if found is not None and not found.broken:
                return found
            if found is not None:
                await found.close()
            doc = self.parts.catalog.get("session", session_id)
            if not self.parts.ownership.acquire(session_id):
                raise Conflict(
                    "Another Jupyter server process runs this session. Send there, or end that process."
                )
            state = await asyncio.to_thread(self._load, session_id)
            runner = SessionRunner(self._services, state, self.parts.tools(doc))
            self._runners[session_id] = runner
            await runner.recover()
            return runner

    def live(self, session_id: str) -> SessionRunner | None:
        """The runner of a session that this process runs, if it does."""
        return self._runners.get(session_id)

    def queued(self, session_id: str) -> list[Doc]:
        """Client events that wait to be processed, oldest first."""
        runner = self._runners.get(session_id)
        if runner is not None:
            return list(runner.state.queue)
        return [json.loads(event) for event in self.parts.journal.queued(session_id)]

    async def send(self, session_id: str, bodies: list[Doc]) -> list[Doc]:
        """Post client events to a session."""
        self.parts.catalog.get("session", session_id)
        return await (await self.runner(session_id)).post(bodies)

    async def archive(self, session_id: str) -> Doc:
        """End a session for good; its history stays (spec section 3.6)."""
        doc = self.parts.catalog.get("session", session_id)
        if doc["archived_at"] is not None:
            return self.show(session_id)
        runner = await self.runner(session_id)
        _refuse_running(runner, "archived")
        stamp = runner.stamp
        await runner.append([stamp.event(e) for e in terminated(runner.state.primary)])
        ended = {"archived_at": rfc3339(self.parts.clock()), "status": "terminated"}
        await self.parts.write(lambda c: _project(c, session_id, ended))
        self.parts.hub.end(session_id)
        await self._unload(session_id)
        return self.show(session_id)

    async def delete(self, session_id: str) -> None:
        """Remove a session, its records and its files; uploads stay (spec section 3.6)."""
        self.parts.catalog.get("session", session_id)
        runner = await self.runner(session_id)
        _refuse_running(runner, "deleted")
        await runner.append([runner.stamp.event({"type": "session.deleted"})])
        self.parts.hub.end(session_id)
        await self._unload(session_id)

        def work(connection: sqlite3.Connection) -> None:
            delete_records(connection, session_id)
            documents.delete(connection, "session", session_id)

        await self.parts.write(work)
        await self.parts.files.forget_session(session_id)
        self.parts.ownership.forget(session_id)

    def subscribe(self, session_id: str, deltas: tuple[str, ...]) -> Subscription:
        """Hear what a session's journal gets from now on."""
        doc = self.parts.catalog.get("session", session_id)
        runner = self._runners.get(session_id)
        seq = self.parts.journal.last_seq(session_id) if runner is None else runner.state.seq
        subscription = self.parts.hub.subscribe(session_id, deltas, seq)
        if doc["archived_at"] is not None:
            subscription.put(None)
        return subscription

    def _agent(self, given: Any) -> Doc:
        reference: Doc = {"id": given} if isinstance(given, str) else given
        agent = self.parts.catalog.get("agent", reference["id"])
        if agent["archived_at"] is not None:
            raise InvalidRequest(f"agent `{agent['id']}` is archived and starts no new sessions.")
        if reference.get("version") is not None:
            agent = self.parts.catalog.version(agent["id"], reference["version"])
        if reference.get("type") == "agent_with_overrides":
            agent = agents.override(agent, reference)
        session_object.check_runnable(agent)
        return agent

    async def _mount(self, session_id: str, resources: list[Doc]) -> list[Doc]:
        if len(resources) > self.parts.max_files:
            raise InvalidRequest(f"resources: at most {self.parts.max_files} files are allowed.")
        shown = []
        try:
            for position, resource in enumerate(resources):
                try:
                    shown.append((await self.parts.files.mount(session_id, resource))[0])
                except NotFound as error:
                    raise InvalidRequest(f"resources.{position}.file_id: {error.message}") from None
        except BaseException:
            await self.parts.files.forget_session(session_id)
            raise
        return shown

    def _load(self, session_id: str) -> State:
        state = State()
        for record in self.parts.journal.read(session_id):
            apply(state, record)
        return state

    async def _unload(self, session_id: str) -> None:
        async with self._loading.setdefault(session_id, asyncio.Lock()):
            runner = self._runners.pop(session_id, None)
            if runner is not None:
                await runner.close()
            self.parts.ownership.release(session_id)

    async def _follow(self) -> None:
        """Tell local readers of what other processes append."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            for session_id in self.parts.hub.sessions():
                if session_id in self._runners:
                    continue
                for record in self.parts.journal.read(session_id, self.parts.hub.seen[session_id]):
                    if record.kind == "event":
                        self.parts.hub.publish(session_id, record.event, record.seq)
                    if record.event["type"] in ("session.deleted", "session.status_terminated"):
                        self.parts.hub.end(session_id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.parts.clock()
            for runner in list(self._runners.values()):
                unused = (now - runner.tools.used_at).total_seconds()
                if not runner.busy and unused > self.parts.idle_timeout(runner.state.session):
                    await self._unload(runner.id)


def _refuse_running(runner: SessionRunner, what: str) -> None:
    if runner.state.status in ("running", "rescheduling") or runner.busy:
        raise InvalidRequest(
            f"The session is running and cannot be {what}: send user.interrupt and wait until it is idle."
        )


def _project(connection: sqlite3.Connection, session_id: str, changes: Doc) -> None:
    """Write changed fields to a session's row, inside a transaction."""
    row = connection.execute(
        "SELECT body FROM documents WHERE kind = 'session' AND id = ?", (session_id,)
    ).fetchone()
    if row is not None:
        doc = json.loads(row[0]) | changes
        documents.put(connection, "session", doc, status=doc["status"])
