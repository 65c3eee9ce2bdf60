"""Outputs, changes and files through a real sandbox."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import Fault, call, say
from tests.runtime.conftest import Runtime, of, only, types

Doc = dict[str, Any]


async def run(runtime: Runtime, *commands: str, **body: Any) -> tuple[str, list[Doc]]:
    script = [*([call("bash", command=c)] for c in commands), [say("Done.")]]
    session = await runtime.session(script=script, **body)
    return session, await runtime.turn(session, "go")


async def test_changes_are_noted_with_the_call_that_made_them(runtime: Runtime) -> None:
    session, events = await run(runtime, "echo one > a", "echo two > a; echo x > b", "rm b")
    uses = [event["id"] for event in of(events, "agent.tool_use")]
    noted = [
        (record.event["tool_use_id"], [(c["path"], c["kind"]) for c in record.private["changes"]])
        for record in runtime.context.journal.read(session)
        if record.private and "changes" in record.private
    ]
    assert noted == [
        (uses[0], [("a", "created")]),
        (uses[1], [("a", "modified"), ("b", "created")]),
        (uses[2], [("b", "deleted")]),
    ]


async def test_what_a_background_job_left_is_noted_later(runtime: Runtime) -> None:
    session, _ = await run(runtime, "(sleep 0.3; echo late > late.txt; echo out > outputs/late.txt) & true")
    await asyncio.sleep(0.5)
    runtime.model.script += [[say("Nothing to do.")]]
    await runtime.turn(session, "again")
    late = [r.private for r in runtime.context.journal.read(session) if r.event["type"] == "private.changes"]
    assert [change["path"] for change in late[0]["changes"]] == ["late.txt", "outputs/late.txt"]  # type: ignore[index]
    assert list(runtime.outputs(session)) == ["outputs/late.txt"]


async def test_what_an_interrupted_call_left_is_not_lost(runtime: Runtime) -> None:
    session = await runtime.session(
        script=[[call("bash", command="echo x > outputs/x; touch begun; sleep 50")]]
    )
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    while not (runtime.workspace(session) / "begun").exists():
        await asyncio.sleep(0.01)
    await runtime.send(session, {"type": "user.interrupt"})
    await runtime.until_idle(listening)
    assert list(runtime.outputs(session)) == ["outputs/x"]


async def test_mounted_files_are_readable_at_both_paths(runtime: Runtime) -> None:
    files, blobs = runtime.context.files, runtime.context.blobs
    upload = await files.add(blobs.put([b"a,b\n"]), "data.csv", "text/csv")
    resources = [
        {"type": "file", "file_id": upload["id"], "mount_path": "/workspace/in/data.csv"},
        {"type": "file", "file_id": upload["id"]},
    ]
    _, events = await run(
        runtime,
        "cat in/data.csv /mnt/session/uploads/workspace/in/data.csv /mnt/session/uploads/file_*",
        "echo x >> /mnt/session/uploads/workspace/in/data.csv",
        resources=resources,
    )
    first, second = of(events, "agent.tool_result")
    assert first["content"][0]["text"] == "a,b\n" * 3
    assert second["is_error"]
    assert "/workspace/in/data.csv" in str(runtime.model.requests[0]["system"])


async def test_a_sandbox_that_did_not_start_is_tried_again_at_the_next_turn(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await runtime.session(script=[[call("bash", command="echo a")]])
    blocked = runtime.workspace(session)
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the workspace should be")
    events = await runtime.turn(session, "go")
    assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
    assert "session.error" in types(events)
    blocked.unlink()
    runtime.model.script += [[call("bash", command="echo b")], [say("Done.")]]
    events = await runtime.turn(session, "again")
    assert only(events, "agent.tool_result")["content"][0]["text"] == "b\n"


async def test_the_agent_is_told_what_its_sandbox_lacks(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = runtime.providers[0].start

    async def noted(spec: Any) -> Any:
        sandbox = await start(spec)
        sandbox.notes = ("There is no network in this sandbox.",)
        return sandbox

    monkeypatch.setattr(runtime.providers[0], "start", noted)
    await run(runtime, "true")
    first, second = runtime.model.requests
    assert "no network in this sandbox" not in str(first["system"])
    assert "no network in this sandbox" in str(second["system"])


async def test_the_workspace_is_a_folder_of_the_root(runtime: Runtime) -> None:
    session, _ = await run(runtime, "echo hi > a", title="My Plot!")
    assert runtime.workspace(session).parent == runtime.config.root_dir / "agents"
    assert runtime.workspace(session).name == f"my-plot-{session[-6:]}"
    other, _ = await run(runtime, "echo hi > a", metadata={"jupyter-agents/notebook": "deep/er/nb.ipynb"})
    assert runtime.workspace(other).parent == runtime.config.root_dir / "deep/er/agents"
    await run(runtime, "echo hi > a", metadata={"jupyter-agents/workspace": "mine/here"})
    assert (runtime.config.root_dir / "mine/here/a").read_text() == "hi\n"


@pytest.mark.parametrize("place", ["../out", "/etc", ".", "", "a/../..", "a/../../b"])
async def test_a_workspace_outside_of_the_root_is_refused(runtime: Runtime, place: str) -> None:
    with pytest.raises(Exception, match="jupyter-agents/workspace"):
        await runtime.session(metadata={"jupyter-agents/workspace": place})
    assert list(Path(runtime.config.data_dir / "uploads").glob("*")) == []


@pytest.mark.parametrize("seconds", [0, 0.01, 0.03, 0.06])
async def test_ending_while_a_sandbox_starts_leaves_no_process(runtime: Runtime, seconds: float) -> None:
    session = await runtime.session(script=[Fault(400, "invalid_request_error", "No")])
    await runtime.turn(session, "go")
    await asyncio.sleep(seconds)
    runner = runtime.context.manager.live(session)
    assert runner is not None
    await runner.close()
    assert runner.tools.state == "closed"
    process = await asyncio.create_subprocess_exec(
        "pgrep", "-P", str(os.getpid()), "bwrap", stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 1
