"""A session's sandbox: started with the first model request, in parallel with it; paused, replaced, ended.

One that died is replaced at the next call. Source: docs/decisions.md "Sandbox and network".
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from jupyter_agents.domain.resources import UPLOADS, WORKSPACE, within
from jupyter_agents.errors import ApiError, SandboxError, SandboxUnavailable
from jupyter_agents.ids import Clock
from jupyter_agents.runtime import metrics
from jupyter_agents.runtime.following import Following
from jupyter_agents.runtime.repositories import Checkouts
from jupyter_agents.runtime.shared import Shared
from jupyter_agents.sandbox.base import Mount, Sandbox, SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.beside import Cover
from jupyter_agents.sandbox.changes import Changes
from jupyter_agents.sandbox.embedded import find_cover
from jupyter_agents.sandbox.prepared import is_new
from jupyter_agents.sandbox.workspace import make_workspace, remove_copy

STARTING_SECONDS = 30.0


class SessionSandbox:
    """The sandbox of one session.

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
    checkouts:
        Brings the session's repositories.
    following:
        Follows its workspace.
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
        clock: Clock,
        checkouts: Checkouts,
        following: Following,
        most_files: int,
    ) -> None:
        self._id = session_id
        self._wanted = wanted
        self._spec = spec
        self._provider = provider
        self._root = root
        self._clock = clock
        self._checkouts = checkouts
        self.following = following
        self._most_files = most_files
        self._starting: asyncio.Task[Sandbox] | None = None
        self._workspace = Path()
        self._outdated = False
        self._cover: Cover | None = None
        self.kind: str | None = None
        self.notes: tuple[str, ...] = ()
        self.progress = ""
        self.image: str | None = None
        self.state = "none"
        self.used_at = clock()

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


def _owner(spec: SandboxSpec) -> int | None:
    return spec.uid if os.geteuid() == 0 else None


def _failed(task: asyncio.Task[Sandbox]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _retrieved(task: asyncio.Task[Sandbox]) -> None:
    """A sandbox that nobody called need not have started."""
    _failed(task)
