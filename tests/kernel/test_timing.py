"""Where the time of a turn went."""

from __future__ import annotations

from typing import Any

from jupyter_agents.kernel.timing import Timing, timing


def at(seconds: float) -> str:
    return f"2026-11-21T10:00:{seconds:09.6f}Z"


def event(type: str, seconds: float, id: str = "", **fields: Any) -> dict[str, Any]:
    return {"id": id or f"{type}-{seconds}", "type": type, "processed_at": at(seconds), **fields}


def use(id: str, seconds: float, permission: str = "allow") -> dict[str, Any]:
    return event("agent.tool_use", seconds, id, name="bash", input={}, evaluated_permission=permission)


def result(id: str, seconds: float) -> dict[str, Any]:
    return event("agent.tool_result", seconds, tool_use_id=id, content=[])


TURN = [
    event("user.message", 0),
    event("span.model_request_start", 0.5, "m1"),
    event("agent.thinking", 2),
    use("t1", 2),
    use("t2", 2),
    event("span.model_request_end", 2.25, model_request_start_id="m1"),
    result("t1", 5),
    result("t2", 6),
    event("session.status_idle", 6.5),
]


def steps(made: Timing) -> list[tuple[str, str, float | None]]:
    return [(step.kind, step.id, step.seconds) for step in made.steps]


def test_calls_of_one_response_run_one_after_the_other() -> None:
    made = timing(TURN)
    assert steps(made) == [("model", "m1", 1.75), ("tool", "t1", 3.0), ("tool", "t2", 1.0)]
    assert (made.model, made.tools, made.waiting, made.total) == (1.75, 4.0, 0.0, 6.5)
    assert made.first_token == 2.0
    assert timing(TURN, 0.7).first_token == 0.7
    assert timing(TURN, 5.5).first_token == 2.0


def test_waiting_for_an_answer_is_counted_apart() -> None:
    allowed = event("user.tool_confirmation", 12, tool_use_id="t1", result="allow")
    made = timing([event("user.message", 0), use("t1", 2, "ask"), allowed, result("t1", 13)])
    assert steps(made) == [("wait", "t1", 10.0), ("tool", "t1", 1.0)]
    assert (made.waiting, made.tools) == (10.0, 1.0)
    denied = {**allowed, "result": "deny"}
    refused = timing([event("user.message", 0), use("t1", 2, "ask"), denied, result("t1", 13)])
    assert steps(refused) == [("wait", "t1", 10.0)]


def test_a_turn_that_runs_and_one_without_anything() -> None:
    made = timing(TURN[:4])
    assert steps(made) == [("model", "m1", None), ("tool", "t1", None)]
    assert (made.model, made.total) == (0.0, 2.0)
    assert timing([]) == Timing(None, 0.0, ())
    assert timing([event("user.message", 1)]).first_token is None


def test_it_is_shown_as_text_and_as_a_table() -> None:
    hostile = [event("user.message", 0), {**use("t1", 1), "name": "<script>"}]
    made = timing(hostile)
    assert "tool <script>" in repr(made) and "total" in repr(made)
    page = made._repr_html_()
    assert "<script>" not in page and "<td>1.000 s</td>" in page
