"""Creating, archiving, deleting; several runtimes on one store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from jupyter_agents.runtime.runner import Retired
from jupyter_agents.runtime.streams import Closed
from jupyter_agents.testing import Reply, call, say
from tests.runtime.conftest import CUSTOM, TOOLSET, Runtime, only, types
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


def limit(amount: str) -> Doc:
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}


async def update(runtime: Runtime, session: str, **body: Any) -> Doc:
    return await runtime.context.manager.update(session, body)


async def test_an_update_shows_at_once_survives_and_is_seen_elsewhere(
    runtime: Runtime, other: Runtime
) -> None:
    session = await runtime.session(title="One", metadata={"k": "v", "gone": "x"})
    far = other.listen(session)
    shown = await update(runtime, session, title="Two", metadata={"k": "w", "gone": None})
    assert (shown["title"], shown["metadata"]) == ("Two", {"k": "w"})
    assert shown["updated_at"] > shown["created_at"]
    event = only(runtime.events(session), "session.updated")
    assert (event["title"], event["metadata"]) == ("Two", {"k": "w"}) and "agent" not in event
    assert await other.until(far, "session.updated") == event
    assert row(other, session)["title"] == "Two"
    with pytest.raises(Conflict, match="Another Jupyter server"):
        await update(other, session, title="Three")
    await runtime.restart()
    assert row(runtime, session)["title"] == "Two"
    assert runtime.folded(session).session["metadata"] == {"k": "w"}


async def test_an_update_that_changes_nothing_is_not_recorded(runtime: Runtime) -> None:
    session = await runtime.session(title="One", budget=limit("50"))
    before = row(runtime, session)
    same = {"title": "One", "metadata": {}, "budget": limit("50"), "agent": {"mcp_servers": []}}
    after = await update(runtime, session, **same)
    assert runtime.events(session) == []
    assert before | {"stats": after["stats"]} == after


@pytest.mark.parametrize("metadata", [{"jupyter-agents/cpus": "1000"}, {"jupyter-agents/nonsense": "1"}])
async def test_metadata_of_ours_is_checked_again(runtime: Runtime, metadata: Doc) -> None:
    session = await runtime.session()
    with pytest.raises(InvalidRequest, match="jupyter-agents/"):
        await update(runtime, session, title="N", metadata=metadata)
    assert row(runtime, session)["title"] is None and runtime.events(session) == []


async def test_a_new_title_leaves_the_workspace_where_it_is(runtime: Runtime) -> None:
    session = await runtime.session(
        title="One", script=[[call("bash", command="echo kept > a")], [say("a")]] * 2
    )
    await runtime.turn(session, "go")
    before = runtime.workspace(session)
    await update(runtime, session, title="Two")
    await runtime.restart()
    assert runtime.workspace(session) == before
    runtime.model.script[:] = [[call("bash", command="cat a")], [say("a")]]
    result = only(await runtime.turn(session, "go"), "agent.tool_result")
    assert result["content"][0]["text"] == "kept\n"


async def test_new_tools_bring_a_sandbox_and_take_it_away(runtime: Runtime) -> None:
    session = await runtime.session(CUSTOM, script=[[say("No tools.")]])
    await runtime.turn(session, "go")
    runner = runtime.context.manager.live(session)
    assert runner is not None and runner.tools.state == "none"
    await update(runtime, session, agent={"tools": [TOOLSET]})
    runtime.model.script[:] = [[call("bash", command="echo ran")], [say("Done.")]]
    result = only(await runtime.turn(session, "go"), "agent.tool_result")
    assert result["content"][0]["text"] == "ran\n" and runner.tools.state == "running"
    await update(runtime, session, agent={"tools": []})
    runtime.model.script[:] = [[call("bash", command="echo ran")], [say("Done.")]]
    denied = only(await runtime.turn(session, "go"), "agent.tool_result")
    assert denied["is_error"] and "no tool named 'bash'" in denied["content"][0]["text"]
    assert "tools" not in runtime.model.requests[-1]


async def test_a_running_session_keeps_its_tools(runtime: Runtime) -> None:
    session = await runtime.session(script=[Reply([say("word " * 100)], delay=0.02)])
    listening = runtime.listen(session, "agent.message")
    await runtime.send(session, "go")
    await runtime.until(listening, "event_delta")
    with pytest.raises(InvalidRequest, match=r"agent: .*user\.interrupt"):
        await update(runtime, session, agent={"tools": []})
    assert (await update(runtime, session, title="N"))["status"] == "running"
    await runtime.send(session, {"type": "user.interrupt"})
    await runtime.until_idle(listening)
    assert (await update(runtime, session, agent={"tools": []}))["agent"]["tools"] == []


async def at_its_budget(runtime: Runtime) -> str:
    """A session that stands still at its cap with a result that the model has not seen."""
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    runtime.model.script[:] = [Reply([call("bash", command="echo ran")], usage=dear)]
    session = await runtime.session(budget=limit("10"))
    found = await runtime.turn(session, "go")
    assert found[-1]["stop_reason"] == {"type": "budget_reached"}
    return session


@pytest.mark.parametrize("budget", [limit("500"), None])
async def test_a_new_budget_lets_the_work_go_on(runtime: Runtime, budget: Doc | None) -> None:
    session = await at_its_budget(runtime)
    runtime.model.script.append([say("Done.")])
    listening = runtime.listen(session)
    assert (await update(runtime, session, budget=budget))["status"] == "running"
    found = await runtime.until_idle(listening)
    assert types(found) == [
        "session.updated",
        "session.status_running",
        "session.thread_status_running",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    assert found[-1]["stop_reason"] == {"type": "end_turn"} and found[-2]["budget"] == budget
    assert row(runtime, session)["budget"] == budget
    assert runtime.folded(session).turn == 1


async def test_a_new_budget_counts_after_a_crash(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await at_its_budget(runtime)
    assert runtime.context.catalog.unsettled() == []
    monkeypatch.setattr("jupyter_agents.runtime.runner.SessionRunner.wake", lambda self: None)
    await update(runtime, session, budget=None)
    monkeypatch.undo()
    runtime.model.script.append([say("Done.")])
    await runtime.restart()
    async with asyncio.timeout(10):
        while "agent.message" not in types(runtime.events(session)):
            await asyncio.sleep(0.02)


async def test_an_interrupt_at_the_budget_is_taken_and_not_kept(runtime: Runtime) -> None:
    session = await at_its_budget(runtime)
    before = runtime.folded(session)
    (taken,) = await runtime.send(session, {"type": "user.interrupt"})
    assert taken["id"] and runtime.folded(session) == before
    assert runtime.context.manager.queued(session) == []


async def test_who_archives_at_once_gets_one_end(runtime: Runtime) -> None:
    session = await runtime.session()
    shown = await asyncio.gather(*(runtime.context.manager.archive(session) for _ in range(3)))
    assert len({found["archived_at"] for found in shown}) == 1
    assert types(runtime.events(session)) == ["session.thread_status_terminated", "session.status_terminated"]
    with pytest.raises(InvalidRequest, match="archived"):
        await update(runtime, session, title="N")


async def test_another_process_sees_a_session_run_as_soon_as_it_was_sent_something(
    runtime: Runtime, other: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await runtime.session()
    monkeypatch.setattr("jupyter_agents.runtime.runner.SessionRunner.wake", lambda self: None)
    await runtime.send(session, "go")
    assert row(other, session)["status"] == row(runtime, session)["status"] == "running"


async def test_the_time_of_a_turn_counts_while_it_lasts(runtime: Runtime) -> None:
    session = await runtime.session(script=[[call("bash", command="sleep 0.3")], [say("Done.")]])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "agent.tool_result")
    during = row(runtime, session)
    assert during["stats"]["active_seconds"] == during["usage"]["active_seconds"] >= 0.3
    await runtime.until_idle(listening)
    after = row(runtime, session)["usage"]["active_seconds"]
    assert after >= during["usage"]["active_seconds"]
    assert row(runtime, session)["usage"]["active_seconds"] == after


async def test_a_message_that_meets_the_budget_is_taken_and_answered_later(runtime: Runtime) -> None:
    dear = {"input_tokens": 20_000, "output_tokens": 10}
    session = await runtime.session(script=[Reply([say("Dear.")], usage=dear)], budget=limit("10"))
    assert (await runtime.turn(session, "one"))[-1]["stop_reason"] == {"type": "end_turn"}
    assert types(await runtime.turn(session, "two")) == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    assert runtime.context.manager.queued(session) == [] == runtime.context.catalog.unsettled()
    runtime.model.script[:] = [[say("Done.")]]
    listening = runtime.listen(session)
    await update(runtime, session, budget=None)
    assert "agent.message" in types(await runtime.until_idle(listening))
    asked = [m["content"][-1]["text"] for m in runtime.model.requests[-1]["messages"]]
    assert asked == ["one", "Dear.", "two"]
