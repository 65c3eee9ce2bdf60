"""How a turn ends, and what the model is asked then, with the SDK over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, think
from tests.support import Server, types, user

RUNNING = ["session.status_running", "session.thread_status_running"]
ASKED = ["span.model_request_start", "span.model_request_end"]
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
DETAILS: Any = {"type": "refusal", "category": "bio", "explanation": "No."}


def sent(scripted: ScriptedModel, request: int = -1) -> list[tuple[str, list[Any]]]:
    """The messages of a request, without cache marks."""
    return [
        (m["role"], [{k: v for k, v in b.items() if k != "cache_control"} for b in m["content"]])
        for m in scripted.requests[request]["messages"]
    ]


def test_a_refusal_ends_the_turn_and_the_next_message_begins_another(
    server: Server, scripted: ScriptedModel
) -> None:
    refusal = Reply([say("I will not.")], stop_reason="refusal", stop_details=DETAILS)
    scripted.script += [refusal, [say("Gladly.")]]
    session = server.session()
    refused = server.turn(session.id, "go")
    for event in (refused[-1], refused[-3]):
        assert event.stop_reason.type == "refusal" and event.stop_details.to_dict() == DETAILS
    after = server.turn(session.id, "something else")
    assert after[-1].stop_reason.type == "end_turn" and after[-1].stop_details is None


def test_a_pause_is_gone_on_with_as_it_stands(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [Reply([think(), say("One,")], stop_reason="pause_turn"), [say(" two.")]]
    session = server.session()
    events = server.turn(session.id, "count")
    assert types(events) == [
        *RUNNING,
        "user.message",
        "span.model_request_start",
        "agent.thinking",
        "agent.message",
        "span.model_request_end",
        "span.model_request_start",
        "agent.message",
        *ASKED[1:],
        *IDLE,
    ]
    assert sent(scripted) == [("user", [say("count")]), ("assistant", [think(), say("One,")])]


def test_thinking_goes_back_unchanged(server: Server, scripted: ScriptedModel) -> None:
    hidden = {"type": "redacted_thinking", "data": "opaque"}
    blocks = [think("Well."), hidden, say("So:"), call("bash", command="true")]
    scripted.script += [blocks, [say("Done.")], [say("Again.")]]
    session = server.session()
    server.turn(session.id, "go")
    server.turn(session.id, "more")
    for request in (1, 2):
        assert sent(scripted, request)[1] == ("assistant", blocks)


@pytest.mark.parametrize("content", [[say("Half a sen")], [think()], []])
def test_words_that_were_cut_end_the_turn(server: Server, scripted: ScriptedModel, content: Any) -> None:
    scripted.script.append(Reply(content, stop_reason="max_tokens"))
    assert server.turn(server.session().id, "go")[-1].stop_reason.type == "end_turn"


def test_a_fault_that_stays_gives_the_turn_and_what_waits_up(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Fault(400, "invalid_request_error", "No", hang=0.5))
    session = server.session(model="claude-opus-5")
    found: list[Any] = []
    system: Any = {"type": "system.message", "content": [say("Be brief.")]}
    with server.client.beta.sessions.events.stream(session.id) as stream:
        server.send(session.id, user("go"))
        for event in stream:
            found.append(event)
            if event.type == "span.model_request_start":
                server.send(session.id, user("more"), system)
            if event.type == "session.status_idle":
                break
    assert types(found) == [
        *RUNNING,
        "user.message",
        *ASKED,
        "session.error",
        "user.message",
        "system.message",
        *IDLE,
    ]
    (error,) = [e.error for e in found if e.type == "session.error"]
    assert error.retry_status.type == "exhausted" and found[-1].stop_reason.type == "retries_exhausted"
    scripted.script.append([say("Back.")])
    assert server.turn(session.id, "again")[-1].stop_reason.type == "end_turn"
    assert [role for role, _ in sent(scripted)] == ["user", "system", "user"]


def test_the_limit_of_requests(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="true")]] * 2
    session = server.session(metadata={"jupyter-agents/max-turns": "2"})
    events = server.turn(session.id, "go")
    (error,) = [e.error for e in events if e.type == "session.error"]
    assert error.type == "tool_use_limit_reached_error" and error.retry_status.type == "exhausted"
    assert events[-1].stop_reason.type == "retries_exhausted"
