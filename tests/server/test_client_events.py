"""What a client may send, and what the model is given for it, with the SDK over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.support import Server, types, user

Doc = dict[str, Any]

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()
SYSTEM: Any = {"type": "system.message", "content": [{"type": "text", "text": "Answer in one word."}]}
CUSTOM: Any = {"type": "custom", "name": "weather", "description": "d", "input_schema": {"type": "object"}}
UNSUPPORTED = "model_does_not_support_mid_conversation_system"


def content(*blocks: Any) -> Doc:
    return {"type": "user.message", "content": list(blocks)}


def source(kind: str, **found: Any) -> Doc:
    return {"type": kind, "source": found}


def roles(scripted: ScriptedModel) -> list[str]:
    return [message["role"] for message in scripted.requests[-1]["messages"]]


def bare(blocks: list[Doc]) -> list[Doc]:
    return [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks]


def test_a_system_message_is_a_turn_of_its_own(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[say("Yes.")], [call("weather")], [say("Sunny.")]]
    session = server.session([CUSTOM], model="claude-opus-5")
    server.turn(session.id, "one", SYSTEM)
    assert roles(scripted) == ["user", "system"]
    assert bare(scripted.requests[-1]["messages"][1]["content"]) == SYSTEM["content"]
    (queued,) = server.send(session.id, SYSTEM).data
    assert server.client.beta.sessions.retrieve(session.id).status == "idle"
    asked = server.turn(session.id, "two")
    assert roles(scripted) == ["user", "system", "assistant", "user", "system"]
    assert [e.id for e in asked if e.type == "system.message"] == [queued.id]
    (waiting,) = asked[-1].stop_reason.event_ids
    result = {"type": "user.custom_tool_result", "custom_tool_use_id": waiting}
    server.turn(session.id, result, SYSTEM)
    assert roles(scripted)[-3:] == ["assistant", "user", "system"]
    system = [e for e in server.events(session.id) if e.type == "system.message"]
    assert len(system) == 3 and all(e.processed_at for e in system)


def test_a_model_that_takes_no_system_message(server: Server) -> None:
    session = server.session(model="claude-sonnet-5")
    with pytest.raises(anthropic.BadRequestError, match="mid-conversation") as caught:
        server.send(session.id, user("go"), SYSTEM)
    assert caught.value.body["error"]["details"]["error_code"] == UNSUPPORTED  # type: ignore[index]
    assert server.events(session.id) == []


@pytest.mark.parametrize("slow", ["tool", "model"])
def test_a_message_to_a_running_session_reaches_the_next_request_of_the_turn(
    server: Server, scripted: ScriptedModel, slow: str
) -> None:
    first = call("bash", command="sleep 0.6" if slow == "tool" else "true")
    answer = Reply([say("word " * 30), first], delay=0.0 if slow == "tool" else 0.05)
    scripted.script += [answer, [say("Both done.")]]
    session = server.session()
    found: list[Any] = []
    with server.client.beta.sessions.events.stream(session.id) as stream:
        server.send(session.id, user("first"))
        for event in stream:
            found.append(event)
            begun = "agent.tool_use" if slow == "tool" else "span.model_request_start"
            if event.type == begun and types(found).count(begun) == 1:
                server.send(session.id, user("steer"))
            if event.type == "session.status_idle":
                break
    assert types(found).count("session.status_running") == 1
    assert len(scripted.requests) == 2
    last = scripted.requests[-1]["messages"][-1]["content"]
    assert [block["type"] for block in last] == ["tool_result", "text"] and last[1]["text"] == "steer"


def test_every_kind_of_content_reaches_the_model(server: Server, scripted: ScriptedModel) -> None:
    scripted.script += [[call("weather")], [say("Done.")]]
    files = server.client.beta.files
    picture = files.upload(file=("a.png", base64.b64decode(PNG), "image/png"))
    words = files.upload(file=("a.txt", b"words of a file", "text/plain"))
    session = server.session([CUSTOM])
    given = [
        {"type": "text", "text": "Look."},
        source("image", type="base64", media_type="image/png", data=PNG),
        source("image", type="url", url="https://example.org/a.png"),
        source("image", type="file", file_id=picture.id),
        source("document", type="base64", media_type="application/pdf", data=PDF),
        source("document", type="text", media_type="text/plain", data="plain"),
        source("document", type="url", url="https://example.org/a.pdf"),
        source("document", type="file", file_id=words.id) | {"title": "T", "context": "C"},
    ]
    asked = server.turn(session.id, content(*given))
    found = bare(scripted.requests[0]["messages"][0]["content"])
    expected = list(given)
    expected[3] = source("image", type="base64", media_type="image/png", data=PNG)
    text = source("document", type="text", media_type="text/plain", data="words of a file")
    expected[7] = text | {"title": "T", "context": "C"}
    assert found == expected
    result = {
        "type": "search_result",
        "source": "https://example.org",
        "title": "t",
        "content": [{"type": "text", "text": "found"}],
        "citations": {"enabled": True},
    }
    (waiting,) = asked[-1].stop_reason.event_ids
    blocks = [result, *given[1:3]]
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": waiting, "content": blocks}
    server.turn(session.id, answer)
    (block,) = scripted.requests[-1]["messages"][-1]["content"]
    assert block["content"] == blocks and block["is_error"] is False


SEARCH = {"type": "search_result", "source": "s", "title": "t", "content": [], "citations": {"enabled": True}}


@pytest.mark.parametrize(
    ("events", "where"),
    [
        ([], "at least one event"),
        ([content()], "events.0.content"),
        ([user("fine"), content({"type": "text", "text": " "})], "events.1.content.0.text"),
        ([content({"type": "redacted"})], "redacted"),
        ([content(SEARCH)], "events.0.content.0"),
        ([content(source("image", type="base64", media_type="image/png", data="%"))], "not base64"),
        ([content(source("image", type="base64", media_type="image/tiff", data=PNG))], "media_type"),
        ([content(source("image", type="file", file_id="file_none"))], "file_id"),
        ([content(source("document", type="url", url="file:///etc/passwd"))], "url"),
        ([content(source("document", type="text", media_type="text/html", data="x"))], "media_type"),
        ([{"type": "user.nonsense"}], "events.0"),
        ([{"type": "user.message"}], "content"),
        (
            [
                user("fine"),
                {
                    "type": "user.define_outcome",
                    "description": "d",
                    "rubric": {"type": "text", "content": "r"},
                },
            ],
            "define_outcome",
        ),
        ([{"type": "system.message", "content": [source("image", type="url", url="https://a")]}], "events.0"),
        ([user("fine"), SYSTEM, SYSTEM], "at most one"),
        ([SYSTEM, user("fine")], "last event"),
    ],
)
def test_all_events_are_taken_or_none(server: Server, events: Any, where: str) -> None:
    session = server.session(model="claude-opus-5")
    with pytest.raises(anthropic.BadRequestError, match=where):
        server.send(session.id, *events)
    assert server.events(session.id) == []


def test_a_terminated_session_is_a_conflict(server: Server) -> None:
    session = server.session()
    server.client.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.ConflictError):
        server.send(session.id, user("go"))
