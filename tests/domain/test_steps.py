from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_agents.domain.compaction import MAX_COMPACTIONS
from jupyter_agents.domain.sessions import MAX_FAILURES
from jupyter_agents.domain.steps import (
    MAX_CUTS,
    CallModel,
    Compact,
    Deny,
    EndTurn,
    Interrupt,
    Retry,
    RunTools,
    Settle,
    StartTurn,
    Step,
    Stop,
    Wait,
    begins,
    goes_on,
    step,
)
from tests.domain.talk import USAGE, Talk, text

Doc = dict[str, Any]

BUDGET = {"budget": {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}}
DEAR = USAGE | {"input_tokens": 2000}


def ended(step: Step) -> str:
    assert isinstance(step, EndTurn)
    return str(step.reason["type"])


def test_a_new_session_waits() -> None:
    assert step(Talk().state) == Wait()


def test_a_message_starts_a_turn() -> None:
    talk = Talk()
    talk.message()
    assert step(talk.state) == StartTurn()


def test_a_running_turn_gives_the_model_all_queued_messages() -> None:
    talk = Talk()
    talk.message("one")
    talk.running()
    talk.message("two")
    now = step(talk.state)
    assert isinstance(now, CallModel)
    assert [m["content"][0]["text"] for m in now.messages] == ["one", "two"]


def test_an_answer_without_calls_ends_the_turn() -> None:
    talk = Talk()
    talk.turn()
    talk.answer(text("Done."))
    assert step(talk.state) == EndTurn({"type": "end_turn"})


def test_an_empty_answer_ends_the_turn_too() -> None:
    talk = Talk()
    talk.turn()
    talk.answer()
    assert step(talk.state) == EndTurn({"type": "end_turn"})


def test_a_message_during_the_turn_steers_it() -> None:
    talk = Talk()
    talk.turn()
    talk.message("also this")
    talk.answer(text("Done."))
    assert isinstance(step(talk.state), CallModel)


def test_a_paused_answer_is_asked_to_go_on() -> None:
    talk = Talk()
    talk.turn()
    talk.answer(text("So far"), stop_reason="pause_turn")
    assert step(talk.state) == CallModel([])


def test_allowed_calls_run_and_their_results_go_to_the_model() -> None:
    talk = Talk()
    talk.turn()
    one, two = talk.calls("allow", "allow")
    now = step(talk.state)
    assert isinstance(now, RunTools) and [c.id for c in now.calls] == [one, two]
    talk.result(one)
    now = step(talk.state)
    assert isinstance(now, RunTools) and [c.id for c in now.calls] == [two]
    talk.result(two)
    assert step(talk.state) == CallModel([])


def test_denied_calls_are_answered_before_others_run() -> None:
    talk = Talk()
    talk.turn()
    denied, _ = talk.calls("deny", "allow")
    now = step(talk.state)
    assert isinstance(now, Deny) and [c.id for c in now.calls] == [denied]


def test_requires_action_comes_after_every_allowed_call() -> None:
    talk = Talk()
    talk.turn()
    asked, allowed, custom = talk.calls("ask", "allow", "custom")
    assert isinstance(step(talk.state), RunTools)
    talk.result(allowed)
    assert step(talk.state) == EndTurn({"type": "requires_action", "event_ids": [asked, custom]})
    talk.idle("requires_action", event_ids=[asked, custom])
    assert step(talk.state) == Wait()


def test_a_partial_answer_announces_the_rest_again() -> None:
    talk = Talk()
    talk.turn()
    one, two = talk.calls("ask", "ask")
    talk.idle("requires_action", event_ids=[one, two])
    answer = talk.confirm(one)
    now = step(talk.state)
    assert isinstance(now, Settle) and [e["id"] for e in now.events] == [answer]
    talk.process(answer)
    assert step(talk.state) == EndTurn({"type": "requires_action", "event_ids": [two]})
    talk.idle("requires_action", event_ids=[two])
    talk.process(talk.confirm(two, "deny"))
    assert step(talk.state) == StartTurn()
    talk.running()
    now = step(talk.state)
    assert isinstance(now, Deny) and [c.id for c in now.calls] == [two]
    talk.result(two, is_error=True)
    now = step(talk.state)
    assert isinstance(now, RunTools) and [c.id for c in now.calls] == [one]


