"""Where a session's calls go: its sandbox, or the recording where there is none.

The sandbox is started with the first model request, in parallel with it; one that died is replaced at
the next call. Source: docs/decisions.md "Sandbox and network" and "Replay".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from jupyter_agents.domain.sessions import Call
from jupyter_agents.errors import ApiError, LimitExceeded, SandboxError, SandboxUnavailable
from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.runtime.files import Files
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.overflow import bounded
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.sandbox.base import Sandbox, SandboxProvider, SandboxSpec, ToolResult
from jupyter_agents.sandbox.changes import Change, Changes
from jupyter_agents.sandbox.workspace import FILE_BYTES, OUTPUTS, make_workspace, open_beneath
from jupyter_agents.store.blobs import Blobs

Doc = dict[str, Any]
CHUNK = 1024 * 1024
STARTING_SECONDS = 30.0

log = logging.getLogger(__name__)


class SessionTools:
    """Runs the calls of one session.

    Parameters
    ----------
    spec:
        Makes the sandbox's specification, at each start.
    provider:
        Chooses the provider; raises `SandboxUnavailable` where there is none.
    root:
        The server's root directory, below which the workspace lies.
    recordings:
        What the session replays, or None.
    """

    def __init__(
        self,
        session_id: str,
        wanted: bool,
        spec: Callable[[], SandboxSpec],
        provider: Callable[[], Awaitable[SandboxProvider]],
        root: Path,
        files: Files,
        blobs: Blobs,
        clock: Clock,
        recordings: Callable[[], Recordings | None],
    ) -> None:
        self._id = session_id
        self._wanted = wanted
        self._spec = spec
        self._provider = provider
        self._root = root
        self._files = files
        self._blobs = blobs
        self._clock = clock
        self._recordings = recordings
        self._starting: asyncio.Task[Sandbox] | None = None
        self._workspace = Path()
        self._changes: Changes | None = None
        self._found: list[Change] = []
        self._outputs: dict[str, Change] = {}
        self.kind: str | None = None
        self.notes: tuple[str, ...] = ()
        self.state = "none"
        self.replayed_tools = False
        self.used_at = clock()

    async def prepare(self) -> None:
        """See `loop.Tools`."""
        self.used_at = self._clock()
        if self._wanted and (self._starting is None or _failed(self._starting)):
            self._starting = asyncio.create_task(self._start(), name=f"sandbox of {self._id}")
            self._starting.add_done_callback(_retrieved)

    async def call(self, call: Call) -> Outcome:
        """See `loop.Tools`. Raises `SandboxUnavailable`."""
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
            raise SandboxUnavailable(str(error), was_running=True) from None
        return Outcome(result, await self._changed())

    async def settle(self) -> list[Doc]:
        """See `loop.Tools`: register outputs; returns changes that no call has reported."""
        late = await self._changed()
        for change in list(self._outputs.values()):
            await self._register(change)
            if self._outputs.get(change.path) is change:
                del self._outputs[change.path]
        self.used_at = self._clock()
        return late

    async def close(self) -> None:
        """End the sandbox; the next call starts another. Idempotent.

        One that is just starting is let through: cut short, its first process could be left behind.
        """
        starting, self._starting = self._starting, None
        if starting is not None:
            await asyncio.wait([starting], timeout=STARTING_SECONDS)
            starting.cancel()
            await asyncio.wait([starting])
            if not _failed(starting):
                await starting.result().close()
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
            if self._changes is None:
                self._changes = await Changes.start(spec.workspace)
            sandbox = await provider.start(spec)
        except (SandboxError, OSError, ApiError) as error:
            self.state = "none"
            raise SandboxUnavailable(str(error)) from error
        except BaseException:
            self.state = "none"
            raise
        self.kind, self.notes, self.state = sandbox.kind, sandbox.notes, "running"
        return sandbox

    def _make_workspace(self, spec: SandboxSpec) -> None:
        uid = spec.uid if os.geteuid() == 0 else None
        make_workspace(self._root, spec.workspace, uid=uid)

    async def _sandbox(self) -> Sandbox:
        await self.prepare()
        if self._starting is None:
            raise SandboxUnavailable("This agent has no tool that runs in a sandbox.")
        sandbox = await asyncio.shield(self._starting)
        if not sandbox.alive:
            await self._drop(sandbox)
            return await self._sandbox()
        return sandbox

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
        self._outputs |= {c.path: c for c in found if PurePosixPath(c.path).parts[:1] == (OUTPUTS,)}
        at = rfc3339(self._clock())
        return [{"path": c.path, "kind": c.kind, "size": c.size, "at": at} for c in found]

    async def _drain(self, changes: Changes) -> None:
        """Goes on when the call is interrupted, so that what it changed is not lost."""
        try:
            self._found += await changes.drain()
        except OSError as error:
            log.warning("Session %s: the workspace cannot be looked at: %s", self._id, error)

    async def _register(self, change: Change) -> None:
        if change.kind == "deleted":
            await self._files.drop_output(self._id, change.path)
            return
        try:
            blob = await asyncio.to_thread(self._store, change.path)
            doc = await self._files.set_output(self._id, change.path, blob)
            await self._files.ensure(doc, lambda: self._store(change.path))
        except (OSError, SandboxError) as error:
            log.warning("Session %s: the output %r is not kept: %s", self._id, change.path, error)

    def _store(self, path: str) -> tuple[str, int]:
        with os.fdopen(open_beneath(self._workspace, path), "rb") as file:
            return self._blobs.put(_bounded(file))


async def _keep(sandbox: Sandbox, path: str, text: str) -> bool:
    try:
        written = await sandbox.call("write", {"file_path": path, "content": text})
    except SandboxUnavailable:
        return False
    return not written.is_error


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of `file`; raises `LimitExceeded` above `FILE_BYTES`, before the first where it can."""
    left = FILE_BYTES
    if os.fstat(file.fileno()).st_size > left:
        raise LimitExceeded(f"it is larger than {FILE_BYTES} bytes")
    while chunk := file.read(CHUNK):
        left -= len(chunk)
        if left < 0:
            raise LimitExceeded(f"it is larger than {FILE_BYTES} bytes")
        yield chunk


def _failed(task: asyncio.Task[Sandbox]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _retrieved(task: asyncio.Task[Sandbox]) -> None:
    """A sandbox that nobody called need not have started."""
    _failed(task)
