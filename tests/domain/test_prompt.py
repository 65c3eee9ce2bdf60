from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from jupyter_agents.domain.prompt import (
    CUSTOM_NOTE,
    WEB_NOTE,
    build_request,
    exchange_key,
    position,
    tool_results,
)
from tests.domain.talk import CUSTOM, TOOLSET, Talk, text

Doc = dict[str, Any]
NONE = {"cache_control", "thinking_adaptive", "effort"}


def asked(**more: Any) -> Talk:
    talk = Talk(**more)
    talk.turn("do it")
    return talk


def test_the_request_of_a_known_model() -> None:
    request = build_request(asked(agent={"system": "Be kind.", "model": "claude-opus-5"}).state)
    assert request["model"] == "claude-opus-5" and request["max_tokens"] == 64000
    assert request["thinking"] == {"type": "adaptive"} and request["output_config"] == {"effort": "high"}
    assert request["system"][0] == {"type": "text", "text": "Be kind."}
    assert "cache_control" in request["system"][-1]
    assert request["messages"] == [
        {"role": "user", "content": [text("do it") | {"cache_control": {"type": "ephemeral"}}]}
    ]
    names = [tool["name"] for tool in request["tools"]]
    assert names == ["bash", "edit", "glob", "grep", "read", "web_fetch", "web_search", "write", "weather"]


def test_the_request_of_an_unknown_model_is_plain() -> None:
    request = build_request(asked(agent={"model": "local"}).state)
    assert request.keys() == {"model", "max_tokens", "messages", "system", "tools"}
    assert "cache_control" not in json.dumps(request)


def test_what_an_endpoint_refused_is_left_out() -> None:
    request = build_request(asked().state, NONE)
    assert request.keys() == {"model", "max_tokens", "messages", "system", "tools"}
    assert "cache_control" not in json.dumps(request)


def test_speed_and_geography_are_passed_on() -> None:
    model = {"id": "claude-opus-5", "speed": "fast", "inference_geo": "us"}
    request = build_request(asked(agent={"model": model}).state)
    assert (request["speed"], request["inference_geo"]) == ("fast", "us")


def test_a_long_answer_does_not_hide_the_cached_beginning() -> None:
    """An endpoint looks 20 blocks back from a mark, so the end of the request before is marked again."""
    talk = asked()
    before = build_request(talk.state)["messages"]
    assert marked(before) == [(0, 0)]
    calls = talk.calls(*["allow"] * 30)
    for call in calls:
        talk.result(call)
    talk.ask()
    now = build_request(talk.state)["messages"]
    assert marked(now) == [(0, 0), (2, 29)]
    assert now[:1] == before


def marked(messages: list[Doc]) -> list[tuple[int, int]]:
    return [
        (m, b)
        for m, message in enumerate(messages)
        for b, block in enumerate(message["content"])
        if "cache_control" in block
    ]


def test_an_agent_without_tools_hears_nothing_of_a_sandbox() -> None:
    request = build_request(asked(agent={"tools": [], "system": None}).state)
    assert "system" not in request and "tools" not in request


def test_notes_about_the_sandbox_come_last() -> None:
    talk = asked()
    talk._take(talk.stamp.private("private.note", {"name": "sandbox", "text": "No network here."}))
    assert build_request(talk.state)["system"][-1]["text"].endswith("No network here.")


def test_the_model_hears_which_tools_work_outside_its_sandbox() -> None:
    def said(*tools: dict[str, Any]) -> str:
        return str(build_request(asked(agent={"tools": list(tools)}).state)["system"][-1]["text"])

    bash = {**TOOLSET, "default_config": {"enabled": False}, "configs": [{"name": "bash", "enabled": True}]}
    assert WEB_NOTE in said(TOOLSET) and CUSTOM_NOTE not in said(TOOLSET)
    assert WEB_NOTE not in said(bash)
    assert f"{CUSTOM_NOTE}weather." in said(bash, CUSTOM)


def test_building_leaves_the_state_as_it_is() -> None:
    talk = asked()
    before = copy.deepcopy(talk.state.messages)
    build_request(talk.state)
    assert talk.state.messages == before


def key(talk: Talk) -> str:
    return exchange_key(build_request(talk.state))


def second_request(talk: Talk, result: str = "out", use: str = "bash") -> Talk:
    call = talk.event(
        {"type": "agent.tool_use", "name": use, "input": {}, "evaluated_permission": "allow"},
        {"tool_use_id": f"toolu_{id(talk)}"},
    )
    talk.answer({"type": "tool_use", "id": f"toolu_{id(talk)}", "name": use, "input": {"command": use}})
    talk.result(call, result)
    talk.ask()
    return talk


@pytest.mark.parametrize(
    "other",
    [
        asked(environment={"config": {"type": "cloud", "networking": {"type": "limited"}}}),
        asked(agent={"system": "Other."}),
        asked(agent={"name": "other"}),
        asked(metadata={"k": "v"}, title="T"),
    ],
)
def test_a_recording_is_found_again_though_this_differs(other: Talk) -> None:
    assert key(other) == key(asked())


def test_results_and_ids_are_not_in_the_key() -> None:
    assert key(second_request(asked(), "one")) == key(second_request(asked(), "two"))


@pytest.mark.parametrize(
    "other",
    [
        asked(agent={"model": "claude-opus-5"}),
        asked(agent={"tools": []}),
        second_request(asked()),
    ],
)
def test_a_recording_is_not_found_where_this_differs(other: Talk) -> None:
    assert key(other) != key(asked())


def test_the_call_and_the_users_words_are_in_the_key() -> None:
    assert key(second_request(asked(), use="read")) != key(second_request(asked()))
    other = Talk()
    other.turn("do that")
    assert key(other) != key(asked())


def test_cache_marks_are_not_in_the_key() -> None:
    talk = asked()
    assert exchange_key(build_request(talk.state, NONE)) == key(talk)


def test_the_place_in_the_thread_and_the_results_in_it() -> None:
    talk = second_request(asked(), "one")
    request = build_request(talk.state)
    assert position(request) == 1
    ((use, block),) = tool_results(request).items()
    assert block["tool_use_id"] == use and block["content"] == [text("one")]


def news(talk: Talk, *said: str) -> None:
    talk._take(talk.stamp.private("private.resources", {"resources": [], "news": list(said)}))


def test_news_go_behind_the_newest_message_and_stay_there() -> None:
    talk = asked()
    key = exchange_key(build_request(talk.state))
    news(talk, "one.", "two.")
    request = build_request(talk.state, NONE)
    told = text("Note from the server: one.\ntwo.")
    assert request["messages"] == [{"role": "user", "content": [text("do it"), told]}]
    assert exchange_key(request) == key
    talk._take(talk.stamp.event({"type": "span.model_request_start"}))
    news(talk, "three.")
    assert build_request(talk.state, NONE)["messages"][0]["content"] == [
        text("do it"),
        told,
        text("Note from the server: three."),
    ]
    assert talk.state.news == ["three."]


def test_news_wait_for_a_message_of_the_user() -> None:
    talk = Talk()
    news(talk, "one.")
    assert build_request(talk.state, NONE)["messages"] == []
    talk.turn("do it")
    assert len(build_request(talk.state, NONE)["messages"][0]["content"]) == 2
