"""Sessions whose agent has MCP servers, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import re
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.loop import INTERRUPTED
from jupyter_agents.runtime.mcp_config import programs
from jupyter_agents.runtime.runner import CRASHED
from jupyter_agents.testing import call, say
from tests.mcp_servers import ASK, INITIALIZED, agent, program, raw, shop, tool
from tests.runtime.conftest import TOOLSET, Runtime, of, only, types

Doc = dict[str, Any]


def impatient(runtime: Runtime, **limits: Any) -> None:
    """Short time limits, for servers that hang."""
    given = {"connect_seconds": 0.5, "call_seconds": 0.5, **limits}
    config = dataclasses.replace(runtime.config, mcp=dataclasses.replace(runtime.config.mcp, **given))
    runtime.config = runtime.context.config = config


def offered(runtime: Runtime, request: int = -1) -> list[str]:
    """The names of the tools that the model was shown."""
    return [each["name"] for each in runtime.model.requests[request].get("tools", [])]


def text(event: Doc) -> str:
    return str(event["content"][0]["text"])


async def test_a_call_goes_to_the_server_and_back(bare: Runtime) -> None:
    with shop() as (server, url):
        session = await bare.session(
            agent=agent(url), script=[[call("mcp__shop__price", item="tea")], [say("Three.")]]
        )
        events = await bare.turn(session, "How much?")
        await bare.context.manager.delete(session)
    assert server.calls == ["tea"]
    use, result = only(events, "agent.mcp_tool_use"), only(events, "agent.mcp_tool_result")
    assert (use["mcp_server_name"], use["name"], use["input"]) == ("shop", "price", {"item": "tea"})
    assert (use["evaluated_permission"], use["evaluation"]) == ("allow", {"type": "always_allow"})
    assert (result["mcp_tool_use_id"], result["is_error"], text(result)) == (use["id"], False, "tea costs 3")
    assert offered(bare, 0) == sorted(offered(bare, 0)) and "mcp__shop__price" in offered(bare, 0)
    assert types(events)[:4] == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "span.model_request_start",
    ]
    assert not of(events, "session.error")


async def test_a_server_that_speaks_event_streams_only(bare: Runtime) -> None:
    with shop(sse=True) as (server, url):
        session = await bare.session(
            agent=agent(url), script=[[call("mcp__shop__price", item="tea")], [say("3")]]
        )
        events = await bare.turn(session, "go")
        await bare.context.manager.delete(session)
    assert server.calls == ["tea"] and not only(events, "agent.mcp_tool_result")["is_error"]


async def test_the_servers_see_nothing_of_ours(bare: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    with shop() as (server, url):
        session = await bare.session(
            agent=agent(url), script=[[call("mcp__shop__price", item="tea")], [say("3")]]
        )
        await bare.turn(session, "go")
        await bare.context.manager.delete(session)
    sent = str(server.headers).lower()
    assert server.headers and "authorization" not in sent and "cookie" not in sent and "secret" not in sent


async def test_every_kind_of_content_is_shown_or_named(bare: Runtime) -> None:
    with shop() as (_, url):
        session = await bare.session(agent=agent(url), script=[[call("mcp__shop__everything")], [say("ok")]])
        content = only(await bare.turn(session, "go"), "agent.mcp_tool_result")["content"]
        await bare.context.manager.delete(session)
    assert types(content) == ["text", "image", "text", "text", "document"]
    assert content[0]["text"] == "words"
    assert "Audio (audio/wav)" in content[2]["text"]
    assert content[3]["text"] == "file:///a.txt\na.txt"
    assert content[4]["source"]["data"] == "inside"


async def test_an_error_and_a_long_output(bare: Runtime) -> None:
    calls = [call("mcp__shop__fails"), call("mcp__shop__long", characters=100_050)]
    with shop() as (_, url):
        session = await bare.session(agent=agent(url), script=[calls, [say("ok")]])
        failed, cut = of(await bare.turn(session, "go"), "agent.mcp_tool_result")
        await bare.context.manager.delete(session)
    assert failed["is_error"] and "no such item" in text(failed)
    assert len(text(cut)) < 10_000 and "This output has 100050 characters" in text(cut)


async def test_asked_calls_wait_and_can_be_denied(bare: Runtime) -> None:
    with shop() as (server, url):
        calls = [call("mcp__shop__price", item="tea"), call("mcp__shop__price", item="gin")]
        session = await bare.session(agent=agent(url, policy=ASK), script=[calls, [say("ok")]])
        asked = await bare.turn(session, "go")
        tea, gin = of(asked, "agent.mcp_tool_use")
        assert tea["evaluated_permission"] == "ask" and tea["evaluation"] == {"type": "always_ask"}
        assert asked[-1]["stop_reason"] == {"type": "requires_action", "event_ids": [tea["id"], gin["id"]]}
        assert server.calls == []
        answers = [
            {"type": "user.tool_confirmation", "tool_use_id": tea["id"], "result": "allow"},
            {
                "type": "user.tool_confirmation",
                "tool_use_id": gin["id"],
                "result": "deny",
                "deny_message": "too early",
            },
        ]
        results = of(await bare.turn(session, *answers), "agent.mcp_tool_result")
        await bare.context.manager.delete(session)
    assert server.calls == ["tea"]
    found = {result["mcp_tool_use_id"]: (result["is_error"], text(result)) for result in results}
    assert found[tea["id"]] == (False, "tea costs 3")
    assert found[gin["id"]][0] and "too early" in found[gin["id"]][1]


async def test_configs_hide_and_ask_by_bare_name(bare: Runtime) -> None:
    configs = [
        {"name": "price", "enabled": True, "permission_policy": ASK},
        {"name": "fails", "enabled": True},
    ]
    with shop() as (_, url):
        given = agent(url, configs=configs, enabled=False)
        session = await bare.session(
            agent=given, script=[[call("mcp__shop__slow"), call("mcp__shop__price", item="x")]]
        )
        events = await bare.turn(session, "go")
        await bare.send(session, {"type": "user.interrupt"})
        await bare.context.manager.runner(session)
    assert offered(bare) == ["mcp__shop__fails", "mcp__shop__price"]
    hidden = only(events, "agent.tool_use")
    assert hidden["evaluated_permission"] == "deny" and "evaluation" not in hidden
    assert only(events, "agent.mcp_tool_use")["evaluated_permission"] == "ask"


async def test_a_server_without_an_enabled_tool_is_left_alone(bare: Runtime) -> None:
    with shop() as (server, url):
        session = await bare.session(agent=agent(url, enabled=False), script=[[say("hi")]])
        assert types(await bare.turn(session, "go"))[-1] == "session.status_idle"
    assert server.headers == [] and "tools" not in bare.model.requests[-1]


async def test_an_interrupt_ends_a_running_call_at_once(bare: Runtime) -> None:
    with shop() as (server, url):
        session = await bare.session(
            agent=agent(url),
            script=[[call("mcp__shop__slow")], [call("mcp__shop__price", item="tea")], [say("3")]],
        )
        listening = bare.listen(session)
        await bare.send(session, "go")
        assert await asyncio.to_thread(server.started.wait, 10)
        begun = time.monotonic()
        await bare.send(session, {"type": "user.interrupt"})
        events = await bare.until_idle(listening)
        assert time.monotonic() - begun < 1
        result = only(events, "agent.mcp_tool_result")
        assert (result["is_error"], text(result)) == (True, INTERRUPTED)
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
        server.gate.set()
        again = await bare.turn(session, "and now?")
        assert text(only(again, "agent.mcp_tool_result")) == "tea costs 3"
        await bare.context.manager.delete(session)


async def test_tools_that_a_server_adds_are_offered_at_the_next_turn(bare: Runtime) -> None:
    with shop() as (_, url):
        session = await bare.session(
            agent=agent(url),
            script=[[call("mcp__shop__grow")], [say("ok")], [call("mcp__shop__grown")], [say("ok")]],
        )
        await bare.turn(session, "go")
        assert "mcp__shop__grown" not in offered(bare)
        events = await bare.turn(session, "again")
        await bare.context.manager.delete(session)
    assert "mcp__shop__grown" in offered(bare)
    assert text(only(events, "agent.mcp_tool_result")) == "new"


def hang(*_: Any) -> None:
    time.sleep(3)


def elsewhere(handler: Any, body: Doc) -> None:
    handler.reply(307, b"", location="http://localhost:9/mcp")


def compressed(handler: Any, body: Doc) -> None:
    bomb = gzip.compress(b"[" + b" " * 100_000_000)
    handler.reply(200, bomb, **{"content-encoding": "gzip"})


def endless(handler: Any, body: Doc) -> None:
    """100 MB, unless the reader goes away; how much it took is kept."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    chunk = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000)
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(chunk)
            handler.taken = getattr(handler, "taken", 0) + 1
    handler.close_connection = True


