from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.support import Server, types, user

CUSTOM: Any = {"type": "custom", "name": "weather", "description": "d", "input_schema": {"type": "object"}}


def test_a_life(server: Server, scripted: ScriptedModel) -> None:
    sessions = server.client.beta.sessions
    session = server.session(title="T")
    assert session.status == "idle"
    scripted.script.append([say("Hi.")])
    server.turn(session.id, "go")
    found = sessions.retrieve(session.id)
    assert (found.status, found.usage.input_tokens) == ("idle", 100)
    archived = sessions.archive(session.id)
    assert archived.status == "terminated" and archived.archived_at
    with pytest.raises(anthropic.ConflictError):
        server.send(session.id, user("more"))
    assert sessions.delete(session.id).to_dict() == {"id": session.id, "type": "session_deleted"}
    with pytest.raises(anthropic.NotFoundError):
        sessions.retrieve(session.id)


def test_first_events(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append([say("Hi.")])
    session = server.session(initial_events=[user("go")])
    assert session.status == "running"
    server.until(session.id, "idle")
    assert "agent.message" in types(server.events(session.id))


def test_a_running_session_is_not_deleted(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 200)], delay=0.02))
    session = server.session(initial_events=[user("go")])
    for refused in (server.client.beta.sessions.delete, server.client.beta.sessions.archive):
        with pytest.raises(anthropic.BadRequestError, match=r"user\.interrupt"):
            refused(session.id)
    server.send(session.id, {"type": "user.interrupt"})
    server.until(session.id, "idle")
    server.client.beta.sessions.delete(session.id)


def test_lists_filter_and_page_both_ways(server: Server) -> None:
    sessions = server.client.beta.sessions
    agent = server.agent()
    environment = server.session().environment_id
    made = [sessions.create(agent=agent.id, environment_id=environment).id for _ in range(5)]
    sessions.archive(made[0])

    def listed(**filters: Any) -> list[str]:
        return [s.id for s in sessions.list(agent_id=agent.id, **filters)]

    assert listed() == made[:0:-1]
    assert listed(include_archived=True, limit=2) == made[::-1]
    assert listed(order="asc", limit=1) == made[1:]
    assert listed(include_archived=True, statuses=["terminated"]) == made[:1]
    assert listed(agent_version=1) == made[:0:-1] and listed(agent_version=2) == []
    assert listed(statuses=["running", "rescheduling"]) == [] == listed(deployment_id="depl_1")
    assert listed(statuses=["idle", "running"]) == made[:0:-1] and listed(memory_store_id="memstore_1") == []
    third = sessions.retrieve(made[2]).created_at
    assert listed(created_at_gte=third) == made[4:1:-1]
    assert listed(created_at_gt=third) == made[4:2:-1]
    assert listed(created_at_lte=third) == made[2:0:-1]
    assert listed(created_at_lt=third) == [made[1]]
    assert listed(created_at_gte=third, created_at_lt=third) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_lists_are_walked_both_ways(server: Server, order: str) -> None:
    sessions = server.client.beta.sessions
    agent = server.agent()
    environment = server.session().environment_id
    made = [sessions.create(agent=agent.id, environment_id=environment) for _ in range(5)]
    expected = [s.id for s in made][:: 1 if order == "asc" else -1]
    query: Any = {"agent_id": agent.id, "limit": 2, "order": order}

    def page(cursor: str | None, **more: Any) -> Any:
        params = query | more | ({"page": cursor} if cursor else {})
        return server.request("GET", "v1/sessions", params=params)

    def walk(direction: str, cursor: str | None) -> list[Any]:
        pages = [page(cursor).json()]
        while pages[-1][direction] is not None:
            pages.append(page(pages[-1][direction]).json())
        return pages

    def ids(pages: list[Any]) -> list[list[str]]:
        return [[s["id"] for s in found["data"]] for found in pages]

    there = walk("next_page", None)
    assert ids(there) == [expected[:2], expected[2:4], expected[4:]]
    assert there[0]["prev_page"] is None
    back = walk("prev_page", there[-1]["prev_page"])
    assert ids(back) == [expected[2:4], expected[:2]]
    assert ids(walk("next_page", back[-1]["next_page"])) == [expected[2:4], expected[4:]]

    cursor = there[0]["next_page"]
    assert ids([page(cursor, limit=1).json()]) == [expected[2:3]]
    turned = page(cursor, order="asc" if order == "desc" else "desc")
    assert turned.status_code == 400 and "order" in turned.json()["error"]["message"]
    bound = "created_at[lt]" if order == "asc" else "created_at[gt]"
    outside = page(cursor, **{bound: there[0]["data"][0]["created_at"]})
    assert outside.status_code == 400 and "page cursor" in outside.json()["error"]["message"]


