"""A session over a broken connection: every event once, or a plain end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx2
import pytest

from jupyter_agents.kernel import session as module
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.session import AgentSession

BROKEN = anthropic.APIConnectionError(request=httpx2.Request("GET", "http://127.0.0.1/"))


def event(id: str | None) -> Any:
    return SimpleNamespace(id=id, type="agent.message")


class Stream:
    """A stream that gives events, then breaks, ends, or stays silent."""

    def __init__(self, events: list[Any], end: Exception | None = None) -> None:
        self._events = events
        self._end = end
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        for one in self._events:
            yield one
        if self._end is not None:
            raise self._end

    async def close(self) -> None:
        self.closed = True


class Broken(AgentSession):
    """A session whose streams and history are given."""

    def __init__(self, streams: list[Any], past: list[Any], server: Any = None) -> None:
        super().__init__(SimpleNamespace(server=server), SimpleNamespace(id="sesn_1"))  # type: ignore[arg-type]
        self.streams = streams
        self.past = past

    async def _subscribe(self) -> Any:
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        return stream

    async def history(self) -> list[Any]:
        return self.past


async def collect(session: AgentSession, count: int) -> list[str | None]:
    found: list[str | None] = []
    async with aclosing(session.follow()) as events:  # type: ignore[type-var]
        async for one in events:
            found.append(one.id)
            if len(found) == count:
                break
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.0,))


async def test_after_a_break_history_fills_the_gap_and_nothing_comes_twice() -> None:
    first = Stream([event("1"), event(None), event("2")], BROKEN)
    second = Stream([event("4"), event("5")])
    session = Broken([first, BROKEN, second], [])
    follow = asyncio.create_task(collect(session, 6))
    await asyncio.sleep(0)
    session.past = [event("1"), event("2"), event("3"), event("4")]
    assert await follow == ["1", None, "2", "3", "4", "5"]
    assert first.closed
    assert second.closed


async def test_a_queued_event_is_given_once_it_is_processed() -> None:
    queued = SimpleNamespace(id="1", type="user.tool_confirmation", processed_at=None)
    processed = SimpleNamespace(id="1", type="user.tool_confirmation", processed_at="now")
    session = Broken([Stream([processed, event("2")])], [queued])
    async with aclosing(session.follow()) as events:  # type: ignore[type-var]
        assert await anext(events) is processed


async def test_an_error_of_the_request_is_not_tried_again() -> None:
    answer = httpx2.Response(404, request=httpx2.Request("GET", "http://127.0.0.1/"))
    gone = anthropic.NotFoundError("404", response=answer, body=None)
    with pytest.raises(anthropic.NotFoundError):
        await collect(Broken([gone], []), 1)


async def test_a_server_that_stays_away_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", -1.0)
    with pytest.raises(AgentError, match="--session sesn_1"):
        await collect(Broken([BROKEN], []), 1)


async def test_a_dead_embedded_server_ends_the_wait_at_once() -> None:
    dead = SimpleNamespace(alive=False)
    with pytest.raises(AgentError, match="The server is gone"):
        await collect(Broken([Stream([])], [], dead), 1)
