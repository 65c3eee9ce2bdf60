from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_agents.domain import inbox, pricing
from jupyter_agents.domain.prompt import build_request, exchange_key
from jupyter_agents.domain.steps import CallModel, EndTurn, StartTurn, Wait, step
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import Talk, text

Doc = dict[str, Any]

MESSAGE: Doc = {"type": "user.message", "content": [text("hi")]}
SYSTEM: Doc = {"type": "system.message", "content": [text("Be brief.")]}
INTERRUPT: Doc = {"type": "user.interrupt"}


def able(model: str = "claude-opus-5") -> Talk:
    return Talk(agent={"model": model})


def give(call: str) -> Doc:
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call, "content": [text("sunny")]}


def refused(talk: Talk, *events: Doc) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        inbox.check(talk.state, events)
    return caught.value


@pytest.mark.parametrize("events", [[SYSTEM], [MESSAGE, SYSTEM], [INTERRUPT, MESSAGE, SYSTEM]])
def test_what_is_taken_while_idle(events: list[Doc]) -> None:
    inbox.check(able().state, events)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([SYSTEM, MESSAGE], "last event"),
        ([SYSTEM, SYSTEM], "at most one"),
        ([MESSAGE, SYSTEM, MESSAGE], "last event"),
        ([INTERRUPT, SYSTEM], "must directly follow"),
        ([SYSTEM | {"content": []}], "1 to 1000"),
        ([SYSTEM | {"content": [text("x")] * 1001}], "1 to 1000"),
        ([SYSTEM | {"content": [text("x"), text(" ")]}], "content.1.text"),
    ],
)
def test_what_is_refused(events: list[Doc], why: str) -> None:
    assert why in refused(able(), *events).message


def test_alone_only_while_idle() -> None:
    talk = able()
    talk.turn()
    assert "must directly follow" in refused(talk, SYSTEM).message
    inbox.check(talk.state, [MESSAGE, SYSTEM])


def test_while_calls_wait_only_behind_a_result() -> None:
    talk = able()
    talk.turn()
    ask, custom = talk.calls("ask", "custom")
    talk.idle("requires_action", event_ids=[ask, custom])
    confirm = {"type": "user.tool_confirmation", "tool_use_id": ask, "result": "allow"}
    assert "waits for answers" in refused(talk, SYSTEM).message
    assert "waits for answers" in refused(talk, confirm, SYSTEM).message
    inbox.check(talk.state, [confirm, give(custom), SYSTEM])
    inbox.check(talk.state, [INTERRUPT, MESSAGE, SYSTEM])


def test_not_at_the_budget() -> None:
    talk = able()
    talk.turn()
    talk.answer(text("a"))
    talk.idle("budget_reached")
    assert "budget" in refused(talk, SYSTEM).message


@pytest.mark.parametrize("model", pricing.known_models())
def test_only_for_models_that_take_it(model: str) -> None:
    if pricing.model(model).system_messages:
        inbox.check(able(model).state, [SYSTEM])
    else:
        error = refused(able(model), SYSTEM)
        assert error.code == "model_does_not_support_mid_conversation_system" and model in error.message
    assert not pricing.model("claude-sonnet-5").system_messages


def thread(talk: Talk) -> list[tuple[str, list[str]]]:
    messages = build_request(talk.state)["messages"]
    return [(m["role"], [b.get("text", b["type"]) for b in m["content"]]) for m in messages]


def test_it_follows_the_message_that_it_came_with() -> None:
    talk = able()
    talk.message("one")
    talk.queue(SYSTEM)
    talk.message("two")
    assert isinstance(step(talk.state), StartTurn)
    talk.running()
    following = step(talk.state)
    assert isinstance(following, CallModel)
    assert [m["type"] for m in following.messages] == ["user.message", "user.message", "system.message"]
    for message in following.messages:
        talk.process(message["id"])
    talk.ask()
    talk.answer(text("Yes."))
    assert thread(talk) == [("user", ["one", "two"]), ("system", ["Be brief."]), ("assistant", ["Yes."])]
    assert isinstance(step(talk.state), EndTurn)


def test_alone_it_waits_for_the_next_turn() -> None:
    talk = able()
    talk.turn("one")
    talk.answer(text("Yes."))
    talk.idle()
    talk.queue(SYSTEM)
    assert isinstance(step(talk.state), Wait)
    talk.message("two")
    talk.running()
    following = step(talk.state)
    assert isinstance(following, CallModel)
    assert [m["type"] for m in following.messages] == ["user.message", "system.message"]


def test_behind_a_result_it_goes_with_the_result() -> None:
    talk = able()
    talk.turn()
    (custom,) = talk.calls("custom")
    answer = talk.queue(give(custom))
    talk.queue(SYSTEM)
    talk.process(answer)
    following = step(talk.state)
    assert isinstance(following, CallModel) and [m["type"] for m in following.messages] == ["system.message"]
    talk.process(following.messages[0]["id"])
    assert [role for role, _ in thread(talk)] == ["user", "assistant", "user", "system"]


def test_several_are_one_turn_and_the_cache_mark_stays_behind_them() -> None:
    talk = able()
    talk.turn()
    talk.event(SYSTEM)
    talk.event(SYSTEM)
    assert [role for role, _ in thread(talk)] == ["user", "system"]
    assert "cache_control" in build_request(talk.state)["messages"][-1]["content"][-1]


@pytest.mark.parametrize(
    "other", [lambda talk: talk.event(SYSTEM | {"content": [text("Be long.")]}), lambda talk: None]
)
def test_its_text_is_in_the_key_of_a_recording(other: Callable[[Talk], object]) -> None:
    one, two = able(), able()
    for talk in (one, two):
        talk.turn()
    one.event(SYSTEM)
    other(two)
    assert exchange_key(build_request(one.state)) != exchange_key(build_request(two.state))


def test_it_is_no_wish_of_the_user() -> None:
    talk = able()
    talk.turn("read it")
    talk.event(SYSTEM)
    assert talk.state.said == ["read it"]
