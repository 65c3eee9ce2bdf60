"""The official SDK as it is: every answer and event is one of its own, and its helpers work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anthropic
from anthropic.lib.sessions import accumulate_managed_agents_event

from jupyter_agents import wire
from jupyter_agents.testing import Reply, ScriptedModel, call, say, summary, think
from tests.support import TOKEN, Server, types, user

ASK: Any = {
    "type": "agent_toolset_20260401",
    "configs": [{"name": "bash", "permission_policy": {"type": "always_ask"}}],
}
CUSTOM: Any = {"type": "custom", "name": "weather", "description": "d", "input_schema": {"type": "object"}}


def complete(model: Any, found: dict[str, Any]) -> None:
    """`found` is one of the SDK's response models and leaves out nothing, at any depth."""
    made = model.model_validate(found)
    assert not made.model_extra
    _compare(made, found)


def _compare(made: Any, found: Any) -> None:
    if isinstance(found, list):
        for one, other in zip(made, found, strict=True):
            _compare(one, other)
    elif hasattr(type(made), "model_fields"):
        optional = {"session_thread_id", "evaluation", "stop_details", "speed"}
        missing = type(made).model_fields.keys() - found.keys() - optional
        assert not missing, f"{type(made).__name__} lacks {missing}"
        for key, value in found.items():
            _compare(getattr(made, key), value)


def test_objects_leave_out_nothing(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("bash", command="echo out > outputs/a.txt")], [say("Done.")]]
    upload = server.client.beta.files.upload(file=("data.csv", b"a,b\n", "text/csv"))
    session = server.session(
        resources=[{"type": "file", "file_id": upload.id}],
        budget={"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}},
        metadata={"k": "v"},
    )
    server.turn(session.id, "go")
    for model, path in (
        (wire.Agent, f"v1/agents/{session.agent.id}"),
        (wire.Environment, f"v1/environments/{session.environment_id}"),
        (wire.Session, f"v1/sessions/{session.id}"),
        (wire.File, f"v1/files/{upload.id}"),
    ):
        complete(model, server.request("GET", path).json())
    files = server.request("GET", "v1/files", params={"scope_id": session.id}).json()["data"]
    assert len(files) == 2
    for found in files:
        complete(wire.File, found)


def test_every_event_of_every_kind_of_turn_is_the_sdks(server: Server, scripted: ScriptedModel) -> None:
    refusal = {"type": "refusal", "category": None, "explanation": None}
    scripted.script += [
        [think(), say("a"), call("bash", command="true"), call("weather"), call("nonsense")],
        Reply([say("No.")], stop_reason="refusal", stop_details=refusal),
    ]
    session = server.session([ASK, CUSTOM])
    first = server.turn(session.id, "go")
    uses = [e for e in first if e.type.endswith("tool_use")]
    server.turn(
        session.id,
        {"type": "user.tool_confirmation", "tool_use_id": uses[0].id, "result": "deny", "deny_message": "no"},
        {"type": "user.custom_tool_result", "custom_tool_use_id": uses[1].id},
    )
    server.turn(session.id, "fails: the script has ended")
    server.client.beta.sessions.archive(session.id)
    page = server.request("GET", f"v1/sessions/{session.id}/events").json()
    adapter = wire.event_adapter()
    for event in page["data"]:
        found = adapter.validate_python(event)
        if not event["type"].startswith("user."):
            complete(type(found), event)
    kinds = set(types(page["data"]))
    assert {"session.error", "user.tool_confirmation", "session.status_terminated", "agent.thinking"} <= kinds


def test_the_sdks_accumulator_follows_the_previews(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([think(), say("One. "), say("Two. " * 30)], chunk=9))
    snapshot, seen = None, 0
    for event in server.turn(server.session().id, "go", deltas=["agent.message", "agent.thinking"]):
        before, snapshot = snapshot, accumulate_managed_agents_event(snapshot, event)
        seen += event.type == "event_delta"
        if event.type == "agent.message":
            assert before is not None and before.content == event.content and before.id == event.id
    assert snapshot is not None and seen > 10


async def test_the_sdks_tool_runner_answers_custom_calls(server: Server, scripted: ScriptedModel) -> None:
    @anthropic.beta_async_tool
    async def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return f"sunny in {city}"

    scripted.script += [[call("weather", city="Oslo")], [say("Sunny.")]]
    session = server.session(
        [{"type": "custom", "name": "weather", "description": "d", "input_schema": {"type": "object"}}]
    )
    server.send(session.id, user("Weather?"))
    async with anthropic.AsyncAnthropic(base_url=server.url, auth_token=TOKEN) as client:
        runner = client.beta.sessions.events.tool_runner(session.id, tools=[weather], max_idle=0.2)
        async for _ in runner:
            pass
    (result,) = scripted.requests[-1]["messages"][-1]["content"]
    assert result["content"] == [{"type": "text", "text": "sunny in Oslo"}]


def test_times_are_rfc3339_in_utc(server: Server) -> None:
    created = server.request("GET", f"v1/sessions/{server.session().id}").json()["created_at"]
    assert created.endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()) < 60


def test_a_conversation_that_outgrows_the_window_goes_on(server: Server, scripted: ScriptedModel) -> None:
    full = {"input_tokens": 760_000, "output_tokens": 20}
    scripted.script += [Reply([say("One.")], usage=full), [summary("All of it.")], [say("Two.")]]
    session = server.session([CUSTOM])
    server.turn(session.id, "first")
    found = server.turn(session.id, "second")
    assert types(found).count("agent.thread_context_compacted") == 1
    assert [e.stop_reason.type for e in found if e.type == "session.status_idle"] == ["end_turn"]
    chosen = server.client.beta.sessions.events.list(session.id, types=["agent.thread_context_compacted"])
    (event,) = chosen.data
    complete(type(event), event.to_dict(mode="json"))
    texts = [e.content[0].text for e in server.events(session.id) if e.type == "user.message"]
    assert texts == ["first", "second"]
    usage = server.client.beta.sessions.retrieve(session.id).usage
    assert usage.input_tokens == 760_000 + 100 + 100
