"""The endpoint as it may be: refusing features, keys and models, dead, broken, hostile."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from jupyter_agents.errors import ModelError
from jupyter_agents.runtime.model import AnthropicModel, refused_feature, request_features, without_feature
from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, summary, think

Doc = dict[str, Any]

MARK = {"cache_control": {"type": "ephemeral"}}
REQUEST: Doc = {
    "model": "claude-opus-4-7",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "s"} | MARK],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"} | MARK]}],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
}


def nothing(*_: Any) -> None:
    pass


class Endpoint:
    """The scripted endpoint, or the address of another, with a client of it."""

    def __init__(self, url: str, key: str = "k") -> None:
        self.dropped: dict[str, set[str]] = {}
        self.client = anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0)
        self.model = AnthropicModel(self.client, self.dropped)

    async def fails(self, request: Doc = REQUEST) -> ModelError:
        with pytest.raises(ModelError) as caught:
            await self.model.answer(request, nothing)
        return caught.value


@pytest.fixture
async def endpoint(scripted: ScriptedModel) -> AsyncIterator[Endpoint]:
    made = Endpoint(scripted.url)
    yield made
    await made.client.close()


async def test_an_answer_is_kept_as_it_came(endpoint: Endpoint, scripted: ScriptedModel) -> None:
    blocks = [think("Hm."), say("Hi."), call("bash", command="ls")]
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 5}
    scripted.script.append(Reply(blocks, usage=usage))
    heard: list[tuple[str, int, str]] = []
    answer = await endpoint.model.answer(REQUEST, lambda *args: heard.append(args))
    assert answer.content == blocks
    assert answer.stop_reason == "tool_use" and answer.model == "claude-opus-4-7" and not answer.replayed
    assert answer.usage == usage | {"cache_creation_input_tokens": 0}
    assert heard == [("thinking", 0, ""), ("text", 1, ""), ("text", 1, "Hi."), ("other", 2, "")]
    json.dumps(answer.content)


@pytest.mark.parametrize(
    ("message", "feature", "gone"),
    [
        (
            "messages.0.content.0.cache_control: Extra inputs are not permitted",
            "cache_control",
            "cache_control",
        ),
        ("thinking: adaptive thinking is not supported on this model", "thinking_adaptive", "thinking"),
        ("output_config.effort is not supported", "effort", "output_config"),
    ],
)
async def test_a_refused_feature_is_dropped_and_remembered(
    endpoint: Endpoint, scripted: ScriptedModel, message: str, feature: str, gone: str
) -> None:
    scripted.script += [Fault(400, "invalid_request_error", message), [say("Hi.")]]
    assert (await endpoint.model.answer(REQUEST, nothing)).content == [say("Hi.")]
    assert endpoint.dropped == {"claude-opus-4-7": {feature}}
    first, second = scripted.requests
    assert gone in json.dumps(first) and gone not in json.dumps(second)


async def test_an_endpoint_that_refuses_everything_gets_a_plain_request(
    endpoint: Endpoint, scripted: ScriptedModel
) -> None:
    refusals = [
        Fault(400, "invalid_request_error", f"{f}: no") for f in ("cache_control", "thinking", "effort")
    ]
    scripted.script += [*refusals, [say("Hi.")]]
    await endpoint.model.answer(REQUEST, nothing)
    assert scripted.requests[-1].keys() == {"model", "max_tokens", "system", "messages", "stream"}


async def test_a_400_about_something_else_is_told(endpoint: Endpoint, scripted: ScriptedModel) -> None:
    scripted.script.append(Fault(400, "invalid_request_error", "messages: too strange"))
    error = await endpoint.fails()
    assert not error.transient and "400" in error.message and "too strange" in error.message


async def test_a_feature_that_was_not_sent_is_not_dropped_for_ever(
    endpoint: Endpoint, scripted: ScriptedModel
) -> None:
    scripted.script.append(Fault(400, "invalid_request_error", "thinking: no"))
    plain = {k: REQUEST[k] for k in ("model", "max_tokens", "messages")}
    await endpoint.fails(plain)
    assert endpoint.dropped == {}


async def test_a_wrong_key() -> None:
    with ScriptedModel([[say("Hi.")]], key="right") as scripted:
        wrong, right = Endpoint(scripted.url, "wrong"), Endpoint(scripted.url, "right")
        error = await wrong.fails()
        assert not error.transient and "%agent login" in error.message and "wrong" not in error.message
        assert (await right.model.answer(REQUEST, nothing)).content == [say("Hi.")]
        await wrong.client.close()
        await right.client.close()


async def test_an_unknown_model_lists_what_is_offered() -> None:
    with ScriptedModel(models=["qwen-coder", "llama"]) as scripted:
        endpoint = Endpoint(scripted.url)
        error = await endpoint.fails()
        assert not error.transient
        assert "'claude-opus-4-7'" in error.message and "qwen-coder, llama" in error.message
        await endpoint.client.close()


async def test_a_dead_endpoint_says_where_it_was_looked_for() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = Endpoint(f"http://127.0.0.1:{unused.getsockname()[1]}")
        error = await endpoint.fails()
    assert error.transient and "127.0.0.1" in error.message and "JUPYTER_AGENTS_MODEL_URL" in error.message
    await endpoint.client.close()


@pytest.mark.parametrize(
    ("fault", "kind", "transient"),
    [
        (Fault(429, "rate_limit_error", "Slow"), "model_rate_limited_error", True),
        (Fault(529), "model_overloaded_error", True),
        (Fault(503, "api_error", "x"), "model_request_failed_error", True),
        (Fault(402, "billing_error", "Pay"), "billing_error", False),
        (Fault(413, "request_too_large", "x"), "model_request_failed_error", False),
        (Fault(broken=True), "model_request_failed_error", True),
        (Fault(late=True), "model_overloaded_error", True),
    ],
)
async def test_faults_are_told_apart(
    endpoint: Endpoint, scripted: ScriptedModel, fault: Fault, kind: str, transient: bool
) -> None:
    scripted.script.append(fault)
    error = await endpoint.fails()
    assert (error.type, error.transient) == (kind, transient)


START = {
    "type": "message_start",
    "message": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}


def frames(*events: Doc) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"event: message_start\ndata: {not json\n\n",
        b"event: message_start\ndata: []\n\n",
        frames({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}),
        frames(
            START, {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "x"}}
        ),
        frames(START, {"type": "content_block_start", "index": 0, "content_block": None}),
        frames(START, {"type": "message_delta", "delta": None, "usage": None}),
        frames(START),
        b"\xff\xfe\x00",
    ],
)
async def test_nonsense_in_place_of_an_answer_is_the_endpoints_fault(body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + body
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        endpoint = Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        error = await endpoint.fails()
        assert error.transient and "broke off" in error.message
        await endpoint.client.close()


@pytest.mark.parametrize(
    ("status", "message", "too_long"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum", True),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000", True),
        (400, "This model's maximum context length is 32768 tokens. However, you requested 40000", True),
        (400, "the request exceeds the available context size, try increasing it", True),
        (413, "Request exceeds the maximum size", True),
        (400, "messages: text content blocks must be non-empty", False),
        (500, "prompt is too long", False),
    ],
)
async def test_a_prompt_that_is_too_long_is_told_from_other_faults(
    endpoint: Endpoint, scripted: ScriptedModel, status: int, message: str, too_long: bool
) -> None:
    scripted.script.append(Fault(status, "invalid_request_error", message))
    assert (await endpoint.fails()).too_long == too_long


async def test_the_endpoints_own_compaction_and_what_it_cost(
    endpoint: Endpoint, scripted: ScriptedModel
) -> None:
    part = {
        "type": "compaction",
        "input_tokens": 900,
        "output_tokens": 50,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    }
    usage = {"input_tokens": 1, "output_tokens": 0, "iterations": [part]}
    scripted.script.append(Reply([summary("All of it.")], usage=usage))
    answer = await endpoint.model.answer(REQUEST | {"compaction": {"type": "summarize"}}, nothing)
    assert answer.content == [summary("All of it.")] and answer.stop_reason == "compaction"
    assert answer.usage == {
        "input_tokens": 901,
        "output_tokens": 50,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 30,
        "ephemeral_1h_input_tokens": 20,
    }


@pytest.mark.parametrize(
    "message",
    [
        "compaction: Extra inputs are not permitted",
        "messages.0.content.0: Input tag 'compaction' does not match any of the expected tags",
        "Unexpected value(s) `compact-2026-09-04` for the `anthropic-beta` header",
    ],
)
async def test_a_refused_compaction_block_is_sent_as_text(
    endpoint: Endpoint, scripted: ScriptedModel, message: str
) -> None:
    thread = [
        {"role": "assistant", "content": [summary("All of it.")]},
        {"role": "user", "content": [{"type": "text", "text": "go on"}]},
    ]
    scripted.script += [Fault(400, "invalid_request_error", message), [say("Hi.")]]
    await endpoint.model.answer(REQUEST | {"messages": thread}, nothing)
    (sent,) = scripted.requests[1]["messages"]
    assert sent["role"] == "user" and "All of it." in sent["content"][0]["text"]
    assert endpoint.dropped == {"claude-opus-4-7": {"compaction"}}


def test_features_by_name() -> None:
    assert request_features(REQUEST) == {"cache_control", "thinking_adaptive", "effort"}
    bare = REQUEST
    for feature in request_features(REQUEST):
        bare = without_feature(bare, feature)
    assert request_features(bare) == set()
    assert refused_feature("something else") is None