def test_overrides_show_and_leave_the_agent_alone(server: Server) -> None:
    agent = server.agent(system="one")
    environment = server.session().environment_id
    reference: Any = {"type": "agent_with_overrides", "id": agent.id, "system": "two", "tools": []}
    session = server.client.beta.sessions.create(agent=reference, environment_id=environment)
    assert (session.agent.system, session.agent.tools, session.agent.version) == ("two", [], 1)
    assert server.client.beta.agents.retrieve(agent.id) == agent


def test_null_overrides_clear(server: Server) -> None:
    agent = server.agent(system="one")
    environment = server.session().environment_id
    reference = {"type": "agent_with_overrides", "id": agent.id}

    def create(**given: Any) -> Any:
        body = {"agent": reference | given, "environment_id": environment}
        return server.request("POST", "v1/sessions", json=body)

    made = create(system=None, tools=None, mcp_servers=None, skills=None).json()["agent"]
    assert (made["system"], made["tools"], made["mcp_servers"], made["skills"]) == (None, [], [], [])
    refused = create(model=None)
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["error_code"] == "agent_model_required"
    other = create(model={"id": "claude-opus-5-5", "effort": "low"}).json()["agent"]["model"]
    assert other["effort"] == {"type": "low"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"agent": "agent_none"}, 404),
        ({"environment_id": "env_none"}, 404),
        ({"resources": [{"type": "file", "file_id": "file_none"}]}, 400),
        ({"metadata": {"k" * 65: "v"}}, 400),
        ({"title": "x" * 300}, 400),
        ({"initial_events": [{"type": "system.message", "content": [{"type": "text", "text": "x"}]}]}, 400),
        ({"initial_events": [{"type": "user.interrupt"}]}, 400),
        ({"initial_events": [user("x")] * 51}, 400),
    ],
)
def test_what_cannot_be_had(server: Server, body: Any, status: int) -> None:
    session = server.session()
    base = {"agent": session.agent.id, "environment_id": session.environment_id}
    assert server.request("POST", "v1/sessions", json=base | body).status_code == status


def cap(amount: str) -> Any:
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}


def code(error: anthropic.APIStatusError) -> Any:
    body: Any = error.body
    return body["error"]["details"]["error_code"]


