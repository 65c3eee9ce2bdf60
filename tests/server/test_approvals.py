from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.server.approvals import ties
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import TOOLSET, Server

ASKING: Any = [TOOLSET[0] | {"default_config": {"permission_policy": {"type": "always_ask"}}}]
TIE = {"jupyter-agents/notebook": "work/here.ipynb"}


def asked(server: Server, scripted: ScriptedModel, **options: Any) -> tuple[Any, Any]:
    """A session whose bash call waits, and the call."""
    scripted.script += [[call("bash", command="echo ran")], [say("Done.")]]
    session = server.session(tools=ASKING, **options)
    return session, next(e for e in server.turn(session.id, "go") if e.type == "agent.tool_use")


def look(server: Server, session: Any, query: str = "") -> Any:
    answer = server.request("GET", f"local/sessions/{session.id}/approvals{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_waiting_call_is_shown_and_tied_to_its_notebook(server: Server, scripted: ScriptedModel) -> None:
    session, use = asked(server, scripted, metadata=TIE)
    found = look(server, session, "?notebook=work/here.ipynb")
    wanted = {"id": use.id, "name": "bash", "server": None, "input": {"command": "echo ran"}}
    assert found["waiting"] == [wanted] and found["answered"] == [] and found["rules"] == []
    assert found["tied"] is True and found["notebook"] == "work/here.ipynb" and found["user"]
    other = look(server, session, "?notebook=stranger.ipynb")
    assert other["tied"] is False and other["notebook"] == "work/here.ipynb"
    assert look(server, session)["tied"] is False


def test_who_answered_on_the_wire_is_known(server: Server, scripted: ScriptedModel) -> None:
    session, use = asked(server, scripted)
    no = {"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "deny", "deny_message": "No rm."}
    found = server.turn(session.id, no)
    assert not hasattr(found[0], "by")
    after = look(server, session)
    (one,) = after["answered"]
    assert (one["call_id"], one["result"], one["reason"]) == (use.id, "deny", "No rm.")
    assert one["by"] and one["at"].endswith("Z")


def test_allow_with_another_input(server: Server, scripted: ScriptedModel) -> None:
    session, use = asked(server, scripted)
    path = f"local/sessions/{session.id}/calls/{use.id}/input"
    wrong = server.request("POST", path, json={"input": {"command": 5}})
    assert wrong.status_code == 400 and "input.command" in wrong.json()["error"]["message"]
    answer = server.request("POST", path, json={"input": {"command": "echo mine"}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["type"] == "user.tool_confirmation"
    server.until(session.id, "idle")
    result = next(e for e in server.events(session.id) if e.type == "agent.tool_result")
    assert [block.text for block in result.content][1] == "mine\n"
    again = server.request("POST", path, json={"input": {"command": "echo twice"}})
    assert again.status_code == 400 and again.json()["error"]["type"] == "invalid_request_error"


def test_rules_are_made_listed_and_deleted(server: Server, scripted: ScriptedModel) -> None:
    session = server.session(tools=ASKING)
    path = f"local/sessions/{session.id}/rules"
    made = server.request("POST", path, json={"tool": "bash"}).json()
    assert made["tool"] == "bash" and made["id"].startswith("sevt_")
    assert server.request("GET", path).json() == {"data": [made]}
    scripted.script += [[call("bash", command="echo ran")], [say("Done.")]]
    found = server.turn(session.id, "go")
    use = next(e for e in found if e.type == "agent.tool_use")
    assert (use.evaluated_permission, use.evaluation.type) == ("allow", "always_allow")
    gone = server.request("DELETE", f"{path}/{made['id']}")
    assert gone.json() == {"id": made["id"], "type": "rule_deleted"}
    assert server.request("DELETE", f"{path}/{made['id']}").status_code == 404
    assert server.request("POST", path, json={"tool": "bash", "x": 1}).status_code == 400


@pytest.mark.parametrize(
    ("stored", "notebook", "tied", "shown"),
    [
        ("{root}/a/b.ipynb", "a/b.ipynb", True, "a/b.ipynb"),
        ("a/b.ipynb", "a/b.ipynb", True, "a/b.ipynb"),
        ("{root}/a/b.ipynb", "/a/b.ipynb", False, "a/b.ipynb"),
        ("{root}/a/b.ipynb", "b.ipynb", False, "a/b.ipynb"),
        ("{root}/a/b.ipynb", "", False, "a/b.ipynb"),
        ("{root}/a", "a/b.ipynb", False, None),
        ("{root}/../out.ipynb", "../out.ipynb", False, None),
        ("/elsewhere/b.ipynb", "b.ipynb", False, None),
        (None, "b.ipynb", False, None),
        ("", "b.ipynb", False, None),
        ("a\0b.ipynb", "b.ipynb", False, None),
    ],
)
def test_a_session_belongs_to_one_notebook(
    tmp_path: Path, stored: str | None, notebook: str, tied: bool, shown: str | None
) -> None:
    stored = stored and stored.replace("{root}", str(tmp_path))
    assert ties(str(tmp_path), stored, notebook) == {"tied": tied, "notebook": shown}


def test_a_notebook_below_a_link_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert ties(str(tmp_path), "link/b.ipynb", "real/b.ipynb")["tied"]
