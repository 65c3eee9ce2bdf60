from __future__ import annotations

import sys
from typing import Any

import pytest

from jupyter_agents import __version__
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import Server


def local(server: Server, path: str, **options: Any) -> Any:
    answer = server.request(options.pop("method", "GET"), f"local/{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_status(server: Server) -> None:
    found = local(server, "status")
    assert found["version"] == __version__ and found["embedded"] is False and found["replay"] is None
    assert found["root_dir"] == str(server.home.root) and found["data_dir"] == str(server.home.data)
    assert found["model"]["ready"] and found["model"]["key"] == "dummy"
    assert found["sandbox"]["kind"] == "bubblewrap" and found["sandbox"]["ready"]
    before = found["sessions"]["idle"]
    server.session()
    assert local(server, "status")["sessions"]["idle"] == before + 1


def test_doctor(server: Server) -> None:
    found = local(server, "doctor")
    assert {p["kind"]: p["ok"] for p in found["probes"]}["bubblewrap"] is True
    assert found["disk"]["free_bytes"] > 0 and "agents.db" in found["disk"]["used_bytes"]
    assert found["model"]["answers"] is True and found["model"]["how"].startswith("it answers")


def test_credentials(server: Server) -> None:
    made = local(server, "credentials", method="POST", json={"api_key": "sk-secret"})
    assert made["key"] == "login" and "sk-secret" not in str(made)
    assert "sk-secret" not in (server.home.folder / "log").read_text()
    assert local(server, "credentials", method="DELETE")["key"] == "dummy"


@pytest.mark.parametrize(
    "body", [{}, {"api_key": 5}, {"api_key": ""}, {"api_key": "x", "more": 1}, {"api_key": "a\nb"}]
)
def test_what_is_no_credential(server: Server, body: Any) -> None:
    assert server.request("POST", "local/credentials", json=body).status_code == 400


def test_a_sessions_sandbox_and_changes(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [
        [call("bash", command="echo a > a.txt")],
        [say("One.")],
        [call("bash", command="echo b > b.txt; rm a.txt")],
        [say("Two.")],
    ]
    session = server.session(title="My work")
    place = f"sessions/{session.id}"
    assert local(server, f"{place}/sandbox")["state"] == "none"
    first = server.turn(session.id, "go")
    found = local(server, f"{place}/sandbox")
    assert (found["kind"], found["state"], found["replayed"]) == ("bubblewrap", "running", False)
    assert found["path"] == f"agents/my-work-{session.id[-6:]}"
    assert found["workspace"] == str(server.home.root / found["path"])
    server.turn(session.id, "again")
    changes = local(server, f"{place}/changes")["data"]
    assert [(c["path"], c["kind"]) for c in changes] == [
        ("a.txt", "created"),
        ("a.txt", "deleted"),
        ("b.txt", "created"),
    ]
    use = next(e for e in first if e.type == "agent.tool_use")
    assert changes[0]["event_id"] == use.id and changes[0]["size"] == 2
    later = local(server, f"{place}/changes", params={"after": first[-1].id})["data"]
    assert [c["path"] for c in later] == ["a.txt", "b.txt"]


def test_the_notebooks_python_is_first_on_the_path(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="python -c 'import sys; print(sys.prefix)'")], [say("Done.")]]
    session = server.session()
    prefixes = [sys.prefix, sys.base_prefix]
    local(server, f"sessions/{session.id}/sandbox", method="POST", json={"python": prefixes})
    result = next(e for e in server.turn(session.id, "go") if e.type == "agent.tool_result")
    assert result.content[0].text.strip() == sys.prefix


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"python": "x"},
        {"python": ["/"]},
        {"python": ["/etc"]},
        {"python": ["relative"]},
        {"python": [5]},
        {"python": ["\x00"]},
        {"python": [sys.prefix] * 5},
        {"python": [sys.prefix], "more": 1},
        {"python": [f"{sys.prefix}/../{sys.prefix.rsplit('/', 1)[-1]}/.."]},
    ],
)
def test_what_is_no_python_environment(server: Server, body: Any) -> None:
    session = server.session()
    answer = server.request("POST", f"local/sessions/{session.id}/sandbox", json=body)
    assert answer.status_code == 400, answer.text


def test_a_run_file_is_given_and_taken(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append([say("Hi.")])
    session = server.session()
    server.turn(session.id, "go")
    run = server.request("GET", f"local/sessions/{session.id}/run")
    assert run.headers["content-type"].startswith("application/vnd.jupyter-agents.agentrun+jsonl")
    again = server.session()
    assert local(server, f"sessions/{again.id}/replay", method="POST", content=run.content) == {
        "exchanges": 1
    }
    assert local(server, f"sessions/{again.id}/sandbox")["replayed"] is True
    asked = len(scripted.requests)
    assert server.turn(again.id, "go")[-1].stop_reason.type == "end_turn"
    assert len(scripted.requests) == asked


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'{"type":"header","schema":9}']
)
def test_what_is_no_run_file(server: Server, body: bytes) -> None:
    session = server.session()
    answer = server.request("POST", f"local/sessions/{session.id}/replay", content=body)
    assert answer.status_code == 400 and "run file" in answer.json()["error"]["message"]


def test_the_store_is_in_no_python_environment(server: Server) -> None:
    session = server.session()
    prefix = server.home.folder
    (prefix / "lib").mkdir()
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python3").touch()
    body = {"python": [str(prefix)]}
    assert server.request("POST", f"local/sessions/{session.id}/sandbox", json=body).status_code == 400
