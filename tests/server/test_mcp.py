"""MCP servers through the official SDK, over HTTP."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.testing import ScriptedModel, call, say
from tests.mcp_servers import ALLOW, ASK, agent, program, shop
from tests.support import NO_NETWORK, Home, Server, serving, types


def session(server: Server, **body: Any) -> Any:
    made = server.agent(**body)
    environment = server.client.beta.environments.create(name=f"env-{made.id}", config=NO_NETWORK)
    return server.client.beta.sessions.create(agent=made.id, environment_id=environment.id)


def of(events: list[Any], type: str) -> list[Any]:
    return [event for event in events if event.type == type]


def test_a_call_is_confirmed_and_another_is_denied(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [
        [call("mcp__shop__price", item="tea"), call("mcp__shop__price", item="gin")],
        [say("3")],
    ]
    with shop() as (asked, url):
        made = session(server, **agent(url, policy=ASK))
        first = server.turn(made.id, "How much?")
        tea, gin = of(first, "agent.mcp_tool_use")
        assert (tea.mcp_server_name, tea.name, tea.input) == ("shop", "price", {"item": "tea"})
        assert first[-1].stop_reason.event_ids == [tea.id, gin.id]
        second = server.turn(
            made.id,
            {"type": "user.tool_confirmation", "tool_use_id": tea.id, "result": "allow"},
            {
                "type": "user.tool_confirmation",
                "tool_use_id": gin.id,
                "result": "deny",
                "deny_message": "no gin",
            },
        )
        assert asked.calls == ["tea"]
        server.client.beta.sessions.delete(made.id)
    found = {result.mcp_tool_use_id: result for result in of(second, "agent.mcp_tool_result")}
    assert (found[tea.id].is_error, found[tea.id].content[0].text) == (False, "tea costs 3")
    assert found[gin.id].is_error and "no gin" in found[gin.id].content[0].text
    assert types(second)[-1] == "session.status_idle" and second[-1].stop_reason.type == "end_turn"


def test_every_event_is_the_sdks_and_complete(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("mcp__shop__everything"), call("mcp__shop__fails")], [say("ok")]]
    with shop() as (_, url):
        body = agent(url)
        body["mcp_servers"].append({"type": "url", "name": "gone", "url": "http://127.0.0.1:9/mcp"})
        body["tools"].append({"type": "mcp_toolset", "mcp_server_name": "gone"})
        made = session(server, **body)
        server.turn(made.id, "go")
        page = server.request("GET", f"v1/sessions/{made.id}/events").json()["data"]
        server.client.beta.sessions.delete(made.id)
    adapter = wire.event_adapter()
    for event in page:
        assert not adapter.validate_python(event).model_extra
    assert {"agent.mcp_tool_use", "agent.mcp_tool_result", "session.error"} <= set(types(page))
    error = next(event for event in page if event["type"] == "session.error")["error"]
    assert (error["type"], error["mcp_server_name"]) == ("mcp_connection_failed_error", "gone")


def test_an_interrupt_is_quick_and_the_late_answer_is_dropped(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [[call("mcp__shop__slow")]]
    with shop() as (asked, url):
        made = session(server, **agent(url))
        server.send(made.id, {"type": "user.message", "content": [{"type": "text", "text": "go"}]})
        assert asked.started.wait(20)
        server.send(made.id, {"type": "user.interrupt"})
        server.until(made.id, "idle", 3)
        asked.gate.set()
        (result,) = of(server.events(made.id), "agent.mcp_tool_result")
        assert result.is_error and "interrupted" in result.content[0].text
        server.client.beta.sessions.delete(made.id)


def test_an_unknown_program_is_a_400_when_the_session_is_created(server: Server) -> None:
    with pytest.raises(anthropic.BadRequestError, match="mcp_stdio"):
        session(server, **agent("stdio:files"))


def test_a_program_of_the_administrators_runs_and_survives_a_kill(
    home: Home, scripted: ScriptedModel
) -> None:
    traits = {"mcp_stdio": {"env": {"command": program(home.folder), "env": {"COLOUR": "red"}}}}
    traits["mcp_connect_timeout"] = 30.0  # type: ignore[assignment]
    variables = {"ANTHROPIC_API_KEY": "sk-secret"}
    home = Home(home.folder, home.model_url, traits, variables)
    use = [call("mcp__shop__variables")]
    scripted.script += [use, [say("one")], use]
    with serving(home) as server:
        made = session(
            server, **agent("stdio:env", policy=ALLOW, configs=[{"name": "die", "permission_policy": ASK}])
        )
        events = server.turn(made.id, "go")
        assert not of(events, "session.error")
        (shown,) = of(events, "agent.mcp_tool_result")
        text = shown.content[0].text
        assert "COLOUR=red" in text and "secret" not in text and "JUPYTER" not in text and "TOKEN" not in text
        server.process.kill()
        server.process.wait()
    scripted.script.append([say("two")])
    with serving(home) as server:
        events = server.turn(made.id, "again")
        (again,) = of(events, "agent.mcp_tool_result")
        assert again.content[0].text == text
    tools = [request["tools"] for request in scripted.requests]
    assert len(tools) == 4 and all(found == tools[0] for found in tools)