def event_of_100_mb(handler: Any, body: Doc) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(b"event: message\ndata: ")
        for _ in range(100):
            handler.wfile.write(b"x" * 1_000_000)
    handler.close_connection = True


def cut(handler: Any, body: Doc) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"jsonrpc"')
    handler.close_connection = True


UNUSABLE: dict[str, tuple[Doc, str, str]] = {
    "wants a login": ({"initialize": 401, "server_discover": 401}, "authentication", "credential (401)"),
    "forbids": ({"initialize": 403, "server_discover": 403}, "authentication", "credential (403)"),
    "fails": ({"initialize": 500, "server_discover": 500}, "connection", "failed"),
    "is not there": ({"initialize": 404, "server_discover": 404}, "connection", "failed"),
    "is no MCP server": ({"initialize": b"<html>", "server_discover": b"<html>"}, "connection", "failed"),
    "hangs": ({"server_discover": hang}, "connection", "within"),
    "hangs at the list": ({"tools_list": hang}, "connection", "list its tools within"),
    "leads elsewhere": (
        {"initialize": elsewhere, "server_discover": elsewhere},
        "connection",
        "not followed",
    ),
    "compresses": ({"tools_list": compressed}, "connection", "compressed"),
    "lists 100 MB": ({"tools_list": endless}, "connection", "larger than 8 MiB"),
    "lists an event of 100 MB": ({"tools_list": event_of_100_mb}, "connection", "failed"),
    "lists nonsense": ({"tools_list": {"tools": [{"name": 3}]}}, "connection", "not as the protocol has it"),
    "lists for ever": ({"tools_list": {"tools": [], "nextCursor": "a"}}, "connection", "more than 50 pages"),
    "breaks off": ({"tools_list": cut}, "connection", "failed"),
}


