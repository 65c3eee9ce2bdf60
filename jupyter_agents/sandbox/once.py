"""Long work that several sandboxes wait for: done once for each key, and told to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

Told = Callable[[str], None]
"""Takes one sentence on what is being done, and "" when it is over."""


class Once(Generic[T]):
    """Work by key. Who waits may go away; the work goes on for the others."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}
        self._listening: dict[str, list[Told]] = {}
        self._last: dict[str, str] = {}

    async def get(self, key: str, make: Callable[[Told], Awaitable[T]], told: Told) -> T:
        """What `make` gives, for everyone who asks for `key` while it is made.

        Raises what `make` raises; who asks afterwards tries again.
        """
        if key not in self._running:
            self._listening[key] = []
            self._running[key] = asyncio.create_task(self._make(key, make))
            self._running[key].add_done_callback(_retrieved)
        listeners = self._listening[key]
        listeners.append(told)
        if key in self._last:
            told(self._last[key])
        try:
            return await asyncio.shield(self._running[key])
        finally:
            listeners.remove(told)
            told("")

    async def close(self) -> None:
        """Give up what is being made."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, key: str, make: Callable[[Told], Awaitable[T]]) -> T:
        def told(text: str) -> None:
            self._last[key] = text
            for listener in list(self._listening[key]):
                listener(text)

        try:
            return await make(told)
        finally:
            self._running.pop(key, None)
            self._listening.pop(key, None)
            self._last.pop(key, None)


def _retrieved(task: asyncio.Task[T]) -> None:
    """Whoever waited may be gone."""
    if not task.cancelled():
        task.exception()
