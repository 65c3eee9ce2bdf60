"""Creating, archiving, deleting; several runtimes on one store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.runtime import manager as module
from jupyter_agents.runtime.runner import Retired
from jupyter_agents.runtime.streams import Closed
from jupyter_agents.testing import Reply, call, say
from tests.runtime.conftest import CUSTOM, Runtime, only, types
from tests.support import user

Doc = dict[str, Any]


@pytest.fixture
async def other(runtime: Runtime) -> AsyncIterator[Runtime]:
    """A second runtime on the same store, as another process would be."""
    made = Runtime(runtime.config, runtime.providers, runtime.model)
    await made.context.start()
    yield made
    await made.context.stop()


def row(runtime: Runtime, session: str) -> Doc:
    return runtime.context.manager.show(session)


async def test_a_new_session_is_idle_and_has_no_events(runtime: Runtime) -> None:
    session = await runtime.session(title="T", metadata={"k": "v"})
    shown = row(runtime, session)
    assert (shown["status"], shown["title"], shown["metadata"]) == ("idle", "T", {"k": "v"})
    assert runtime.events(session) == []


async def test_first_events_make_it_run_at_once(runtime: Runtime) -> None:
    runtime.model.script.append([say("Both.")])
    session = await runtime.session(initial_events=[user("one"), user("two")])
    listening = runtime.listen(session)
    found = await runtime.until_idle(listening)
    assert types(found)[:4] == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "user.message",
    ]


async def test_who_polls_after_sending_never_sees_it_idle_before_it_ran(runtime: Runtime) -> None:
    session = await runtime.session(script=[[say("Hi.")]])
    await runtime.send(session, "go")
    async with asyncio.timeout(10):
        while row(runtime, session)["status"] != "idle":
            await asyncio.sleep(0)
    assert "agent.message" in types(runtime.events(session))


async def test_first_events_show_as_running_and_survive_a_crash(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_agents.runtime.runner.SessionRunner.wake", lambda self: None)
    context = runtime.context
    template = await runtime.session()
    doc = context.catalog.get("session", template)
    body = {
        "agent": doc["agent"]["id"],
        "environment_id": doc["environment_id"],
        "initial_events": [user("one")],
    }
    created = await context.manager.create(body)
    assert created["status"] == "running"
    monkeypatch.undo()
    runtime.model.script.append([say("Here.")])
    await runtime.restart()
    async with asyncio.timeout(10):
        while "agent.message" not in types(runtime.events(created["id"])):
            await asyncio.sleep(0.02)


async def test_an_archived_session_is_terminated_and_keeps_its_history(runtime: Runtime) -> None:
    session = await runtime.session(script=[[say("Hi.")]])
    await runtime.turn(session, "go")
    listening = runtime.listen(session)
    shown = await runtime.context.manager.archive(session)
    assert shown["status"] == "terminated" and shown["archived_at"]
    assert await runtime.context.manager.archive(session) == shown | {"stats": shown["stats"]}
    found = await runtime.until_idle(listening)
    assert types(found) == ["session.thread_status_terminated", "session.status_terminated"]
    with pytest.raises(Closed):
        await listening.next()
    with pytest.raises(Conflict):
        await runtime.send(session, "more")
    with pytest.raises(Closed):
        await runtime.listen(session).next()
    assert "agent.message" in types(runtime.events(session))
    await runtime.restart()
    assert row(runtime, session)["status"] == "terminated"


async def test_a_deleted_session_is_gone_and_its_uploads_stay(runtime: Runtime) -> None:
    files, blobs = runtime.context.files, runtime.context.blobs
    upload = await files.add(blobs.put([b"x"]), "x.txt", "text/plain")
    resources = [{"type": "file", "file_id": upload["id"]}]
    script = [[call("bash", command="echo o > outputs/o")], [say("Done.")]]
    session = await runtime.session(script=script, resources=resources)
    await runtime.turn(session, "go")
    listening = runtime.listen(session)
    await runtime.context.recorder.close()
    await runtime.context.manager.delete(session)
    assert json.loads(await listening.next())["type"] == "session.deleted"
    with pytest.raises(Closed):
        await listening.next()
    for use in (runtime.send(session, "more"), runtime.context.manager.archive(session)):
        with pytest.raises(NotFound):
            await use
    assert runtime.events(session) == [] and runtime.context.catalog.count("file") == 1
    left = [p.name for p in runtime.config.data_dir.rglob(f"*{session}*")]
    assert left == []


async def test_a_running_session_is_neither_archived_nor_deleted(runtime: Runtime) -> None:
    session = await runtime.session(script=[Reply([say("word " * 100)], delay=0.02)])
    listening = runtime.listen(session, "agent.message")
    await runtime.send(session, "go")
    await runtime.until(listening, "event_delta")
    for use in (runtime.context.manager.archive, runtime.context.manager.delete):
        with pytest.raises(InvalidRequest, match=r"user\.interrupt"):
            await use(session)
    await runtime.send(session, {"type": "user.interrupt"})
    await runtime.until_idle(listening)
    await runtime.context.manager.delete(session)


async def test_an_idle_session_gives_its_sandbox_back_and_comes_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [
        [call("bash", command="echo kept > a")],
        [say("a")],
        [call("bash", command="cat a")],
        [say("b")],
    ]
    session = await runtime.session(script=script, metadata={"jupyter-agents/idle-timeout": "1s"})
    await runtime.turn(session, "one")
    runner = runtime.context.manager.live(session)
    assert runner is not None
    assert runner.retire()
    with pytest.raises(Retired):
        await runner.post([user("late")])
    found = await runtime.turn(session, "two")
    assert only(found, "agent.tool_result")["content"][0]["text"] == "kept\n"
    assert runtime.context.manager.live(session) is not runner


async def test_the_sweep_ends_what_was_idle_for_long(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)
    await runtime.restart()
    idle = await runtime.session(
        script=[[call("bash", command="true")], [say("a")]], metadata={"jupyter-agents/idle-timeout": "1s"}
    )
    lasting = await runtime.session()
    await runtime.turn(idle, "go")
    async with asyncio.timeout(5):
        while runtime.context.manager.live(idle) is not None:
            await asyncio.sleep(0.05)
    assert runtime.context.manager.live(lasting) is not None


async def test_a_session_of_another_process_is_left_alone_and_can_be_followed(
    runtime: Runtime, other: Runtime
) -> None:
    session = await runtime.session(CUSTOM, script=[[call("weather")], [say("Sunny.")]])
    far = other.listen(session)
    near = await runtime.turn(session, "go")
    assert await other.until_idle(far) == near
    assert row(other, session)["status"] == row(runtime, session)["status"] == "idle"
    with pytest.raises(Conflict, match="Another Jupyter server"):
        await other.send(session, {"type": "user.interrupt"})
    with pytest.raises(Conflict):
        await other.context.manager.archive(session)


async def test_a_session_whose_owner_ended_is_taken_over_without_a_gap(
    runtime: Runtime, other: Runtime
) -> None:
    session = await runtime.session(script=[[say("one")], [say("two")]])
    far = other.listen(session)
    near = await runtime.turn(session, "go")
    await runtime.context.manager.stop()
    await other.send(session, "go on")
    assert await other.until_idle(far) == near
    assert only(await other.until_idle(far), "agent.message")["content"][0]["text"] == "two"


async def test_readers_elsewhere_hear_of_the_end(runtime: Runtime, other: Runtime) -> None:
    archived, deleted = await runtime.session(), await runtime.session()
    listening = [other.listen(session) for session in (archived, deleted)]
    await runtime.context.manager.archive(archived)
    await runtime.context.manager.delete(deleted)
    assert types(await other.until_idle(listening[0]))[-1] == "session.status_terminated"
    assert (await other.until(listening[1], "session.deleted"))["type"] == "session.deleted"
    for reader in listening:
        with pytest.raises(Closed):
            async with asyncio.timeout(5):
                await reader.next()


async def test_starting_leaves_what_another_process_runs(runtime: Runtime) -> None:
    session = await runtime.session(script=[Reply([say("word " * 40)], delay=0.02, chunk=5)])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "span.model_request_start")
    second = Runtime(replace(runtime.config), runtime.providers, runtime.model)
    await second.context.start()
    found = await runtime.until_idle(listening)
    await second.context.stop()
    assert len([e for e in found if e["type"] == "span.model_request_end"]) == 1
    assert only(found, "span.model_request_end")["is_error"] is False


async def test_events_sent_at_once_all_arrive(runtime: Runtime) -> None:
    runtime.model.script += [[say("a")]] * 30
    session = await runtime.session()
    await asyncio.gather(*(runtime.send(session, f"message {n}") for n in range(20)))
    async with asyncio.timeout(20):
        while runtime.folded(session).queue or runtime.folded(session).status != "idle":
            await asyncio.sleep(0.02)
    texts = [e["content"][0]["text"] for e in runtime.events(session) if e["type"] == "user.message"]
    assert texts == [f"message {n}" for n in range(20)]
