"""Two real sessions in one sandbox and one workspace."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain import history
from jupyter_agents.domain.environments import create_environment
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.ids import rfc3339
from jupyter_agents.runtime import health
from jupyter_agents.testing import Reply, call, say
from tests.runtime.conftest import Runtime, only

Doc = dict[str, Any]


async def pair(runtime: Runtime, **body: Any) -> list[str]:
    """Two sessions of one shared environment."""
    context, now = runtime.context, rfc3339(runtime.context.clock())
    given = {
        "name": "Lab",
        "config": {"type": "cloud", "networking": {"type": "limited"}},
        "metadata": {"jupyter-agents/hosting": "shared"},
    }
    environment = create_environment(given, context.new_id("env"), now)
    await context.catalog.add_environment(environment)
    agent = context.catalog.get("session", await runtime.session())["agent"]["id"]
    request = {"agent": agent, "environment_id": environment["id"], **body}
    return [(await context.manager.create(request))["id"] for _ in range(2)]


async def bash(runtime: Runtime, session: str, command: str) -> str:
    runtime.model.script += [[call("bash", command=command)], [say("Done.")]]
    found = await runtime.turn(session, "go")
    return str(only(found, "agent.tool_result")["content"][0]["text"])


def makers(runtime: Runtime, session: str) -> dict[str, str]:
    """Who made the newest change of each file, as one session sees it."""
    records = runtime.context.journal.read(session)
    return {doc["path"]: doc["by"] for record in records for doc in history.shown(record)}


def changed(runtime: Runtime, session: str) -> list[str]:
    return [
        change["path"]
        for record in runtime.context.journal.read(session)
        for change in (record.private or {}).get("changes", [])
    ]


async def test_two_sessions_work_in_one_place_until_the_last_is_over(runtime: Runtime) -> None:
    one, two = await pair(runtime)
    assert runtime.workspace(one) == runtime.workspace(two)
    assert runtime.workspace(one).name.startswith("lab-")
    await bash(runtime, one, "x=1; echo one >a; cd /tmp; echo here >there")
    assert (
        await bash(runtime, two, 'echo "<$x>"; pwd; cat a /tmp/there; echo two >b')
        == "<>\n/workspace\none\nhere\n"
    )
    assert (changed(runtime, one), changed(runtime, two)) == (["a"], ["b"])
    assert makers(runtime, two) == {"b": "agent"}
    assert [state for _, state in health.sandboxes(runtime.context)] == ["running", "running"]
    (shared,) = runtime.context.sandboxes.shared.values()
    await runtime.context.manager.archive(one)
    assert await bash(runtime, two, "cat /tmp/there") == "here\n"
    sandbox = shared._sandbox
    assert sandbox is not None and sandbox.alive
    await runtime.context.manager.archive(two)
    assert not sandbox.alive and shared._sandbox is None
    assert (runtime.workspace(one) / "a").exists()


async def test_calls_at_the_same_time_are_not_told_apart(runtime: Runtime) -> None:
    one, two = await pair(runtime)
    for session in (one, two):
        await bash(runtime, session, "true")
    slow = "echo one >a; while [ ! -e go ]; do sleep 0.02; done; echo late >c"
    runtime.model.script += [[call("bash", command=slow)]]
    listening = runtime.listen(one)
    await runtime.send(one, "go")
    await runtime.until(listening, "agent.tool_use")
    while not (runtime.workspace(one) / "a").exists():
        await asyncio.sleep(0.01)
    await bash(runtime, two, "echo two >b")
    runtime.model.script += [[say("Done.")]]
    (runtime.workspace(one) / "go").touch()
    await runtime.until_idle(listening)
    assert {makers(runtime, one)[path] for path in "abc"} == {"unknown"}
    assert {makers(runtime, two)[path] for path in "ab"} == {"unknown"}
    await bash(runtime, two, "echo alone >d")
    assert makers(runtime, two)["d"] == "agent"


async def test_an_overlapping_write_is_an_error_that_names_the_other_session(runtime: Runtime) -> None:
    one, two = await pair(runtime)
    await bash(runtime, two, "true")
    hold = "(sleep 0.2; kill -STOP $PPID; sleep 3; kill -CONT $PPID) >/dev/null 2>&1 &"
    written = Reply([call("write", file_path="plan.md", content="mine")], delay=0.2)
    runtime.model.script += [[call("bash", command=hold)], written, [say("Done.")]]
    listening = runtime.listen(one)
    await runtime.send(one, "go")
    shared = next(iter(runtime.context.sandboxes.shared.values()))
    await runtime.until(listening, "agent.tool_result")
    await runtime.until(listening, "agent.tool_use")
    await asyncio.sleep(0.2)
    member = next(member for member in shared._members if member._session == two)
    result = await member.call("write", {"file_path": "/workspace/plan.md", "content": "two"})
    assert result.is_error and f"is being written by session {one}" in result.content[0]["text"]
    await runtime.until_idle(listening)
    assert await asyncio.to_thread((runtime.workspace(one) / "plan.md").read_text) == "mine"


async def test_files_of_each_are_there_for_all(runtime: Runtime) -> None:
    files, blobs = runtime.context.files, runtime.context.blobs
    upload = await files.add(blobs.put([b"a,b\n"]), "data.csv", "text/csv")
    resources = [{"type": "file", "file_id": upload["id"]}]
    one, two = await pair(runtime, resources=resources)
    await bash(runtime, one, "true")
    assert (
        await bash(runtime, two, "cat /mnt/session/uploads/* | sort -u; ls /mnt/session/uploads | wc -l")
        == "a,b\n2\n"
    )
    for session in (one, two):
        await runtime.context.manager.archive(session)
    assert list((runtime.config.data_dir / "shared").iterdir()) == []


async def test_nothing_of_its_own_can_be_asked_for(runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest, match="jupyter-agents/workspace: sessions with hosting shared"):
        await pair(runtime, metadata={"jupyter-agents/workspace": "mine"})


def test_the_folder_is_named_after_the_environment() -> None:
    from jupyter_agents.runtime.places import workspace

    place = workspace(Path("/root"), {}, {"name": "My lab", "id": "env_0123456789"})
    assert place == Path("/root/agents/my-lab-456789")
