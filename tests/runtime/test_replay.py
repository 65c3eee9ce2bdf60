"""Recording, then replaying: the same events without a model."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain.prompt import exchange_key
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.replay import Recordings
from jupyter_agents.runtime.runfile import Exchange, Recording, parse
from jupyter_agents.testing import Reply, call, say, think
from tests.runtime.conftest import CUSTOM, TOOLSET, Runtime, of, only, types

Doc = dict[str, Any]

SCRIPT = [
    [
        think(),
        say("I write."),
        call("write", file_path="a.txt", content="one\n"),
        call("bash", command="cat a.txt; date +%N"),
    ],
    [say("It says one.")],
    [call("bash", command="wc -l a.txt")],
    Reply([say("One line. " * 20)], chunk=7),
]
TURNS = ("Write a file.", "How long is it?")


async def recorded(runtime: Runtime) -> tuple[str, str]:
    """A session of two turns, and its run file."""
    session = await runtime.session(script=copy.deepcopy(SCRIPT))
    for words in TURNS:
        await runtime.turn(session, words)
    return session, runtime.context.recorder.text(session)


def plain(value: Any) -> Any:
    """An event without what differs from run to run."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    loose = (
        "id",
        "processed_at",
        "tool_use_id",
        "session_thread_id",
        "model_request_start_id",
        "active_seconds",
    )
    return {k: plain(v) for k, v in value.items() if k not in loose}


def shape(events: list[Doc]) -> list[Any]:
    """Results may come in any order and differ; all else is the same."""
    fixed = [plain(e) for e in events if e["type"] != "agent.tool_result"]
    return [*fixed, len(of(events, "agent.tool_result"))]


async def test_a_replayed_session_has_the_same_events(runtime: Runtime) -> None:
    session, text = await recorded(runtime)
    again = await runtime.session(agent={"name": "coder", "system": "Another prompt."})
    assert runtime.context.recorder.add(again, text) == 4
    asked = len(runtime.model.requests)
    for words in TURNS:
        await runtime.turn(again, words)
    assert len(runtime.model.requests) == asked
    assert shape(runtime.events(again)) == shape(runtime.events(session))
    assert (runtime.workspace(again) / "a.txt").read_text() == "one\n"
    ends = [
        r.private for r in runtime.context.journal.read(again) if r.event["type"] == "span.model_request_end"
    ]
    assert all(private and private["replayed"] for private in ends)


async def test_previews_are_played_too(runtime: Runtime) -> None:
    _, text = await recorded(runtime)
    again = await runtime.session()
    runtime.context.recorder.add(again, text)
    await runtime.turn(again, TURNS[0])
    events = await runtime.turn(again, TURNS[1], deltas=["agent.message"])
    said = "".join(e["delta"]["content"]["text"] for e in of(events, "event_delta"))
    assert said == only(events, "agent.message")["content"][0]["text"]


async def test_a_result_that_differs_is_drift_and_the_run_goes_on(runtime: Runtime) -> None:
    _, text = await recorded(runtime)
    again = await runtime.session()
    runtime.context.recorder.add(again, text)
    events = await runtime.turn(again, TURNS[0])
    assert events[-1]["stop_reason"] == {"type": "end_turn"}
    runner = runtime.context.manager.live(again)
    assert runner is not None
    (drifted,) = runner.drift(runtime.context.recorder.recordings(again))
    result = runner.state.messages[-2]["content"]
    assert [r["tool_use_id"] for r in result if r["content"][0]["text"].startswith("one")] == [drifted]
    assert runner.drift(None) == []


async def test_nothing_fits_says_what_is_known_and_what_to_do(runtime: Runtime) -> None:
    _, text = await recorded(runtime)
    again = await runtime.session()
    runtime.context.recorder.add(again, text)
    events = await runtime.turn(again, "Something else entirely.")
    message = only(events, "session.error")["error"]["message"]
    assert "'Write a file.'" in message and "%agent off" in message
    assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}


@pytest.mark.parametrize("agent", [{"model": "claude-opus-5"}, {"tools": [TOOLSET, CUSTOM]}])
async def test_another_model_or_other_tools_do_not_fit(runtime: Runtime, agent: Doc) -> None:
    _, text = await recorded(runtime)
    again = await runtime.session(agent=agent)
    runtime.context.recorder.add(again, text)
    assert "session.error" in types(await runtime.turn(again, TURNS[0]))


