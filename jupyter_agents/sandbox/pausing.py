"""Pausing a sandbox and letting it go on, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pausing:
    """What `Sandbox.pause` and `Sandbox.resume` do.

    Parameters
    ----------
    freeze:
        Called with True to let nothing in the sandbox run, with False to go on; raises
        `SandboxUnavailable`.
    busy:
        Whether a call is open; such a sandbox is not paused.
    """

    def __init__(self, freeze: Callable[[bool], Awaitable[None]], busy: Callable[[], bool]) -> None:
        self._freeze = freeze
        self._busy = busy
        self._turn = asyncio.Lock()
        self.paused = False

    async def pause(self) -> bool:
        """Whether the sandbox is paused now."""
        async with self._turn:
            if not self.paused and not self._busy():
                await self._freeze(True)
                self.paused = True
        return self.paused

    async def resume(self) -> None:
        """Let it go on, if it is paused."""
        async with self._turn:
            if self.paused:
                await self._freeze(False)
                self.paused = False
