"""Work that the worker's loop hands to the thread whose cell waits, and waits for."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The user interrupted the work."""


class Desk:
    """One cell's desk. wake: called, from the worker's thread, when there is work to `serve`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._work: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether work waits to be served."""
        return bool(self._work)

    async def ask(self, work: Callable[[], T]) -> T:
        """What `work` gives in the cell's thread; raises `Stopped` where the user interrupts it."""
        future: Future[T] = Future()
        with self._lock:
            self._work.append((work, future))
        self._wake()
        return await asyncio.wrap_future(future)

    def serve(self) -> None:
        """Do the work, in this thread. An interrupt goes on to the caller."""
        while True:
            with self._lock:
                if not self._work:
                    return
                work, future = self._work.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except KeyboardInterrupt:
                future.set_exception(Stopped())
                raise
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
