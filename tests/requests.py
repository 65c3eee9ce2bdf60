"""What the Messages API takes, by the SDK's own types and the rules that types do not tell."""

from __future__ import annotations

from typing import Any

from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming

from jupyter_agents import wire

Doc = dict[str, Any]

MARKS = 4
IMAGES = 100


def check_request(request: Doc) -> None:
    """Fails for a request that the Messages API would refuse."""
    wire.strict(MessageCreateParamsNonStreaming)(request)
    messages = request["messages"]
    assert (messages and messages[0]["role"] == "user") or messages[0]["content"][0]["type"] == "compaction"
    pending: list[str] = []
    for position, message in enumerate(messages):
        content = message["content"]
        assert content
        assert position == 0 or message["role"] != messages[position - 1]["role"]
        if message["role"] == "user":
            found = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
            assert found == pending
            assert [block["type"] for block in content[: len(found)]] == ["tool_result"] * len(found)
        pending = [block["id"] for block in content if block["type"] == "tool_use"]
        if message["role"] == "assistant" and position < len(messages) - 1:
            assert content[-1]["type"] not in ("thinking", "redacted_thinking")
    assert not pending
    blocks = [block for message in messages for block in message["content"]]
    blocks += [part for block in blocks if block["type"] == "tool_result" for part in block["content"]]
    assert all(block["text"].strip() for block in blocks if block["type"] == "text")
    assert sum(block["type"] == "compaction" for block in blocks) <= 1
    assert sum("cache_control" in block for block in [*blocks, *request.get("system", [])]) <= MARKS
    assert sum(block["type"] == "image" for block in blocks) <= IMAGES
    last = messages[-1]
    if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
        assert last["content"][-1]["text"] == last["content"][-1]["text"].rstrip()
