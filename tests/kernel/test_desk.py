"""Work goes to the thread that serves, its result comes back."""

from __future__ import annotations

import threading

import pytest

from jupyter_agents.kernel.desk import Desk, Stopped
from jupyter_agents.kernel.worker import Worker


def test_work_is_done_in_the_serving_thread() -> None:
    worker, woken = Worker(), threading.Event()
    desk = Desk(woken.set)
    results = [worker.submit(desk.ask(work)) for work in (threading.get_ident, lambda: 1 // 0)]
    assert woken.wait(5)
    while not all(result.done() for result in results):
        desk.serve()
    assert not desk.is_busy
    assert results[0].result(5) == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        results[1].result(5)


def test_an_interrupt_reaches_both_sides() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    worker, woken = Worker(), threading.Event()
    desk = Desk(woken.set)
    result = worker.submit(desk.ask(interrupted))
    assert woken.wait(5)
    with pytest.raises(KeyboardInterrupt):
        desk.serve()
    with pytest.raises(Stopped):
        result.result(5)


def test_work_that_nobody_waits_for_is_not_done() -> None:
    done: list[int] = []
    worker, woken = Worker(), threading.Event()
    desk = Desk(woken.set)
    result = worker.submit(desk.ask(lambda: done.append(1)))
    assert woken.wait(5)
    result.cancel()
    worker.run(_nothing())
    desk.serve()
    assert done == []


async def _nothing() -> None: ...
