"""The scripted endpoint, as the official SDK meets it."""

from __future__ import annotations

import time
from typing import Any

import anthropic
import httpx2
import pytest

from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, think

ASK: Any = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


def client(model: ScriptedModel, key: str = "k") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=model.url, api_key=key, max_retries=0)


def ask(scripted: ScriptedModel, **more: Any) -> Any:
    with client(scripted) as sdk, sdk.messages.stream(**ASK | more) as stream:
        return stream.get_final_message()


def test_the_script_is_played_in_order_and_requests_are_kept(scripted: ScriptedModel) -> None:
    blocks = [think("Hm."), say("Hi."), call("bash", command="ls")]
    scripted.script += [blocks, lambda request: [say(request["model"])]]
    first = ask(scripted)
    assert [block.to_dict() for block in first.content] == blocks
    assert first.stop_reason == "tool_use" and first.usage.input_tokens == 100
    assert ask(scripted, model="other").content[0].text == "other"
    assert [request["model"] for request in scripted.requests] == ["m", "other"]


def test_what_a_server_tool_did_is_played_with_its_citations(scripted: ScriptedModel) -> None:
    hit = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "x"}
    citation = {
        **{"type": "web_search_result_location", "url": "https://a.example", "title": "A"},
        **{"cited_text": "words", "encrypted_index": "x"},
    }
    blocks = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [hit]},
        {**say("It says so."), "citations": [citation]},
    ]
    scripted.script.append(blocks)
    used, found, said = (block.to_dict() for block in ask(scripted).content)
    assert used["input"] == {"query": "q"}
    assert (found["content"][0]["url"], said["citations"]) == ("https://a.example", [citation])


def test_beyond_its_end_it_says_so(scripted: ScriptedModel) -> None:
    with pytest.raises(anthropic.BadRequestError, match="script of this test model has ended"):
        ask(scripted)


def test_calls_have_ids_of_their_own() -> None:
    assert call("bash")["id"] != call("bash")["id"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Fault(),
            anthropic.OverloadedError if hasattr(anthropic, "OverloadedError") else anthropic.APIStatusError,
        ),
        (Fault(429, "rate_limit_error", "Slow"), anthropic.RateLimitError),
        (Fault(late=True), anthropic.APIStatusError),
        (Fault(broken=True), httpx2.RemoteProtocolError),
    ],
)
def test_faults(scripted: ScriptedModel, fault: Fault, error: type[Exception]) -> None:
    scripted.script.append(fault)
    with pytest.raises(error):
        ask(scripted)


def test_a_fault_may_hang_first(scripted: ScriptedModel) -> None:
    scripted.script.append(Fault(hang=0.2))
    start = time.monotonic()
    with pytest.raises(anthropic.APIStatusError):
        ask(scripted)
    assert time.monotonic() - start >= 0.2


def test_text_comes_in_chunks_with_pauses(scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("abcdefghij")], chunk=3, delay=0.02))
    heard = []
    start = time.monotonic()
    with client(scripted) as sdk, sdk.messages.stream(**ASK) as stream:
        heard = list(stream.text_stream)
    assert heard == ["abc", "def", "ghi", "j"] and time.monotonic() - start >= 0.08


def test_it_insists_on_its_key_and_its_models() -> None:
    with ScriptedModel([[say("Hi.")]], key="right", models=["m"]) as model:
        with client(model, "wrong") as sdk, pytest.raises(anthropic.AuthenticationError):
            sdk.messages.create(**ASK)
        with client(model, "right") as sdk:
            assert [m.id for m in sdk.models.list()] == ["m"]
            with pytest.raises(anthropic.NotFoundError), sdk.messages.stream(**ASK | {"model": "x"}):
                pass
            with sdk.messages.stream(**ASK) as stream:
                assert stream.get_final_text() == "Hi."
