"""Conversations that outgrow the model's context window."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_agents.domain import compaction, events
from jupyter_agents.domain.compaction import GO_ON, INSTRUCTION, MAX_COMPACTIONS
from jupyter_agents.testing import Fault, Reply, call, say, summary
from tests.requests import check_request
from tests.runtime.conftest import CUSTOM, TOOLSET, Runtime, of, only, types

Doc = dict[str, Any]

LOCAL = {"model": "local"}
FULL = {"input_tokens": 50_000, "output_tokens": 20}
FULLER = {"input_tokens": 100, "cache_read_input_tokens": 760_000, "output_tokens": 20}
TOO_LONG = Fault(400, "invalid_request_error", "prompt is too long: 70000 tokens > 64000 maximum")
SPAN = ["span.model_request_start", "agent.thread_context_compacted", "span.model_request_end"]
ALL = compaction.summary_of([say("All of it.")])


def first_block(request: Doc) -> Doc:
    found: Doc = {k: v for k, v in request["messages"][0]["content"][0].items() if k != "cache_control"}
    return found


def is_asking(request: Doc) -> bool:
    return INSTRUCTION in str(request["messages"][-1]["content"][-1].get("text"))


async def test_the_endpoint_summarises_by_itself_where_it_can(bare: Runtime) -> None:
    """The endpoint takes a compaction block only with its beta header, and says 400 else."""
    script = [
        Reply([say("One.")], usage=FULLER),
        Reply([summary("All of it.")], usage={"input_tokens": 30, "output_tokens": 7}),
        [say("Two.")],
        [say("Three.")],
    ]
    session = await bare.session(CUSTOM, script=script)
    await bare.turn(session, "first")
    found = await bare.turn(session, "second")
    assert types(found)[2:7] == ["user.message", *SPAN, "span.model_request_start"]
    assert only(found, "session.usage")["usage"]["input_tokens"] == 100 + 30 + 100
    await bare.turn(session, "third")
    _, asked, second, third = bare.model.requests
    assert asked["compaction"] == {"type": "summarize"}
    assert "first" in str(asked) and "second" not in str(asked)
    for request in (second, third):
        assert first_block(request) == summary("All of it.") and "compaction" not in request
        check_request({k: v for k, v in request.items() if k != "stream"})
    assert len(of(bare.events(session), "agent.thread_context_compacted")) == 1
    assert bare.context._dropped == {}


async def test_an_endpoint_that_refuses_is_told_in_words_from_then_on(bare: Runtime) -> None:
    refusal = Fault(400, "invalid_request_error", "compaction: Extra inputs are not permitted")
    script = [
        Reply([say("One.")], usage=FULLER),
        refusal,
        Reply([say("All of it.")], usage=FULL),
        Reply([say("Two.")], usage=FULLER),
        [say("All of it.")],
        [say("Three.")],
    ]
    session = await bare.session(CUSTOM, script=script)
    for words in ("first", "second", "third"):
        await bare.turn(session, words)
    assert bare.context._dropped == {"claude-opus-4-7": {"compaction"}}
    assert ["compaction" in request for request in bare.model.requests] == [False, True, *[False] * 4]
    assert [is_asking(request) for request in bare.model.requests] == [False, False, True, False, True, False]
    assert first_block(bare.model.requests[-1]) == ALL


async def test_a_loop_of_calls_is_shortened_in_its_middle(runtime: Runtime) -> None:
    uses = [call("bash", command=f"echo out {n}") for n in range(6)]
    script: list[Any] = [[use] for use in uses[:4]]
    script += [Reply([uses[4]], usage=FULL), [say("All of it.")], [uses[5]], [say("Done.")]]
    session = await runtime.session(TOOLSET, agent=LOCAL, script=script)
    found = await runtime.turn(session, "go")
    assert found[-1]["stop_reason"] == {"type": "end_turn"}
    assert types(found).count("agent.thread_context_compacted") == 1
    asked, after = runtime.model.requests[5:7]
    assert is_asking(asked)
    assert [m["role"] for m in after["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert first_block(after) == ALL and "out 2" not in str(after)
    assert "out 3" in str(after) and "out 4" in str(after)
    results = [e["content"][0]["text"] for e in of(runtime.events(session), "agent.tool_result")]
    assert results == [f"out {n}\n" for n in range(6)]


async def test_a_prompt_that_is_too_long_is_shortened_and_asked_again(bare: Runtime) -> None:
    script = [[say("One.")], TOO_LONG, TOO_LONG, [say("All of it.")], [say("Two.")]]
    session = await bare.session(CUSTOM, agent=LOCAL, script=script)
    await bare.turn(session, "first")
    found = await bare.turn(session, "second")
    assert found[-1]["stop_reason"] == {"type": "end_turn"}
    assert not of(found, "session.error") and len(of(found, "agent.thread_context_compacted")) == 1
    assert [e["is_error"] for e in of(found, "span.model_request_end")] == [True, True, False, False]
    assert first_block(bare.model.requests[-1]) == ALL


async def test_an_answer_that_ran_into_the_end_of_the_window_goes_on(runtime: Runtime) -> None:
    use = call("bash", command="touch cut")
    script = [
        Reply([say("I"), use], stop_reason="model_context_window_exceeded"),
        [say("All of it.")],
        Reply([say("But")], stop_reason="model_context_window_exceeded"),
        [say("All of it.")],
        [say("Done.")],
    ]
    session = await runtime.session(TOOLSET, agent=LOCAL, script=script)
    found = await runtime.turn(session, "go")
    assert found[-1]["stop_reason"] == {"type": "end_turn"}
    assert only(found, "agent.tool_result")["is_error"] and not (runtime.workspace(session) / "cut").exists()
    last = runtime.model.requests[-1]["messages"][-1]
    assert last["role"] == "user" and last["content"][-1]["text"] == GO_ON["text"]


async def test_what_cannot_be_shortened_ends_the_turn_and_the_session_stays(bare: Runtime) -> None:
    rounds: list[Any] = [TOO_LONG, [say("All of it.")]] * MAX_COMPACTIONS
    session = await bare.session(CUSTOM, agent=LOCAL, script=[*rounds, TOO_LONG])
    found = await bare.turn(session, "go")
    assert found[-1]["stop_reason"] == {"type": "retries_exhausted"}
    error = only(found, "session.error")["error"]
    assert error["type"] == "compaction_limit_reached_error"
    assert error["retry_status"] == {"type": "exhausted"} and "start a new session" in error["message"]
    bare.model.script += [[say("All of it.")], [say("At last.")]]
    found = await bare.turn(session, "again")
    assert found[-1]["stop_reason"] == {"type": "end_turn"}


async def test_a_passing_fault_of_a_compaction_is_tried_again(bare: Runtime) -> None:
    script = [Reply([say("One.")], usage=FULL), Fault(), [say("All of it.")], [say("Two.")]]
    session = await bare.session(CUSTOM, agent=LOCAL, script=script)
    await bare.turn(session, "first")
    found = await bare.turn(session, "second")
    assert len(of(found, "session.status_rescheduled")) == 1
    assert found[-1]["stop_reason"] == {"type": "end_turn"}


async def test_an_interrupt_ends_a_compaction_and_nothing_is_lost(bare: Runtime) -> None:
    script = [Reply([say("One.")], usage=FULL), Fault(529, hang=5)]
    session = await bare.session(CUSTOM, agent=LOCAL, script=script)
    await bare.turn(session, "first")
    listening = bare.listen(session)
    await bare.send(session, "second")
    await bare.until(listening, "span.model_request_start")
    await bare.send(session, {"type": "user.interrupt"})
    found = await bare.until_idle(listening)
    assert (
        found[-1]["stop_reason"] == {"type": "end_turn"} and only(found, "span.model_request_end")["is_error"]
    )
    bare.model.script[:] = [[say("All of it.")], [say("Two.")]]
    later = await bare.turn(session, "third")
    assert [block["text"] for block in bare.model.requests[-1]["messages"][-1]["content"]][-2:] == [
        "second",
        "third",
    ]
    assert only(later, "agent.message")["content"] == [say("Two.")]
    assert len(of(later, "agent.thread_context_compacted")) == 1


async def test_a_crash_in_mid_compaction_closes_it_and_asks_again(bare: Runtime) -> None:
    session = await bare.session(CUSTOM, agent=LOCAL, script=[Reply([say("One.")], usage=FULL)])
    await bare.turn(session, "first")
    runner = bare.context.manager.live(session)
    assert runner is not None
    runner.wake = lambda: None  # type: ignore[method-assign]
    await bare.send(session, "second")
    stamp = runner.stamp
    await runner.append([stamp.event(body) for body in events.running(runner.state.primary)])
    await runner.append([stamp.event({"type": "span.model_request_start"}, {"compaction": True})])
    bare.model.script += [[say("All of it.")], [say("Two.")]]
    await bare.restart()
    async with asyncio.timeout(10):
        while bare.folded(session).status != "idle":
            await asyncio.sleep(0.01)
    ends = [e["is_error"] for e in of(bare.events(session), "span.model_request_end")]
    assert ends == [False, True, False, False]
    assert first_block(bare.model.requests[-1]) == ALL


@pytest.mark.parametrize("native", [True, False])
async def test_a_compaction_is_recorded_and_replayed(bare: Runtime, native: bool) -> None:
    agent = {"model": "claude-opus-4-7" if native else "local"}
    made = summary("All of it.") if native else say("All of it.")
    script = [
        Reply([say("One.")], usage=FULLER),
        [made],
        [say("Two.")],
        TOO_LONG,
        [say("All of it.")],
        [say("Three.")],
    ]
    session = await bare.session(CUSTOM, agent=agent, script=script)
    for words in ("first", "second", "third"):
        await bare.turn(session, words)
    text = bare.context.recorder.text(session)
    asked = len(bare.model.requests)
    again = await bare.session(CUSTOM, agent=agent)
    await asyncio.to_thread(bare.context.recorder.add, again, text)
    for words in ("first", "second", "third"):
        found = await bare.turn(again, words)
        assert found[-1]["stop_reason"] == {"type": "end_turn"}
    assert len(bare.model.requests) == asked
    for kind in ("agent.message", "agent.thread_context_compacted", "span.model_request_start"):
        assert len(of(bare.events(again), kind)) == len(of(bare.events(session), kind))
    assert bare.folded(again).messages == bare.folded(session).messages
