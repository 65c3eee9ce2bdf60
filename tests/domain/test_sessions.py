from __future__ import annotations

import copy

from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from tests.domain.talk import Talk, text


def test_the_fold_is_the_same_whether_done_at_once_or_again() -> None:
    talk = Talk()
    talk.turn()
    (call, asked) = talk.calls("allow", "ask")
    talk.result(call)
    talk.idle("requires_action", event_ids=[asked])
    again = State()
    for record in copy.deepcopy(talk.records):
        apply(again, record)
    assert again == talk.state


def test_unknown_records_pass() -> None:
    talk = Talk()
    before = copy.deepcopy(talk.state)
    talk.event({"type": "session.something_new", "field": 1})
    assert talk.state.messages == before.messages and talk.state.seq == before.seq + 1


def test_the_thread_alternates_and_results_stand_in_the_order_of_the_calls() -> None:
    talk = Talk()
    talk.turn("do it")
    one, two = talk.calls("allow", "allow")
    talk.result(two, "second")
    talk.result(one, "first", is_error=True)
    assert [m["role"] for m in talk.state.messages] == ["user", "assistant", "user"]
    results = talk.state.messages[-1]["content"]
    assert [(r["content"][0]["text"], r["is_error"]) for r in results] == [("first", True), ("second", False)]
    uses = [block["id"] for block in talk.state.messages[1]["content"]]
    assert [r["tool_use_id"] for r in results] == uses


def test_the_raw_answer_is_kept_with_signatures_but_without_empty_text() -> None:
    talk = Talk()
    talk.turn()
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    talk.answer(thinking, text(""), text("Hi."))
    assert talk.state.messages[-1]["content"] == [thinking, text("Hi.")]


def test_a_result_without_content_says_so() -> None:
    talk = Talk()
    talk.turn()
    (call,) = talk.calls("custom")
    talk.process(talk.queue({"type": "user.custom_tool_result", "custom_tool_use_id": call}))
    assert talk.state.messages[-1]["content"][0]["content"] == [text("(no output)")]


def test_a_second_result_and_an_answer_to_nothing_are_passed_over() -> None:
    talk = Talk()
    talk.turn()
    one, two = talk.calls("custom", "ask")
    talk.process(talk.custom_result(one, "first"))
    talk.process(talk.custom_result(one, "second"))
    talk.process(talk.custom_result("sevt_none"))
    talk.process(talk.confirm("sevt_none"))
    talk.result(two)
    assert [r["content"][0]["text"] for r in talk.state.messages[-1]["content"]] == ["first", "out"]
    assert talk.state.queue == []


def test_a_denial_carries_its_reason() -> None:
    talk = Talk()
    talk.turn()
    (asked,) = talk.calls("ask")
    talk.process(talk.confirm(asked, "deny", deny_message="Not there."))
    call = talk.state.calls[asked]
    assert call.denied and call.reason == "Not there." and not call.waits


def test_a_turn_is_counted_once_however_often_it_pauses() -> None:
    talk = Talk()
    talk.turn()
    (asked,) = talk.calls("ask")
    talk.idle("requires_action", event_ids=[asked])
    talk.process(talk.confirm(asked))
    talk.running()
    talk.result(asked)
    talk.ask()
    talk.answer(text("Done."))
    talk.idle()
    assert talk.state.turn == 1
    talk.turn()
    assert (talk.state.turn, talk.state.rounds) == (2, 1)


def test_an_update_changes_the_session() -> None:
    talk = Talk()
    talk.event({"type": "session.updated", "title": "New"}, {"title": "New"})
    assert talk.state.session["title"] == "New"
