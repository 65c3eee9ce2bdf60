from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_agents.domain import inbox
from jupyter_agents.errors import Conflict, InvalidRequest, NotSupported
from tests.domain.talk import USAGE, Talk, text

Doc = dict[str, Any]

MESSAGE: Doc = {"type": "user.message", "content": [text("hi")]}
INTERRUPT: Doc = {"type": "user.interrupt"}
CENT: Doc = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}


def confirm(call: str, result: str = "allow", **more: Any) -> Doc:
    return {"type": "user.tool_confirmation", "tool_use_id": call, "result": result, **more}


def give(call: str, *content: Doc) -> Doc:
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call, "content": list(content)}


def waiting(*permissions: str) -> tuple[Talk, list[str]]:
    """A session that is idle and waits for answers."""
    talk = Talk()
    talk.turn()
    calls = talk.calls(*permissions)
    talk.idle("requires_action", event_ids=calls)
    return talk, calls


def refused(talk: Talk, *events: Doc) -> str:
    with pytest.raises(InvalidRequest) as caught:
        inbox.check(talk.state, events)
    return caught.value.message


def test_messages_and_interrupts_are_always_taken() -> None:
    talk = Talk()
    inbox.check(talk.state, [MESSAGE, INTERRUPT, MESSAGE])
    talk.turn()
    inbox.check(talk.state, [MESSAGE, INTERRUPT, MESSAGE])


def test_there_must_be_something() -> None:
    assert "at least one" in refused(Talk())


def test_a_terminated_session_takes_nothing() -> None:
    talk = Talk()
    talk.event({"type": "session.status_terminated"})
    with pytest.raises(Conflict):
        inbox.check(talk.state, [MESSAGE])


@pytest.mark.parametrize("kind", ["user.define_outcome"])
def test_what_is_not_built_says_so(kind: str) -> None:
    with pytest.raises(NotSupported, match=kind):
        inbox.check(Talk().state, [{"type": kind}])


def test_tool_results_are_for_self_hosted_environments() -> None:
    assert "self-hosted" in refused(Talk(), {"type": "user.tool_result", "tool_use_id": "x"})


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (confirm("sevt_none"), "not an open call"),
        (give("sevt_none"), "not an open call"),
    ],
)
def test_an_answer_needs_an_open_call(event: Doc, why: str) -> None:
    talk, _ = waiting("ask", "custom")
    assert why in refused(talk, event)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda ask, custom: [confirm(ask), confirm(ask)], "answered already"),
        (lambda ask, custom: [give(custom), give(custom)], "answered already"),
        (lambda ask, custom: [confirm(custom)], "another kind"),
        (lambda ask, custom: [give(ask)], "another kind"),
        (lambda ask, custom: [confirm(ask, "allow", deny_message="no")], "deny_message"),
        (lambda ask, custom: [MESSAGE], "waits for answers"),
        (lambda ask, custom: [confirm(ask), MESSAGE], "waits for answers"),
        (lambda ask, custom: [INTERRUPT, confirm(ask)], "interrupted"),
        (lambda ask, custom: [give(custom, {"type": "redacted"})], "redacted"),
    ],
)
def test_a_wrong_answer_is_refused(answer: Callable[[str, str], list[Doc]], why: str) -> None:
    talk, (ask, custom) = waiting("ask", "custom")
    assert why in refused(talk, *answer(ask, custom))


@pytest.mark.parametrize(
    "answer",
    [
        lambda ask, custom: [confirm(ask), give(custom, text("sunny"))],
        lambda ask, custom: [confirm(ask, "deny", deny_message="no")],
        lambda ask, custom: [INTERRUPT, MESSAGE],
    ],
)
def test_a_right_answer_is_taken(answer: Callable[[str, str], list[Doc]]) -> None:
    talk, (ask, custom) = waiting("ask", "custom")
    inbox.check(talk.state, answer(ask, custom))


def test_a_queued_answer_or_interrupt_counts_as_given() -> None:
    talk, (ask, other) = waiting("ask", "ask")
    talk.confirm(ask)
    assert "answered already" in refused(talk, confirm(ask))
    talk.interrupt()
    assert "interrupted" in refused(talk, confirm(other))


def test_an_allowed_call_was_not_asked_for() -> None:
    talk = Talk()
    talk.turn()
    (call,) = talk.calls("allow")
    assert "was not asked for" in refused(talk, confirm(call))


def test_only_settling_events_are_taken_at_the_budget() -> None:
    talk = Talk(budget=CENT)
    talk.turn()
    talk.message("steer")
    talk.answer(text("a"), usage=USAGE | {"input_tokens": 2000})
    inbox.check(talk.state, [MESSAGE])
    talk.idle("budget_reached")
    assert all(kind in refused(talk, MESSAGE) for kind in inbox.SETTLING)
    inbox.check(talk.state, [INTERRUPT])
    assert not inbox.stored(talk.state, INTERRUPT)
    talk.event({"type": "session.updated"}, {"budget": None})
    inbox.check(talk.state, [MESSAGE])
    assert inbox.stored(talk.state, INTERRUPT)


def test_an_interrupt_may_name_the_primary_thread_only() -> None:
    talk = Talk()
    inbox.check(talk.state, [INTERRUPT | {"session_thread_id": "sthr_1"}])
    assert "no such thread" in refused(talk, INTERRUPT | {"session_thread_id": "sthr_2"})


@pytest.mark.parametrize("content", [[], [text("  ")], [{"type": "redacted"}]])
def test_a_message_needs_content(content: list[Doc]) -> None:
    assert "events.0.content" in refused(Talk(), {"type": "user.message", "content": content})