def test_a_custom_result_goes_on_without_running_anything() -> None:
    talk = Talk()
    talk.turn()
    (custom,) = talk.calls("custom")
    talk.idle("requires_action", event_ids=[custom])
    talk.process(talk.custom_result(custom))
    assert step(talk.state) == StartTurn()
    talk.running()
    assert step(talk.state) == CallModel([])


def test_an_answer_counts_before_the_idle_that_asks_for_it() -> None:
    talk = Talk()
    talk.turn()
    custom, allowed = talk.calls("custom", "allow")
    answer = talk.custom_result(custom)
    assert isinstance(step(talk.state), Settle)
    talk.process(answer)
    now = step(talk.state)
    assert isinstance(now, RunTools) and [c.id for c in now.calls] == [allowed]


@pytest.mark.parametrize(
    "begin", [Talk.ask, lambda talk: talk.calls("allow"), lambda talk: talk.fail(again=True)]
)
def test_an_interrupt_comes_first(begin: Callable[[Talk], object]) -> None:
    talk = Talk()
    talk.turn()
    begin(talk)
    talk.message("later")
    interrupt = talk.interrupt()
    now = step(talk.state)
    assert isinstance(now, Interrupt) and now.event["id"] == interrupt


def test_an_answer_that_came_before_the_interrupt_counts() -> None:
    talk = Talk()
    talk.turn()
    (custom,) = talk.calls("custom")
    talk.custom_result(custom)
    talk.interrupt()
    assert isinstance(step(talk.state), Settle)


def test_a_failed_request_is_tried_again_and_counted() -> None:
    talk = Talk()
    talk.turn()
    talk.fail(again=True)
    assert step(talk.state) == Retry(1)
    talk.running()
    assert step(talk.state) == CallModel([])
    talk.ask()
    talk.fail(again=True)
    assert step(talk.state) == Retry(2)
    talk.running()
    talk.ask()
    talk.answer(text("At last."))
    assert talk.state.failures == 0 < MAX_FAILURES
    assert talk.state.turn == 1


def test_an_exhausted_turn_ends() -> None:
    talk = Talk()
    talk.turn()
    talk.fail(again=False)
    assert ended(step(talk.state)) == "retries_exhausted"
    talk.idle("retries_exhausted")
    assert step(talk.state) == Wait()
    talk.message("again")
    assert step(talk.state) == StartTurn()


def test_a_refusal_ends_the_turn_with_its_details() -> None:
    talk = Talk()
    talk.turn()
    details = {"type": "refusal", "category": "bio", "explanation": None}
    talk.answer(text("No."), stop_reason="refusal", stop_details=details)
    assert step(talk.state) == EndTurn({"type": "refusal"}, details)
    talk.idle("refusal")
    talk.message("Something else")
    talk.running()
    assert isinstance(step(talk.state), CallModel)


FULL = USAGE | {"input_tokens": 100, "cache_read_input_tokens": 750_000}


def exceeded(talk: Talk) -> None:
    talk.answer(text("I"), stop_reason="model_context_window_exceeded")


def refused(talk: Talk) -> None:
    talk.too_long()


def filled(talk: Talk) -> None:
    (call,) = talk.calls("allow", usage=FULL)
    talk.result(call)


@pytest.mark.parametrize("crowd", [exceeded, refused, filled])
def test_a_full_context_is_summarised_and_the_turn_goes_on(crowd: Callable[[Talk], None]) -> None:
    talk = Talk()
    talk.turn()
    crowd(talk)
    assert step(talk.state) == Compact([])
    talk.ask_summary()
    talk.summarise(text("All of it."))
    assert step(talk.state) == CallModel([])
    talk.ask()
    talk.answer(text("Done."))
    assert ended(step(talk.state)) == "end_turn"
    assert talk.state.window.attempts == 0 and talk.state.rounds == 2


