"""Where a session's calls go: its sandbox, the web, or the recording where there is none.

The sandbox is started with the first model request, in parallel with it; one that died is replaced at
the next call. Source: docs/decisions.md "Sandbox and network" and "Replay".
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_agents.domain.resources import UPLOADS, WORKSPACE, within
from jupyter_agents.domain.state import Call
from jupyter_agents.domain.tools import WEB
from jupyter_agents.errors import ApiError, SandboxError, SandboxUnavailable
from jupyter_agents.ids import Clock
from jupyter_agents.runtime import metrics
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.following import READING, Following, Found
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.mcp_content import shorten
from jupyter_agents.runtime.outputs import Outputs
from jupyter_agents.runtime.overflow import Keep, bounded
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.repositories import Checkouts
from jupyter_agents.runtime.shared import Shared
from jupyter_agents.sandbox.base import Mount, Sandbox, SandboxProvider, SandboxSpec, ToolResult
from jupyter_agents.sandbox.beside import Cover
from jupyter_agents.sandbox.changes import Change, Changes
from jupyter_agents.sandbox.embedded import find_cover
from jupyter_agents.sandbox.prepared import is_new
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
    following:
        Makes what follows its workspace, and tells of outputs.
    most_files:
        Of its workspace that are followed.
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
        following: Callable[[Outputs], Following],
        most_files: int,
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
        self.following = following(self._outputs)
        self._most_files = most_files
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
        self.following.turn_begins()

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

    async def before(self, call: Call) -> Found:
        """See `loop.Tools`."""
        if not _in_sandbox(call):
            return []
        if self._starting is None:
            await self.prepare()
        if await self._running() is None:
            return []
        return await self.following.before(writes=call.name not in READING)

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
        writes = call.name not in READING
        try:
            result = await sandbox.call(call.name, call.input)
            result = await bounded(result, call.id, partial(_keep, sandbox))
        except asyncio.CancelledError:
            await asyncio.shield(sandbox.cancel())
            if writes:
                self.following.cut(call.id)
            raise
        except SandboxUnavailable as error:
            await self._drop(sandbox)
            if writes:
                self.following.cut(call.id)
            raise SandboxUnavailable(ENDED.format(error), was_running=True) from None
        changes = await self.following.after(call.id, writes=writes)
        lost = await self._outputs.register(self._workspace)
        refused = self.refusals.take()
        told = [text for text in (*lost, refused, *self.following.news()) if text]
        if told:
            said = [{"type": "text", "text": text} for text in told]
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
        late = await self.following.settle()
        await self._outputs.register(self._workspace)
        self.used_at = self._clock()
        return late

    async def undone(self, workspace: Path, changes: Sequence[Change], versions: Mapping[str, Any]) -> None:
        """An undo made these changes, and left these versions."""
        self.following.restored(versions)
        self._outputs.note(changes)
        await self._outputs.register(workspace)

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
        await self.following.close()

    async def _start(self) -> Sandbox:
        self.state = "starting"
        try:
            provider = await self._provider()
            self.kind = provider.kind
            spec = self._spec()
            self._workspace = spec.workspace
            await asyncio.to_thread(self._make_workspace, spec)
            made = await self._checkouts.bring(spec.workspace, _owner(spec))
            warm = await self._is_new(provider, spec)
            if not warm:
                await self._follow(provider)
                await self._brought(made)
            self._cover, _ = await asyncio.to_thread(find_cover, spec)
            began = time.monotonic()
            sandbox = await provider.start(replace(spec, told=self._told, warm=warm))
            metrics.started(sandbox.kind, time.monotonic() - began)
            await self._follow_in(provider, sandbox)
        except (SandboxError, OSError, ApiError) as error:
            self.state = "none"
            raise SandboxUnavailable(str(error)) from error
        except BaseException:
            self.state = "none"
            raise
        self.kind, self.notes, self.state = sandbox.kind, (*spec.notes, *sandbox.notes), "running"
        self.image = sandbox.image
        return sandbox

    async def _is_new(self, provider: SandboxProvider | Shared, spec: SandboxSpec) -> bool:
        """Whether the workspace may be taken from a sandbox that is ready: empty, and not followed yet."""
        if self.following.begun or isinstance(provider, Shared):
            return False
        return await asyncio.to_thread(is_new, spec.workspace)

    async def _follow(self, provider: SandboxProvider | Shared) -> None:
        follow = provider.follow if isinstance(provider, Shared) else Changes.start
        await self.following.begin(self._workspace, partial(follow, most=self._most_files))

    async def _follow_in(self, provider: SandboxProvider | Shared, sandbox: Sandbox) -> None:
        """Follow the workspace as its sandbox has it; a warm one brought its own."""
        try:
            await self._follow(provider)
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
        await self._brought(await self._checkouts.bring(spec.workspace, _owner(spec)))

    async def _brought(self, made: Sequence[str]) -> None:
        if made:
            await self.following.brought(made)

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


async def _keep(sandbox: Sandbox, path: str, text: str) -> bool:
    try:
        written = await sandbox.call("write", {"file_path": path, "content": text})
    except SandboxUnavailable:
        return False
    return not written.is_error


def _in_sandbox(call: Call) -> bool:
    return call.kind != "mcp" and call.name not in WEB


def _owner(spec: SandboxSpec) -> int | None:
    return spec.uid if os.geteuid() == 0 else None


def _failed(task: asyncio.Task[Sandbox]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _retrieved(task: asyncio.Task[Sandbox]) -> None:
    """A sandbox that nobody called need not have started."""
    _failed(task)
