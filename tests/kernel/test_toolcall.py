"""A call's arguments in, its answer out; only an interrupt is no answer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

import jupyter_agents as ja
from jupyter_agents.kernel import toolcall
from jupyter_agents.kernel.toolcall import Answer


def said(answer: Answer) -> str:
    return str(answer.content[0]["text"])


def inner() -> None:
    raise KeyError("region")


def raises() -> None:
    print("before")
    inner()


def exits() -> None:
    sys.exit("bye")


def cancels() -> None:
    raise asyncio.CancelledError


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def mute() -> None:
    raise Mute


def long() -> None:
    raise ValueError("x" * 1_000_000)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("function", "begins"),
    [
        (raises, "KeyError: 'region'"),
        (exits, "SystemExit: bye"),
        (cancels, "asyncio.exceptions.CancelledError"),
        (mute, "Mute"),
        (long, "ValueError: xxx"),
    ],
)
async def test_exceptions_are_answers(function: Callable[[], None], begins: str, is_async: bool) -> None:
    async def awaited() -> None:
        function()

    made = ja.tool(awaited if is_async else function, name="made")
    answer = await toolcall.arun(made, {}) if is_async else toolcall.run(made, {})
    assert answer.is_error and said(answer).startswith(begins)
    assert len(said(answer)) < 10_100 and "jupyter_agents/kernel" not in said(answer)


def test_the_users_frames_and_prints_are_told_apart() -> None:
    answer = toolcall.run(ja.tool(raises), {})
    assert 'File "test_toolcall.py", line ' in said(answer)
    assert "in raises" in said(answer) and "in inner" in said(answer)
    assert answer.shown == ({"type": "text", "text": "before\n"},)


def test_arguments_are_checked_before_the_function_runs() -> None:
    def half(x: int) -> float:
        return x / 2

    answer = toolcall.run(ja.tool(half), {"x": "word"})
    assert answer.is_error and said(answer).startswith("The arguments do not fit half. x: Input should be")
    assert toolcall.run(ja.tool(half), {"x": 3}) == Answer([{"type": "text", "text": "1.5"}])


async def test_time_is_limited() -> None:
    def slow() -> None:
        time.sleep(30)

    async def slow_too() -> None:
        await asyncio.sleep(30)

    async def deaf() -> None:
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.5)

    text = "did not end within 0.1 seconds and was stopped"
    assert text in said(toolcall.run(ja.tool(slow, timeout=0.1), {}))
    assert text in said(await toolcall.arun(ja.tool(slow_too, timeout=0.1), {}))
    assert text in said(await toolcall.arun(ja.tool(deaf, timeout=0.1), {}))


def test_an_interrupt_goes_on() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toolcall.run(ja.tool(interrupted), {})


async def test_a_call_that_is_cancelled_from_outside_is() -> None:
    ended: list[Any] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("yes")

    work = asyncio.ensure_future(toolcall.arun(ja.tool(slow), {}))
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert ended == ["yes"]


def test_a_result_that_cannot_be_given_is_an_error() -> None:
    answer = toolcall.run(ja.tool(lambda: b"x", name="raw"), {})
    assert answer.is_error and said(answer).startswith("raw ran, but its result cannot be given on.")