@pytest.mark.parametrize("what", UNUSABLE)
async def test_a_server_that_cannot_be_used_never_stops_a_turn(bare: Runtime, what: str) -> None:
    answers, kind, words = UNUSABLE[what]
    if "hangs" in what:
        impatient(bare)
    with raw(**answers) as server:
        session = await bare.session(
            agent=agent(server.url), script=[[say("one")], [say("two")], [say("three")]]
        )
        for _ in range(2):
            events = await bare.turn(session, "go")
            error = only(events, "session.error")["error"]
            assert error["type"] == f"mcp_{kind}_failed_error"
            assert error["mcp_server_name"] == "shop" and error["retry_status"] == {"type": "retrying"}
            assert words in error["message"] and "127.0.0.1" not in error["message"]
            assert only(events, "agent.message") and events[-1]["stop_reason"] == {"type": "end_turn"}
            assert "tools" not in bare.model.requests[-1]
        for broken in answers:
            del server.answers[broken]
        server.answers |= {"initialize": INITIALIZED, "tools_list": {"tools": [tool("look")]}}
        assert not of(await bare.turn(session, "better?"), "session.error")
        assert offered(bare) == ["mcp__shop__look"]
        await bare.context.manager.delete(session)


async def test_nobody_listens_at_the_address(bare: Runtime) -> None:
    with raw() as server:
        pass
    session = await bare.session(agent=agent(server.url), script=[[say("ok")]])
    error = only(await bare.turn(session, "go"), "session.error")["error"]
    assert error["type"] == "mcp_connection_failed_error" and "cannot be reached" in error["message"]


