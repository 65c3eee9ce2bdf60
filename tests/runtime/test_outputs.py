"""What an agent writes to its outputs, through a real sandbox."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_agents.runtime import outputs as module
from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, of, only
from tests.runtime.test_tools import run

Doc = dict[str, Any]


async def test_outputs_become_files_of_the_session(runtime: Runtime) -> None:
    session, _ = await run(
        runtime,
        "echo one > /mnt/session/outputs/a.txt; mkdir outputs/d; echo b > outputs/d/b.txt; echo x > c.txt",
    )
    found = runtime.outputs(session)
    assert sorted(found) == ["outputs/a.txt", "outputs/d/b.txt"]
    doc, path = runtime.context.files.content(found["outputs/a.txt"]["id"])
    assert path.read_text() == "one\n" and doc["mime_type"] == "text/plain"


async def test_a_rewritten_output_gets_a_new_id_and_a_deleted_one_goes(runtime: Runtime) -> None:
    session, _ = await run(runtime, "cd outputs; echo one > a; echo one > b")
    before = runtime.outputs(session)
    runtime.model.script += [[call("bash", command="echo two > a; rm b")], [say("Done.")]]
    await runtime.turn(session, "again")
    after = runtime.outputs(session)
    assert list(after) == ["outputs/a"]
    assert after["outputs/a"]["id"] != before["outputs/a"]["id"]


async def test_hostile_outputs_are_passed_over(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1000)
    session, events = await run(
        runtime,
        "cd outputs; ln -s /etc/shadow link; mkfifo pipe; truncate -s 900M huge; "
        "head -c 2000 /dev/zero > big; ln -s / root; echo fine > fine",
    )
    assert list(runtime.outputs(session)) == ["outputs/fine"]
    assert events[-1]["stop_reason"] == {"type": "end_turn"}
    said = [block["text"] for block in only(events, "agent.tool_result")["content"]]
    assert [text.split(" is not kept")[0] for text in said[1:]] == [
        "The output 'outputs/big'",
        "The output 'outputs/huge'",
        "Undo and fork cannot bring back files larger than 500MiB, such as 'outputs/huge'.",
    ]
    assert "larger than" in said[1]


async def test_an_output_is_a_file_before_its_call_is_answered(runtime: Runtime) -> None:
    runtime.model.script += [[call("bash", command="echo out > outputs/a")], [say("Done.")]]
    session = await runtime.session()
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await runtime.until(listening, "agent.tool_result")
    assert list(runtime.outputs(session)) == ["outputs/a"]
    await runtime.until_idle(listening)


async def test_an_output_that_became_too_large_is_no_longer_there_as_it_was(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1000)
    session, events = await run(runtime, "echo one > outputs/a", "head -c 2000 /dev/zero > outputs/a")
    assert runtime.outputs(session) == {}
    assert "not kept" in str(of(events, "agent.tool_result")[1]["content"])


async def test_a_thousand_outputs_do_not_hold_the_server_up(runtime: Runtime) -> None:
    longest, ended = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not ended.is_set():
            before = loop.time()
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - before - 0.01)

    watching = asyncio.create_task(watch())
    session, _ = await run(runtime, "cd outputs; for n in $(seq 300); do echo $n > $n; done")
    ended.set()
    await watching
    assert len(runtime.outputs(session)) == 300
    assert longest < 0.5
