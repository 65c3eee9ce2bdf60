"""What becomes of a session's workspace: followed from the first look on, each change with who made it.

The first look runs while the sandbox starts and the model answers; a call that may write waits for it.
What is found between calls is nobody's call's. Source: docs/decisions.md "Sandbox and network".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_agents.domain.history import CHANGES, WORKSPACE, History, Version, chunks
from jupyter_agents.domain.resources import within
from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.runtime.outputs import Outputs
from jupyter_agents.runtime.shared import SharedChanges
from jupyter_agents.runtime.snapshots import SessionSnapshots
from jupyter_agents.sandbox.changes import Change, Changes

Doc = dict[str, Any]
Found = list[tuple[str, Doc]]
"""Private records: their types and contents."""

READING = frozenset({"read", "glob", "grep"})
"""Tools that write nothing."""
WHO = ("by", "event_id")

log = logging.getLogger(__name__)


class Following:
    """Follows the workspace of one session.

    Parameters
    ----------
    history:
        The session's history so far; blocks.
    snapshots:
        Makes what keeps the versions of the workspace's files; blocks.
    outputs:
        Told of changed files.
    """

    def __init__(
        self,
        session_id: str,
        history: Callable[[], History],
        snapshots: Callable[[Path], SessionSnapshots],
        outputs: Outputs,
        clock: Clock,
    ) -> None:
        self._id = session_id
        self._history = history
        self._make = snapshots
        self._outputs = outputs
        self._clock = clock
        self._changes: Changes | SharedChanges | None = None
        self._snapshots: SessionSnapshots | None = None
        self._first: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._files: list[Doc] = []
        self._complete = True
        self._noted: list[Doc] = []
        self._cut: str | None = None
        self._fresh = False
        self._said = 0

    @property
    def begun(self) -> bool:
        """Whether the workspace is followed."""
        return self._changes is not None

    @property
    def notices(self) -> tuple[str, ...]:
        """What undo and fork cannot bring back, in sentences."""
        return () if self._snapshots is None else self._snapshots.notices

    def news(self) -> list[str]:
        """Those of the notices that came up since this was last asked."""
        known, self._said = self._said, len(self.notices)
        return list(self.notices[known:])

    def turn_begins(self) -> None:
        """What is found before the turn's first call was made while the session was idle."""
        self._fresh = True

    async def begin(
        self, workspace: Path, follow: Callable[[Path], Awaitable[Changes | SharedChanges]]
    ) -> None:
        """Follow `workspace`, which is there; where it is followed already, go on."""
        if self._changes is None:
            self._changes = await follow(workspace)
            self._first = asyncio.create_task(self._look_first(workspace), name=f"first look of {self._id}")

    async def before(self, *, writes: bool) -> Found:
        """A call begins: what was found that no call made, to be recorded before it runs.

        writes: whether the call may change files; else it does not wait for the first look.
        """
        if self._first is None or not (writes or self._first.done()):
            return []
        await asyncio.shield(self._first)
        await self._look(self._nobody)
        self._fresh = False
        if self._changes is not None and writes:
            self._changes.enter()
        files, self._files = self._files, []
        found: Found = [(WORKSPACE, {"files": part, "complete": self._complete}) for part in chunks(files)]
        return found + [(CHANGES, {"changes": part}) for part in chunks(self._take())]

    async def after(self, call_id: str, *, writes: bool) -> list[Doc]:
        """A call is done: what it changed, as its result's record has it."""
        sure = self._left() and writes
        await asyncio.shield(asyncio.create_task(self._look(_of(call_id) if sure else _unknown())))
        return [_without(doc, call_id) for doc in self._take()]

    def cut(self, call_id: str) -> None:
        """A call that may write was cut short: what `settle` finds next is its."""
        self._cut = call_id if self._left() else None

    async def settle(self) -> list[Doc]:
        """What no result has reported."""
        cut, self._cut = self._cut, None
        look = self._look(self._nobody if cut is None else _of(cut))
        await asyncio.shield(asyncio.create_task(look))
        return self._take()

    async def brought(self, paths: Sequence[str]) -> None:
        """The server itself put something at these paths: that is no change."""
        async with self._looking:
            await self._note(await self._drain(), self._nobody)
            inside = [doc for doc in self._noted if any(within(doc["path"], path) for path in paths)]
            self._noted = [doc for doc in self._noted if doc not in inside]
            kept = ("path", "size", "sha256", "mode")
            self._files += [{k: doc[k] for k in kept} for doc in inside if doc["kind"] != "deleted"]

    async def still(self) -> None:
        """Wait until nothing is being looked at."""
        if self._first is not None:
            await asyncio.wait([self._first])
        async with self._looking:
            pass

    def restored(self, versions: Mapping[str, Version | None]) -> None:
        """An undo left these versions, by path."""
        if self._snapshots is not None:
            self._snapshots.known.update(versions)

    async def close(self) -> None:
        """Stop following. Idempotent."""
        await self.still()
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.close()

    @property
    def _nobody(self) -> Doc:
        others = self._changes is not None and self._changes.shared
        return {"by": "user", "event_id": None} if self._fresh and not others else _unknown()

    def _left(self) -> bool:
        """The call that began is over; whether it was the only one in its workspace."""
        return self._changes is not None and self._changes.leave()

    def _take(self) -> list[Doc]:
        noted, self._noted = self._noted, []
        return noted

    async def _look_first(self, workspace: Path) -> None:
        changes = self._changes
        if changes is None:
            return
        try:
            files, changed = await asyncio.to_thread(self._begin, workspace, changes)
        except OSError as error:
            log.warning("Session %s: the workspace cannot be looked at: %s", self._id, error)
            return
        self._files += files
        self._noted += [doc | self._nobody for doc in changed]

    def _begin(self, workspace: Path, changes: Changes | SharedChanges) -> tuple[list[Doc], list[Doc]]:
        if self._snapshots is None:
            snapshots, history = self._make(workspace), self._history()
        else:
            snapshots = self._snapshots
            history = History(versions=snapshots.known, begun=True)
        self._complete = changes.complete
        at = rfc3339(self._clock())
        found = snapshots.begin(changes.files, history, complete=changes.complete, at=at)
        self._snapshots = snapshots
        return found

    async def _look(self, who: Doc) -> None:
        """Goes on when a call is interrupted, so that what it changed is not lost."""
        if self._first is None or not self._first.done():
            return
        async with self._looking:
            await self._note(await self._drain(), who)

    async def _drain(self) -> list[Change]:
        try:
            found = [] if self._changes is None else await self._changes.drain()
        except OSError as error:
            log.warning("Session %s: the workspace cannot be looked at: %s", self._id, error)
            found = []
        self._outputs.note(found)
        return found

    async def _note(self, own: list[Change], who: Doc) -> None:
        others = [] if self._changes is None else self._changes.others()
        for found, label in ((others, _unknown()), (own, who)):
            if found and self._snapshots is not None:
                at, foreign = rfc3339(self._clock()), label["by"] != "agent"
                docs = await asyncio.to_thread(self._snapshots.take, found, at, foreign=foreign)
                self._noted += [doc | label for doc in docs]


def _of(call_id: str) -> Doc:
    return {"by": "agent", "event_id": call_id}


def _unknown() -> Doc:
    return {"by": "unknown", "event_id": None}


def _without(doc: Doc, call_id: str) -> Doc:
    """A result's own changes do not name it."""
    return {k: v for k, v in doc.items() if k not in WHO} if doc["event_id"] == call_id else doc
