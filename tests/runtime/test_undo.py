"""Undo through a real sandbox: files come back, what others did stays."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain import history
from jupyter_agents.domain.undoing import NOT_KEPT, SOMEBODY
from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.runtime.snapshots import SnapshotLimits
from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, asking, of
from tests.runtime.test_following import bash, brief, place
from tests.runtime.test_shared import bash as shared_bash
from tests.runtime.test_shared import pair

Doc = dict[str, Any]


async def undo(runtime: Runtime, session: str, **body: Any) -> Doc:
    return await runtime.context.undo.undo(session, body)


def files(runtime: Runtime, session: str) -> dict[str, str]:
    root = runtime.workspace(session)
    return {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*") if p.is_file()}


def paths(found: Doc, part: str) -> list[str]:
    return [entry["path"] for entry in found[part]]


async def test_the_files_of_the_last_turn_are_put_back(runtime: Runtime) -> None:
    session = await place(runtime, data="mine", gone="g", run="#!/bin/sh")
    before = files(runtime, session)
    (runtime.workspace(session) / "run").chmod(0o755)
    await bash(runtime, session, "echo x > data; rm gone; mkdir d; echo new > d/new; chmod 644 run")
    found = await undo(runtime, session)
    assert files(runtime, session) == before
    assert os.stat(runtime.workspace(session) / "run").st_mode & 0o777 == 0o755
    assert {(entry["path"], entry["kind"]) for entry in found["restored"]} == {
        ("data", "modified"),
        ("gone", "created"),
        ("d/new", "deleted"),
        ("run", "modified"),
    }
    assert found["turns"] == 1 and not (found["conflicts"] or found["failed"] or found["unchanged"])


async def test_again_is_the_same_and_the_agent_is_told_once(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data; echo new > new")
    await undo(runtime, session)
    again = await undo(runtime, session)
    assert again["restored"] == [] and again["unchanged"] == ["data", "new"]
    assert files(runtime, session) == {"data": "mine"}
    records = list(runtime.context.journal.read(session))
    assert len([r for r in records if r.event["type"] == history.UNDO]) == 1
    runtime.model.script += [[say("I see.")]]
    await runtime.turn(session, "and now?")
    told = runtime.model.requests[-1]["messages"][-1]["content"][-1]["text"]
    assert told == (
        "Note from the server: the user undid what your last turn did to files below /workspace. "
        "Put back as before: 'data'. Removed: 'new'."
    )
    assert brief(runtime, session)[-2:] == [("data", "modified", "undo"), ("new", "deleted", "undo")]


async def test_what_is_undone_counts_as_nobodys_change(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    await undo(runtime, session)
    await bash(runtime, session, "echo y > data")
    assert [by for _, _, by in brief(runtime, session)] == ["agent", "undo", "agent"]
    await undo(runtime, session)
    assert files(runtime, session) == {"data": "mine"}


async def test_what_the_user_changed_stays(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data; echo new > new; echo z > z")
    folder = runtime.workspace(session)
    (folder / "data").write_text("edited")
    (folder / "new").unlink()
    (folder / "z").unlink()
    (folder / "z").symlink_to("/etc/passwd")
    found = await undo(runtime, session)
    assert found["restored"] == [] and found["unchanged"] == ["new"]
    assert {entry["path"]: entry["reason"] for entry in found["conflicts"]} == {
        "data": SOMEBODY,
        "z": "'z' is a symlink, not a regular file.",
    }
    assert (folder / "data").read_text() == "edited" and (folder / "z").is_symlink()


async def test_a_users_version_between_two_calls_is_what_comes_back(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    (runtime.workspace(session) / "data").write_text("edited")
    await bash(runtime, session, "echo y > data")
    first = of(runtime.events(session), "user.message")[0]["id"]
    found = await undo(runtime, session, event_id=first)
    assert found["turns"] == 2 and found["restored"] == [{"path": "data", "kind": "modified", "partly": True}]
    assert files(runtime, session) == {"data": "edited"}


async def test_several_turns_back(runtime: Runtime) -> None:
    session = await runtime.session()
    for number in range(3):
        await bash(runtime, session, f"echo {number} > a; echo {number} > b{number}")
    second = of(runtime.events(session), "user.message")[1]["id"]
    await undo(runtime, session)
    assert files(runtime, session) == {"a": "1\n", "b0": "0\n", "b1": "1\n"}
    await undo(runtime, session, event_id=second)
    assert files(runtime, session) == {"a": "0\n", "b0": "0\n"}


async def test_a_session_that_is_at_work_is_not_undone(runtime: Runtime) -> None:
    session = await runtime.session(script=[[call("bash", command="touch begun; sleep 30")]])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "agent.tool_use")
    with pytest.raises(Conflict, match="is running"):
        await undo(runtime, session)
    while not (runtime.workspace(session) / "begun").exists():
        await asyncio.sleep(0.01)
    await runtime.send(session, {"type": "user.interrupt"})
    await runtime.until_idle(listening)
    found = await undo(runtime, session)
    assert paths(found, "restored") == ["begun"] and files(runtime, session) == {}


async def test_a_turn_that_waits_for_an_answer_is_not_undone(runtime: Runtime) -> None:
    session = await runtime.session(asking("bash"), script=[[call("bash", command="true")]])
    await runtime.turn(session, "go")
    with pytest.raises(Conflict, match="waits for an answer"):
        await undo(runtime, session)


async def test_what_cannot_be_undone(runtime: Runtime) -> None:
    session = await runtime.session()
    with pytest.raises(InvalidRequest, match="no turn yet"):
        await undo(runtime, session)
    await bash(runtime, session, "true")
    assert (await undo(runtime, session))["restored"] == []
    with pytest.raises(NotFound, match="sevt_none"):
        await undo(runtime, session, event_id="sevt_none")
    for body in ({"event_id": 5}, {"more": 1}):
        with pytest.raises(InvalidRequest, match="expected"):
            await undo(runtime, session, **body)
    await runtime.context.manager.archive(session)
    with pytest.raises(InvalidRequest, match="archived"):
        await undo(runtime, session)


async def test_a_message_waits_until_the_files_are_back(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    runtime.model.script += [[call("bash", command="cat data")], [say("Done.")]]
    undoing = asyncio.create_task(undo(runtime, session))
    await asyncio.sleep(0)
    events = await runtime.turn(session, "go")
    await undoing
    assert "mine" in str(of(events, "agent.tool_result")[0]["content"])


async def test_after_a_restart_without_a_sandbox(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data; echo out > outputs/o")
    assert list(runtime.outputs(session)) == ["outputs/o"]
    await runtime.restart()
    await undo(runtime, session)
    assert files(runtime, session) == {"data": "mine"} and runtime.outputs(session) == {}


async def test_what_was_not_kept_is_said(runtime: Runtime) -> None:
    runtime.config = replace(runtime.config, snapshots=SnapshotLimits(file_bytes=8))
    await runtime.restart()
    session = await place(runtime, large="0123456789", small="s")
    await bash(runtime, session, "echo x > large; echo x > small; echo 0123456789 > new")
    found = await undo(runtime, session)
    assert paths(found, "restored") == ["small"]
    assert found["failed"] == [{"path": "large", "reason": NOT_KEPT}]
    assert paths(found, "conflicts") == ["new"]


async def test_a_version_that_is_lost_is_said(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    kept: Path = runtime.config.data_dir / "snapshots" / session
    for path in kept.glob("??/*"):
        path.write_bytes(b"")
    found = await undo(runtime, session)
    assert paths(found, "failed") == ["data"] and files(runtime, session) == {"data": "x\n"}


async def test_a_session_that_shares_does_not_undo_another(runtime: Runtime) -> None:
    one, two = await pair(runtime)
    await shared_bash(runtime, one, "echo one > a; echo one > b")
    await shared_bash(runtime, two, "echo two > a")
    found = await undo(runtime, one)
    assert paths(found, "restored") == ["b"] and paths(found, "conflicts") == ["a"]
    assert files(runtime, one) == {"a": "two\n"}
