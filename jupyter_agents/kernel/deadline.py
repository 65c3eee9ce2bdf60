"""A function in this thread, stopped after a time, whatever it waits for.

In the main thread a signal ends it: SIGURG, which does nothing where the function itself takes the
handler away. Elsewhere it runs in a thread of its own, which is left behind.
"""

from __future__ import annotations

import contextvars
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

if sys.platform == "win32":
    SIGNAL = signal.SIGBREAK
else:
    SIGNAL = signal.SIGURG
AGAIN_SECONDS = 1.0


class OutOfTime(BaseException):
    """The time is over. No ``except Exception`` of the function takes it."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` gives; raises `OutOfTime`."""
    if threading.current_thread() is threading.main_thread():
        return _signalled(seconds, work)
    return _left(seconds, work)


def _signalled(seconds: float, work: Callable[[], T]) -> T:
    over = threading.Event()
    alarm = threading.Thread(target=_ring, args=(seconds, over), daemon=True)
    inside = True

    def ring(number: int, frame: Any) -> None:
        if inside and not over.is_set():
            raise OutOfTime

    before = signal.signal(SIGNAL, ring)
    try:
        alarm.start()
        return work()
    finally:
        inside = False
        over.set()
        signal.signal(SIGNAL, before or signal.SIG_DFL)


def _ring(seconds: float, over: threading.Event) -> None:
    """Ring when it is time, and again: a function may have taken the first one for its own."""
    main = threading.main_thread().ident
    while not over.wait(seconds):
        if sys.platform == "win32":
            import _thread

            _thread.interrupt_main(SIGNAL)
        elif main is not None:
            signal.pthread_kill(main, SIGNAL)
        seconds = AGAIN_SECONDS


def _left(seconds: float, work: Callable[[], T]) -> T:
    result: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.set_result(context.run(work))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="jupyter-agents-tool", daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError:
        if result.done():
            raise
        raise OutOfTime from None
