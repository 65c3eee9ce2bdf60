"""Turns with a real sandbox and a scripted model."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from jupyter_agents.domain.sessions import MAX_FAILURES
from jupyter_agents.runtime.answers import CUT
from jupyter_agents.runtime.loop import INTERRUPTED
from jupyter_agents.testing import Fault, Reply, call, say, think
from tests.runtime.conftest import CUSTOM, TOOLSET, Runtime, asking, of, only, types

Doc = dict[str, Any]

INTERRUPT: Doc = {"type": "user.interrupt"}
RUNNING = ["session.status_running", "session.thread_status_running"]
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]


def confirm(call_id: str, result: str = "allow", **more: Any) -> Doc:
    return {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": result, **more}


def reason(events: list[Doc]) -> Doc:
    found: Doc = events[-1]["stop_reason"]
    return found


def output(event: Doc) -> str:
    found: str = event["content"][0]["text"]
    return found


async def test_the_events_of_a_turn_with_one_bash_call_in_their_order(runtime: Runtime) -> None:
    script = [[think(), call("bash", command="echo $((2+2))")], [say("It is 4.")]]
    events = await runtime.turn(await runtime.session(script=script), "2+2?")
    assert types(events) == [
        *RUNNING,
        "user.message",
        "span.model_request_start",
        "agent.thinking",
        "agent.tool_use",
        "span.model_request_end",
        "agent.tool_result",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        *IDLE,
    ]
    result = only(events, "agent.tool_result")
    assert (output(result), result["is_error"]) == ("4\n", False)
    assert result["tool_use_id"] == only(events, "agent.tool_use")["id"]
    times = [event["processed_at"] for event in events]
    assert times == sorted(set(times))
    assert reason(events) == {"type": "end_turn"}
    assert only(events, "session.usage")["usage"]["input_tokens"] == 200


async def test_the_model_gets_the_result_and_its_own_words_back(runtime: Runtime) -> None:
    thought = think("Let me see.")
    use = call("bash", command="echo hi; false")
    session = await runtime.session(script=[[thought, say("I try."), use], [say("It failed.")]])
    await runtime.turn(session, "go")
    _, again = runtime.model.requests
    assistant, results = again["messages"][1:]
    assert assistant["content"] == [thought, say("I try."), use]
    (result,) = results["content"]
    assert (result["tool_use_id"], result["is_error"]) == (use["id"], True)
    assert result["content"] == [{"type": "text", "text": "hi\n"}]


async def test_a_next_turn_goes_on_in_the_same_sandbox(runtime: Runtime) -> None:
    script = [
        [call("bash", command="x=5; cd /tmp")],
        [say("a")],
        [call("bash", command="echo $x $PWD")],
        [say("b")],
    ]
    session = await runtime.session(script=script)
    await runtime.turn(session, "one")
    events = await runtime.turn(session, "two")
    assert output(only(events, "agent.tool_result")) == "5 /tmp\n"


async def test_allow(runtime: Runtime) -> None:
    session = await runtime.session(
        asking("bash"), script=[[call("bash", command="echo ran")], [say("Done.")]]
    )
    events = await runtime.turn(session, "go")
    use = only(events, "agent.tool_use")
    assert (use["evaluated_permission"], use["evaluation"]) == ("ask", {"type": "always_ask"})
    assert reason(events) == {"type": "requires_action", "event_ids": [use["id"]]}
    events = await runtime.turn(session, confirm(use["id"]))
    assert types(events)[:4] == ["user.tool_confirmation", *RUNNING, "agent.tool_result"]
    assert output(only(events, "agent.tool_result")) == "ran\n"
    assert reason(events) == {"type": "end_turn"}


async def test_deny(runtime: Runtime) -> None:
    session = await runtime.session(
        asking("bash"), script=[[call("bash", command="touch ran")], [say("Pity.")]]
    )
    use = only(await runtime.turn(session, "go"), "agent.tool_use")
    events = await runtime.turn(session, confirm(use["id"], "deny", deny_message="Not on a Sunday."))
    result = only(events, "agent.tool_result")
    assert result["is_error"] and "Not on a Sunday." in output(result)
    assert not (runtime.workspace(session) / "ran").exists()


async def test_partial_answers_announce_the_rest_again(runtime: Runtime) -> None:
    uses = [call("bash", command="echo a"), call("bash", command="echo b"), call("read", file_path="none")]
    session = await runtime.session(asking("bash"), script=[uses, [say("Done.")]])
    events = await runtime.turn(session, "go")
    one, two, read = of(events, "agent.tool_use")
    assert only(events, "agent.tool_result")["tool_use_id"] == read["id"]
    assert reason(events)["event_ids"] == [one["id"], two["id"]]
    events = await runtime.turn(session, confirm(one["id"]))
    assert types(events) == ["user.tool_confirmation", *IDLE]
    assert reason(events)["event_ids"] == [two["id"]]
    events = await runtime.turn(session, confirm(two["id"]))
    assert [output(e) for e in of(events, "agent.tool_result")] == ["a\n", "b\n"]


async def test_a_custom_tool_is_the_clients(runtime: Runtime) -> None:
    session = await runtime.session(CUSTOM, script=[[call("weather", city="Oslo")], [say("Sunny.")]])
    events = await runtime.turn(session, "weather?")
    use = only(events, "agent.custom_tool_use")
    assert use["input"] == {"city": "Oslo"} and reason(events)["event_ids"] == [use["id"]]
    answer = {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": use["id"],
        "content": [{"type": "text", "text": "sunny"}],
    }
    events = await runtime.turn(session, answer)
    assert types(events)[0] == "user.custom_tool_result" and reason(events) == {"type": "end_turn"}
    (result,) = runtime.model.requests[1]["messages"][-1]["content"]
    assert result["content"] == [{"type": "text", "text": "sunny"}]
    assert runtime.context.manager.live(session).tools.state == "none"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("tool", "use", "words"),
    [
        (TOOLSET, call("teleport", where="Mars"), "no tool named 'teleport'"),
        (TOOLSET | {"configs": [{"name": "bash", "enabled": False}]}, call("bash", command="x"), "disabled"),
    ],
)
async def test_a_tool_that_cannot_be_used_is_denied(
    runtime: Runtime, tool: Doc, use: Doc, words: str
) -> None:
    events = await runtime.turn(await runtime.session(tool, script=[[use], [say("Oh.")]]), "go")
    denied = only(events, "agent.tool_use")
    assert denied["evaluated_permission"] == "deny" and "evaluation" not in denied
    result = only(events, "agent.tool_result")
    assert result["is_error"] and words in output(result)
    assert reason(events) == {"type": "end_turn"}


async def test_an_interrupt_while_the_model_speaks(runtime: Runtime) -> None:
    session = await runtime.session(script=[Reply([say("word " * 2000)], delay=0.01, chunk=5)])
    listening = runtime.listen(session, "agent.message")
    await runtime.send(session, "go")
    await runtime.until(listening, "event_delta")
    start = time.monotonic()
    await runtime.send(session, INTERRUPT)
    events = await runtime.until_idle(listening)
    assert time.monotonic() - start < 0.3
    kept = [e for e in events if not e["type"].startswith("event_")]
    assert types(kept) == ["span.model_request_end", "user.interrupt", *IDLE]
    assert kept[0]["is_error"] is True
    assert reason(events) == {"type": "end_turn"}


async def test_an_interrupt_while_a_tool_runs_ends_its_processes(runtime: Runtime) -> None:
    command = "touch begun; sleep 98.5 & sleep 98.5"
    session = await runtime.session(script=[[call("bash", command=command)], [say("Went on.")]])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "span.model_request_end")
    begun = runtime.workspace(session) / "begun"
    while not begun.exists():
        await asyncio.sleep(0.01)
    start = time.monotonic()
    await runtime.send(session, INTERRUPT)
    events = await runtime.until_idle(listening)
    assert time.monotonic() - start < 0.5
    result = only(events, "agent.tool_result")
    assert result["is_error"] and output(result) == INTERRUPTED
    async with asyncio.timeout(0.5):
        while await _runs("sleep 98.5"):
            await asyncio.sleep(0.02)
    assert reason(await runtime.turn(session, "and now?")) == {"type": "end_turn"}


async def _runs(command: str) -> bool:
    process = await asyncio.create_subprocess_exec("pgrep", "-fx", command, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0


async def test_an_interrupt_of_a_call_that_waits_closes_it_without_asking_the_model(runtime: Runtime) -> None:
    session = await runtime.session(
        asking("bash"), CUSTOM, script=[[call("bash", command="x"), call("weather")], [say("Fine.")]]
    )
    await runtime.turn(session, "go")
    events = await runtime.turn(session, INTERRUPT)
    assert types(events) == ["agent.tool_result", "user.custom_tool_result", "user.interrupt", *IDLE]
    assert reason(await runtime.turn(session, "next")) == {"type": "end_turn"}
    roles = [m["role"] for m in runtime.model.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "user"]


async def test_an_interrupt_of_an_idle_session_does_nothing(runtime: Runtime) -> None:
    session = await runtime.session()
    listening = runtime.listen(session)
    await runtime.send(session, INTERRUPT)
    await runtime.until(listening, "user.interrupt")
    assert types(runtime.events(session)) == ["user.interrupt"]


async def test_an_interrupt_between_retries(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_agents.runtime.loop.FIRST_DELAY", 20)
    session = await runtime.session(script=[Fault()])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "session.thread_status_rescheduled")
    await runtime.send(session, INTERRUPT)
    assert types(await runtime.until_idle(listening)) == ["user.interrupt", *IDLE]


async def test_a_message_after_the_interrupt_starts_the_next_turn(runtime: Runtime) -> None:
    script = [Reply([say("word " * 2000)], delay=0.01), [say("Instead.")]]
    session = await runtime.session(script=script)
    listening = runtime.listen(session, "agent.message")
    await runtime.send(session, "go")
    await runtime.until(listening, "event_delta")
    await runtime.send(session, INTERRUPT, "do this instead")
    await runtime.until_idle(listening)
    events = await runtime.until_idle(listening)
    assert output(only(events, "agent.message")) == "Instead."


async def test_a_message_during_the_turn_steers_it(runtime: Runtime) -> None:
    script = [[call("bash", command="sleep 0.3")], [say("Both done.")]]
    session = await runtime.session(script=script)
    listening = runtime.listen(session)
    await runtime.send(session, "first")
    await runtime.until(listening, "span.model_request_end")
    (queued,) = await runtime.send(session, "second")
    assert "processed_at" not in queued
    assert runtime.context.manager.queued(session) == [queued]
    events = await runtime.until_idle(listening)
    assert types(events)[:3] == ["agent.tool_result", "user.message", "span.model_request_start"]
    assert only(events, "user.message")["id"] == queued["id"]
    last = runtime.model.requests[-1]["messages"][-1]["content"]
    assert [block["type"] for block in last] == ["tool_result", "text"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(429, "rate_limit_error", "Slow down"), "model_rate_limited_error"),
        (Fault(529), "model_overloaded_error"),
        (Fault(500, "api_error", "Oops"), "model_request_failed_error"),
        (Fault(broken=True), "model_request_failed_error"),
        (Fault(late=True), "model_overloaded_error"),
    ],
)
async def test_a_passing_fault_is_tried_again(runtime: Runtime, fault: Fault, kind: str) -> None:
    session = await runtime.session(script=[fault, [say("At last.")]])
    events = await runtime.turn(session, "go")
    assert types(events) == [
        *RUNNING,
        "user.message",
        "span.model_request_start",
        "span.model_request_end",
        "session.error",
        "session.status_rescheduled",
        "session.thread_status_rescheduled",
        *RUNNING,
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        *IDLE,
    ]
    error = only(events, "session.error")["error"]
    assert (error["type"], error["retry_status"]["type"]) == (kind, "retrying")
    assert reason(events) == {"type": "end_turn"}


async def test_a_fault_that_stays_exhausts_the_turn_and_the_next_message_starts_another(
    runtime: Runtime,
) -> None:
    session = await runtime.session(script=[*[Fault()] * MAX_FAILURES, [say("Back.")]])
    events = await runtime.turn(session, "go")
    statuses = [e["error"]["retry_status"]["type"] for e in of(events, "session.error")]
    assert statuses == [*["retrying"] * (MAX_FAILURES - 1), "exhausted"]
    assert reason(events) == {"type": "retries_exhausted"}
    assert reason(await runtime.turn(session, "again")) == {"type": "end_turn"}
    ((message),) = runtime.model.requests[-1]["messages"]
    assert [block["text"] for block in message["content"]] == ["go", "again"]


async def test_what_was_queued_is_taken_along_when_a_turn_is_given_up(runtime: Runtime) -> None:
    refuse = Fault(400, "invalid_request_error", "No", hang=0.3)
    session = await runtime.session(script=[refuse])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "span.model_request_start")
    await runtime.send(session, "more")
    events = await runtime.until_idle(listening)
    assert types(events) == ["span.model_request_end", "session.error", "user.message", *IDLE]
    assert runtime.folded(session).queue == []


async def test_a_refusal(runtime: Runtime) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    reply = Reply([say("I will not.")], stop_reason="refusal", stop_details=details)
    events = await runtime.turn(await runtime.session(script=[reply]), "go")
    assert reason(events) == {"type": "refusal"}
    assert events[-1]["stop_details"] == details


async def test_a_call_that_was_cut_is_not_run_and_the_model_goes_on(runtime: Runtime) -> None:
    cut = Reply([say("I write"), call("bash", command="touch ran")], stop_reason="max_tokens")
    session = await runtime.session(script=[cut, [say("In pieces then.")]])
    events = await runtime.turn(session, "go")
    result = only(events, "agent.tool_result")
    assert result["is_error"] and output(result) == CUT
    assert not (runtime.workspace(session) / "ran").exists()
    assert reason(events) == {"type": "end_turn"}


async def test_an_answer_cut_again_and_again_is_given_up(runtime: Runtime) -> None:
    cut = Reply([call("bash", command="x")], stop_reason="max_tokens")
    events = await runtime.turn(await runtime.session(script=[cut] * 4), "go")
    assert only(events, "session.error")["error"]["type"] == "tool_use_limit_reached_error"
    assert reason(events) == {"type": "retries_exhausted"}


async def test_the_limit_of_requests_a_turn(runtime: Runtime) -> None:
    script = [[call("bash", command="true")], [call("bash", command="true")], [say("More.")]]
    session = await runtime.session(script=script, metadata={"jupyter-agents/max-turns": "2"})
    events = await runtime.turn(session, "go")
    assert only(events, "session.error")["error"]["type"] == "tool_use_limit_reached_error"
    assert len(of(events, "agent.tool_result")) == 2
    assert reason(await runtime.turn(session, "go on")) == {"type": "end_turn"}


async def test_a_budget(runtime: Runtime) -> None:
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    script = [Reply([call("bash", command="true")], usage=dear), [say("Never asked.")]]
    budget = {"type": "limit", "max_list_cost": {"amount": "10", "currency": "USD"}}
    session = await runtime.session(script=script, budget=budget)
    events = await runtime.turn(session, "go")
    assert reason(events) == {"type": "budget_reached"}
    usage = only(events, "session.usage")
    assert usage["budget"] == budget and usage["usage"]["list_cost"]["amount"] == "10"
    with pytest.raises(Exception, match="budget"):
        await runtime.send(session, "more")
    assert len(runtime.model.requests) == 1


async def test_an_empty_answer_ends_the_turn(runtime: Runtime) -> None:
    session = await runtime.session(
        script=[[call("bash", command="true")], Reply([], stop_reason="end_turn")]
    )
    assert reason(await runtime.turn(session, "go")) == {"type": "end_turn"}
    runtime.model.script.append([say("Here.")])
    assert reason(await runtime.turn(session, "are you there?")) == {"type": "end_turn"}
    roles = [m["role"] for m in runtime.model.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "user"]


async def test_a_fault_of_ours_ends_the_turn_and_leaves_the_session_usable(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = await runtime.session(
        script=[[call("bash", command="echo a"), call("bash", command="echo b")], [say("On.")]]
    )
    tools = runtime.context.manager.live(session).tools  # type: ignore[union-attr]
    run = tools.call

    async def fail(found: Any) -> Any:
        if found.input["command"] == "echo b":
            raise RuntimeError("a bug")
        return await run(found)

    monkeypatch.setattr(tools, "call", fail)
    events = await runtime.turn(session, "go")
    assert only(events, "session.error")["error"]["type"] == "unknown_error"
    assert [e["is_error"] for e in of(events, "agent.tool_result")] == [False, True]
    assert reason(events) == {"type": "retries_exhausted"}
    assert "a bug" in caplog.text
    monkeypatch.undo()
    assert reason(await runtime.turn(session, "again")) == {"type": "end_turn"}


async def test_previews_are_prefixes_and_come_before_their_event(runtime: Runtime) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 5
    reply = Reply([think(), say(""), say("First. "), say(text)], chunk=7)
    session = await runtime.session(script=[reply])
    events = await runtime.turn(session, "go", deltas=("agent.message", "agent.thinking"))
    message, thinking = only(events, "agent.message"), only(events, "agent.thinking")
    started = [e["event"]["id"] for e in of(events, "event_start")]
    assert started == [thinking["id"], message["id"]]
    parts = ["", ""]
    for event in of(events, "event_delta"):
        assert event["event_id"] == message["id"]
        parts[event["delta"]["index"]] += event["delta"]["content"]["text"]
    assert [block["text"] for block in message["content"]] == parts == ["First. ", text]
