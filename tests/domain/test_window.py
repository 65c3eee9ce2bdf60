from __future__ import annotations

from jupyter_agents.domain.window import EXCEEDED, Window

MODEL = "claude-opus-4-6"
LIMIT = 108_800


def test_all_that_a_request_and_its_answer_took_counts() -> None:
    window = Window()
    used = {
        "input_tokens": 8,
        "cache_read_input_tokens": LIMIT - 110,
        "cache_creation_input_tokens": 100,
        "output_tokens": 2,
        "ephemeral_1h_input_tokens": 100,
    }
    window.answered("end_turn", used, MODEL)
    assert window.tokens == LIMIT and not window.crowded(MODEL)
    window.answered("end_turn", used | {"output_tokens": 3}, MODEL)
    assert window.crowded(MODEL) and not window.crowded("claude-opus-5")


def test_only_an_answer_in_time_forgets_the_attempts() -> None:
    window = Window(compacting=True)
    window.summarised()
    window.answered(EXCEEDED, {}, MODEL)
    assert (window.attempts, window.compacting, window.crowded(MODEL)) == (1, False, True)
    window.shortened()
    assert window.attempts == 1 and not window.crowded(MODEL)
    window.answered("end_turn", {}, MODEL)
    assert window.attempts == 0


def test_a_failure_counts_as_an_attempt_only_where_a_summary_was_refused_as_too_long() -> None:
    for private, compacting, attempts in [
        ({}, True, 0),
        ({"exceeded": True}, True, 1),
        ({"exceeded": True}, False, 0),
    ]:
        window = Window(compacting=compacting)
        window.failed(private)
        assert window.attempts == attempts and not window.compacting
        assert window.exceeded == bool(private)