UNANSWERED: dict[str, tuple[Any, str]] = {
    "hangs": (hang, "did not answer within 0.5 s"),
    "breaks off": (cut, "failed"),
    "answers 500": (500, "failed"),
    "answers 401": (401, "wants a credential"),
    "answers nonsense": ({"content": [{"type": "dance"}]}, "not as the protocol has it"),
    "answers no JSON": (b"<html>", "failed"),
    "answers 100 MB": (endless, "larger than 8 MiB"),
    "answers an event of 100 MB": (event_of_100_mb, "failed"),
    "compresses": (compressed, "compressed"),
    "asks back": ({"resultType": "input_required", "inputRequests": {}}, "failed"),
}


@pytest.mark.parametrize("what", UNANSWERED)
async def test_a_call_that_comes_to_nothing_is_an_error_result(bare: Runtime, what: str) -> None:
    answer, words = UNANSWERED[what]
    impatient(bare, connect_seconds=5.0, call_seconds=0.5 if what == "hangs" else 5.0)
    with raw(tools_call=answer) as server:
        again = [call("mcp__shop__look")]
        session = await bare.session(agent=agent(server.url), script=[again, again, [say("ok")]])
        listening = bare.listen(session)
        await bare.send(session, "go")
        first = await bare.until(listening, "agent.mcp_tool_result")
        assert first["is_error"] and text(first).startswith("look: ") and words in text(first)
        events = await bare.until_idle(listening)
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
        asked = [body for body in server.asked if body["method"] == "tools/call"]
        assert len(asked) == 2, "a call is sent once"
        server.answers["tools_call"] = {"content": [{"type": "text", "text": "seen"}]}
        bare.model.script += [again, [say("ok")]]
        assert text(only(await bare.turn(session, "again"), "agent.mcp_tool_result")) == "seen"
        await bare.context.manager.delete(session)


async def test_nothing_large_is_held_and_the_loop_stays_free(bare: Runtime) -> None:
    def answer(handler: Any, body: Doc) -> Any:
        return {"content": [{"type": "text", "text": "x" * 7_000_000}]}

    with raw(tools_call=answer) as server:
        session = await bare.session(agent=agent(server.url), script=[[call("mcp__shop__look")], [say("ok")]])
        result = only(await bare.turn(session, "go"), "agent.mcp_tool_result")
        await bare.context.manager.delete(session)
    assert len(text(result)) < 10_000 and "This output has 7000000 characters" in text(result)


async def test_a_list_full_of_lies_leaves_what_is_sound(bare: Runtime) -> None:
    lies = [
        tool("union", {"type": "object", "oneOf": []}),
        tool("typed", {"type": "object", "properties": {"a": {"type": "strong"}}}),
        tool("huge", {"type": "object", "description": "x" * 100_000}),
        tool("twice"),
        tool("twice", description="other"),
        tool("wordy", description="y" * 1_000_000),
        tool("odd näme/?"),
        tool(""),
        *(tool(f"t{number}") for number in range(5000)),
    ]
    with raw(tools_list={"tools": lies}) as server:
        session = await bare.session(agent=agent(server.url), script=[[say("ok")], [say("ok")]])
        events = await bare.turn(session, "go")
        error = only(events, "session.error")["error"]
        assert not of(await bare.turn(session, "again"), "session.error")
        await bare.context.manager.delete(session)
    assert "connected, but not all" in error["message"] and "at most 256 tools" in error["message"]
    tools = {each["name"]: each for each in bare.model.requests[0]["tools"]}
    assert len(tools) == 256 and all(re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name) for name in tools)
    assert not {"mcp__shop__union", "mcp__shop__typed", "mcp__shop__huge"} & tools.keys()
    assert tools["mcp__shop__twice"]["description"] == "d" and "mcp__shop__odd_n_me__" in tools
    assert len(tools["mcp__shop__wordy"]["description"]) < 9000