def test_an_update_is_shown_told_and_kept(server: Server) -> None:
    sessions = server.client.beta.sessions
    session = server.session(title="One", metadata={"k": "v"})
    with sessions.events.stream(session.id) as stream:
        updated = sessions.update(
            session.id, title="Two", metadata={"k": None, "n": "x"}, agent={"tools": [CUSTOM]}
        )
        event = next(iter(stream))
    assert (updated.title, updated.metadata) == ("Two", {"n": "x"})
    assert [tool.type for tool in updated.agent.tools] == ["custom"]
    assert event.type == "session.updated" and event.agent == updated.agent
    assert (event.title, event.metadata) == ("Two", {"n": "x"})
    assert "budget" not in event.to_dict()
    found = sessions.retrieve(session.id)
    assert (found.agent, found.updated_at) == (updated.agent, event.processed_at)
    (listed,) = sessions.list(agent_id=session.agent.id)
    assert listed.title == "Two"
    assert server.client.beta.agents.retrieve(session.agent.id).version == 1
    assert sessions.update(session.id).updated_at == found.updated_at
    assert len(server.events(session.id)) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"vault_ids": ["vlt_1"]}, "vault_ids"),
        ({"budget": cap("5")}, "budget"),
        ({"budget": cap("0")}, "budget"),
        ({"agent": {"model": "claude-opus-5"}}, "agent.model"),
        ({"agent": {"tools": None}}, "agent.tools"),
        ({"title": 1}, "title"),
        ({"status": "idle"}, "status"),
    ],
)
def test_what_an_update_cannot_do(server: Server, body: Any, why: str) -> None:
    session = server.session()
    answer = server.request("POST", f"v1/sessions/{session.id}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(why)
    assert server.client.beta.sessions.retrieve(session.id).updated_at == session.updated_at


def test_a_budget_from_its_cap_to_its_end(server: Server, scripted: ScriptedModel) -> None:
    sessions = server.client.beta.sessions
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    scripted.script += [Reply([call("bash", command="true")], usage=dear)] * 2 + [[say("Done.")]]
    session = server.session(budget=cap("10"))
    heard = server.turn(session.id, "go")
    assert types(heard)[-3:] == ["session.thread_status_idle", "session.usage", "session.status_idle"]
    assert {e.stop_reason.type for e in (heard[-3], heard[-1])} == {"budget_reached"}
    assert len(scripted.requests) == 1
    with pytest.raises(anthropic.BadRequestError, match=r"user\.tool_confirmation.*user\.interrupt"):
        server.send(session.id, user("more"))
    before = server.events(session.id)
    taken = server.send(session.id, {"type": "user.interrupt"})
    assert taken.data[0].id and server.events(session.id) == before
    for low in ("1", "10"):
        with pytest.raises(anthropic.BadRequestError) as caught:
            sessions.update(session.id, budget=cap(low))
        assert code(caught.value) == "budget_not_raised"
    assert sessions.update(session.id, budget=cap("12")).status == "running"
    paused = server.until(session.id, "idle")
    assert (paused.usage.list_cost.amount, len(scripted.requests)) == ("20", 2)
    assert sessions.update(session.id, budget=None).budget is None
    server.until(session.id, "idle")
    idles = [e.stop_reason.type for e in server.events(session.id) if e.type == "session.status_idle"]
    assert idles == ["budget_reached", "budget_reached", "end_turn"]
    with pytest.raises(anthropic.BadRequestError) as caught:
        sessions.update(session.id, budget=cap("500"))
    assert code(caught.value) == "budget_create_only"


def test_an_ended_session_takes_nothing(server: Server) -> None:
    sessions = server.client.beta.sessions
    session = server.session()
    ended = sessions.archive(session.id)
    assert sessions.archive(session.id).archived_at == ended.archived_at
    with sessions.events.stream(session.id) as stream:
        assert list(stream) == []
    body = {"events": [{"type": "user.interrupt"}]}
    refused = server.request("POST", f"v1/sessions/{session.id}/events", json=body)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        sessions.update(session.id, title="N")
    lasted = sessions.retrieve(session.id).stats.duration_seconds
    assert sessions.retrieve(session.id).stats.duration_seconds == lasted
    assert types(server.events(session.id))[-1] == "session.status_terminated"


def test_deleting_takes_files_and_ends_streams(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="echo out > outputs/a.txt")], [say("Done.")]]
    files = server.client.beta.files
    upload = files.upload(file=("data.csv", b"a,b\n", "text/csv"))
    session = server.session(resources=[{"type": "file", "file_id": upload.id}])
    server.turn(session.id, "go")
    scoped = list(files.list(scope_id=session.id))
    assert len(scoped) == 2
    with server.client.beta.sessions.events.stream(session.id) as stream:
        server.client.beta.sessions.delete(session.id)
        assert types(list(stream)) == ["session.deleted"]
    for file in scoped:
        with pytest.raises(anthropic.NotFoundError):
            files.retrieve_metadata(file.id)
    assert files.retrieve_metadata(upload.id).id == upload.id
    assert server.request("GET", f"v1/sessions/{session.id}/events").status_code == 404
