"""One event loop in a daemon thread, for everything this kernel does over HTTP.

Magics are synchronous, so that the kernel's interrupt reaches them, and the client is written once,
with async. `Worker.run` is the bridge: the calling thread waits, KeyboardInterrupt ends the wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Runs coroutines on a loop of its own; started with the first one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work`; its future may be waited for, or cancelled, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`; whatever ends the wait early (an interrupt) cancels it."""
        future = self.submit(work)
        try:
            return future.result()
        finally:
            future.cancel()

    async def go(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` in the caller's own event loop."""
        return await asyncio.wrap_future(self.submit(work))

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=self._loop.run_forever, name="jupyter-agents", daemon=True)
                thread.start()
            return self._loop
