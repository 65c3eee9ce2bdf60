"""SessionRunner: the one writer of a session. It takes client events, drives the loop, recovers.

Source: docs/architecture.md invariants 1 and 4; docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_agents.domain import events, inbox, projection, session_update
from jupyter_agents.domain.events import RESULTS, Draft, Stamp
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.domain.steps import (
    CallModel,
    Compact,
    EndTurn,
    Interrupt,
    Retry,
    RunTools,
    Step,
    Stop,
    Wait,
    begins,
    step,
)
from jupyter_agents.ids import Clock, NewId
from jupyter_agents.runtime.loop import Drafts, close_open, end_turn, perform
from jupyter_agents.runtime.model import Model
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.streams import Hub
from jupyter_agents.store.journal import Journal

Doc = dict[str, Any]

CRASHED = "The server stopped while this call was open: interrupted, it may have run."
FAULT = "The server met an error of its own; its log has the details."
CANCELLABLE = (CallModel, Compact, RunTools, Retry)

log = logging.getLogger(__name__)


class Retired(Exception):
    """This runner is done; the session has another one, or none."""


@dataclass(frozen=True)
class Services:
    """What every runner shares.

    project: writes changed fields to a session's row, and whether it is unsettled (None: as before),
    inside a transaction. turn_ended: told of every session whose turn ended.
    """

    journal: Journal
    hub: Hub
    clock: Clock
    new_id: NewId
    model: Callable[[str], Model]
    dropped: Callable[[str], set[str]]
    resolve: Callable[[Doc], Any]
    project: Callable[[sqlite3.Connection, str, Doc, bool | None], None]
    turn_ended: Callable[[str], None]


class SessionRunner:
    """Owns one session's journal while it lives.

    Parameters
    ----------
    services:
        What all runners share.
    state:
        The fold of the journal so far.
    tools:
        Where the session's calls go (`jupyter_agents.runtime.tools.SessionTools`).
    """

    def __init__(self, services: Services, state: State, tools: Any) -> None:
        self.services = services
        self.state = state
        self.tools = tools
        self.stamp = Stamp(services.clock, services.new_id, state.last)
        self._lock = asyncio.Lock()
        self._appends: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._current: asyncio.Task[None] | None = None
        self._cancellable = False
        self._unsettled: bool | None = None
        self.broken = False
        self.retired = False

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.state.session["id"])

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do."""
        return isinstance(step(self.state), Wait | Stop)

    @property
    def status(self) -> str:
        """The session's status; one that is about to run is running, so that who polls is not misled."""
        return "running" if begins(self.state) else self.state.status

    async def post(self, bodies: Sequence[Doc], by: str | None = None) -> list[Doc]:
        """Take client events: checked, durable, then acted on. Returns them with their ids.

        by: the name of the user who sends them.
        """
        taken: list[Draft] = []

        def drafts() -> list[Draft]:
            inbox.check(self.state, bodies)
            taken.extend(self.stamp.queued(body, by) for body in bodies)
            return [draft for draft in taken if inbox.stored(self.state, draft.event)]

        await self.append(drafts)
        self.wake()
        return [draft.event for draft in taken]

    async def update(self, body: Doc, check: Callable[[Doc], None]) -> None:
        """Change the session (spec section 3.4). Nothing is recorded where nothing changes.

        check: raises `InvalidRequest` for new metadata that cannot be served; it is given the session.
        """

        def drafts() -> list[Draft]:
            changed = session_update.changes(self.state, body, running=self.status != "idle")
            if "metadata" in changed:
                check(self.state.session | changed)
            return [self.stamp.event(session_update.updated(changed), changed)] if changed else []

        await self.append(drafts)
        self.wake()

    async def recover(self) -> None:
        """Close what a crash left open, as errors; nothing is run a second time."""
        if self.state.status in ("running", "rescheduling"):
            waiting = {call.id for call in self.state.waiting}
            await self.append(lambda: [d for d in close_open(self, CRASHED) if _call_of(d) not in waiting])
        self.wake()

    def wake(self) -> None:
        """See to it that the loop runs, if there is anything to do."""
        busy = self._task is not None and not self._task.done()
        if not (busy or self.broken or self.retired or self.resting):
            self._task = asyncio.create_task(self._run(), name=f"session {self.id}")

    async def append(self, drafts: Drafts) -> None:
        """See `loop.Session.append`. What has begun is finished, even if the caller is cancelled.

        Raises `Retired`, and what a function that makes the drafts raises.
        """
        task = asyncio.create_task(self._append(drafts))
        self._appends.add(task)
        task.add_done_callback(self._appends.discard)
        await asyncio.shield(task)

    async def _append(self, given: Drafts) -> None:
        async with self._lock:
            if self.retired:
                raise Retired
            made = given() if callable(given) else given
            drafts = await made if isinstance(made, Awaitable) else made
            if not drafts:
                return
            self.stamp.seal(drafts)
            also, unsettled = self._projection(drafts)
            records = await self.services.journal.append(self.id, self.state.seq, drafts, also)
            self._unsettled = unsettled
            for record in records:
                apply(self.state, record)
                if record.kind == "event":
                    self.services.hub.publish(self.id, record.event, record.seq)
            if any(d.kind == "queued" and d.event["type"] == "user.interrupt" for d in drafts):
                self._cancel_current()

    def _projection(
        self, drafts: Sequence[Draft]
    ) -> tuple[Callable[[sqlite3.Connection], None] | None, bool]:
        changes = projection.row(self.state, drafts)
        unsettled = projection.unsettled(self.state, drafts)
        mark = None if unsettled == self._unsettled else unsettled
        if not changes and mark is None:
            return None, unsettled
        return lambda connection: self.services.project(connection, self.id, changes, mark), unsettled

    def model(self) -> Model:
        """See `loop.Session.model`."""
        return self.services.model(self.id)

    def dropped(self) -> set[str]:
        """See `loop.Session.dropped`."""
        return self.services.dropped(self.state.session["agent"]["model"]["id"])

    async def resolve(self, request: Doc) -> Doc:
        """See `loop.Session.resolve`."""
        resolved: Doc = await self.services.resolve(request)
        return resolved

    def preview(self, type: str, event_id: str, index: int, text: str) -> None:
        """See `loop.Session.preview`."""
        self.services.hub.preview(self.id, type, event_id, index, text)

    def drift(self, recordings: Recordings | None) -> list[str]:
        """The model's ids of the session's calls whose results differ from the recorded ones."""
        if recordings is None:
            return []
        return recordings.drift({"messages": self.state.messages})

    def retire(self) -> bool:
        """Take nothing more, if nothing is going on; False where something is."""
        if not self.resting or self._lock.locked():
            return False
        self.retired = True
        return True

    async def close(self) -> None:
        """Stop without ending the turn: it goes on at the next start. Ends the sandbox."""
        self.retired = True
        if self._task is not None:
            self._task.cancel()
        waiting = [*self._appends] if self._task is None else [self._task, *self._appends]
        await asyncio.gather(*waiting, return_exceptions=True)
        await self.tools.close()

    def _cancel_current(self) -> None:
        if self._current is not None and self._cancellable:
            self._current.cancel()

    async def _run(self) -> None:
        try:
            while not isinstance(next_step := step(self.state), Wait | Stop):
                await self._act(next_step)
                if isinstance(next_step, EndTurn | Interrupt):
                    self.services.turn_ended(self.id)
        except Retired:
            pass
        except sqlite3.Error as error:
            log.error("Session %s: the journal cannot be written: %s", self.id, error)
            self._break(
                f"The session's journal cannot be written ({error}). Free some disk space, then send again."
            )
        except Exception:
            log.exception("Session %s cannot go on", self.id)
            self._break(FAULT)
        finally:
            self._current = None

    async def _act(self, next_step: Step) -> None:
        self._cancellable = isinstance(next_step, CANCELLABLE)
        self._current = asyncio.create_task(perform(self, next_step))
        try:
            await self._current
        except asyncio.CancelledError:
            self._current.cancel()
            await asyncio.gather(self._current, *self._appends, return_exceptions=True)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except (sqlite3.Error, Retired):
            raise
        except Exception:
            log.exception("Session %s: step %s failed", self.id, type(next_step).__name__)
            await end_turn(self, EndTurn(events.RETRIES_EXHAUSTED, error=("unknown_error", FAULT)))

    def _break(self, message: str) -> None:
        """Nothing can be recorded: say so on the streams, and start anew at the next request."""
        self.broken = True
        body = {"type": "error", "error": {"type": "api_error", "message": message}}
        self.services.hub.fail(self.id, body)


def _call_of(draft: Draft) -> str | None:
    field = RESULTS.get(draft.event["type"])
    return None if field is None else draft.event[field]
