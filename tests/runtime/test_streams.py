from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jupyter_agents.runtime import streams
from jupyter_agents.runtime.streams import Closed, Hub, Subscription


def event(number: int) -> dict[str, Any]:
    return {"id": f"sevt_{number}", "type": "agent.message"}


async def test_everyone_hears_each_record_once() -> None:
    hub = Hub()
    readers = [hub.subscribe("s", (), 4) for _ in range(2)]
    for seq in (4, 5, 5, 6):
        hub.publish("s", event(seq), seq)
    hub.publish("other", event(9), 9)
    for reader in readers:
        assert [json.loads(d)["id"] for d in reader.ready()] == ["sevt_5", "sevt_6"]


async def test_waiting_and_the_end() -> None:
    reader = Subscription()
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    reader.put("a")
    reader.put("b")
    reader.put(None)
    reader.put("late")
    reader.put(None)
    assert await waiting == "a" and reader.ready() == ["b"]
    with pytest.raises(Closed):
        await reader.next()


@pytest.mark.parametrize("limit", ["MOST_WAITING", "MOST_BYTES"])
async def test_a_reader_that_does_not_read_is_dropped_with_what_waits(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, limit, 30)
    hub = Hub()
    slow, quick = hub.subscribe("s", (), 0), hub.subscribe("s", (), 0)
    dropped: list[str] = []
    slow.on_dropped = lambda: dropped.append("slow")
    heard = 0
    for seq in range(1, 60):
        hub.publish("s", event(seq), seq)
        heard += len(quick.ready())
    assert heard == 59 and dropped == ["slow"]
    with pytest.raises(Closed):
        await slow.next()


async def test_one_large_event_is_still_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_BYTES", 10)
    reader = Subscription()
    reader.put("x" * 1000)
    assert await reader.next() == "x" * 1000


async def test_what_waits_is_bounded_whatever_is_sent() -> None:
    reader = Subscription(["agent.message"])
    hub = Hub()
    hub._subscriptions["s"].add(reader)
    hub.preview("s", "agent.message", "sevt_1", 0, "")
    most = 0
    for _ in range(100):
        hub.preview("s", "agent.message", "sevt_1", 0, "x" * 500_000)
        most = max(most, reader._bytes)
    assert most < streams.MOST_BYTES + 600_000 and reader.closed and reader.ready() == []


async def test_the_end_of_a_request_forgets_its_previews() -> None:
    hub = Hub()
    reader = hub.subscribe("s", ["agent.message"], 0)
    hub.preview("s", "agent.message", "sevt_1", 0, "")
    hub.publish("s", {"id": "sevt_2", "type": "span.model_request_end"}, 1)
    hub.preview("s", "agent.message", "sevt_1", 0, "late")
    assert [json.loads(data)["type"] for data in reader.ready()] == ["event_start", "span.model_request_end"]
    assert reader.started == set()


async def test_previews_go_to_those_who_asked_and_begin_with_a_start() -> None:
    hub = Hub()
    early, other = hub.subscribe("s", ["agent.message"], 0), hub.subscribe("s", ["agent.thinking"], 0)
    hub.preview("s", "agent.message", "sevt_1", 0, "")
    hub.preview("s", "agent.message", "sevt_1", 0, "")
    late = hub.subscribe("s", ["agent.message"], 0)
    hub.preview("s", "agent.message", "sevt_1", 0, "Hi")
    assert [json.loads(d)["type"] for d in early.ready()] == ["event_start", "event_delta"]
    assert other.ready() == [] and late.ready() == []


async def test_a_fault_ends_the_stream_with_an_error() -> None:
    hub = Hub()
    reader = hub.subscribe("s", (), 0)
    hub.fail("s", {"type": "error"})
    assert reader.ready() == ['error:{"type":"error"}']
    with pytest.raises(Closed):
        await reader.next()


async def test_nobody_is_remembered_who_left() -> None:
    hub = Hub()
    reader = hub.subscribe("s", (), 3)
    hub.unsubscribe("s", reader)
    hub.unsubscribe("s", reader)
    assert hub.sessions() == [] and hub.seen == {}
    hub.publish("s", event(4), 4)
    assert reader.ready() == []
