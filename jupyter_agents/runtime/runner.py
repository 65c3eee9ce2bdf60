"""SessionRunner: the one writer of a session. It takes client events, drives the loop, recovers.

Source: docs/architecture.md invariants 1 and 4; docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_agents.domain import events, inbox
from jupyter_agents.domain.events import Draft, Stamp
from jupyter_agents.domain.sessions import (
    CallModel,
    EndTurn,
    Retry,
    RunTools,
    State,
    Step,
    Stop,
    Wait,
    apply,
    step,
)
from jupyter_agents.ids import Clock, NewId
from jupyter_agents.runtime.loop import close_open, end_turn, perform
from jupyter_agents.runtime.model import Model
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.streams import Hub
from jupyter_agents.store.journal import Journal

Doc = dict[str, Any]

CRASHED = "The server stopped while this call was open: interrupted, it may have run."
CANCELLABLE = (CallModel, RunTools, Retry)
PROJECTED = ("session.status_", "session.updated", "session.usage")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What every runner shares. project: writes changed fields to a session's row, inside a transaction."""

    journal: Journal
    hub: Hub
    clock: Clock
    new_id: NewId
    model: Callable[[str], Model]
    dropped: Callable[[str], set[str]]
    resolve: Callable[[Doc], Any]
    project: Callable[[sqlite3.Connection, str, Doc], None]
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
        self.broken = False

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.state.session["id"])

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self._task is not None and not self._task.done()

    async def post(self, bodies: Sequence[Doc]) -> list[Doc]:
        """Take client events: checked, durable, then acted on. Returns them with their ids."""
        inbox.check(self.state, bodies)
        drafts = [self.stamp.queued(body) for body in bodies]
        await self.append(drafts)
        self.wake()
        if any(body["type"] == "user.interrupt" for body in bodies):
            self._cancel_current()
        return [draft.event for draft in drafts]

    async def recover(self) -> None:
        """Close what a crash left open, as errors; nothing is run a second time."""
        drafts: list[Draft] = []
        if self.state.status in ("running", "rescheduling"):
            waiting = {call.id for call in self.state.waiting}
            drafts = [d for d in close_open(self, CRASHED) if _call_of(d) not in waiting]
        if drafts:
            await self.append(drafts)
        self.wake()

    def wake(self) -> None:
        """See to it that the loop runs, if there is anything to do."""
        if not self.busy and not self.broken and not isinstance(step(self.state), Wait | Stop):
            self._task = asyncio.create_task(self._run(), name=f"session {self.id}")

    async def append(self, drafts: Sequence[Draft]) -> None:
        """See `loop.Session.append`. What has begun is finished, even if the caller is cancelled."""
        task = asyncio.create_task(self._append(drafts))
        self._appends.add(task)
        task.add_done_callback(self._appends.discard)
        await asyncio.shield(task)

    async def _append(self, drafts: Sequence[Draft]) -> None:
        async with self._lock:
            projected = any(d.event["type"].startswith(PROJECTED) for d in drafts)
            ahead = [d for d in drafts if d.kind == "event"] if projected else []
            also = self._projection(ahead) if projected else None
            records = await self.services.journal.append(self.id, self.state.seq, drafts, also)
            for record in records:
                apply(self.state, record)
                if record.kind == "event":
                    self.services.hub.publish(self.id, record.event, record.seq)

    def _projection(self, drafts: Sequence[Draft]) -> Callable[[sqlite3.Connection], None]:
        changes: Doc = {}
        for draft in drafts:
            kind = draft.event["type"]
            if kind.startswith("session.status_"):
                changes["status"] = kind.removeprefix("session.status_").replace(
                    "rescheduled", "rescheduling"
                )
                changes["updated_at"] = draft.event["processed_at"]
            elif kind == "session.usage":
                changes["usage"] = draft.event["usage"]
            elif kind == "session.updated":
                changes |= draft.private or {}
        return lambda connection: self.services.project(connection, self.id, changes)

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

    async def close(self) -> None:
        """Stop without ending the turn: it goes on at the next start. Ends the sandbox."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.tools.close()

    def _cancel_current(self) -> None:
        if self._current is not None and self._cancellable:
            self._current.cancel()

    async def _run(self) -> None:
        try:
            while not isinstance(next_step := step(self.state), Wait | Stop):
                await self._act(next_step)
                if isinstance(next_step, EndTurn):
                    self.services.turn_ended(self.id)
        except sqlite3.Error as error:
            self._break(error)
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
        except sqlite3.Error:
            raise
        except Exception:
            log.exception("Session %s: step %s failed", self.id, type(next_step).__name__)
            await self._give_up()

    async def _give_up(self) -> None:
        message = "The server met an error of its own; its log has the details."
        error = ("unknown_error", message)
        await end_turn(self, EndTurn(events.RETRIES_EXHAUSTED, error=error))

    def _break(self, error: sqlite3.Error) -> None:
        """The journal cannot be written: say so on the streams, and start anew at the next request."""
        log.error("Session %s: the journal cannot be written: %s", self.id, error)
        self.broken = True
        message = f"The session's journal cannot be written ({error}). Free some disk space, then send again."
        body = {"type": "error", "error": {"type": "api_error", "message": message}}
        self.services.hub.fail(self.id, body)


def _call_of(draft: Draft) -> str | None:
    return draft.event.get("tool_use_id") or draft.event.get("custom_tool_use_id")
