"""The one writer of a session: recovery, faults of the store, and what races."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

import pytest

from jupyter_agents.domain import events
from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.steps import EndTurn
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.loop import end_turn
from jupyter_agents.runtime.runner import CRASHED, SessionRunner
from jupyter_agents.runtime.streams import Closed
from jupyter_agents.testing import Reply, call, say
from tests.runtime.conftest import CUSTOM, Runtime, asking, of, only, types

Doc = dict[str, Any]


async def journalled(runtime: Runtime, session: str, *drafts: Any) -> None:
    """Write records as a process would that was killed right after; then start another."""
    runner = runtime.context.manager.live(session)
    assert runner is not None
    await runner.append([d if isinstance(d, Draft) else runner.stamp.event(d) for d in drafts])


def call_drafts(runner: SessionRunner, *blocks: Doc, permission: str = "allow") -> list[Draft]:
    """The end of a request with these calls."""
    stamp = runner.stamp
    found = [
        stamp.event(
            {
                "type": "agent.tool_use",
                "name": b["name"],
                "input": b["input"],
                "evaluated_permission": permission,
            },
            {"tool_use_id": b["id"]},
        )
        for b in blocks
    ]
    response = {"content": list(blocks), "stop_reason": "tool_use", "stop_details": None}
    private = {"response": response, "usage": {}, "request": {}, "cut": False, "replayed": False}
    return [*found, stamp.event(events.request_end(runner.state.request or "", {}, is_error=False), private)]


async def begun(runtime: Runtime, *tools: Doc) -> tuple[str, SessionRunner]:
    """A session in whose journal a turn began; nothing acts on it."""
    session = await runtime.session(*tools)
    runner = runtime.context.manager.live(session)
    assert runner is not None
    runner.wake = lambda: None  # type: ignore[method-assign]
    await runtime.send(session, "go")
    (message,) = runner.state.queue
    await journalled(runtime, session, *events.running(runner.state.primary), message)
    await journalled(runtime, session, {"type": "span.model_request_start"})
    return session, runner


async def finished(runtime: Runtime, session: str) -> list[Doc]:
    async with asyncio.timeout(20):
        while runtime.folded(session).status != "idle":
            await asyncio.sleep(0.02)
    return runtime.events(session)


async def test_a_message_that_was_acknowledged_is_answered_after_a_crash(runtime: Runtime) -> None:
    session = await runtime.session()
    runner = runtime.context.manager.live(session)
    assert runner is not None
    runner.wake = lambda: None  # type: ignore[method-assign]
    (sent,) = await runtime.send(session, "go")
    runtime.model.script.append([say("Here.")])
    await runtime.restart()
    async with asyncio.timeout(10):
        while not of(runtime.events(session), "session.status_idle"):
            await asyncio.sleep(0.02)
    assert only(runtime.events(session), "user.message")["id"] == sent["id"]
    assert runtime.context.catalog.unsettled() == []


async def test_an_open_request_is_closed_and_asked_again(runtime: Runtime) -> None:
    session, _ = await begun(runtime)
    runtime.model.script.append([say("Here.")])
    await runtime.restart()
    found = await finished(runtime, session)
    ends = of(found, "span.model_request_end")
    assert [end["is_error"] for end in ends] == [True, False]
    assert of(found, "agent.message")


async def test_an_open_call_is_closed_and_never_run_again(runtime: Runtime) -> None:
    session, runner = await begun(runtime)
    await runner.append(call_drafts(runner, call("bash", command="touch ran")))
    runtime.model.script.append([say("I see.")])
    await runtime.restart()
    found = await finished(runtime, session)
    result = only(found, "agent.tool_result")
    assert result["is_error"] and result["content"][0]["text"] == CRASHED
    assert not (runtime.workspace(session) / "ran").exists()


async def test_a_call_that_waits_goes_on_waiting(runtime: Runtime) -> None:
    script = [[call("bash", command="echo ran"), call("weather")], [say("Done.")]]
    session = await runtime.session(asking("bash"), CUSTOM, script=script)
    found = await runtime.turn(session, "go")
    await runtime.restart()
    assert runtime.events(session)[-1] == found[-1]
    use, custom = only(found, "agent.tool_use"), only(found, "agent.custom_tool_use")
    answers = [
        {"type": "user.tool_confirmation", "tool_use_id": use["id"], "result": "allow"},
        {"type": "user.custom_tool_result", "custom_tool_use_id": custom["id"]},
    ]
    found = await runtime.turn(session, *answers)
    assert only(found, "agent.tool_result")["content"][0]["text"] == "ran\n"


async def test_an_answer_that_was_acknowledged_counts_after_a_crash(runtime: Runtime) -> None:
    session = await runtime.session(
        asking("bash"), script=[[call("bash", command="echo ran")], [say("Done.")]]
    )
    use = only(await runtime.turn(session, "go"), "agent.tool_use")
    runner = runtime.context.manager.live(session)
    assert runner is not None
    runner.wake = lambda: None  # type: ignore[method-assign]
    await runtime.send(
        session, {"type": "user.tool_confirmation", "tool_use_id": use["id"], "result": "allow"}
    )
    await runtime.restart()
    async with asyncio.timeout(10):
        while not of(runtime.events(session), "agent.tool_result"):
            await asyncio.sleep(0.02)
    assert only(runtime.events(session), "agent.tool_result")["content"][0]["text"] == "ran\n"


async def test_stopping_in_mid_turn_goes_on_at_the_next_start(runtime: Runtime) -> None:
    session = await runtime.session(script=[Reply([say("word " * 500)], delay=0.05), [say("Again.")]])
    listening = runtime.listen(session, "agent.message")
    await runtime.send(session, "go")
    await runtime.until(listening, "event_delta")
    await runtime.restart()
    found = await finished(runtime, session)
    assert only(found, "agent.message")["content"][0]["text"] == "Again."


async def test_a_session_that_cannot_be_read_does_not_stop_the_others(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    broken, _ = await begun(runtime)
    fine, _ = await begun(runtime)
    spoil = "UPDATE records SET private = '{}' WHERE session_id = ? AND type = 'private.session'"
    await runtime.context.database.write(lambda c: c.execute(spoil, (broken,)))
    runtime.model.script.append([say("Here.")])
    await runtime.restart()
    await finished(runtime, fine)
    assert f"{broken} cannot go on" in caplog.text


async def full(runtime: Runtime, *, after: int = 0) -> None:
    """Let the store have `after` more pages and then no space."""
    pages = await runtime.context.database.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await runtime.context.database.write(lambda c: c.execute(f"PRAGMA max_page_count={pages + after}"))


async def freed(runtime: Runtime) -> None:
    await runtime.context.database.write(lambda c: c.execute("PRAGMA max_page_count=1000000"))


async def test_a_full_disk_ends_the_stream_with_an_error_and_the_session_goes_on_later(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    long = Reply([say("x" * 100_000)], chunk=50_000)
    session = await runtime.session(script=[long, [say("Went on.")], [say("And on.")]])
    listening = runtime.listen(session)
    await full(runtime, after=4)
    with pytest.raises(Closed):
        async with asyncio.timeout(10):
            await runtime.send(session, "go")
            while True:
                last = await listening.next()
    error = json.loads(last.removeprefix("error:"))
    assert last.startswith("error:") and "disk" in error["error"]["message"]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await runtime.send(session, "x" * 100_000)
    await freed(runtime)
    listening = runtime.listen(session)
    await runtime.send(session, "go on")
    found = await runtime.until_idle(listening)
    assert found[-1]["stop_reason"] == {"type": "end_turn"}
    assert "cannot be written" in caplog.text
    _check(runtime, session)


async def test_a_call_that_ran_when_the_disk_filled_is_not_run_again(runtime: Runtime) -> None:
    command = "echo ran >> marker; sleep 0.2; head -c 90000 /dev/zero | tr '\\0' x"
    session = await runtime.session(script=[[call("bash", command=command)], [say("Went on.")]])
    listening = runtime.listen(session)
    await runtime.send(session, "warm up")
    await runtime.until(listening, "span.model_request_end")
    await full(runtime, after=1)
    with pytest.raises(Closed):
        async with asyncio.timeout(10):
            while True:
                await listening.next()
    await freed(runtime)
    runner = await runtime.context.manager.runner(session)
    assert not runner.broken
    found = await finished(runtime, session)
    assert only(found, "agent.tool_result")["content"][0]["text"] == CRASHED
    assert (runtime.workspace(session) / "marker").read_text() == "ran\n"


def _check(runtime: Runtime, session: str) -> None:
    """The live state is the fold of the journal."""
    runner = runtime.context.manager.live(session)
    assert runner is not None and runner.state == runtime.folded(session)


async def test_times_and_places_stay_in_order_whoever_writes(runtime: Runtime) -> None:
    uses = [call("bash", command=f"echo {n}") for n in range(6)]
    session = await runtime.session(script=[uses, [say("Done.")]])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    for number in range(10):
        await runtime.send(session, f"steer {number}")
    await runtime.until_idle(listening)
    found = runtime.events(session)
    times = [event["processed_at"] for event in found]
    assert times == sorted(set(times)) and len({e["id"] for e in found}) == len(found)
    _check(runtime, session)


async def test_an_answer_and_an_interrupt_at_once_give_one_result(runtime: Runtime) -> None:
    for _ in range(10):
        session = await runtime.session(CUSTOM, script=[[call("weather")]])
        use = only(await runtime.turn(session, "go"), "agent.custom_tool_use")
        answer = {"type": "user.custom_tool_result", "custom_tool_use_id": use["id"]}
        listening = runtime.listen(session)
        outcomes = await asyncio.gather(
            runtime.send(session, {"type": "user.interrupt"}),
            runtime.send(session, answer),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], InvalidRequest | list)
        await runtime.until(listening, "user.interrupt")
        await finished(runtime, session)
        assert len(of(runtime.events(session), "user.custom_tool_result")) == 1
        _check(runtime, session)
        runtime.model.script.clear()


async def test_a_refused_request_leaves_no_trace(runtime: Runtime) -> None:
    session = await runtime.session()
    with pytest.raises(InvalidRequest):
        await runtime.send(session, "fine", {"type": "user.message", "content": []})
    assert types(runtime.events(session)) == [] and runtime.context.manager.queued(session) == []


async def test_an_answer_that_waits_when_the_turn_is_given_up_is_the_result(runtime: Runtime) -> None:
    session, runner = await begun(runtime, CUSTOM)
    use = call("weather")
    body = {"type": "agent.custom_tool_use", "name": "weather", "input": {}}
    await runner.append([runner.stamp.event(body, {"tool_use_id": use["id"]}), *call_drafts(runner, use)[1:]])
    (custom,) = runner.state.calls
    answer = {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": custom,
        "content": events.text_blocks("sunny"),
    }
    (sent,) = await runtime.send(session, answer)
    await end_turn(runner, EndTurn(events.RETRIES_EXHAUSTED))
    result = only(runtime.events(session), "user.custom_tool_result")
    assert (result["id"], result["content"]) == (sent["id"], answer["content"])
    _check(runtime, session)
