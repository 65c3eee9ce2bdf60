"""The calls of an answer in a real sandbox: order, results, and what becomes of them without one."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, of, only

Doc = dict[str, Any]


def output(event: Doc) -> str:
    found: str = event["content"][0]["text"]
    return found


async def test_a_result_and_the_start_of_the_next_request_are_one_commit(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[list[str]] = []
    append = runtime.context.journal.append

    async def counted(session_id: str, after: int, drafts: Any, also: Any = None) -> Any:
        commits.append([draft.event["type"] for draft in drafts])
        return await append(session_id, after, drafts, also)

    monkeypatch.setattr(runtime.context.journal, "append", counted)
    uses = [call("bash", command="echo a"), call("bash", command="echo b")]
    await runtime.turn(await runtime.session(script=[uses, [say("Done.")]]), "go")
    result, start = "agent.tool_result", "span.model_request_start"
    assert [c for c in commits if result in c] == [[result], [result, start]]
    assert sum(commit.count(start) for commit in commits) == 2


async def test_calls_of_one_answer_run_together(runtime: Runtime) -> None:
    uses = [
        call("bash", command="echo one"),
        call("write", file_path="a", content="x"),
        call("bash", command="echo two"),
    ]
    session = await runtime.session(script=[uses, [say("Done.")]])
    events = await runtime.turn(session, "go")
    assert len(of(events, "agent.tool_result")) == 3
    sent = runtime.model.requests[1]["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in sent] == [use["id"] for use in uses]


async def test_calls_of_one_answer_run_in_its_order(runtime: Runtime) -> None:
    calls = [call("write", file_path="a.txt", content="one"), call("bash", command="sleep 0.2; cat a.txt")]
    calls.append(call("edit", file_path="a.txt", old_string="one", new_string="two"))
    calls.append(call("read", file_path="a.txt"))
    session = await runtime.session(script=[calls, [say("Done.")]])
    events = await runtime.turn(session, "go")
    results = of(events, "agent.tool_result")
    assert [e["is_error"] for e in results] == [False] * 4
    assert [output(results[1]), output(results[3])] == ["one", "two"]


async def test_a_failing_tool_is_a_result_and_the_session_goes_on(runtime: Runtime) -> None:
    script = [
        [call("read", file_path="none.txt"), call("bash", command="kill -9 $$")],
        [call("bash", command="echo alive")],
        [say("Done.")],
    ]
    events = await runtime.turn(await runtime.session(script=script), "go")
    *failed, last = of(events, "agent.tool_result")
    assert [r["is_error"] for r in failed] == [True, True] and output(last) == "alive\n"


async def test_a_sandbox_that_dies_is_replaced(runtime: Runtime) -> None:
    session = await runtime.session(
        script=[
            [call("bash", command="echo one")],
            [say("a")],
            [call("bash", command="echo two")],
            [say("b")],
        ]
    )
    await runtime.turn(session, "one")
    tools = runtime.context.manager.live(session).tools  # type: ignore[union-attr]
    sandbox = await tools._starting
    await sandbox.close()
    events = await runtime.turn(session, "two")
    assert output(only(events, "agent.tool_result")) == "two\n"


async def test_without_a_sandbox_the_turn_ends_with_what_to_do(bare: Runtime) -> None:
    session = await bare.session(script=[[call("bash", command="echo hi")], [say("Never asked.")]])
    events = await bare.turn(session, "go")
    assert only(events, "agent.tool_result")["is_error"]
    assert "no sandbox" in only(events, "session.error")["error"]["message"].lower()
    assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
