"""Who changed which file of a workspace, and that every version is kept, through a real sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain import history
from jupyter_agents.domain.history import History
from jupyter_agents.runtime.snapshots import SessionSnapshots, SnapshotLimits
from jupyter_agents.testing import Fault, call, say
from tests.runtime.conftest import Runtime, of, only

Doc = dict[str, Any]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def shown(runtime: Runtime, session: str) -> list[Doc]:
    records = runtime.context.journal.read(session)
    return [doc for record in records for doc in history.shown(record)]


def brief(runtime: Runtime, session: str) -> list[tuple[str, str, str]]:
    return [(doc["path"], doc["kind"], doc["by"]) for doc in shown(runtime, session)]


def told(runtime: Runtime, session: str) -> History:
    return history.read(runtime.context.journal.read(session))


def kept(runtime: Runtime, session: str) -> set[str]:
    store = runtime.context.snapshots.of(session)
    return {sha256 for sha256 in told(runtime, session).contents if store.has(sha256)}


async def bash(runtime: Runtime, session: str, command: str) -> list[Doc]:
    runtime.model.script += [[call("bash", command=command)], [say("Done.")]]
    return await runtime.turn(session, "go")


async def place(runtime: Runtime, **files: str) -> str:
    """A session whose workspace is a folder with these files; its id."""
    folder = runtime.config.root_dir / "mine"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return await runtime.session(metadata={"jupyter-agents/workspace": "mine"})


async def test_files_are_looked_at_before_the_first_call(runtime: Runtime) -> None:
    session = await place(runtime, data="mine", notes="n")
    await bash(runtime, session, "echo agent > data; rm notes")
    assert brief(runtime, session) == [("data", "modified", "agent"), ("notes", "deleted", "agent")]
    (edit,) = told(runtime, session).edits["data"]
    assert edit.before is not None and edit.before.sha256 == sha("mine")
    assert edit.after is not None and edit.after.sha256 == sha("agent\n")
    assert kept(runtime, session) == {sha("mine"), sha("n"), sha("agent\n")}


async def test_the_first_look_is_durable_before_the_call_runs(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    runtime.model.script += [[call("bash", command="echo x > data; touch begun; sleep 30")]]
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    while not (runtime.workspace(session) / "begun").exists():
        await asyncio.sleep(0.01)
    assert told(runtime, session).versions["data"].sha256 == sha("mine")  # type: ignore[union-attr]
    await runtime.send(session, {"type": "user.interrupt"})
    await runtime.until_idle(listening)
    found = shown(runtime, session)
    use = only(runtime.events(session), "agent.tool_use")
    assert {(doc["path"], doc["by"], doc["event_id"]) for doc in found} == {
        ("data", "agent", use["id"]),
        ("begun", "agent", use["id"]),
    }


async def test_what_the_user_edits_is_told_apart(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a")
    folder = runtime.workspace(session)
    (folder / "a").write_text("user")
    (folder / "mine").write_text("m")
    await bash(runtime, session, "echo two > a")
    assert brief(runtime, session) == [
        ("a", "created", "agent"),
        ("a", "modified", "user"),
        ("mine", "created", "user"),
        ("a", "modified", "agent"),
    ]
    assert [doc["event_id"] for doc in shown(runtime, session)][1:3] == [None, None]
    assert sha("user") in kept(runtime, session)


async def test_what_a_process_leaves_between_calls_is_no_calls(runtime: Runtime) -> None:
    session = await runtime.session()
    later = "(sleep 0.2; echo late > late; touch done) & true"
    wait = "while [ ! -e done ]; do sleep 0.05; done"
    runtime.model.script += [[call("bash", command=later)], [call("glob", pattern=wait)]]
    runtime.model.script += [[call("bash", command=wait)], [say("Done.")]]
    events = await runtime.turn(session, "go")
    uses = [event["id"] for event in of(events, "agent.tool_use")]
    found = {doc["path"]: doc for doc in shown(runtime, session)}
    assert found["late"]["by"] == "agent" and found["late"]["event_id"] == uses[2]


async def test_an_edit_while_a_reading_tool_runs_is_not_its(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a")
    runner = runtime.context.manager.live(session)
    assert runner is not None
    following = runner.tools.following
    assert await following.before(writes=False) == []
    (runtime.workspace(session) / "a").write_text("user")
    (doc,) = await following.after("sevt_1", writes=False)
    assert (doc["by"], doc["event_id"], doc["sha256"]) == ("unknown", None, sha("user"))


async def test_edits_while_no_server_ran_are_found(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a; echo gone > b")
    folder = runtime.workspace(session)
    await runtime.restart()
    (folder / "a").write_text("user")
    (folder / "b").unlink()
    await bash(runtime, session, "echo two > c")
    assert brief(runtime, session)[2:] == [
        ("a", "modified", "user"),
        ("b", "deleted", "user"),
        ("c", "created", "agent"),
    ]


async def test_a_sandbox_that_starts_again_goes_on_with_what_is_known(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a")
    runner = runtime.context.manager.live(session)
    assert runner is not None
    await runner.tools.rest()
    (runtime.workspace(session) / "b").write_text("user")
    await bash(runtime, session, "echo two > a")
    assert brief(runtime, session)[1:] == [("b", "created", "user"), ("a", "modified", "agent")]


async def test_a_reading_call_does_not_wait_for_the_first_look(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begin = threading.Event(), SessionSnapshots.begin

    def slow(self: Any, *given: Any, **more: Any) -> Any:
        go_on.wait(20)
        return begin(self, *given, **more)

    monkeypatch.setattr(SessionSnapshots, "begin", slow)
    session = await place(runtime, data="mine")
    runtime.model.script += [[call("read", file_path="/workspace/data")]]
    runtime.model.script += [[call("bash", command="echo x > data")], [say("Done.")]]
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    result = await runtime.until(listening, "agent.tool_result")
    assert "mine" in str(result["content"])
    await asyncio.sleep(0.2)
    assert (runtime.workspace(session) / "data").read_text() == "mine"
    go_on.set()
    await runtime.until_idle(listening)
    assert brief(runtime, session) == [("data", "modified", "agent")]
    assert sha("mine") in kept(runtime, session)


async def test_a_session_takes_its_snapshots_along_when_it_is_deleted(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a")
    folder: Path = runtime.config.data_dir / "snapshots" / session
    assert folder.is_dir()
    await runtime.context.manager.delete(session)
    assert not folder.exists()


async def test_what_a_call_cut_by_a_crash_left_is_no_calls(runtime: Runtime) -> None:
    session = await runtime.session()
    await bash(runtime, session, "echo one > a")
    runtime.model.script += [[call("bash", command="echo two > a; touch begun; sleep 30")]]
    await runtime.send(session, "go")
    while not (runtime.workspace(session) / "begun").exists():
        await asyncio.sleep(0.01)
    runtime.model.script += [[call("bash", command="echo three > c")], [say("Done.")]]
    await runtime.restart()
    listening = runtime.listen(session)
    await runtime.until_idle(listening)
    assert ("a", "modified", "unknown") in brief(runtime, session)
    assert brief(runtime, session)[-1] == ("c", "created", "agent")


async def test_what_cannot_be_kept_is_said_once(runtime: Runtime) -> None:
    limits = SnapshotLimits(file_bytes=10)
    runtime.config = replace(runtime.config, snapshots=limits)
    await runtime.restart()
    session = await runtime.session()
    said = "cannot bring back files larger than 10B, such as 'a'."
    events = await bash(runtime, session, "echo 01234567890 > a")
    assert said in str(only(events, "agent.tool_result")["content"])
    events = await bash(runtime, session, "echo 01234567890 > b")
    assert only(events, "agent.tool_result")["content"] == [{"type": "text", "text": "(no output)"}]
    runner = runtime.context.manager.live(session)
    assert runner is not None and len(runner.tools.following.notices) == 1
    assert [(doc["size"], doc["sha256"]) for doc in shown(runtime, session)] == [(12, None)] * 2


async def test_no_more_files_are_followed_than_allowed(runtime: Runtime) -> None:
    runtime.config = replace(runtime.config, snapshots=SnapshotLimits(files=2))
    await runtime.restart()
    session = await place(runtime, one="1", two="2", three="3")
    events = await bash(runtime, session, "echo x > four")
    assert "more than 2 files" in str(only(events, "agent.tool_result")["content"])
    assert len(told(runtime, session).versions) == 2 and not told(runtime, session).complete


async def test_a_model_that_fails_leaves_nothing_waiting(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    runtime.model.script += [Fault(400, "invalid_request_error", "No")]
    await runtime.turn(session, "go")
    await bash(runtime, session, "true")
    assert shown(runtime, session) == []
    assert told(runtime, session).versions["data"].sha256 == sha("mine")  # type: ignore[union-attr]
