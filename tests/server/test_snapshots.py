from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.server.snapshots import links, made_files
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import TOOLSET, Server

MIME = "application/vnd.jupyter-agents.run+json"
CUSTOM: Any = {"type": "custom", "name": "rows", "description": "d", "input_schema": {"type": "object"}}


def ask(server: Server, session: Any, turn: str, **body: Any) -> Any:
    return server.request("POST", f"local/sessions/{session.id}/turns/{turn}/snapshot", json=body)


def prompts(server: Server, session: Any) -> list[str]:
    return [event.id for event in server.events(session.id) if event.type == "user.message"]


def test_each_turn_is_drawn_with_its_own_number_files_and_cost(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [
        [call("bash", command="echo 1 > one.txt")],
        [say("First.")],
        [call("bash", command="echo 2 > two.txt")],
        [say("Second.")],
    ]
    session = server.session()
    server.turn(session.id, "go")
    server.turn(session.id, "again")
    for number, turn in enumerate(prompts(server, session)):
        found = ask(server, session, turn, notebook="work/here.ipynb").json()
        run = found["data"][MIME]
        assert (found["live"], run["live"], run["turn"]) == (False, False, number + 1)
        (file,) = run["transcript"]["files"]
        assert file["path"] == ("one.txt", "two.txt")[number]
        assert f'href="../{file["url"]}"' in found["data"]["text/html"]
        assert ("First.", "Second.")[number] in found["data"]["text/markdown"]
        assert "done" in found["data"]["text/plain"]
        footer = run["transcript"]["footer"]
        assert footer["cost_usd"] > 0 and footer["sandbox"] == "bubblewrap" and footer["turn"] == number + 1


def test_a_turn_that_goes_on_is_live(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("rows")]]
    session = server.session(tools=[*TOOLSET, CUSTOM])
    use = next(e for e in server.turn(session.id, "go") if e.type == "agent.custom_tool_use")
    blocks = [{"type": "text", "text": "<script>1</script>"}]
    (turn,) = prompts(server, session)
    found = ask(server, session, turn, shown={use.id: blocks, "sevt_of_nobody": blocks}).json()
    assert found["live"] is True and found["data"][MIME]["transcript"]["status"] == "waiting"
    (step,) = found["data"][MIME]["transcript"]["steps"]
    assert step["place"] == "kernel" and step["shown"] == blocks
    assert "&lt;script&gt;" in found["data"]["text/html"] and "<script" not in found["data"]["text/html"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"notebook": 1}, "expected"),
        ({"notebook": "a\0b"}, "notebook:"),
        ({"notebook": "x" * 5000}, "notebook:"),
        ({"shown": []}, "expected"),
        ({"shown": {"c": "text"}}, "shown.c:"),
        ({"shown": {"c": [{"text": "no type"}]}}, "shown.c:"),
        ({"other": 1}, "expected"),
    ],
)
def test_a_wrong_body_says_what_is_wrong(server: Server, body: Any, where: str) -> None:
    session = server.session()
    answer = ask(server, session, "sevt_1", **body)
    assert answer.status_code == 400 and where in answer.json()["error"]["message"]


def test_what_is_no_turn_is_not_found(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[say("Hi.")]]
    session = server.session()
    server.turn(session.id, "go")
    reply = next(event for event in server.events(session.id) if event.type == "agent.message")
    assert ask(server, session, reply.id).status_code == 404
    missing = server.request("POST", "local/sessions/sesn_x/turns/sevt_1/snapshot", json={})
    assert missing.status_code == 404


def test_files_are_the_last_change_of_each_less_what_was_given() -> None:
    changes = [
        {"path": "a", "kind": "created", "size": 1},
        {"path": "gone", "kind": "created", "size": 1},
        {"path": "given.csv", "kind": "created", "size": 1},
        {"path": "a", "kind": "modified", "size": 2},
        {"path": "gone", "kind": "deleted", "size": None},
    ]
    found = made_files(changes, ["/workspace/given.csv"], "agents/x")
    assert found == [{"path": "a", "size": 2, "file_id": None, "url": "agents/x/a"}]
    assert links(found, "deep/er/n.ipynb") == {"a": "../../agents/x/a"}
    assert links(found, "n.ipynb") == {"a": "agents/x/a"}
    assert links(made_files(changes, [], None), "n.ipynb") == {}
