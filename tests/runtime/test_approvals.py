from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_agents.errors import Conflict, InvalidRequest
from jupyter_agents.testing import call, say
from tests.runtime.conftest import TOOLSET, Runtime, asking

Doc = dict[str, Any]


def uses(runtime: Runtime, session: str) -> list[Doc]:
    return [e for e in runtime.events(session) if e["type"] == "agent.tool_use"]


async def asked(runtime: Runtime, command: str = "echo ran > ran.txt") -> tuple[str, str]:
    """A session whose bash call waits, and the id of the call."""
    session = await runtime.session(asking("bash"), script=[[call("bash", command=command)], [say("Done.")]])
    await runtime.turn(session, "go")
    return session, str(uses(runtime, session)[-1]["id"])


async def finished(runtime: Runtime, session: str) -> Doc:
    """The newest tool result, once the turn is over."""
    async with asyncio.timeout(20):
        while runtime.events(session)[-1].get("stop_reason", {}).get("type") != "end_turn":
            await asyncio.sleep(0.02)
    return next(e for e in reversed(runtime.events(session)) if e["type"] == "agent.tool_result")


async def test_a_rule_lets_later_calls_run_without_asking(runtime: Runtime) -> None:
    session, first = await asked(runtime)
    made = await runtime.context.approvals.allow_always(session, {"tool": "bash"}, "Ada")
    assert (made["tool"], made["by"]) == ("bash", "Ada")
    assert await runtime.context.approvals.allow_always(session, {"tool": "bash"}, "Bob") == made
    assert [c["id"] for c in (await runtime.context.approvals.look(session))["waiting"]] == [first]
    allow = {"type": "user.tool_confirmation", "tool_use_id": first, "result": "allow"}
    await runtime.turn(session, allow)
    await runtime.restart()
    runtime.model.script += [[call("bash", command="echo again")], [say("Done.")]]
    found = await runtime.turn(session, "again")
    use = next(e for e in found if e["type"] == "agent.tool_use")
    assert (use["evaluated_permission"], use["evaluation"]) == ("allow", {"type": "always_allow"})
    await runtime.context.approvals.forget_rule(session, made["id"], "Ada")
    assert await runtime.context.approvals.rules(session) == []
    runtime.model.script += [[call("bash", command="echo third")]]
    found = await runtime.turn(session, "third")
    assert next(e for e in found if e["type"] == "agent.tool_use")["evaluated_permission"] == "ask"


async def test_a_changed_input_runs_in_the_place_of_the_models(runtime: Runtime) -> None:
    session, id = await asked(runtime)
    body = {"input": {"command": "echo mine > mine.txt"}}
    await runtime.context.approvals.allow_with_input(session, id, body, "Ada")
    result = await finished(runtime, session)
    assert "The user changed the input" in result["content"][0]["text"]
    assert "mine.txt" in result["content"][0]["text"]
    workspace = runtime.workspace(session)
    assert (workspace / "mine.txt").exists() and not (workspace / "ran.txt").exists()
    assert uses(runtime, session)[0]["input"] == {"command": "echo ran > ran.txt"}
    last = runtime.model.requests[-1]["messages"]
    assert last[-2]["content"][-1]["input"] == {"command": "echo ran > ran.txt"}
    assert "mine.txt" in str(last[-1]["content"])
    (one,) = (await runtime.context.approvals.look(session))["answered"]
    assert (one["by"], one["result"], one["input"]) == ("Ada", "allow", body["input"])


async def test_the_same_input_is_a_plain_yes(runtime: Runtime) -> None:
    session, id = await asked(runtime, "echo same")
    await runtime.context.approvals.allow_with_input(session, id, {"input": {"command": "echo same"}}, "Ada")
    assert (await finished(runtime, session))["content"][0]["text"] == "same\n"


async def test_a_second_answer_is_refused_and_changes_nothing(runtime: Runtime) -> None:
    session, id = await asked(runtime, "echo first")
    allow = {"type": "user.tool_confirmation", "tool_use_id": id, "result": "allow"}
    await runtime.context.manager.send(session, [allow], "Bob")
    with pytest.raises(InvalidRequest):
        await runtime.context.approvals.allow_with_input(session, id, {"input": {"command": "late"}}, "Ada")
    assert (await finished(runtime, session))["content"][0]["text"] == "first\n"
    assert [a["by"] for a in (await runtime.context.approvals.look(session))["answered"]] == ["Bob"]


async def test_a_changed_input_outlives_a_crash(runtime: Runtime) -> None:
    session, id = await asked(runtime)
    runner = runtime.context.manager.live(session)
    assert runner is not None
    runner.wake = lambda: None  # type: ignore[method-assign]
    body = {"input": {"command": "echo mine > mine.txt"}}
    await runtime.context.approvals.allow_with_input(session, id, body, "Ada")
    await runtime.restart()
    assert "mine.txt" in (await finished(runtime, session))["content"][0]["text"]
    assert not (runtime.workspace(session) / "ran.txt").exists()


async def test_looking_takes_no_session_from_another_process(runtime: Runtime) -> None:
    session, id = await asked(runtime)
    await runtime.restart()
    found = await runtime.context.approvals.look(session)
    assert [c["id"] for c in found["waiting"]] == [id]
    assert runtime.context.manager.live(session) is None


async def test_an_archived_session_takes_no_rule(runtime: Runtime) -> None:
    session = await runtime.session(TOOLSET)
    await runtime.context.manager.archive(session)
    with pytest.raises(Conflict):
        await runtime.context.approvals.allow_always(session, {"tool": "bash"}, "Ada")
