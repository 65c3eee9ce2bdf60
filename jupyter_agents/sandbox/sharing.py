"""One sandbox for several sessions: each has a `Member` of it, which is its `Sandbox`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import SandboxUnavailable
from .base import Mount, ToolResult
from .tools import ToolhostSandbox

CANCEL_SECONDS = 0.45


class Member:
    """A session's share; a `Sandbox`.

    Parameters
    ----------
    sandbox:
        What is shared.
    session:
        Names the session to the others.
    may_pause:
        Asked when this session is idle; pauses the whole where all are, and says whether it is so.
    left:
        Awaited once, when the session has left.
    """

    def __init__(
        self,
        sandbox: ToolhostSandbox,
        session: str,
        may_pause: Callable[[Member], Awaitable[bool]],
        left: Callable[[Member], Awaitable[None]],
    ) -> None:
        self.kind, self.image = sandbox.kind, sandbox.image
        self.notes = (*sandbox.notes, NOTE)
        self.idle = False
        self._sandbox = sandbox
        self._session = session
        self._may_pause = may_pause
        self._left = left
        self._calls: set[asyncio.Task[ToolResult]] = set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._sandbox.alive and self._closing is None

    async def call(self, name: str, input: Mapping[str, Any]) -> ToolResult:
        if self._closing is not None:
            raise SandboxUnavailable("The session has left the sandbox.")
        self.idle = False
        call = asyncio.create_task(self._sandbox.call(name, input, self._session))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if not call.cancelled():
                call.cancel()
                raise
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return ToolResult.text(f"{name}: interrupted", is_error=True)

    async def cancel(self) -> None:
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls, timeout=CANCEL_SECONDS)

    async def add_file(self, mount: Mount) -> None:
        self.idle = False
        await self._sandbox.add_file(mount)

    async def pause(self) -> bool:
        self.idle = not self._calls
        return self.idle and await self._may_pause(self)

    async def resume(self) -> None:
        self.idle = False
        await self._sandbox.resume()

    async def memory(self) -> int | None:
        return await self._sandbox.memory()

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._leave())
        await asyncio.shield(self._closing)

    async def _leave(self) -> None:
        await self.cancel()
        with contextlib.suppress(SandboxUnavailable):
            await self._sandbox.leave(self._session)
        await self._left(self)


NOTE = "Other sessions of this environment work in the same sandbox and workspace."
