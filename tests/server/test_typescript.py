"""The official TypeScript SDK, unmodified, on node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import TOKEN, Server

SCRIPT = Path(__file__).parents[2] / "labextension" / "tests" / "sdk" / "quickstart.mjs"


def node() -> str:
    """The system's node, or the one that the build installed beside Python."""
    path = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    found = shutil.which("node", path=path)
    assert found, "node is needed: make test installs it"
    return found


def test_the_quickstart(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [
        [call("bash", command="mkdir -p outputs && cat seed.txt > outputs/numbers.txt")],
        [say("The numbers are in "), say("numbers.txt.")],
    ]
    done = subprocess.run(
        [node(), SCRIPT, server.url, TOKEN], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0] == {"sent": ["user.message"]}
    events = [line for line in lines if "type" in line and "refused" not in line]
    kept = [event["type"] for event in events if not event["type"].startswith("event_")]
    assert kept == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "span.model_request_start",
        "agent.tool_use",
        "span.model_request_end",
        "agent.tool_result",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    deltas = [event["delta"]["content"]["text"] for event in events if event["type"] == "event_delta"]
    assert "".join(deltas) == "The numbers are in numbers.txt."
    assert lines[-3] == {"listed": kept}
    assert lines[-2] == {"file": "numbers.txt", "content": "7\n"}
    assert lines[-1] == {"refused": 404, "type": "not_found_error", "named": True}
