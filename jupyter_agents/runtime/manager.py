"""SessionManager: creates sessions, finds their runners, recovers at start, ends idle sandboxes.

Source: spec sections 3.1, 3.6 and 5.8; docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jupyter_agents.domain import session_object
from jupyter_agents.domain.events import Draft, Stamp, terminated
from jupyter_agents.domain.hosting import Life
from jupyter_agents.domain.sessions import fold
from jupyter_agents.domain.state import State
from jupyter_agents.errors import Conflict, InvalidRequest
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.attachments import Attachments
from jupyter_agents.runtime.creation import Creator
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.follow import Follower
from jupyter_agents.runtime.idle import IdleWatch
from jupyter_agents.runtime.model import Model
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.repositories import Repositories
from jupyter_agents.runtime.runner import Retired, Services, SessionRunner
from jupyter_agents.runtime.streams import Hub, Subscription
from jupyter_agents.runtime.tools import SessionTools
from jupyter_agents.store import catalog as documents
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.journal import Journal, delete_records
from jupyter_agents.store.ownership import Ownership

Doc = dict[str, Any]

MOST_FILES = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What the manager is built from. over: told of every session that is archived; forget: of every
    one that is deleted."""

    journal: Journal
    catalog: Catalog
    ownership: Ownership
    files: Files
    mounted: Mounted
    repositories: Repositories
    hub: Hub
    clock: Clock
    new_id: NewId
    model: Callable[[str], Model]
    dropped: Callable[[str], set[str]]
    tools: Callable[[Doc], SessionTools]
    check_startable: Callable[[Doc], None]
    check: Callable[[Doc, Doc], None]
    check_packages: Callable[[Doc, Doc], Awaitable[None]]
    places: Callable[[Doc], list[str]]
    life: Callable[[Doc], Life]
    turn_ended: Callable[[str], None]
    over: Callable[[Doc], Awaitable[None]]
    forget: Callable[[str], Awaitable[None]]
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
        self._attachments = Attachments(parts.files)
        self._creator = Creator(
            parts.catalog,
            parts.files,
            parts.mounted,
            parts.repositories,
            self._attachments,
            parts.check_startable,
            parts.check,
            parts.check_packages,
            parts.places,
            parts.max_files,
            parts.clock,
            parts.new_id,
        )
        self._follower = Follower(
            parts.journal, parts.catalog, parts.hub, self._runners.__contains__, parts.clock, parts.new_id
        )
        self._idle = IdleWatch(self._runners, parts.life, self._give_up, parts.clock)
        self._services = Services(
            journal=parts.journal,
            hub=parts.hub,
            clock=parts.clock,
            new_id=parts.new_id,
            model=parts.model,
            dropped=parts.dropped,
            resolve=self._attachments.resolve,
            project=_project,
            turn_ended=self._turn_ended,
        )

    async def start(self) -> None:
        """Let sessions that were running go on, and look after streams and idle sandboxes."""
        self._tasks = [
            asyncio.create_task(self._follower.run(), name="follow journals"),
            asyncio.create_task(self._idle.run(), name="look after idle sandboxes"),
        ]
        for session_id in self.parts.catalog.unsettled():
            try:
                await self.runner(session_id)
            except Conflict:
                log.info("Session %s is run by another process", session_id)
            except Exception:
                log.exception("Session %s cannot go on", session_id)

    async def stop(self) -> None:
        """End all sandboxes; running turns go on at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.parts.hub.close()
        await self._idle.close()
        await asyncio.gather(*(runner.close() for runner in self._runners.values()))
        self._runners.clear()
        self.parts.ownership.close()

    async def create(self, body: Mapping[str, Any]) -> Doc:
        """Create a session, as shown on the wire (spec section 3.1)."""
        parts, session_id = self.parts, self.parts.new_id("sesn")
        try:
            doc = await self._creator.make(body, session_id)
            initial = body.get("initial_events") or []
            stamp = Stamp(parts.clock, parts.new_id)
            drafts = [stamp.private("private.session", doc), *(stamp.queued(event) for event in initial)]
            stamp.seal(drafts)

            def project(connection: sqlite3.Connection) -> None:
                status = "running" if initial else "idle"
                documents.require(connection, "environment", doc["environment_id"])
                documents.put(connection, "session", doc | {"status": status}, status=status)
                documents.mark_unsettled(connection, session_id, bool(initial))

            return await self._begin(session_id, drafts, project)
        except BaseException:
            await self.forget(session_id)
            raise

    async def adopt(self, doc: Doc, drafts: Sequence[Draft]) -> Doc:
        """Begin the session `doc` with these records, sealed; as shown on the wire."""

        def project(connection: sqlite3.Connection) -> None:
            documents.require(connection, "environment", doc["environment_id"])
            documents.put(connection, "session", doc, status=doc["status"])

        return await self._begin(doc["id"], drafts, project)

    async def _begin(
        self, session_id: str, drafts: Sequence[Draft], project: Callable[[sqlite3.Connection], None]
    ) -> Doc:
        self.parts.ownership.acquire(session_id)
        records = await self.parts.journal.append(session_id, 0, drafts, project)
        runner = self._runners[session_id] = self._runner(fold(records))
        runner.wake()
        return self.show(session_id)

    async def forget(self, session_id: str) -> None:
        """Remove what was prepared for a session that did not come about."""
        await self._creator.forget(session_id)
        await self.parts.forget(session_id)
        self.parts.ownership.forget(session_id)

    def show(self, session_id: str) -> Doc:
        """The session as the API shows it. Raises `NotFound`."""
        return self.present(self.parts.catalog.get("session", session_id))

    def present(self, doc: Doc) -> Doc:
        """A stored session as the API shows it; of a live one, as it is this moment."""
        now = self.parts.clock()
        runner = self._runners.get(doc["id"])
        if runner is not None and not runner.broken and doc["archived_at"] is None:
            doc = doc | {"status": runner.status, "usage": runner.state.usage_wire(now)}
        return session_object.wire(doc, rfc3339(now))

    async def runner(self, session_id: str) -> SessionRunner:
        """The runner of a session, loaded and recovered where it was not; we own it from now on.

        Raises `NotFound`, or `Conflict` where another process runs the session.
        """
        async with self._lock(session_id):
            found = self._runners.get(session_id)
            if found is not None and not (found.broken or found.retired):
                return found
            self.parts.catalog.get("session", session_id)
            if found is not None:
                del self._runners[session_id]
                await found.close()
            if not self.parts.ownership.acquire(session_id):
                raise Conflict(
                    "Another Jupyter server process runs this session. Send there, or end that process."
                )
            state = await asyncio.to_thread(lambda: fold(self.parts.journal.read(session_id)))
            self._follower.catch_up(session_id)
            runner = self._runner(state)
            await runner.recover()
            self._runners[session_id] = runner
            return runner

    def live(self, session_id: str) -> SessionRunner | None:
        """The runner of a session that this process runs, if it does."""
        return self._runners.get(session_id)

    def runners(self) -> list[SessionRunner]:
        """All sessions that this process holds."""
        return list(self._runners.values())

    def queued(self, session_id: str) -> list[Doc]:
        """Client events that wait to be processed, oldest first."""
        runner = self._runners.get(session_id)
        if runner is not None:
            return list(runner.state.queue)
        return [json.loads(event) for event in self.parts.journal.queued(session_id)]

    async def send(self, session_id: str, bodies: list[Doc], by: str | None = None) -> list[Doc]:
        """Post client events to a session; `by` is the name of the user who does."""
        self.parts.catalog.get("session", session_id)
        await self._attachments.check("events", bodies)
        while True:
            try:
                return await (await self.runner(session_id)).post(bodies, by)
            except Retired:
                continue

    async def record(
        self,
        session_id: str,
        make: Callable[[SessionRunner], Sequence[Draft] | Awaitable[Sequence[Draft]]],
    ) -> SessionRunner:
        """Append what `make` makes of the session's runner when its turn has come, and act on it."""
        while True:
            runner = await self.runner(session_id)
            with contextlib.suppress(Retired):
                await runner.append(partial(make, runner))
                runner.wake()
                return runner

    async def update(self, session_id: str, body: Doc) -> Doc:
        """Change a session; returns it as shown on the wire (spec section 3.4)."""
        doc = self.parts.catalog.get("session", session_id)
        environment = self.parts.catalog.find("environment", doc["environment_id"]) or {"metadata": {}}
        while True:
            runner = await self.runner(session_id)
            with contextlib.suppress(Retired):
                await runner.update(body, lambda new: self.parts.check(new, environment))
                return self.show(session_id)

    async def archive(self, session_id: str) -> Doc:
        """End a session for good; its history stays (spec section 3.6)."""
        ended = {"archived_at": rfc3339(self.parts.clock())}
        while self.parts.catalog.get("session", session_id)["archived_at"] is None:
            runner = await self.runner(session_id)
            with contextlib.suppress(Retired):
                await self._end(runner, ended)
        return self.show(session_id)

    async def _end(self, runner: SessionRunner, ended: Doc) -> None:
        def drafts() -> list[Draft]:
            if runner.state.status == "terminated":
                return []
            _refuse_running(runner, "archived")
            return [runner.stamp.event(body, ended) for body in terminated(runner.state.primary)]

        await runner.append(drafts)
        self.parts.hub.end(runner.id)
        async with self._lock(runner.id):
            await self._unload(runner)
            await self.parts.over(runner.state.session)

    async def delete(self, session_id: str) -> None:
        """Remove a session, its records and its files; uploads stay (spec section 3.6)."""

        def work(connection: sqlite3.Connection) -> None:
            delete_records(connection, session_id)
            documents.delete(connection, "session", session_id)
            documents.mark_unsettled(connection, session_id, False)

        while True:
            runner = await self.runner(session_id)
            async with self._lock(session_id):
                if self._runners.get(session_id) is not runner:
                    continue
                _refuse_running(runner, "deleted")
                await runner.close()
                await self.parts.write(work)
                self._follower.deleted(session_id)
                await self._creator.forget(session_id)
                await self.parts.forget(session_id)
                self._runners.pop(session_id, None)
                self.parts.ownership.forget(session_id)
                break
        self._loading.pop(session_id, None)

    def subscribe(self, session_id: str, deltas: tuple[str, ...]) -> Subscription:
        """Hear what a session's journal gets from now on."""
        self.parts.catalog.get("session", session_id)
        runner = self._runners.get(session_id)
        seq = self.parts.journal.last_seq(session_id) if runner is None else runner.state.seq
        subscription = self.parts.hub.subscribe(session_id, deltas, seq)
        doc = self.parts.catalog.find("session", session_id)
        if doc is not None and doc["archived_at"] is not None:
            subscription.put(None)
        return subscription

    def _runner(self, state: State) -> SessionRunner:
        return SessionRunner(self._services, state, self.parts.tools(state.session))

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._loading.setdefault(session_id, asyncio.Lock())

    async def _unload(self, runner: SessionRunner) -> None:
        """Give up a session, with its lock held."""
        await runner.close()
        if self._runners.get(runner.id) is runner:
            del self._runners[runner.id]
            self.parts.ownership.release(runner.id)

    async def _give_up(self, runner: SessionRunner) -> None:
        async with self._lock(runner.id):
            await self._unload(runner)

    def _turn_ended(self, session_id: str) -> None:
        self.parts.turn_ended(session_id)
        self._idle.turn_ended(session_id)


def _refuse_running(runner: SessionRunner, what: str) -> None:
    if not runner.resting:
        raise InvalidRequest(
            f"The session is running and cannot be {what}: send user.interrupt and wait until it is idle."
        )


def _project(connection: sqlite3.Connection, session_id: str, changes: Doc, unsettled: bool | None) -> None:
    """Write changed fields to a session's row, inside a transaction."""
    if unsettled is not None:
        documents.mark_unsettled(connection, session_id, unsettled)
    if changes:
        documents.change_session(connection, session_id, changes)