@pytest.mark.parametrize("crowd", [exceeded, refused, filled])
def test_three_compactions_that_do_not_help_end_the_turn(crowd: Callable[[Talk], None]) -> None:
    talk = Talk()
    talk.turn()
    for _ in range(MAX_COMPACTIONS):
        crowd(talk)
        assert step(talk.state) == Compact([])
        talk.ask_summary()
        talk.summarise(text("All of it."))
        assert step(talk.state) == CallModel([])
        talk.ask()
    crowd(talk)
    now = step(talk.state)
    assert ended(now) == "retries_exhausted"
    assert isinstance(now, EndTurn) and now.error and now.error[0] == "compaction_limit_reached_error"
    talk.idle("retries_exhausted")
    talk.message("again")
    talk.running()
    assert isinstance(step(talk.state), Compact)


def test_a_summary_that_did_not_come_is_asked_for_again() -> None:
    talk = Talk()
    talk.turn()
    talk.too_long()
    talk.ask_summary()
    talk.too_long()
    talk.ask_summary()
    talk.summarise()
    assert step(talk.state) == Compact([]) and talk.state.window.attempts == 2
    talk.ask_summary()
    talk.fail(again=True)
    assert isinstance(step(talk.state), Retry)
    talk.running()
    assert step(talk.state) == Compact([]) and talk.state.window.attempts == 2


def test_a_full_context_is_left_alone_while_calls_are_open_and_when_nothing_is_to_be_said() -> None:
    talk = Talk()
    talk.turn()
    (call,) = talk.calls("allow", usage=FULL)
    assert isinstance(step(talk.state), RunTools)
    talk.result(call)
    talk.ask()
    talk.answer(text("Done."), usage=FULL)
    assert ended(step(talk.state)) == "end_turn"
    talk.idle()
    talk.message("more")
    talk.running()
    now = step(talk.state)
    assert isinstance(now, Compact) and [m["content"][0]["text"] for m in now.messages] == ["more"]


def test_a_budget_holds_for_compactions_too() -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    filled(talk)
    assert ended(step(talk.state)) == "budget_reached"


def test_an_answer_may_be_cut_three_times_in_a_row() -> None:
    talk = Talk()
    talk.turn()
    for _ in range(MAX_CUTS):
        (cut,) = talk.calls("deny", stop_reason="max_tokens", cut=True)
        talk.result(cut, is_error=True)
        assert step(talk.state) == CallModel([])
        talk.ask()
    (cut,) = talk.calls("deny", stop_reason="max_tokens", cut=True)
    talk.result(cut, is_error=True)
    now = step(talk.state)
    assert isinstance(now, EndTurn) and now.error and now.error[0] == "tool_use_limit_reached_error"


def test_a_turn_has_a_limit_of_requests() -> None:
    talk = Talk(metadata={"jupyter-agents/max-turns": "2"})
    talk.turn()
    for last in (False, True):
        (call,) = talk.calls("allow")
        talk.result(call)
        now = step(talk.state)
        assert isinstance(now, EndTurn if last else CallModel)
        if not last:
            talk.ask()
    assert isinstance(now, EndTurn) and now.error == (
        "tool_use_limit_reached_error",
        "The turn reached its limit of 2 model requests.",
    )
    talk.idle("retries_exhausted")
    talk.message()
    talk.running()
    assert isinstance(step(talk.state), CallModel)


def test_a_budget_stops_before_the_next_request_and_then_holds() -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    (call,) = talk.calls("allow", usage=DEAR)
    assert isinstance(step(talk.state), RunTools)
    talk.message("steer")
    talk.result(call)
    assert ended(step(talk.state)) == "budget_reached"
    talk.idle("budget_reached")
    assert step(talk.state) == Wait()


def test_a_message_after_an_overshoot_is_held_and_not_asked_for_ever() -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    talk.answer(text("Done."), usage=DEAR)
    talk.idle()
    talk.message("more")
    assert step(talk.state) == StartTurn()
    talk.running()
    assert ended(step(talk.state)) == "budget_reached"
    talk.idle("budget_reached")
    assert step(talk.state) == Wait()


def test_who_is_about_to_run() -> None:
    talk = Talk()
    assert not begins(talk.state)
    talk.interrupt()
    assert not begins(talk.state)
    talk.message()
    assert begins(talk.state)
    talk.running()
    assert not begins(talk.state)


def test_an_asked_call_outranks_the_budget() -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    (asked,) = talk.calls("ask", usage=DEAR)
    assert ended(step(talk.state)) == "requires_action"
    talk.idle("requires_action", event_ids=[asked])
    talk.process(talk.confirm(asked))
    talk.running()
    assert isinstance(step(talk.state), RunTools)
    talk.result(asked)
    assert ended(step(talk.state)) == "budget_reached"