async def test_a_restart_goes_on_with_the_same_tools(bare: Runtime) -> None:
    with shop() as (server, url):
        session = await bare.session(
            agent=agent(url, policy=ASK),
            script=[[call("mcp__shop__price", item="tea")], [say("3")], [say("ok")]],
        )
        use = only(await bare.turn(session, "go"), "agent.mcp_tool_use")
        before = bare.folded(session).mcp
        await bare.restart()
        events = await bare.turn(
            session, {"type": "user.tool_confirmation", "tool_use_id": use["id"], "result": "allow"}
        )
        assert text(only(events, "agent.mcp_tool_result")) == "tea costs 3" and server.calls == ["tea"]
        assert bare.model.requests[0]["tools"] == bare.model.requests[1]["tools"]
        assert bare.folded(session).mcp == before
        kinds = [record.event["type"] for record in bare.context.journal.read(session)]
        assert kinds.count("private.mcp") == 1, "listed again, and nothing had changed"
    await bare.turn(session, "the server is gone")
    assert bare.model.requests[2]["tools"] == bare.model.requests[0]["tools"]


async def test_a_call_that_a_crash_cut_is_closed_and_not_run_again(bare: Runtime) -> None:
    with shop() as (server, url):
        session = await bare.session(agent=agent(url), script=[[call("mcp__shop__slow")], [say("ok")]])
        await bare.send(session, "go")
        assert await asyncio.to_thread(server.started.wait, 10)
        await bare.restart()
        listening = bare.listen(session)
        if bare.folded(session).status != "idle":
            await bare.until_idle(listening)
        result = only(bare.events(session), "agent.mcp_tool_result")
        server.gate.set()
    assert result["is_error"] and text(result) == CRASHED
    assert server.calls == ["slow"]


async def test_a_replay_needs_no_server(bare: Runtime) -> None:
    with shop() as (server, url):
        script = [[call("mcp__shop__price", item="tea")], [say("Three.")]]
        session = await bare.session(agent=agent(url), script=script)
        first = await bare.turn(session, "How much?")
        recording = bare.context.recorder.text(session)
    requests = len(bare.model.requests)
    other = await bare.session(agent=agent("http://127.0.0.1:9/moved"))
    bare.context.recorder.add(other, recording)
    events = await bare.turn(other, "How much?")
    assert types(events) == types(first) and server.calls == ["tea"]
    assert text(only(events, "agent.mcp_tool_result")) == "tea costs 3"
    assert text(only(events, "agent.message")) == "Three."
    assert len(bare.model.requests) == requests
    runner = await bare.context.manager.runner(other)
    assert runner.drift(bare.context.recorder.recordings(other)) == []


async def test_a_program_that_an_administrator_named(
    bare: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("JUPYTER_TOKEN", "secret-too")
    command = {"command": program(tmp_path), "env": {"COLOUR": "red"}}
    impatient(bare, connect_seconds=20.0, call_seconds=5.0, programs=programs({"env": command}))
    await bare.restart()
    session = await bare.session(
        agent=agent("stdio:env"),
        script=[
            [call("mcp__shop__variables"), call("mcp__shop__die"), call("mcp__shop__variables")],
            [say("ok")],
        ],
    )
    shown, died, again = of(await bare.turn(session, "go"), "agent.mcp_tool_result")
    assert "COLOUR=red" in text(shown) and "PATH=" in text(shown)
    assert "secret" not in text(shown) and "JUPYTER" not in text(shown) and "API_KEY" not in text(shown)
    assert died["is_error"] and text(died).startswith("die: ")
    assert text(again) == text(shown), "it was started anew"
    await bare.context.manager.delete(session)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("stdio:unknown", "JupyterAgents.mcp_stdio"),
        ("stdio:", "JupyterAgents.mcp_stdio"),
        ("ftp://example.com", "http(s)"),
        ("file:///etc/passwd", "http(s)"),
        ("http://", "http(s)"),
        ("http://[", "http(s)"),
        ("https://user:secret@example.com/mcp", "no user or password"),
    ],
)
async def test_an_address_that_cannot_be_served_is_refused_at_creation(
    bare: Runtime, url: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(words)) as caught:
        await bare.session(agent=agent(url))
    assert "secret" not in str(caught.value)


