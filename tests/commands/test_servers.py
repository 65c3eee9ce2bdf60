"""`doctor` asks the servers that run."""

from __future__ import annotations

import pytest

from jupyter_agents.commands import servers
from jupyter_agents.testing import ScriptedModel, call, say
from tests.commands.conftest import Shell
from tests.support import TOKEN, Home, Server, serving

ROW = {
    "session_id": "sesn_1",
    "status": "idle",
    "hosting": "hybrid",
    "kind": "docker",
    "state": "paused",
    "idle_since": "2026-01-02T03:04:05.000006Z",
    "memory_bytes": 2_500_000,
}


def test_a_row_in_words() -> None:
    said = "idle, hybrid, docker: paused, idle since 2026-01-02T03:04:05Z, 2.5 MB of memory"
    assert servers.line(ROW) == f"sesn_1  {said}"
    bare = ROW | {"kind": None, "state": "none", "idle_since": None, "memory_bytes": None}
    assert servers.line(bare) == "sesn_1  idle, hybrid, no sandbox yet: none"


def test_what_waits_for_a_session_in_words() -> None:
    row = {"kind": "docker", "ready": 1, "wanted": 2, "problem": None, "server": "http://here/"}
    assert servers.warm_line(row) == "docker: 1 of 2 warm at http://here/"
    assert servers.warm_line(row | {"problem": "Why."}) == "docker: 1 of 2 warm at http://here/: Why."


def test_doctor_lists_the_sandboxes_of_a_server_that_runs(
    shell: Shell, home: Home, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.configure(sandbox="bubblewrap")
    with serving(home) as server:
        scripted.script += [[call("bash", command="true")], [say("Done.")]]
        session = server.session()
        server.turn(session.id, "go")
        assert shell.json("doctor")["sandboxes"] == []
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home.folder / "runtime"))
        (row,) = shell.json("doctor")["sandboxes"]
        assert (row["session_id"], row["state"], row["kind"]) == (session.id, "running", "bubblewrap")
        _, out, _ = shell("doctor")
        assert f"{session.id}  idle, long-running, bubblewrap: running" in out and TOKEN not in out
    assert shell.json("doctor")["sandboxes"] == []


def test_who_does_not_answer_is_passed_over(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    wrong = f"{server.url.removesuffix('jupyter-agents')}"
    monkeypatch.setattr(servers, "_running", lambda: iter([("http://127.0.0.1:9/", "x"), (wrong, "wrong")]))
    assert servers.sandboxes() == []