def raised(talk: Talk) -> None:
    limit = {"type": "limit", "max_list_cost": {"amount": "9", "currency": "USD"}}
    talk.event({"type": "session.updated", "budget": limit}, {"budget": limit})


def removed(talk: Talk) -> None:
    talk.event({"type": "session.updated", "budget": None}, {"budget": None})


def renamed(talk: Talk) -> None:
    talk.event({"type": "session.updated", "title": "N"}, {"title": "N"})


def paused_after_a_call() -> Talk:
    """A session whose model has yet to be given a result, at its budget."""
    talk = Talk(**BUDGET)
    talk.turn()
    (call,) = talk.calls("allow", usage=DEAR)
    talk.result(call)
    talk.idle("budget_reached")
    return talk


def paused_before_a_message() -> Talk:
    talk = Talk(**BUDGET)
    talk.turn()
    talk.answer(text("Done."), usage=DEAR)
    talk.message("more")
    talk.idle("budget_reached")
    return talk


@pytest.mark.parametrize("pause", [paused_after_a_call, paused_before_a_message])
@pytest.mark.parametrize(
    ("change", "after"), [(raised, StartTurn()), (removed, StartTurn()), (renamed, Wait())]
)
def test_a_new_budget_resumes_what_it_paused(
    pause: Callable[[], Talk], change: Callable[[Talk], None], after: Step
) -> None:
    talk = pause()
    assert step(talk.state) == Wait() and not begins(talk.state)
    change(talk)
    assert step(talk.state) == after
    assert begins(talk.state) == (after == StartTurn())
    if after == StartTurn():
        talk.running()
        assert isinstance(step(talk.state), CallModel)
        assert (talk.state.turn, talk.state.rounds) == (1, 1)


@pytest.mark.parametrize("change", [raised, removed])
def test_a_new_budget_starts_nothing_where_nothing_was_paused(change: Callable[[Talk], None]) -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    talk.answer(text("Done."), usage=DEAR)
    talk.idle()
    change(talk)
    assert step(talk.state) == Wait()


def test_what_was_interrupted_is_not_resumed_by_a_new_budget() -> None:
    talk = Talk(**BUDGET)
    talk.turn()
    (asked,) = talk.calls("ask", usage=DEAR)
    talk.idle("requires_action", event_ids=[asked])
    talk.result(asked, is_error=True)
    talk.idle()
    removed(talk)
    assert step(talk.state) == Wait()


def test_a_terminated_session_stops() -> None:
    talk = Talk()
    talk.message()
    talk.event({"type": "session.status_terminated"})
    assert step(talk.state) == Stop()


def test_the_last_result_of_an_answer_goes_on_to_the_model() -> None:
    talk = Talk()
    talk.turn()
    one, two = talk.calls("allow", "allow")
    assert not goes_on(talk.state, talk.state.calls[one])
    talk.result(one)
    assert goes_on(talk.state, talk.state.calls[two])
    talk.message("wait")
    assert not goes_on(talk.state, talk.state.calls[two])


@pytest.mark.parametrize(
    ("answer", "more"),
    [({"usage": DEAR}, BUDGET), ({}, {"metadata": {"jupyter-agents/max-turns": "1"}})],
)
def test_a_result_at_a_limit_does_not_go_on(answer: Doc, more: Doc) -> None:
    talk = Talk(**more)
    talk.turn()
    (call,) = talk.calls("allow", **answer)
    assert not goes_on(talk.state, talk.state.calls[call])
    talk.result(call)
    assert isinstance(step(talk.state), EndTurn)


def test_a_request_that_was_begun_is_made_whatever_came_meanwhile() -> None:
    talk = Talk(metadata={"jupyter-agents/max-turns": "2"})
    talk.turn()
    (call,) = talk.calls("allow")
    talk.result(call)
    talk.ask()
    talk.message("and this")
    assert step(talk.state) == CallModel([])
    interrupt = talk.interrupt()
    assert step(talk.state) == Interrupt(talk.state.queue[-1]) and talk.state.queue[-1]["id"] == interrupt
