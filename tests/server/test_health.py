"""The state of a real server's sandboxes: ``local/sandboxes``, ``/metrics``, ``jupyter agents doctor``."""

from __future__ import annotations

import re
from typing import Any

from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import Server

SECRET = "SECRET-made-up-name"


def metrics(server: Server) -> str:
    answer = server.request("GET", "../metrics")
    assert answer.status_code == 200
    return answer.text


def count(text: str, name: str) -> float:
    found = re.search(rf"^jupyter_agents_{re.escape(name)} (\S+)$", text, re.M)
    return float(found[1]) if found else 0.0


def row(server: Server, session_id: str) -> Any:
    rows = server.request("GET", "local/sandboxes").json()["data"]
    return next(row for row in rows if row["session_id"] == session_id)


def test_a_sessions_sandbox_is_shown_with_its_state(server: Server, scripted: ScriptedModel) -> None:
    session = server.session(title="Mine", metadata={"jupyter-agents/idle-timeout": "300s"})
    assert row(server, session.id)["state"] == "none" and row(server, session.id)["memory_bytes"] is None
    scripted.script += [[call("bash", command="true")], [say("Done.")]]
    server.turn(session.id, "go")
    found = row(server, session.id)
    assert (found["title"], found["status"], found["hosting"]) == ("Mine", "idle", "long-running")
    assert (found["kind"], found["state"]) == ("bubblewrap", "running")
    assert found["memory_bytes"] > 1_000_000
    assert found["idle_since"].endswith("Z")
    assert (found["pauses_after_seconds"], found["stops_after_seconds"]) == (300, 3600)


def test_metrics_say_what_happened_and_no_secret(server: Server, scripted: ScriptedModel) -> None:
    before = metrics(server)
    scripted.script += [[call("bash", command=f"echo {SECRET}")], [call(SECRET)], [say("Done.")]]
    server.turn(server.session(title=SECRET).id, SECRET)
    after = metrics(server)
    for name, more in {
        'tool_calls_total{outcome="ok",tool="bash"}': 1,
        'model_requests_total{outcome="ok"}': 3,
        'sandbox_start_seconds_count{kind="bubblewrap"}': 1,
    }.items():
        assert count(after, name) - count(before, name) == more, name
    assert count(after, 'sandboxes{kind="bubblewrap",state="running"}') >= 1
    assert count(after, 'sessions{status="idle"}') >= 1
    assert SECRET not in after and "sesn_" not in after
