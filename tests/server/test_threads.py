from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.testing import ScriptedModel, call, say
from tests.server.test_sdk import complete
from tests.support import Server, types, user


def primary(server: Server, session_id: str) -> Any:
    (thread,) = server.client.beta.sessions.threads.list(session_id)
    return thread


def test_the_primary_thread_through_its_life(server: Server, scripted: ScriptedModel) -> None:
    sessions = server.client.beta.sessions
    session = server.session(title="T")
    new = primary(server, session.id)
    assert (new.session_id, new.parent_thread_id, new.workflow_run_id) == (session.id, None, None)
    assert (new.status, new.stats, new.usage, new.archived_at) == ("idle", None, None, None)
    assert new.agent.to_dict() == {k: v for k, v in session.agent.to_dict().items() if k != "multiagent"}

    scripted.script += [[call("bash", command="true")], [say("Done.")]]
    heard = server.turn(session.id, "go")
    told = {e.session_thread_id for e in heard if e.type.startswith("session.thread_status_")}
    assert told == {new.id}
    used, now = sessions.threads.retrieve(new.id, session_id=session.id), sessions.retrieve(session.id)
    assert used.usage.to_dict() == now.usage.to_dict()
    assert used.stats.active_seconds == now.stats.active_seconds > 0
    assert 0 <= used.stats.startup_seconds < 10
    assert used.updated_at == now.updated_at

    sessions.archive(session.id)
    ended = primary(server, session.id)
    assert ended.status == "terminated" and ended.archived_at == sessions.retrieve(session.id).archived_at
    found = server.request("GET", f"v1/sessions/{session.id}/threads/{new.id}").json()
    complete(wire.Thread, found)


def test_the_list_filters(server: Server) -> None:
    session = server.session()
    path = f"v1/sessions/{session.id}/threads"
    listed = server.request("GET", path, params={"limit": 1}).json()
    assert len(listed["data"]) == 1 and listed["next_page"] is None and "prev_page" not in listed
    threads = server.client.beta.sessions.threads
    assert len(list(threads.list(session.id, statuses=["idle", "running"]))) == 1
    assert list(threads.list(session.id, statuses=["terminated"])) == []
    for query, name in (("limit=0", "limit"), ("limit=1001", "limit"), ("page=x", "page")):
        answer = server.request("GET", f"{path}?{query}")
        assert answer.status_code == 400 and name in answer.json()["error"]["message"]
    answer = server.request("GET", path, params={"statuses[]": "asleep"})
    assert answer.status_code == 400 and "statuses" in answer.json()["error"]["message"]


def test_its_events_are_the_sessions(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[say("One. ")], [say("Two. " * 20)]]
    session = server.session()
    thread = primary(server, session.id)
    events = server.client.beta.sessions.threads.events
    server.turn(session.id, "go")
    assert list(events.list(thread.id, session_id=session.id, limit=3)) == server.events(session.id)

    heard: list[Any] = []
    with events.stream(thread.id, session_id=session.id, event_deltas=["agent.message"]) as stream:
        server.send(session.id, user("again"))
        for event in stream:
            heard.append(event)
            if event.type == "session.status_idle":
                break
    assert types(heard)[0] == "session.status_running"
    assert {"event_start", "event_delta"} <= set(types(heard))
    kept = [e.id for e in heard if not e.type.startswith("event_")]
    assert kept == [e.id for e in server.events(session.id)][-len(kept) :]

    server.client.beta.sessions.archive(session.id)
    with events.stream(thread.id, session_id=session.id) as stream:
        assert list(stream) == []


def test_the_primary_thread_is_not_archived_by_itself(server: Server) -> None:
    session = server.session()
    thread = primary(server, session.id)
    with pytest.raises(anthropic.BadRequestError, match="archive the session"):
        server.client.beta.sessions.threads.archive(thread.id, session_id=session.id)
    assert primary(server, session.id) == thread


@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("POST", "/archive"), ("GET", "/events"), ("GET", "/stream")]
)
def test_a_thread_that_is_not_there(server: Server, method: str, rest: str) -> None:
    session, other = server.session(), server.session()
    for thread in ("sthr_none", primary(server, other.id).id, session.id):
        answer = server.request(method, f"v1/sessions/{session.id}/threads/{thread}{rest}")
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["details"]["error_code"] == "thread_not_found" and thread in error["message"]


def test_another_value_of_event_deltas_is_refused(server: Server) -> None:
    session = server.session()
    path = f"v1/sessions/{session.id}/threads/{primary(server, session.id).id}/stream"
    answer = server.request("GET", path, params={"event_deltas[]": "agent.tool_use"})
    assert answer.status_code == 400 and "event_deltas" in answer.json()["error"]["message"]