async def test_private_addresses_can_be_forbidden(bare: Runtime) -> None:
    impatient(bare, private_hosts=False, connect_seconds=5.0)
    await bare.restart()
    for host in ("127.0.0.1", "localhost"):
        with shop() as (server, url):
            session = await bare.session(agent=agent(url.replace("127.0.0.1", host)), script=[[say("ok")]])
            error = only(await bare.turn(session, "go"), "session.error")["error"]
        assert "not at a public address" in error["message"] and server.headers == []


async def test_the_connections_follow_the_sessions_agent(bare: Runtime) -> None:
    with shop() as (one, first), shop() as (two, second):
        price = [call("mcp__shop__price", item="tea")]
        session = await bare.session(agent=agent(first), script=[price, [say("3")], price, [say("3")]])
        await bare.turn(session, "go")
        runner = await bare.context.manager.runner(session)
        servers = [{"type": "url", "name": "shop", "url": second}]
        changed = runner.state.session["agent"] | {"mcp_servers": servers}
        updated = runner.stamp.event({"type": "session.updated", "agent": changed}, {"agent": changed})
        await runner.append([updated])
        await bare.turn(session, "again")
        await bare.context.manager.delete(session)
    assert (one.calls, two.calls) == (["tea"], ["tea"])


async def test_a_tool_that_is_enabled_later_is_offered_at_the_next_turn(bare: Runtime) -> None:
    with shop() as (_, url):
        one = agent(url, enabled=False, configs=[{"name": "price", "enabled": True}])
        session = await bare.session(agent=one, script=[[say("ok")], [say("ok")]])
        await bare.turn(session, "go")
        runner = await bare.context.manager.runner(session)
        (toolset,) = runner.state.session["agent"]["tools"]
        changed = runner.state.session["agent"] | {"tools": [toolset | {"configs": []}]}
        changed["tools"][0]["default_config"] = toolset["default_config"] | {"enabled": True}
        updated = runner.stamp.event({"type": "session.updated", "agent": changed}, {"agent": changed})
        await runner.append([updated])
        await bare.turn(session, "again")
        await bare.context.manager.delete(session)
    assert offered(bare, 0) == ["mcp__shop__price"] and len(offered(bare, 1)) > 4


async def test_only_mcp_tools_start_no_sandbox(runtime: Runtime) -> None:
    with shop() as (_, url):
        session = await runtime.session(
            agent=agent(url), script=[[call("mcp__shop__price", item="tea")], [say("3")]]
        )
        await runtime.turn(session, "go")
        runner = await runtime.context.manager.runner(session)
        assert runner.tools.state == "none"
        await runtime.context.manager.delete(session)


async def test_sandbox_and_server_side_by_side(runtime: Runtime) -> None:
    with shop() as (_, url):
        given = agent(url)
        given["tools"].append(TOOLSET)
        calls = [call("bash", command="echo hi"), call("mcp__shop__price", item="tea")]
        session = await runtime.session(agent=given, script=[calls, [say("ok")]])
        events = await runtime.turn(session, "go")
        await runtime.context.manager.delete(session)
    assert text(only(events, "agent.tool_result")) == "hi\n"
    assert text(only(events, "agent.mcp_tool_result")) == "tea costs 3"


async def test_deleting_a_session_closes_its_connections(bare: Runtime) -> None:
    with shop() as (_, url):
        session = await bare.session(agent=agent(url), script=[[say("ok")]])
        await bare.turn(session, "go")
        assert [t for t in asyncio.all_tasks() if t.get_name() == "MCP server shop"]
        await bare.context.manager.delete(session)
        assert not [t for t in asyncio.all_tasks() if t.get_name() == "MCP server shop"]
