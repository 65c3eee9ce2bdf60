"""What a session's state says of itself."""

from __future__ import annotations

import pytest

from tests.domain.talk import USAGE, Talk, text


def test_usage_sums_requests_and_prices_them() -> None:
    talk = Talk()
    talk.turn()
    usage = USAGE | {"cache_creation_input_tokens": 300, "ephemeral_1h_input_tokens": 100}
    talk.answer(text("a"), usage=usage)
    wire = talk.state.usage_wire()
    assert (wire["input_tokens"], wire["output_tokens"]) == (1000, 100)
    assert wire["cache_creation"] == {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}
    assert wire["list_cost"] == {"amount": "1", "currency": "USD"}


def test_a_model_without_a_price_has_no_cost() -> None:
    talk = Talk(agent={"model": "my-model"})
    assert talk.state.session["usage"]["list_cost"] is None
    talk.turn()
    talk.answer(text("a"))
    assert talk.state.usage_wire()["list_cost"] is None
    assert not talk.state.over_budget


def test_the_time_of_a_turn_that_runs_counts() -> None:
    talk = Talk()
    talk.turn()
    talk.clock.move(2.5)
    assert talk.state.usage_wire()["active_seconds"] == 0
    assert talk.state.usage_wire(talk.clock())["active_seconds"] == pytest.approx(2.5, abs=1e-4)


def test_which_calls_wait_and_which_are_denied() -> None:
    talk = Talk()
    talk.turn()
    allowed, asked, denied, custom = talk.calls("allow", "ask", "deny", "custom")
    assert [call.id for call in talk.state.waiting] == [asked, custom]
    talk.process(talk.confirm(asked, "deny"))
    calls = talk.state.calls
    assert [id for id in calls if calls[id].denied] == [asked, denied]
    assert not calls[allowed].waits and calls[custom].custom


def test_news_go_behind_the_users_message_only() -> None:
    talk = Talk()
    talk.state.news.append("A file came.")
    assert talk.state.news_blocks == []
    talk.process(talk.message())
    assert talk.state.news_blocks == [text("Note from the server: A file came.")]
