from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_agents.domain.hygiene import LEFT_OUT, MAX_IMAGES, STEP, clean
from jupyter_agents.domain.prompt import build_request
from tests.domain.talk import Talk, text
from tests.requests import check_request

Doc = dict[str, Any]

IMAGE: Doc = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aQ=="}}
THINKING: Doc = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
USE: Doc = {"type": "tool_use", "id": "t", "name": "bash", "input": {}}
RESULT: Doc = {"type": "tool_result", "tool_use_id": "t", "content": [text("out")], "is_error": False}


def user(*content: Doc) -> Doc:
    return {"role": "user", "content": list(content)}


def assistant(*content: Doc) -> Doc:
    return {"role": "assistant", "content": list(content)}


@pytest.mark.parametrize(
    ("thread", "sent"),
    [
        ([user(text("a"))], [user(text("a"))]),
        ([user(text("a"), text(" \n"))], [user(text("a"))]),
        (
            [user(text("a")), assistant(text(" ")), user(text("b"))],
            [user(text("a"), text("b"))],
        ),
        (
            [user(text("a")), assistant(THINKING), user(text("b"))],
            [user(text("a"), text("b"))],
        ),
        (
            [user(text("a")), assistant(THINKING, USE), user(RESULT)],
            [user(text("a")), assistant(THINKING, USE), user(RESULT)],
        ),
        (
            [user(text("a")), assistant({"type": "thinking", "thinking": "no signature"}, USE), user(RESULT)],
            [user(text("a")), assistant(USE), user(RESULT)],
        ),
        (
            [user(text("a")), assistant(USE | {"input": "{"}), user(RESULT | {"content": [text("")]})],
            [user(text("a")), assistant(USE), user(RESULT | {"content": [text("(no output)")]})],
        ),
        ([user(text("a")), assistant(text("so \n"))], [user(text("a")), assistant(text("so"))]),
        (
            [user(text("a")), assistant(text("so ")), assistant(text(" "))],
            [user(text("a")), assistant(text("so"))],
        ),
    ],
)
def test_what_is_sent(thread: list[Doc], sent: list[Doc]) -> None:
    before = copy.deepcopy(thread)
    assert clean(thread) == sent
    assert thread == before


def test_thinking_that_nothing_follows_stays_only_where_the_model_goes_on_with_it() -> None:
    thread = [user(text("a")), assistant(text("so "), THINKING)]
    assert clean(thread) == thread
    assert clean(thread, resumed=False) == [user(text("a")), assistant(text("so"))]


@pytest.mark.parametrize(("images", "left"), [(100, 100), (101, 81), (120, 100), (121, 81), (300, 100)])
def test_old_images_go_in_steps_so_that_the_cache_holds(images: int, left: int) -> None:
    result = RESULT | {"content": [IMAGE] * (images // 2)}
    thread = [user(*[IMAGE] * (images - images // 2)), assistant(USE), user(result)]
    before = copy.deepcopy(thread)
    first, _, last = clean(thread)
    found = [*first["content"], *last["content"][0]["content"]]
    assert len(found) == images and found.count(IMAGE) == left <= MAX_IMAGES
    assert found == [LEFT_OUT] * (images - left) + [IMAGE] * left and (images - left) % STEP == 0
    assert thread == before


WORDS = st.sampled_from(["a", "", " \n", "words " * 30, "so "])
PARTS = st.one_of(WORDS.map(text), st.just(IMAGE))
ANSWER = st.one_of(
    WORDS.map(text),
    st.just(THINKING),
    st.just({"type": "thinking", "thinking": "Hm."}),
    st.just({"type": "redacted_thinking", "data": "x"}),
    st.just({"type": "tool_use", "name": "bash", "input": {"command": "x" * 200}}),
    st.just({"type": "tool_use", "name": "bash", "input": [1]}),
)
SUMMARY = st.sampled_from(
    [
        [text("All of it.")],
        [THINKING, text("All of it.")],
        [{"type": "compaction", "content": "All of it.", "signature": "s"}],
        [{"type": "compaction", "content": None}],
        [],
    ]
)
STOPS = st.sampled_from(["", "max_tokens", "model_context_window_exceeded"])
ACTION = st.one_of(
    st.tuples(st.just("message"), st.sampled_from(["go", "words " * 50])),
    st.tuples(st.just("answer"), st.lists(ANSWER, max_size=4), STOPS, st.lists(PARTS, max_size=3)),
    st.tuples(st.just("compact"), SUMMARY),
    st.tuples(st.just("too long")),
)


def act(talk: Talk, number: int, action: Any) -> None:
    """Do one thing to a session whose model is not being asked."""
    match action:
        case ("message", words):
            talk.process(talk.message(words))
        case ("answer", blocks, stop, parts) if talk.state.owes:
            talk.ask()
            calls = []
            for place, block in enumerate(blocks):
                if block["type"] == "tool_use":
                    blocks[place] = block | {"id": f"toolu_{number}_{place}"}
                    body = {"type": "agent.tool_use", "name": "bash", "input": {}}
                    private = {"tool_use_id": blocks[place]["id"]}
                    calls.append(talk.event(body | {"evaluated_permission": "allow"}, private))
            talk.answer(*blocks, stop_reason=stop)
            for call in reversed(calls):
                talk.event({"type": "agent.tool_result", "tool_use_id": call, "content": parts})
        case ("compact", content) if talk.state.messages:
            talk.ask_summary()
            check_request(build_request(talk.state))
            check_request(build_request(talk.state, {"compaction"}))
            talk.summarise(*content)
        case ("too long",) if talk.state.owes:
            talk.ask()
            talk.too_long()


@settings(max_examples=300, deadline=None)
@given(actions=st.lists(ACTION, max_size=14), model=st.sampled_from(["claude-opus-4-7", "local"]))
def test_whatever_was_said_the_request_is_one_that_the_api_takes(actions: list[Any], model: str) -> None:
    talk = Talk(agent={"model": model})
    talk.turn("begin")
    talk.answer(text("Hi."))
    for number, action in enumerate(actions):
        act(talk, number, copy.deepcopy(action))
        if talk.state.owes:
            for dropped in (set[str](), {"compaction"}, {"cache_control", "compaction", "effort"}):
                check_request(build_request(talk.state, dropped))
