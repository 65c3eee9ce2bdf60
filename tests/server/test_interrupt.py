"""Interrupts with the SDK over HTTP: of the model, of a tool and all it started, of a retry, of a wait."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say
from tests.support import Server, types, user

INTERRUPT: Any = {"type": "user.interrupt"}
ASK: Any = [
    {
        "type": "agent_toolset_20260401",
        "default_config": {"permission_policy": {"type": "always_ask"}},
    }
]
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
CLOSED = "Tool execution was interrupted before completion. Please retry."
SECONDS = 10.0


def running(command: str) -> bool:
    return subprocess.run(["pgrep", "-fx", command], stdout=subprocess.DEVNULL).returncode == 0


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def interrupted(server: Server, session_id: str, at: Callable[[Any], bool], *more: Any) -> list[Any]:
    """Send a message, interrupt at an event; everything up to the idle after the interrupt."""
    found: list[Any] = []
    deltas: Any = ["agent.message"]
    with server.client.beta.sessions.events.stream(session_id, event_deltas=deltas) as stream:
        server.send(session_id, user("go"))
        sent, start = False, 0.0
        for event in stream:
            found.append(event)
            if not sent and at(event):
                start, sent = time.monotonic(), True
                (first, *_) = server.send(session_id, INTERRUPT, *more).data
                assert first.type == "user.interrupt" and first.processed_at is None
            if event.type == "session.status_idle" and "user.interrupt" in types(found):
                print(f"idle {(time.monotonic() - start) * 1000:.0f} ms after the interrupt was sent")
                break
    assert next(e for e in found if e.type == "user.interrupt").processed_at is not None
    assert types(found)[-3:] == IDLE and found[-1].stop_reason.type == "end_turn"
    return found


def test_while_the_model_speaks(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 2000)], delay=0.01))
    session = server.session()
    found = interrupted(server, session.id, lambda e: e.type == "event_delta")
    kept = [e for e in found if not e.type.startswith("event_")]
    assert types(kept)[-5:] == ["span.model_request_end", "user.interrupt", *IDLE]
    assert kept[-5].is_error and "agent.message" not in types(kept)


@pytest.mark.parametrize(
    "start",
    ["{}", "{} & wait", "setsid {} & wait", "nohup {} > log 2>&1 & wait", "(setsid nohup {} &) ; {}"],
)
def test_a_tool_ends_with_everything_that_it_started(
    server: Server, scripted: ScriptedModel, start: str
) -> None:
    sleep = f"sleep 97.{time.monotonic_ns() % 1_000_000_007}"
    session = server.session()
    scripted.script += [[call("bash", command=start.format(sleep, sleep))], [say("Not asked.")]]

    def begun(event: Any) -> bool:
        if event.type != "span.model_request_end":
            return False
        eventually(lambda: running(sleep), "the tool does not begin")
        return True

    found = interrupted(server, session.id, begun)
    (result,) = [e for e in found if e.type == "agent.tool_result"]
    assert result.is_error and result.content[0].text == CLOSED
    eventually(lambda: not running(sleep), "a process is left behind")
    scripted.script[:] = [[call("bash", command="echo back")], [say("Done.")]]
    after = server.turn(session.id, "and now?")
    assert [e.content[0].text for e in after if e.type == "agent.tool_result"] == ["back\n"]


def test_between_retries(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [Fault()] * 4
    session = server.session()
    rescheduled = 0

    def third(event: Any) -> bool:
        nonlocal rescheduled
        rescheduled += event.type == "session.thread_status_rescheduled"
        return rescheduled == 3

    found = interrupted(server, session.id, third)
    assert types(found)[-4:] == ["user.interrupt", *IDLE]
    assert server.client.beta.sessions.retrieve(session.id).status == "idle"


def test_while_calls_wait(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="a"), call("bash", command="b")], [say("Fine.")]]
    session = server.session(ASK)
    found = interrupted(server, session.id, lambda e: e.type == "session.status_idle")
    results = [e for e in found if e.type == "agent.tool_result"]
    assert [r.content[0].text for r in results] == [CLOSED, CLOSED] and all(r.is_error for r in results)
    assert len(scripted.requests) == 1
    assert server.turn(session.id, "next")[-1].stop_reason.type == "end_turn"


def test_what_is_sent_behind_it_starts_the_next_turn(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [Reply([say("word " * 2000)], delay=0.01), [say("Instead.")]]
    session = server.session()
    with server.client.beta.sessions.events.stream(session.id) as stream:
        interrupted(server, session.id, lambda e: e.type == "event_delta", user("do this"))
        found = []
        for event in stream:
            found.append(event)
            if types(found).count("session.status_idle") == 2:
                break
    second = types(found)[types(found).index("session.status_idle") + 1 :]
    assert second[:3] == ["session.status_running", "session.thread_status_running", "user.message"]
    assert "agent.message" in second
    texts = [b["text"] for m in scripted.requests[-1]["messages"] for b in m["content"]]
    assert texts == ["go", "do this"]


def test_an_idle_session_takes_it_and_does_nothing(server: Server) -> None:
    session = server.session()
    server.send(session.id, INTERRUPT, INTERRUPT)
    eventually(lambda: len(server.events(session.id)) == 2, "the interrupts are not processed")
    eventually(lambda: all(e.processed_at for e in server.events(session.id)), "they have no time")  # type: ignore[union-attr]
    assert types(server.events(session.id)) == ["user.interrupt"] * 2
