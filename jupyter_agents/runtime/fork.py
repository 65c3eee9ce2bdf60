"""Fork: a new session that goes on from an event of another one, with the files as they were then.

The files come first, then the journal and the row in one transaction: a fork is whole or not there.
Source: docs/files.md "Fork", docs/local-api.md.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_agents.domain import forking, projection
from jupyter_agents.domain.events import END_TURN, Draft, Record, Stamp, idle
from jupyter_agents.domain.forking import Cut
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.domain.tools import needs_sandbox
from jupyter_agents.errors import InvalidRequest, NotFound, SandboxError
from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.loop import close_open
from jupyter_agents.runtime.manager import SessionManager
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.sandboxes import Sandboxes
from jupyter_agents.sandbox.versions import put
from jupyter_agents.sandbox.workspace import make_workspace
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.journal import Journal
from jupyter_agents.store.snapshots import Kept, Snapshots

Doc = dict[str, Any]

CUT = "The session was forked here: this call was not run to its end."
NEWS = (
    "this conversation was forked: it goes on from here in a new sandbox. The files of /workspace are as "
    "they were at this point; nothing that was started before runs any more."
)
NAMED = 5


@dataclass
class _Fork:
    """What `close_open` works on."""

    state: State
    stamp: Stamp


class Forks:
    """Forks any session."""

    def __init__(
        self,
        manager: SessionManager,
        catalog: Catalog,
        journal: Journal,
        snapshots: Snapshots,
        sandboxes: Sandboxes,
        mounted: Mounted,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._manager = manager
        self._catalog = catalog
        self._journal = journal
        self._snapshots = snapshots
        self._sandboxes = sandboxes
        self._mounted = mounted
        self._clock = clock
        self._new_id = new_id

    async def fork(self, session_id: str, body: Mapping[str, Any]) -> Doc:
        """Fork from ``{"event_id"}``; the new session, how many files it has, and which are missing.

        Raises
        ------
        Conflict
            The event's turn is not over.
        InvalidRequest
            Files were not kept and ``allow_missing`` is not true, or the session shares its workspace.
        NotFound
            The session or the event is not there.
        """
        event_id, partly = body.get("event_id"), body.get("allow_missing", False)
        fits = isinstance(event_id, str) and isinstance(partly, bool)
        if not fits or set(body) - {"event_id", "allow_missing"}:
            raise InvalidRequest('expected {"event_id": "<the last event to take over>"}.')
        source = self._catalog.get("session", session_id)
        self._check(source)
        found = await asyncio.to_thread(forking.cut, self._journal.read(session_id), str(event_id))
        kept = self._snapshots.of(session_id)
        missing = await asyncio.to_thread(_missing, found, kept)
        if missing and not partly:
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            names = ", ".join(repr(path) for path in missing[:NAMED])
            raise InvalidRequest(
                f"No version was kept of {names}{more}: too large, or no room. "
                "Fork without these files by adding allow_missing.",
                code="files_not_kept",
            )
        id = self._new_id("sesn")
        try:
            shown = await self._make(id, f"{session_id}/{event_id}", found, kept, missing)
        except BaseException:
            await self._manager.forget(id)
            raise
        return {"session": shown, "files": len(found.files) - len(missing), "missing": missing}

    def _check(self, source: Doc) -> None:
        self._sandboxes.check_startable(self._catalog.get("environment", source["environment_id"]))
        if self._sandboxes.life(source).pattern == "shared":
            raise InvalidRequest(
                "The session shares its workspace with others, whose files a fork would take along. "
                "Sessions of a shared environment cannot be forked."
            )

    async def _make(self, id: str, origin: str, found: Cut, kept: Kept, missing: list[str]) -> Doc:
        now = rfc3339(self._clock())
        first = found.records[0].private or {}
        doc = first | {
            "id": id,
            "created_at": now,
            "metadata": forking.metadata(first["metadata"], origin),
        }
        drafts = forking.drafts(found.records, doc)
        state = State()
        for seq, draft in enumerate(drafts, 1):
            apply(state, Record(seq, draft.kind, draft.event, draft.private))
        resources = await self._mount(id, state.session["resources"])
        drafts += self._end(state, resources)
        row = doc | projection.row(State(), drafts) | {"updated_at": now}
        workspace = self._sandboxes.workspace(row)
        if await asyncio.to_thread(os.path.lexists, workspace):
            raise InvalidRequest(f"{workspace} is there already. Fork again.")
        wanted = {path: version for path, version in found.files.items() if path not in missing}
        mine = self._snapshots.of(id)
        try:
            await asyncio.to_thread(self._place, workspace, wanted, kept, mine, found)
            return await self._manager.adopt(row, drafts)
        except BaseException as error:
            await asyncio.to_thread(shutil.rmtree, workspace, True)
            if isinstance(error, SandboxError):
                raise InvalidRequest(f"The fork's files cannot be written: {error}") from None
            raise

    async def _mount(self, id: str, resources: list[Doc]) -> list[Doc]:
        """The source's files, mounted in the fork; those that are gone, and repositories, are left out."""
        made: list[Doc] = []
        for resource in resources:
            if resource["type"] == "file":
                try:
                    made.append(await self._mounted.mount(id, resource, made))
                except (NotFound, InvalidRequest):
                    continue
        return made

    def _end(self, state: State, resources: list[Doc]) -> list[Draft]:
        """What comes behind the event: the turn is over, and the agent is told where it is."""
        stamp = Stamp(self._clock, self._new_id, state.last)
        news = [NEWS] if needs_sandbox(state.session["agent"]) and state.turn else []
        drafts = [stamp.private("private.resources", {"resources": resources, "news": news})]
        closed = close_open(_Fork(state, stamp), CUT)
        drafts += closed
        if closed or state.status != "idle" or state.mid_turn:
            usage = state.usage_wire(stamp.now())
            bodies = idle(state.primary, usage, state.session["budget"], END_TURN)
            drafts += [stamp.event(body) for body in bodies]
        stamp.seal(drafts)
        return drafts

    def _place(self, workspace: Path, files: Mapping[str, Any], kept: Kept, mine: Kept, found: Cut) -> None:
        """Write the files, and keep every version that the fork's history names. Blocks."""
        config = self._sandboxes.config
        mine.take_over(kept, found.history.contents | {version.sha256 for version in files.values()})
        make_workspace(config.root_dir, workspace, uid=config.sandbox_uid)
        for path, version in files.items():
            content = mine.open(version.sha256)
            if content is None:
                raise SandboxError(f"the version of {path!r} that was kept is lost.")
            with content:
                put(workspace, path, content, version.mode, None)


def _missing(found: Cut, kept: Kept) -> list[str]:
    """Paths of which there is no version. Blocks."""
    return sorted(p for p, v in found.files.items() if v.sha256 is None or not kept.has(v.sha256))
