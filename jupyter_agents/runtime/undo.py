"""Undo: the files that the last turns changed are put back, except where somebody else has been at work.

While it works nothing is appended to the session's journal, so no turn begins. The files come first, the
record of them after: an undo that was killed in between is done again, and finds what is done.
Source: docs/files.md "Undo", docs/local-api.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_agents.domain import history
from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.history import UNDO, History, Version
from jupyter_agents.domain.tools import needs_sandbox
from jupyter_agents.domain.undoing import NOT_KEPT, Target, Undone, kind, targets, verdict
from jupyter_agents.errors import Conflict, InvalidRequest, NotFound, SandboxError
from jupyter_agents.ids import rfc3339
from jupyter_agents.runtime.manager import SessionManager
from jupyter_agents.runtime.runner import SessionRunner
from jupyter_agents.sandbox.changes import Change
from jupyter_agents.sandbox.listing import Stamp
from jupyter_agents.sandbox.versions import Changed, clear, put, see, take_away
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.journal import Journal
from jupyter_agents.store.snapshots import Kept, Snapshots

Doc = dict[str, Any]
Versions = dict[str, tuple[Version | None, Version | None]]
"""By path: what is there now, and what was there before."""


class Undo:
    """Undoes turns of any session.

    Parameters
    ----------
    workspace:
        A session's workspace.
    file_bytes:
        The largest file that is read.
    """

    def __init__(
        self,
        manager: SessionManager,
        catalog: Catalog,
        journal: Journal,
        snapshots: Snapshots,
        workspace: Callable[[Doc], Path],
        file_bytes: int,
    ) -> None:
        self._manager = manager
        self._catalog = catalog
        self._journal = journal
        self._snapshots = snapshots
        self._workspace = workspace
        self._file_bytes = file_bytes

    async def undo(self, session_id: str, body: Mapping[str, Any]) -> Doc:
        """Undo the last turn, or with ``{"event_id"}`` all turns from that event's on; what came of it.

        Raises
        ------
        Conflict
            The session runs, or waits in the middle of a turn.
        InvalidRequest
            There is nothing to undo, or the session is over.
        NotFound
            The event is none of the session's.
        """
        event_id = body.get("event_id")
        if not (event_id is None or isinstance(event_id, str)) or set(body) - {"event_id"}:
            raise InvalidRequest('expected {} or {"event_id": "<an event of the first turn to undo>"}.')
        if self._catalog.get("session", session_id)["archived_at"] is not None:
            raise InvalidRequest(f"session `{session_id}` is archived: its files stay as they are.")
        found: list[Undone] = []
        await self._manager.record(session_id, partial(self._undo, event_id=event_id, found=found))
        return found[-1].wire()

    async def _undo(
        self, runner: SessionRunner, *, event_id: str | None, found: list[Undone]
    ) -> Sequence[Draft]:
        if not runner.resting:
            raise Conflict("The session is running: send user.interrupt, or wait until it is idle.")
        if runner.state.waiting:
            raise Conflict("The turn is not over, a call waits for an answer: answer it, or interrupt first.")
        await runner.tools.following.still()
        workspace = self._workspace(runner.state.session)
        undone, versions = await asyncio.to_thread(self._restore, runner.id, workspace, event_id)
        found.append(undone)
        if not versions:
            return []
        changes = [_change(path, now, before) for path, (now, before) in versions.items()]
        await runner.tools.undone(workspace, changes, {path: now for path, (now, _) in versions.items()})
        docs = record_of(versions, rfc3339(runner.stamp.now()))
        news = [undone.news()] if needs_sandbox(runner.state.session["agent"]) else []
        return [
            runner.stamp.private(UNDO, {"changes": part, "news": [] if number else news})
            for number, part in enumerate(history.chunks(docs))
        ]

    def _restore(self, session_id: str, workspace: Path, event_id: str | None) -> tuple[Undone, Versions]:
        """What came of it, and of which paths the journal is to say what they are now and were. Blocks."""
        told = history.read(self._journal.read(session_id), event_id)
        first = _first(told, event_id)
        undone = Undone(told.turn - first + 1)
        work = _Restoring(workspace, self._snapshots.of(session_id), self._file_bytes, undone)
        clear(workspace)
        for target in targets(told, first):
            work.restore(target)
        return undone, undone.put | work.unrecorded


@dataclass
class _Restoring:
    """Puts paths back, one after the other. unrecorded: what is done and the journal does not know."""

    workspace: Path
    kept: Kept
    file_bytes: int
    undone: Undone

    def __post_init__(self) -> None:
        self.unrecorded: Versions = {}

    def restore(self, target: Target) -> None:
        path, undone = target.path, self.undone
        try:
            present, stamp = self._present(path)
            what, reason = verdict(target, present)
            if what == "put" and not self._put(target, stamp):
                what, reason = "failed", NOT_KEPT
        except Changed as error:
            what, reason = "conflict", str(error)
        except (SandboxError, OSError) as error:
            what, reason = "conflict", str(error)
        match what:
            case "put":
                undone.put[path] = (target.back, present)
                undone.partly += [path] if target.partly else []
            case "done":
                undone.done.append(path)
                if present != target.left:
                    self.unrecorded[path] = (present, target.left)
            case "conflict":
                undone.conflicts[path] = reason
            case "failed":
                undone.failed[path] = reason

    def _present(self, path: str) -> tuple[Version | None, Stamp | None]:
        try:
            seen = see(self.workspace, path, self.file_bytes)
        except FileNotFoundError:
            return None, None
        return Version(seen.sha256, seen.size, seen.mode), seen.stamp

    def _put(self, target: Target, stamp: Stamp | None) -> bool:
        """Whether there was something to put there."""
        if target.back is None:
            if stamp is not None:
                take_away(self.workspace, target.path, stamp)
            return True
        content = self.kept.open(str(target.back.sha256))
        if content is None:
            return False
        with content:
            put(self.workspace, target.path, content, target.back.mode, stamp)
        return True


def _first(told: History, event_id: str | None) -> int:
    """The first turn to undo."""
    if event_id is not None and told.marked is None:
        raise NotFound(f"Event `{event_id[:100]}` not found in this session.")
    if told.turn == 0:
        raise InvalidRequest("The session has had no turn yet: there is nothing to undo.")
    return max(1, told.turn if told.marked is None else told.marked)


def record_of(versions: Versions, at: str) -> list[Doc]:
    """What an undo did, as its record has it."""
    docs: list[Doc] = []
    for path, (now, before) in versions.items():
        doc = {"path": path, "kind": kind(now, before), "size": 0, "sha256": None, "at": at}
        docs.append(doc | ({} if now is None else now._asdict()))
    return docs


def _change(path: str, now: Version | None, before: Version | None) -> Change:
    what: Any = kind(now, before)
    return Change(path, what, 0 if now is None else now.size)
