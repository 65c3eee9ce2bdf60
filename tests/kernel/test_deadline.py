"""Whatever a function waits for, it ends in time, and nothing is left behind in this thread."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable

import pytest

from jupyter_agents.kernel.deadline import SIGNAL, OutOfTime, within


def sleeps() -> None:
    time.sleep(30)


def waits() -> None:
    threading.Event().wait(30)


def spins() -> None:
    while True:
        pass


def resists() -> None:
    for _ in range(2):
        with contextlib.suppress(BaseException):
            time.sleep(30)


@pytest.mark.parametrize("work", [sleeps, waits, spins, resists], ids=lambda f: f.__name__)
def test_it_ends_in_time(work: Callable[[], None]) -> None:
    begin = time.monotonic()
    if work is resists:
        assert within(0.1, work) is None
    else:
        with pytest.raises(OutOfTime):
            within(0.1, work)
    assert time.monotonic() - begin < 5
    assert signal.getsignal(SIGNAL) == signal.SIG_DFL


def test_a_result_or_an_error_in_time_is_as_it_was() -> None:
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_a_late_ring_harms_nobody() -> None:
    def just_before() -> None:
        time.sleep(0.0495)

    for _ in range(10):
        with contextlib.suppress(OutOfTime):
            within(0.05, just_before)
    time.sleep(0.2)


def test_a_function_that_takes_the_handler_away_goes_on() -> None:
    def takes() -> str:
        signal.signal(SIGNAL, signal.SIG_DFL)
        time.sleep(0.3)
        return "lived"

    assert within(0.1, takes) == "lived"


def test_in_another_thread_it_is_left_behind() -> None:
    seen: list[object] = []

    def run() -> None:
        for work in (lambda: 3, sleeps):
            try:
                seen.append(within(0.1, work))
            except OutOfTime:
                seen.append("late")
        try:
            within(5, lambda: [][0])
        except IndexError:
            seen.append("error")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [3, "late", "error"]
