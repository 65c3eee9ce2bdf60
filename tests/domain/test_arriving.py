"""The fold of a streamed answer, with the SDK's own as the oracle."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents.domain.arriving import STRANGE, Arriving
from jupyter_agents.testing import Reply, ScriptedModel, call, say, think
from jupyter_agents.testing.model import stream_events

Doc = dict[str, Any]

CITED = say("It says so.") | {
    "citations": [
        {
            "type": "char_location",
            "cited_text": "so",
            "document_index": 0,
            "document_title": None,
            "start_char_index": 0,
            "end_char_index": 2,
            "file_id": None,
        }
    ]
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
USAGE = {"input_tokens": 7, "output_tokens": 30, "cache_read_input_tokens": 5}
START = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": say("")}


def taken(*events: Any) -> Arriving:
    arriving = Arriving()
    for event in events:
        arriving.take(event)
    return arriving


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [say("")],
        [think("Hm."), say("A long answer. " * 50), call("bash", command="ls", timeout_ms=5)],
        [call("write", file_path="a", content="ü\n" * 500), call("bash")],
        [{"type": "redacted_thinking", "data": "x"}, CITED, SEARCH],
    ],
)
def test_an_answer_is_what_the_sdk_makes_of_it(blocks: list[Doc]) -> None:
    reply = Reply(blocks, usage=USAGE, chunk=7)
    arriving = taken(*stream_events("claude-opus-4-7", reply))
    with ScriptedModel([reply]) as model, anthropic.Anthropic(base_url=model.url, api_key="k") as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        with client.messages.stream(model="claude-opus-4-7", max_tokens=9, messages=messages) as stream:
            whole = stream.get_final_message()
    assert arriving.content == [block.to_dict(mode="json") for block in whole.content] == blocks
    assert arriving.stop_reason == whole.stop_reason
    assert arriving.counts == USAGE | {"cache_creation_input_tokens": 0}


def test_what_is_told_of_each_event() -> None:
    events = [*stream_events("m", Reply([think("Hm."), say("Hi."), call("bash", command="ls")]))]
    arriving = Arriving()
    told = [news for event in events if (news := arriving.take(event))]
    assert told == [(0, "thinking", ""), (1, "text", ""), (1, "text", "Hi."), (2, "tool_use", "")]


def test_an_input_that_was_cut_holds_what_came_of_it() -> None:
    use = call("bash") | {"input": {}}
    part = {"type": "input_json_delta", "partial_json": '{"command":"ls","timeout'}
    arriving = taken(
        START,
        {"type": "content_block_start", "index": 0, "content_block": use},
        {"type": "content_block_delta", "index": 0, "delta": part},
    )
    assert arriving.content == [use | {"input": {"command": "ls"}}] and arriving.stop_reason is None


def test_counts_that_come_last_win_and_null_is_no_count() -> None:
    usage = {"output_tokens": 9, "input_tokens": None, "server_tool_use": {"web_search_requests": 2}}
    arriving = taken(START, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    assert arriving.counts["input_tokens"] == 1 and arriving.counts["output_tokens"] == 9
    assert arriving.counts["web_search_requests"] == 2


def test_what_an_endpoint_would_refuse_as_null_is_left_out() -> None:
    block = say("Hi.") | {"citations": None}
    arriving = taken(START, {"type": "content_block_start", "index": 0, "content_block": block})
    assert arriving.content == [say("Hi.")]


@pytest.mark.parametrize(
    "event",
    [
        [],
        {},
        {"type": "content_block_start", "index": 0, "content_block": {"type": 5}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 5}},
        {"type": "message_delta", "delta": None},
    ],
)
def test_an_event_that_is_none_of_an_answers(event: Any) -> None:
    with pytest.raises(ValueError, match=STRANGE):
        taken(START, TEXT, event)


@pytest.mark.parametrize("block", [{"type": "text", "text": 5}, {"type": "tool_use", "id": "x"}])
def test_a_block_without_what_is_read_of_it(block: Doc) -> None:
    arriving = taken(START, {"type": "content_block_start", "index": 0, "content_block": block})
    with pytest.raises(ValueError, match=STRANGE):
        _ = arriving.content


def test_counts_that_are_none() -> None:
    arriving = taken(START | {"message": {"usage": {"input_tokens": []}}})
    assert arriving.counts["input_tokens"] == 0
    with pytest.raises(ValueError, match=STRANGE):
        _ = taken(START | {"message": {"usage": {"input_tokens": [1]}}}).counts
