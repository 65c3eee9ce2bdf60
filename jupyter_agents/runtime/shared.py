"""The sandbox that all sessions of an environment share; it lives until the last of them has left.

Source: docs/hosting.md "Shared".
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Mount, Probe, SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.changes import Change, Changes
from jupyter_agents.sandbox.installs import handed_on
from jupyter_agents.sandbox.listing import Stamp
from jupyter_agents.sandbox.sharing import Member
from jupyter_agents.sandbox.tools import ToolhostSandbox


class Shared:
    """What `runtime.tools` takes for a provider: each `start` joins, the first starts.

    Parameters
    ----------
    name:
        Of the environment.
    provider:
        Starts the sandbox.
    """

    def __init__(self, name: str, provider: SandboxProvider) -> None:
        self._name = name
        self._provider = provider
        self._turn = asyncio.Lock()
        self._uploads = Path()
        self._sandbox: ToolhostSandbox | None = None
        self._members: set[Member] = set()
        self._changes: Changes | None = None
        self._followers: set[SharedChanges] = set()

    @property
    def kind(self) -> str:
        return self._provider.kind

    @property
    def managers(self) -> tuple[str, ...]:
        return self._provider.managers

    async def probe(self) -> Probe:
        return await self._provider.probe()

    async def start(self, spec: SandboxSpec) -> Member:
        """Join, with the session's files. Raises `SandboxUnavailable`."""
        async with self._turn:
            if self._sandbox is None or not self._sandbox.alive:
                self._sandbox = await self._start(spec)
            member = Member(self._sandbox, spec.session_id, self._pause, self._left)
            self._members.add(member)
        certificates = handed_on(spec)[1]
        for mount in spec.mounts:
            if mount not in certificates:
                await self._give(member, mount)
        return member

    async def follow(self, workspace: Path, most: int | None = None) -> SharedChanges:
        """News of the workspace for one more session: each change is told to whose call ends next, and to
        the others as somebody else's."""
        async with self._turn:
            if self._changes is None:
                self._changes = await Changes.start(workspace, most=most)
            follower = SharedChanges(self._changes, self._followers, self._unfollow)
            self._followers.add(follower)
            return follower

    async def close(self) -> None:
        """The provider ends the sandbox."""

    async def _start(self, spec: SandboxSpec) -> ToolhostSandbox:
        self._uploads = spec.uploads
        spec.uploads.mkdir(mode=0o755, parents=True, exist_ok=True)
        certificates = handed_on(spec)[1]
        started = await self._provider.start(replace(spec, session_id=self._name, mounts=certificates))
        if not isinstance(started, ToolhostSandbox):
            await started.close()
            raise SandboxUnavailable(f"{self.kind} sandboxes cannot be shared by sessions.")
        return started

    async def _give(self, member: Member, mount: Mount) -> None:
        try:
            await member.add_file(mount)
        except SandboxUnavailable:
            member.notes = (*member.notes, f"{mount.target} could not be brought into the shared sandbox.")

    async def _pause(self, member: Member) -> bool:
        async with self._turn:
            if self._sandbox is None or not all(one.idle for one in self._members):
                return False
            return await self._sandbox.pause()

    async def _left(self, member: Member) -> None:
        async with self._turn:
            self._members.discard(member)
            if not self._members and self._sandbox is not None:
                sandbox, self._sandbox = self._sandbox, None
                await sandbox.close()
                await asyncio.to_thread(shutil.rmtree, self._uploads, True)

    def _unfollow(self, follower: SharedChanges) -> None:
        self._followers.discard(follower)
        if not self._followers and self._changes is not None:
            self._changes.close()
            self._changes = None


class SharedChanges:
    """A session's view of the shared workspace's `Changes`.

    followers: the views of all sessions, this one among them.
    """

    shared = True

    def __init__(
        self,
        changes: Changes,
        followers: Collection[SharedChanges],
        unfollow: Callable[[SharedChanges], None],
    ) -> None:
        self._changes = changes
        self._followers = followers
        self._unfollow = unfollow
        self._others: list[Change] = []
        self._calling = False
        self._mixed = False

    @property
    def files(self) -> Mapping[str, Stamp]:
        return self._changes.files

    @property
    def complete(self) -> bool:
        return self._changes.complete

    def enter(self) -> None:
        """A call begins: it and those that run cannot be told apart."""
        busy = [other for other in self._followers if other is not self and other._calling]
        self._calling, self._mixed = True, bool(busy)
        for other in busy:
            other._mixed = True

    def leave(self) -> bool:
        """The call is over; whether no other session's call ran meanwhile."""
        self._calling = False
        return not self._mixed

    def others(self) -> list[Change]:
        """What the other sessions found since this was last asked."""
        found, self._others = self._others, []
        return found

    async def drain(self) -> list[Change]:
        """What changed since any of the sessions last asked."""
        found = await self._changes.drain()
        for other in self._followers:
            if other is not self:
                other._others += found
        return found

    def close(self) -> None:
        """Stop following. Idempotent."""
        self._unfollow(self)
