from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_agents.testing import ScriptedModel, call, say
from tests.server.test_local import local
from tests.support import Server


def bash(server: Server, scripted: ScriptedModel, session: str, command: str) -> list[Any]:
    scripted.script += [[call("bash", command=command)], [say("Done.")]]
    return server.turn(session, "go")


def workspace(server: Server, session: str) -> Path:
    return Path(local(server, f"sessions/{session}/sandbox")["workspace"])


def test_undo(server: Server, scripted: ScriptedModel) -> None:
    session = server.session().id
    bash(server, scripted, session, "echo one > a")
    bash(server, scripted, session, "echo two > a; echo b > b")
    found = local(server, f"sessions/{session}/undo", method="POST")
    assert found == {
        "turns": 1,
        "restored": [
            {"path": "a", "kind": "modified", "partly": False},
            {"path": "b", "kind": "deleted", "partly": False},
        ],
        "unchanged": [],
        "conflicts": [],
        "failed": [],
    }
    assert (workspace(server, session) / "a").read_text() == "one\n"
    changes = local(server, f"sessions/{session}/changes")["data"]
    assert [change["by"] for change in changes] == ["agent", "agent", "agent", "undo", "undo"]


def test_what_is_no_undo(server: Server) -> None:
    session = server.session().id
    for body, status in (({"event_id": 1}, 400), ({}, 400), ({"event_id": "sevt_1"}, 404)):
        answer = server.request("POST", f"local/sessions/{session}/undo", json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, "error"), answer.text
    assert server.request("POST", "local/sessions/sesn_1/undo").status_code == 404
    assert server.bare("POST", f"local/sessions/{session}/undo").status_code in (401, 403)
    assert server.request("GET", f"local/sessions/{session}/undo").status_code == 405


def test_a_running_session_is_a_conflict(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append([call("bash", command="sleep 20")])
    session = server.session().id
    server.send(session, {"type": "user.message", "content": [{"type": "text", "text": "go"}]})
    answer = server.request("POST", f"local/sessions/{session}/undo")
    assert answer.status_code == 409 and answer.json()["error"]["type"] == "conflict_error"
    server.send(session, {"type": "user.interrupt"})
    server.until(session, "idle")


def test_fork(server: Server, scripted: ScriptedModel) -> None:
    session = server.session(title="Work").id
    end = bash(server, scripted, session, "echo one > a")[-1]
    bash(server, scripted, session, "echo two > a")
    found = local(server, f"sessions/{session}/fork", method="POST", json={"event_id": end.id})
    made = server.client.beta.sessions.retrieve(found["session"]["id"])
    assert (made.title, made.status) == ("Work", "idle") and made.agent.id == found["session"]["agent"]["id"]
    assert (found["files"], found["missing"]) == (1, [])
    assert (workspace(server, made.id) / "a").read_text() == "one\n"
    assert [e.id for e in server.events(made.id)] == [e.id for e in server.events(session)][
        : len(server.events(made.id))
    ]
    threads = list(server.client.beta.sessions.threads.list(made.id))
    assert len(threads) == 1
    result = bash(server, scripted, made.id, "cat a")
    assert next(e for e in result if e.type == "agent.tool_result").content[0].text == "one\n"


def test_what_is_no_fork(server: Server) -> None:
    session = server.session().id
    for body, status in (({}, 400), ({"event_id": 1}, 400), ({"event_id": "sevt_1"}, 404)):
        answer = server.request("POST", f"local/sessions/{session}/fork", json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, "error"), answer.text
    answer = server.request("POST", "local/sessions/sesn_1/fork", json={"event_id": "sevt_1"})
    assert answer.status_code == 404