async def test_recorded_results_are_played_where_there_is_no_sandbox(runtime: Runtime) -> None:
    session, text = await recorded(runtime)
    bare = Runtime(replace(runtime.config, data_dir=runtime.config.data_dir / "bare"), [], runtime.model)
    await bare.context.start()
    again = await bare.session()
    bare.context.recorder.add(again, text)
    for words in TURNS:
        await bare.turn(again, words)
    played = [r["content"] for r in of(bare.events(again), "agent.tool_result")]
    assert sorted(map(str, played)) == sorted(
        str(r["content"]) for r in of(runtime.events(session), "agent.tool_result")
    )
    runner = bare.context.manager.live(again)
    assert runner is not None and runner.tools.replayed_tools
    assert runner.drift(bare.context.recorder.recordings(again)) == []
    await bare.context.stop()


async def test_a_folder_answers_for_every_session(runtime: Runtime, tmp_path: Path) -> None:
    _, text = await recorded(runtime)
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "one.agentrun").write_text(text)
    config = replace(runtime.config, data_dir=tmp_path / "other", replay=folder)
    other = Runtime(config, runtime.providers, runtime.model)
    await other.context.start()
    for _ in range(2):
        events = await other.turn(await other.session(), TURNS[0])
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
    await other.context.stop()


@pytest.mark.parametrize("content", [None, "not a run file"])
async def test_a_folder_that_cannot_be_used_is_an_error_of_the_turn(
    runtime: Runtime, tmp_path: Path, content: str | None
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    if content is not None:
        (folder / "one.agentrun").write_text(content)
    other = Runtime(replace(runtime.config, data_dir=tmp_path / "other", replay=folder), [], runtime.model)
    await other.context.start()
    events = await other.turn(await other.session(), "go")
    message = only(events, "session.error")["error"]["message"]
    assert "agentrun" in message or "run file" in message
    await other.context.stop()


async def test_several_run_files_add_up_and_survive_a_restart(runtime: Runtime) -> None:
    _, first = await recorded(runtime)
    session = await runtime.session(script=[[say("Hello.")]])
    await runtime.turn(session, "Hi")
    second = runtime.context.recorder.text(session)
    again = await runtime.session()
    assert runtime.context.recorder.add(again, first) == 4
    assert runtime.context.recorder.add(again, second) == 1
    await runtime.restart()
    assert only(await runtime.turn(again, "Hi"), "agent.message")["content"][0]["text"] == "Hello."


async def test_a_refused_run_file_changes_nothing(runtime: Runtime) -> None:
    session = await runtime.session(script=[[say("Live.")]])
    with pytest.raises(InvalidRequest):
        runtime.context.recorder.add(session, "nonsense")
    assert runtime.context.recorder.recordings(session) is None
    assert only(await runtime.turn(session, "go"), "agent.message")["content"][0]["text"] == "Live."


async def test_a_run_file_is_written_after_each_turn(runtime: Runtime) -> None:
    session, text = await recorded(runtime)
    path = runtime.config.data_dir / "runs" / f"{session}.agentrun"
    async with asyncio.timeout(5):
        while not path.exists() or path.read_text() != text:
            await asyncio.sleep(0.01)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(parse(text).exchanges) == 4


async def test_no_secret_is_in_a_run_file(runtime: Runtime) -> None:
    runtime.context.endpoint.login("sk-very-secret")
    session = await runtime.session(script=[[say("Hi.")]], metadata={"k": "private"})
    await runtime.turn(session, "go")
    text = runtime.context.recorder.text(session)
    assert "sk-very-secret" not in text and "private" not in text


def test_repeated_requests_are_answered_one_after_the_other() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}
    key = exchange_key(request)
    recordings = Recordings()
    recordings.add(Recording(exchanges=[Exchange(key, 0, {"n": n}, {}) for n in (1, 2)]))
    found = [recordings.find(request) for _ in range(3)]
    assert [f and f.response["n"] for f in found] == [1, 2, 1]
    assert len(recordings) == 2 and recordings.find(request | {"model": "other"}) is None
