"""A run as plain SDK code: executed, it does the same."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import Any

from jupyter_agents.kernel.script import messages, script
from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.kernel.conftest import Kernel
from tests.kernel.test_magics import define

SECRET = "test-token"


def test_the_code_does_the_same_again(
    kernel: Kernel, model: ScriptedModel, environment: dict[str, str]
) -> None:
    answers = [
        Reply([call("bash", command="wc -c < data.csv; echo x > x.txt")]),
        Reply([say("It has 4 bytes.")]),
        Reply([say("It is 'quoted' \"here\".")]),
    ]
    model.script[:] = answers
    define(kernel, "twice")
    (kernel.folder / "data.csv").write_text("a,b\n")
    assert kernel.run("%%agent twice --file data.csv --budget 2 --max-turns 9\nHow large?").status == "ok"
    assert kernel.run('%%agent twice -o run\nSay it with \'quotes\' and """more""" {x}\\n').status == "ok"
    given = kernel.run("print(run.code())")
    assert given.status == "ok", given.errors
    first = list(model.requests)
    code = given.printed
    ast.parse(code)
    assert SECRET not in code and "jupyter_agents" not in code

    model.script[:] = answers
    model.requests.clear()
    place = kernel.folder / "elsewhere"
    place.mkdir()
    (place / "data.csv").write_text("a,b\n")
    (place / "again.py").write_text(code)
    variables = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")} | {
        "ANTHROPIC_BASE_URL": f"{environment['JUPYTER_AGENTS_URL'].rstrip('/')}/jupyter-agents",
        "ANTHROPIC_AUTH_TOKEN": environment["JUPYTER_AGENTS_TOKEN"],
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        [sys.executable, "again.py"], cwd=place, env=variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "[bash] {'command': 'wc -c < data.csv; echo x > x.txt'}" in done.stdout
    assert done.stdout.endswith("It has 4 bytes.\nIt is 'quoted' \"here\".\n")
    assert [_asked(body) for body in model.requests] == [_asked(body) for body in first]


def _asked(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what differs from session to session."""
    return {key: body[key] for key in ("model", "system", "tools", "messages", "max_tokens")}


def user(id: str, text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"id": id, "type": "user.message", "processed_at": "2026-11-21T10:00:00Z", "content": content}


def idle(id: str, reason: str = "end_turn") -> dict[str, Any]:
    stop = {"type": reason, "event_ids": []}
    return {
        "id": id,
        "type": "session.status_idle",
        "processed_at": "2026-11-21T10:00:00Z",
        "stop_reason": stop,
    }


def test_the_messages_of_a_turn_and_those_before() -> None:
    events = [user("1", "a"), idle("2"), user("3", "b"), user("4", "steer"), idle("5"), user("6", "c")]
    found = [
        [block["text"] for content in messages(events, turns) for block in content] for turns in (1, 2, 3)
    ]
    assert found == [["a"], ["a", "b", "steer"], ["a", "b", "steer", "c"]]


def test_mounted_things_and_what_is_ours_alone() -> None:
    agent = {"name": 'x"""\nimport evil', "model": {"id": "m"}, "tools": [], "metadata": {}}
    session = {
        "agent": agent,
        "metadata": {"jupyter-agents/workspace": "secret/place", "team": "blue"},
        "budget": None,
        "resources": [
            {"type": "file", "file_id": "file_1", "mount_path": "/workspace/a b.csv"},
            {"type": "github_repository", "url": "https://github.com/o/r", "mount_path": "/workspace/r"},
        ],
    }
    environment = {"name": "n", "description": "", "config": {"type": "cloud"}, "metadata": {}}
    code = script(session, agent, environment, {"file_1": "a b.csv"}, [], "http://here")
    names = {
        node.name for tree in ast.walk(ast.parse(code)) if isinstance(tree, ast.Import) for node in tree.names
    }
    assert names == {"os", "anthropic"}
    assert "Path('a b.csv')" in code and "os.environ['GITHUB_TOKEN']" in code
    assert "secret/place" not in code and "{'team': 'blue'}" in code


def test_what_is_not_needed_is_not_there() -> None:
    agent = {"name": "x", "model": {"id": "m"}, "tools": [], "metadata": {}}
    session = {"agent": agent, "metadata": {}, "budget": None, "resources": []}
    environment = {"name": "n", "description": "", "config": {"type": "cloud"}, "metadata": {}}
    code = script(session, agent, environment, {}, [[{"type": "text", "text": "hi"}]], "http://here")
    assert "import os" not in code and "Path" not in code and "resources" not in code
    compile(code, "again.py", "exec")
