"""Sending, listing and streaming over HTTP."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.support import TOKEN, Server, types, user


def test_sent_events_come_back_with_their_ids(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[say("a")], [say("b")]]
    session = server.session()
    (sent,) = server.send(session.id, user("go")).data
    assert sent.id.startswith("sevt_") and "processed_at" not in sent.model_fields_set
    server.until(session.id, "idle")
    assert [e.id for e in server.events(session.id) if e.type == "user.message"] == [sent.id]


def test_queued_events_stand_last_without_a_time(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 200)], delay=0.02))
    session = server.session(initial_events=[user("go")])
    server.until(session.id, "running")
    (queued,) = server.send(session.id, user("later")).data
    listed = server.request("GET", f"v1/sessions/{session.id}/events").json()["data"]
    assert listed[-1] == {"id": queued.id, **user("later")}
    newest = server.request("GET", f"v1/sessions/{session.id}/events?order=desc&limit=1").json()["data"]
    assert newest[0]["id"] == queued.id
    of_type = server.client.beta.sessions.events.list(session.id, types=["agent.message"])
    assert of_type.data == []
    scripted.script.append([say("Later.")])
    server.send(session.id, {"type": "user.interrupt"})
    while "agent.message" not in types(server.events(session.id)):
        time.sleep(0.02)


def test_lists_page_and_filter(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="true")], [say("Done.")]]
    session = server.session()
    server.turn(session.id, "go")
    events = server.client.beta.sessions.events
    all_of_them = [e.id for e in events.list(session.id)]
    assert [e.id for e in events.list(session.id, limit=3)] == all_of_them
    assert [e.id for e in events.list(session.id, limit=4, order="desc")] == all_of_them[::-1]
    chosen = list(events.list(session.id, types=["agent.message", "agent.tool_use"], limit=1))
    assert types(chosen) == ["agent.tool_use", "agent.message"]
    middle = events.list(session.id).data[5].processed_at
    assert [e.id for e in events.list(session.id, created_at_gte=middle)] == all_of_them[5:]
    assert [e.id for e in events.list(session.id, created_at_lt=middle)] == all_of_them[:5]
    page = events.list(session.id, limit=3).next_page
    for wrong in ("order=desc", "created_at[gt]=2100-01-01T00:00:00Z"):
        answer = server.request("GET", f"v1/sessions/{session.id}/events?page={page}&{wrong}")
        assert answer.status_code == 400
    with pytest.raises(anthropic.BadRequestError):
        events.list(session.id, types=["user.nonsense"])  # type: ignore[list-item]


@contextlib.contextmanager
def raw_stream(server: Server, session_id: str, query: str = "") -> Iterator[httpx2.Response]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{server.url}/v1/sessions/{session_id}/events/stream{query}"
    with (
        httpx2.Client(trust_env=False, timeout=20) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        yield answer


def test_the_stream_as_the_service_frames_it(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append([say("Hi.")])
    session = server.session()
    with raw_stream(server, session.id) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache, no-transform"
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        server.send(session.id, user("go"))
        heard = []
        while not heard or heard[-1]["type"] != "session.status_idle":
            line = next(lines)
            if line.startswith("data: "):
                heard.append(json.loads(line.removeprefix("data: ")))
            else:
                assert line in ("", "event: message")
    assert [e["id"] for e in heard] == [e.id for e in server.events(session.id)]


def test_every_reader_hears_everything_and_leaving_is_no_harm(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [[say("a")], [say("b")]]
    session = server.session()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(raw_stream(server, session.id)) for _ in range(20)]
        for answer in streams[:10]:
            answer.close()
        first = server.turn(session.id, "go")
        for answer in streams[10:]:
            text = ""
            for chunk in answer.iter_text():
                text += chunk
                if "session.status_idle" in text and text.endswith("\n\n"):
                    break
            assert all(event.id in text for event in first)
    assert types(server.turn(session.id, "again"))[-1] == "session.status_idle"


def test_the_stream_ends_with_the_session(server: Server) -> None:
    session = server.session()
    with server.client.beta.sessions.events.stream(session.id) as stream:
        server.client.beta.sessions.archive(session.id)
        assert types(list(stream))[-1] == "session.status_terminated"
    with server.client.beta.sessions.events.stream(session.id) as stream:
        assert list(stream) == []
    other = server.session()
    with server.client.beta.sessions.events.stream(other.id) as stream:
        server.client.beta.sessions.delete(other.id)
        assert types(list(stream)) == ["session.deleted"]


@pytest.mark.parametrize(
    "query", ["?event_deltas[]=agent.tool_use", "?" + "&".join(["event_deltas[]=agent.message"] * 101)]
)
def test_other_deltas_are_refused(server: Server, query: str) -> None:
    answer = server.request("GET", f"v1/sessions/{server.session().id}/events/stream{query}")
    assert answer.status_code == 400 and "event_deltas" in answer.json()["error"]["message"]


def test_a_reader_that_reads_nothing_holds_nobody_up(server: Server, scripted: ScriptedModel) -> None:
    large = "x" * 1_000_000
    session = server.session()
    host, port = server.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as stuck:
        path = f"/jupyter-agents/v1/sessions/{session.id}/events/stream"
        stuck.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        time.sleep(0.2)
        for _ in range(8):
            scripted.script.append(Reply([say(large)], chunk=500_000))
            start = time.monotonic()
            assert types(server.turn(session.id, "go"))[-1] == "session.status_idle"
            assert time.monotonic() - start < 5
    assert server.request("GET", "local/status").status_code == 200


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "user.tool_confirmation", "tool_use_id": "toolu_1", "result": "allow"}, "tool_use_id"),
        ({"type": "user.custom_tool_result", "custom_tool_use_id": "agent_1"}, "custom_tool_use_id"),
        ({"type": "user.tool_result", "tool_use_id": "sevt_1"}, "self-hosted"),
        ({"type": "user.interrupt", "session_thread_id": "sthr_1"}, "session_thread_id"),
        ({"type": "user.message", "content": [{"type": "redacted"}]}, "content.0"),
        ({"type": "agent.message", "content": []}, "events.0"),
        ({"type": "user.message", "content": [{"type": "text", "text": "x"}], "id": "sevt_1"}, "id"),
        ({"type": "user.message", "content": [{"type": "text", "text": "x", "citations": []}]}, "citations"),
    ],
)
def test_an_event_that_does_not_fit_is_refused_by_name(server: Server, event: Any, field: str) -> None:
    session = server.session()
    answer = server.request("POST", f"v1/sessions/{session.id}/events", json={"events": [event]})
    assert answer.status_code == 400 and field in answer.json()["error"]["message"]
    assert server.events(session.id) == []
