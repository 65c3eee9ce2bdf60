from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import Reply, ScriptedModel, say
from tests.support import Server, types, user


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
    third = sessions.retrieve(made[2]).created_at
    assert listed(created_at_gte=third) == made[4:1:-1]
    assert listed(created_at_lt=third) == [made[1]]

    first = server.request("GET", "v1/sessions", params={"agent_id": agent.id, "limit": 2}).json()
    assert first["prev_page"] is None
    query = {"agent_id": agent.id, "limit": 2, "page": first["next_page"]}
    second = server.request("GET", "v1/sessions", params=query).json()
    back = server.request("GET", "v1/sessions", params=query | {"page": second["prev_page"]}).json()
    assert [s["id"] for s in back["data"]] == [s["id"] for s in first["data"]]
    turned = server.request("GET", "v1/sessions", params=query | {"order": "asc"})
    assert turned.status_code == 400 and "order" in turned.json()["error"]["message"]


def test_overrides_show_and_leave_the_agent_alone(server: Server) -> None:
    agent = server.agent(system="one")
    environment = server.session().environment_id
    reference: Any = {"type": "agent_with_overrides", "id": agent.id, "system": "two", "tools": []}
    session = server.client.beta.sessions.create(agent=reference, environment_id=environment)
    assert (session.agent.system, session.agent.tools, session.agent.version) == ("two", [], 1)
    assert server.client.beta.agents.retrieve(agent.id) == agent


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"agent": "agent_none"}, 404),
        ({"environment_id": "env_none"}, 404),
        ({"resources": [{"type": "file", "file_id": "file_none"}]}, 400),
        ({"metadata": {"k" * 65: "v"}}, 400),
        ({"title": "x" * 300}, 400),
    ],
)
def test_what_cannot_be_had(server: Server, body: Any, status: int) -> None:
    session = server.session()
    base = {"agent": session.agent.id, "environment_id": session.environment_id}
    assert server.request("POST", "v1/sessions", json=base | body).status_code == status
