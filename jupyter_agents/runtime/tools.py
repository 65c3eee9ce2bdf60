"""Where a session's calls go: its sandbox, the web, or the recording where there is none.

The sandbox is started with the first model request, in parallel with it; one that died is replaced at
the next call. Source: docs/decisions.md "Sandbox and network" and "Replay".
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_agents.domain.resources import UPLOADS, WORKSPACE, within
from jupyter_agents.domain.state import Call
from jupyter_agents.domain.tools import WEB
from jupyter_agents.errors import ApiError, SandboxError, SandboxUnavailable
from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.runtime import metrics
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.mcp_content import shorten
from jupyter_agents.runtime.outputs import Outputs
from jupyter_agents.runtime.overflow import Keep, bounded
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.repositories import Checkouts
from jupyter_agents.runtime.shared import Shared, SharedChanges
from jupyter_agents.sandbox.base import Mount, Sandbox, SandboxProvider, SandboxSpec, ToolResult
from jupyter_agents.sandbox.beside import Cover
from jupyter_agents.sandbox.changes import Change, Changes
from jupyter_agents.sandbox.embedded import find_cover
from jupyter_agents.sandbox.workspace import make_workspace, remove_copy
from jupyter_agents.store.blobs import Blobs

Doc = dict[str, Any]
NOT_RECORDED = (
    "{}: this session plays a recording, which has no result of this call. A replay never asks the web."
)
ENDED = (
    "{} This call may have run, wholly or in part. The next call has a new sandbox with the same "
    "workspace; its shell begins anew."
)
STARTING_SECONDS = 30.0

log = logging.getLogger(__name__)


class SessionTools:
    """Runs the calls of one session.

    Parameters
    ----------
    wanted:
        Whether the agent has a tool that runs in a sandbox; asked each time, as an update may change it.
    spec:
        Makes the sandbox's specification, at each start.
    provider:
        Chooses the provider; raises `SandboxUnavailable` where there is none.
    root:
        The server's root directory, below which the workspace lies.
    recordings:
        What the session replays, or None.
    mcp:
        The session's MCP servers.
    web:
        Runs a call to a web tool (`jupyter_agents.runtime.web.WebTools`).
    checkouts:
        Brings its repositories.
    refusals:
        What its network refused; its sandbox's proxy tells it.
    """

    def __init__(
        self,
        session_id: str,
        wanted: Callable[[], bool],
        spec: Callable[[], SandboxSpec],
        provider: Callable[[], Awaitable[SandboxProvider]],
        root: Path,
        files: Files,
        blobs: Blobs,
        clock: Clock,
        recordings: Callable[[], Recordings | None],
        mcp: SessionMcp,
        web: Callable[[Call], Awaitable[Outcome]],
        checkouts: Checkouts,
        refusals: Refusals,
    ) -> None:
        self._id = session_id
        self._wanted = wanted
        self._spec = spec
        self._provider = provider
        self._root = root
        self._outputs = Outputs(session_id, files, blobs)
        self._clock = clock
        self._recordings = recordings
        self.mcp = mcp
        self._web = web
        self._checkouts = checkouts
        self.refusals = refusals
        self._starting: asyncio.Task[Sandbox] | None = None
        self._workspace = Path()
        self._changes: Changes | SharedChanges | None = None
        self._found: list[Change] = []
        self._outdated = False
        self._cover: Cover | None = None
        self.kind: str | None = None
        self.notes: tuple[str, ...] = ()
        self.progress = ""
        self.image: str | None = None
        self.state = "none"
        self.replayed_tools = False
        self.used_at = clock()

    def turn_begins(self) -> None:
        """See `loop.Tools`."""
        self._checkouts.try_again()

    async def prepare(self) -> None:
        """See `loop.Tools`."""
        self.used_at = self._clock()
        if self._wanted() and (self._starting is None or _failed(self._starting)):
            self._starting = asyncio.create_task(self._start(), name=f"sandbox of {self._id}")
            self._starting.add_done_callback(_retrieved)
        elif self.state == "paused" and self._starting is not None:
            self.state = "running"
            self._starting = asyncio.create_task(self._wake(self._starting.result()))
            self._starting.add_done_callback(_retrieved)

    async def call(self, call: Call) -> Outcome:
        """See `loop.Tools`. Raises `SandboxUnavailable`."""
        if call.kind == "mcp":
            result = await bounded(await self.mcp.call(call), call.id, await self._keeper())
            return Outcome(shorten(result), [])
        if call.name in WEB:
            return await self._call_web(call)
        try:
            sandbox = await self._sandbox()
        except SandboxUnavailable:
            recorded = self._recorded(call)
            if recorded is None:
                raise
            return Outcome(await bounded(recorded, call.id, None), [])
        try:
            result = await sandbox.call(call.name, call.input)
            result = await bounded(result, call.id, partial(_keep, sandbox))
        except asyncio.CancelledError:
            await asyncio.shield(sandbox.cancel())
            raise
        except SandboxUnavailable as error:
            await self._drop(sandbox)
            raise SandboxUnavailable(ENDED.format(error), was_running=True) from None
        changes = await self._changed()
        lost = await self._outputs.register(self._workspace)
        refused = self.refusals.take()
        if lost or refused:
            said = [{"type": "text", "text": text} for text in (*lost, refused) if text]
            result = ToolResult([*result.content, *said], result.is_error, result.limit)
        return Outcome(result, changes, problems=self._checkouts.problems())

    async def _call_web(self, call: Call) -> Outcome:
        """Run a web tool, or in a replay give its recorded result: a replay is the same every time."""
        if self._recordings() is None:
            outcome = await self._web(call)
            return replace(outcome, result=await bounded(outcome.result, call.id, await self._keeper()))
        missing = ToolResult.text(NOT_RECORDED.format(call.name), is_error=True)
        return Outcome(self._recorded(call) or missing, [])

    async def _keeper(self) -> Keep | None:
        """Writes into the sandbox, if one runs."""
        sandbox = await self._running()
        return None if sandbox is None or not sandbox.alive else partial(_keep, sandbox)

    async def settle(self) -> list[Doc]:
        """See `loop.Tools`: register outputs; returns changes that no call has reported."""
        late = await self._changed()
        await self._outputs.register(self._workspace)
        self.used_at = self._clock()
        return late

    async def add_file(self, mount: Mount, had: Sandbox | None = None) -> Sandbox | None:
        """Make one more file readable: at once where a sandbox runs, else when one starts.

        Returns the running sandbox; where that is `had`, nothing is done. Raises `SandboxError` where it
        cannot take a file at this path.
        """
        sandbox = await self._running()
        if sandbox is not None and sandbox is not had:
            self.state = "running"
            try:
                await sandbox.add_file(mount)
            except SandboxUnavailable:
                self._outdated = True
        return sandbox

    async def drop_file(self, mount: Mount) -> None:
        """Take a mounted file out of reach, before its source goes.

        A copy in the workspace goes if it is still the same. What is mounted elsewhere goes with the
        sandbox, which the next call starts anew.
        """
        if within(mount.target, WORKSPACE):
            path, workspace = mount.target.removeprefix(f"{WORKSPACE}/"), self._spec().workspace
            await asyncio.to_thread(remove_copy, workspace, path, mount.source)
        elif not within(mount.target, UPLOADS) and await self._running() is not None:
            self._outdated = True

    async def _running(self) -> Sandbox | None:
        starting = self._starting
        if starting is None:
            return None
        await asyncio.wait([starting])
        return None if _failed(starting) else starting.result()

    async def pause(self) -> None:
        """Pause the sandbox until the session goes on, where it can be paused."""
        sandbox = await self._running()
        if sandbox is None or self.state != "running":
            return
        try:
            if await sandbox.pause():
                self.state = "paused"
        except SandboxUnavailable:
            await self._drop(sandbox)

    async def memory(self) -> int | None:
        """Bytes of memory of the sandbox, where one runs and that is known."""
        starting = self._starting
        if starting is None or not starting.done() or _failed(starting):
            return None
        return await starting.result().memory()

    async def close(self) -> None:
        """End the sandbox and the MCP connections; the next call starts another. Idempotent."""
        await asyncio.gather(self.mcp.close(), self.rest())

    async def rest(self) -> None:
        """End the sandbox; the next call starts another. Idempotent.

        One that is just starting is let through: cut short, its first process could be left behind. One
        that waits for packages is not.
        """
        starting, self._starting = self._starting, None
        if starting is not None:
            await asyncio.wait([starting], timeout=0 if self.progress else STARTING_SECONDS)
            starting.cancel()
            await asyncio.wait([starting])
            if not _failed(starting):
                await starting.result().close()
        if self._starting is not None:
            return
        if starting is not None:
            self.state = "closed"
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.close()

    async def _start(self) -> Sandbox:
        self.state = "starting"
        try:
            provider = await self._provider()
            self.kind = provider.kind
            spec = self._spec()
            self._workspace = spec.workspace
            await asyncio.to_thread(self._make_workspace, spec)
            await self._checkouts.bring(spec.workspace, _owner(spec))
            self._cover, _ = await asyncio.to_thread(find_cover, spec)
            began = time.monotonic()
            warm = self._changes is None and not isinstance(provider, Shared)
            sandbox = await provider.start(replace(spec, told=self._told, warm=warm))
            metrics.started(sandbox.kind, time.monotonic() - began)
            await self._follow(provider, sandbox)
        except (SandboxError, OSError, ApiError) as error:
            self.state = "none"
            raise SandboxUnavailable(str(error)) from error
        except BaseException:
            self.state = "none"
            raise
        self.kind, self.notes, self.state = sandbox.kind, (*spec.notes, *sandbox.notes), "running"
        self.image = sandbox.image
        return sandbox

    async def _follow(self, provider: SandboxProvider | Shared, sandbox: Sandbox) -> None:
        """Follow the workspace, as it is when its sandbox is there."""
        if self._changes is not None:
            return
        follow = provider.follow if isinstance(provider, Shared) else Changes.start
        try:
            self._changes = await follow(self._workspace)
        except BaseException:
            await sandbox.close()
            raise

    async def _wake(self, sandbox: Sandbox) -> Sandbox:
        """Let a paused sandbox go on, or start another where it is gone."""
        try:
            await sandbox.resume()
        except SandboxUnavailable:
            await sandbox.close()
            return await self._start()
        return sandbox

    def _told(self, text: str) -> None:
        """What is being installed before the sandbox starts; shown, but no note for the model."""
        self.progress = text

    def _make_workspace(self, spec: SandboxSpec) -> None:
        make_workspace(self._root, spec.workspace, uid=_owner(spec))

    async def _bring_late(self) -> None:
        """Bring repositories into the workspace of a running sandbox; that is no change of a call's."""
        spec = self._spec()
        made = await self._checkouts.bring(spec.workspace, _owner(spec))
        if made and self._changes is not None:
            await self._drain(self._changes)
            self._found = [c for c in self._found if not any(within(c.path, path) for path in made)]

    async def _sandbox(self) -> Sandbox:
        await self.prepare()
        if self._starting is None:
            raise SandboxUnavailable("This agent has no tool that runs in a sandbox.")
        sandbox = await asyncio.shield(self._starting)
        if self._outdated or not sandbox.alive or await self._uncovered():
            self._outdated = False
            await self._drop(sandbox)
            return await self._sandbox()
        if self._checkouts.waiting:
            await self._bring_late()
        return sandbox

    async def _uncovered(self) -> bool:
        """Whether a hidden file of the notebook's folder could be seen in the running sandbox."""
        cover = self._cover
        return cover is not None and await asyncio.to_thread(cover.changed)

    async def _drop(self, sandbox: Sandbox) -> None:
        starting = self._starting
        if (
            starting is not None
            and starting.done()
            and not _failed(starting)
            and starting.result() is sandbox
        ):
            self._starting, self.state = None, "none"
        await sandbox.close()

    def _recorded(self, call: Call) -> ToolResult | None:
        recordings = self._recordings()
        result = None if recordings is None else recordings.result(call.tool_use_id)
        self.replayed_tools = self.replayed_tools or result is not None
        return result

    async def _changed(self) -> list[Doc]:
        if self._changes is not None:
            await asyncio.shield(asyncio.create_task(self._drain(self._changes)))
        found, self._found = self._found, []
        self._outputs.note(found)
        at = rfc3339(self._clock())
        return [{"path": c.path, "kind": c.kind, "size": c.size, "at": at} for c in found]

    async def _drain(self, changes: Changes | SharedChanges) -> None:
        """Goes on when the call is interrupted, so that what it changed is not lost."""
        try:
            self._found += await changes.drain()
        except OSError as error:
            log.warning("Session %s: the workspace cannot be looked at: %s", self._id, error)


async def _keep(sandbox: Sandbox, path: str, text: str) -> bool:
    try:
        written = await sandbox.call("write", {"file_path": path, "content": text})
    except SandboxUnavailable:
        return False
    return not written.is_error


def _owner(spec: SandboxSpec) -> int | None:
    return spec.uid if os.geteuid() == 0 else None


def _failed(task: asyncio.Task[Sandbox]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _retrieved(task: asyncio.Task[Sandbox]) -> None:
    """A sandbox that nobody called need not have started."""
    _failed(task)
