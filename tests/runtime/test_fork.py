"""Forks through a real sandbox: conversation and files as they were at an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.runtime.snapshots import SnapshotLimits
from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, asking, of
from tests.runtime.test_following import bash, place
from tests.runtime.test_shared import pair
from tests.runtime.test_undo import files, undo

Doc = dict[str, Any]


async def fork(runtime: Runtime, session: str, event: Doc, **more: Any) -> Doc:
    found = await runtime.context.forks.fork(session, {"event_id": event["id"], **more})
    assert runtime.folded(found["session"]["id"]).status == "idle"
    return found


async def test_a_fork_goes_on_with_the_files_of_its_event(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "mkdir d; echo one > d/a; chmod 755 d/a; echo x > data")
    await bash(runtime, session, "echo two > d/a; rm data")
    end = of(runtime.events(session), "session.status_idle")[0]
    found = await fork(runtime, session, end)
    made = found["session"]["id"]
    assert files(runtime, made) == {"d/a": "one\n", "data": "x\n"} and found["files"] == 2
    assert (runtime.workspace(made) / "d/a").stat().st_mode & 0o777 == 0o755
    assert runtime.workspace(made) != runtime.workspace(session)
    assert found["session"]["metadata"] == {"jupyter-agents/forked-from": f"{session}/{end['id']}"}
    source = runtime.context.manager.show(session)
    assert [found["session"][k] for k in ("agent", "environment_id", "title", "status")] == [
        source[k] for k in ("agent", "environment_id", "title", "status")
    ]
    copied = [event["id"] for event in runtime.events(made)]
    assert copied == [event["id"] for event in runtime.events(session)][: len(copied)]
    await bash(runtime, made, "cat d/a; echo forked > d/a")
    request = runtime.model.requests[-2]
    assert "this conversation was forked" in str(request["messages"][-1])
    assert "echo one" in str(request["messages"]) and "echo two" not in str(request["messages"])
    assert files(runtime, made)["d/a"] == "forked\n" and files(runtime, session) == {"d/a": "two\n"}


async def test_either_session_lives_without_the_other(runtime: Runtime) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    made = (await fork(runtime, session, runtime.events(session)[-1]))["session"]["id"]
    await runtime.context.manager.delete(session)
    await runtime.restart()
    await undo(runtime, made)
    assert files(runtime, made) == {"data": "mine"}


async def test_an_event_in_the_middle_cuts_its_turn(runtime: Runtime) -> None:
    session = await runtime.session()
    runtime.model.script += [[call("bash", command="echo 1 > a"), call("bash", command="echo 2 > a")]]
    runtime.model.script += [[say("Done.")]]
    events = await runtime.turn(session, "go")
    first = of(events, "agent.tool_result")[0]
    made = (await fork(runtime, session, first))["session"]["id"]
    assert files(runtime, made) == {"a": "1\n"}
    results = of(runtime.events(made), "agent.tool_result")
    assert [r["is_error"] for r in results] == [False, True] and "forked here" in str(results[1]["content"])
    runtime.model.script += [[say("On we go.")]]
    assert (await runtime.turn(made, "go on"))[-1]["stop_reason"] == {"type": "end_turn"}


@pytest.mark.parametrize("type", ["user.message", "span.model_request_start", "agent.tool_use"])
async def test_from_any_event_it_goes_on(runtime: Runtime, type: str) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "echo x > data")
    event = of(runtime.events(session), type)[0]
    made = (await fork(runtime, session, event))["session"]["id"]
    assert files(runtime, made) == {"data": "mine"}
    await bash(runtime, made, "cat data > copy")
    assert files(runtime, made)["copy"] == "mine"


async def test_a_turn_that_goes_on_is_not_forked(runtime: Runtime) -> None:
    session = await runtime.session(asking("bash"), script=[[say("One.")], [call("bash", command="true")]])
    await runtime.turn(session, "one")
    events = await runtime.turn(session, "two")
    with pytest.raises(Conflict, match="is not over"):
        await fork(runtime, session, events[-1])
    first = of(runtime.events(session), "session.status_idle")[0]
    made = (await fork(runtime, session, first))["session"]["id"]
    assert len(of(runtime.events(made), "user.message")) == 1


async def test_an_archived_session_is_forked(runtime: Runtime) -> None:
    session = await runtime.session(title="Old")
    await bash(runtime, session, "echo x > a")
    await runtime.context.manager.update(session, {"metadata": {"k": "v"}, "title": "New"})
    await runtime.context.manager.archive(session)
    found = await fork(runtime, session, runtime.events(session)[-1])
    assert found["session"]["archived_at"] is None and found["session"]["title"] == "New"
    assert found["session"]["metadata"].keys() == {"k", "jupyter-agents/forked-from"}
    await bash(runtime, found["session"]["id"], "true")
    await runtime.restart()
    shown = runtime.context.manager.show(found["session"]["id"])
    assert shown["metadata"] == found["session"]["metadata"]


async def test_mounted_files_come_along(runtime: Runtime) -> None:
    context = runtime.context
    upload = await context.files.add(context.blobs.put([b"a,b\n"]), "data.csv", "text/csv")
    resources = [{"type": "file", "file_id": upload["id"], "mount_path": "/mnt/session/uploads/data.csv"}]
    session = await runtime.session(resources=resources)
    await bash(runtime, session, "true")
    made = (await fork(runtime, session, runtime.events(session)[-1]))["session"]["id"]
    await context.manager.delete(session)
    events = await bash(runtime, made, "cat /mnt/session/uploads/data.csv")
    assert of(events, "agent.tool_result")[0]["content"][0]["text"] == "a,b\n"


async def test_files_that_were_not_kept_are_named(runtime: Runtime) -> None:
    runtime.config = replace(runtime.config, snapshots=SnapshotLimits(file_bytes=8))
    await runtime.restart()
    session = await place(runtime, large="0123456789", small="s")
    await bash(runtime, session, "true")
    end = runtime.events(session)[-1]
    with pytest.raises(InvalidRequest, match="No version was kept of 'large'") as caught:
        await fork(runtime, session, end)
    assert caught.value.code == "files_not_kept"
    found = await fork(runtime, session, end, allow_missing=True)
    assert found["missing"] == ["large"] and files(runtime, found["session"]["id"]) == {"small": "s"}


async def test_what_is_no_fork(runtime: Runtime) -> None:
    session = await runtime.session()
    for body in ({}, {"event_id": 5}, {"event_id": "x", "more": 1}, {"event_id": "x", "allow_missing": 2}):
        with pytest.raises(InvalidRequest, match="expected"):
            await runtime.context.forks.fork(session, body)
    with pytest.raises(NotFound, match="sevt_none"):
        await runtime.context.forks.fork(session, {"event_id": "sevt_none"})
    one, _ = await pair(runtime)
    with pytest.raises(InvalidRequest, match="shares its workspace"):
        await runtime.context.forks.fork(one, {"event_id": "sevt_none"})


async def test_a_fork_that_fails_leaves_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "true")
    before = sorted(runtime.config.root_dir.rglob("*"))

    async def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runtime.context.manager, "adopt", full)
    with pytest.raises(OSError):
        await fork(runtime, session, runtime.events(session)[-1])
    assert sorted(p for p in runtime.config.root_dir.rglob("*") if p.name != "agents") == before
    assert [p.name for p in runtime.context.snapshots.sessions()] == [session]


async def test_a_folder_that_is_in_the_way_stays(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await place(runtime, data="mine")
    await bash(runtime, session, "true")
    theirs = runtime.config.root_dir / "theirs"
    theirs.mkdir()
    (theirs / "data").write_text("kept")
    monkeypatch.setattr(runtime.context.sandboxes, "workspace", lambda doc: theirs)
    with pytest.raises(InvalidRequest, match="is there already"):
        await fork(runtime, session, runtime.events(session)[-1])
    assert (theirs / "data").read_text() == "kept"
