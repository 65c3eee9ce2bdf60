from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import events, projection
from tests.domain.talk import USAGE, Talk


def test_the_row_takes_status_usage_and_updates() -> None:
    talk = Talk()
    drafts = [talk.stamp.event(b) for b in events.idle({}, {"input_tokens": 1}, None, events.END_TURN)]
    drafts.append(talk.stamp.event({"type": "session.updated", "title": "N"}, {"title": "N"}))
    talk.stamp.seal(drafts)
    assert projection.row(talk.state, drafts) == {
        "status": "idle",
        "idled": True,
        "updated_at": drafts[3].event["processed_at"],
        "usage": {"input_tokens": 1},
        "title": "N",
    }


def test_rescheduled_is_rescheduling() -> None:
    talk = Talk()
    drafts = [talk.stamp.event(b) for b in events.rescheduled(talk.state.primary)]
    talk.stamp.seal(drafts)
    assert projection.row(talk.state, drafts)["status"] == "rescheduling"


def test_private_and_queued_records_change_no_row() -> None:
    talk = Talk()
    drafts = [
        talk.stamp.queued({"type": "user.interrupt"}),
        talk.stamp.private("private.note", {"name": "n"}),
    ]
    assert projection.row(talk.state, drafts) == {}


def test_a_session_is_unsettled_from_the_first_event_until_it_is_idle_with_an_empty_queue() -> None:
    talk = Talk()
    message = talk.stamp.queued({"type": "user.message", "content": []})
    assert projection.unsettled(talk.state, [message])
    talk.turn()
    assert projection.unsettled(talk.state, [])
    idle = [talk.stamp.event(b) for b in events.idle({}, {}, None, events.END_TURN)]
    assert not projection.unsettled(talk.state, idle)
    later = talk.message()
    assert projection.unsettled(talk.state, idle)
    (body,) = talk.state.queue
    assert body["id"] == later
    assert not projection.unsettled(talk.state, [*idle, talk.stamp.event(body)])


def test_a_terminated_session_is_settled() -> None:
    talk = Talk()
    talk.message()
    drafts = [talk.stamp.event({"type": "session.status_terminated"})]
    assert not projection.unsettled(talk.state, drafts)


@pytest.mark.parametrize(
    ("kind", "running"), [("user.message", True), ("user.tool_confirmation", True), ("user.interrupt", False)]
)
def test_an_idle_session_runs_from_the_moment_that_something_is_sent(kind: str, running: bool) -> None:
    talk = Talk()
    sent = [talk.stamp.queued({"type": kind})]
    assert projection.row(talk.state, sent) == ({"status": "running"} if running else {})
    talk.turn()
    assert projection.row(talk.state, sent) == {}


def test_the_row_keeps_how_long_the_first_start_took() -> None:
    talk = Talk()
    talk.message()
    talk.clock.move(0.25)
    drafts = [talk.stamp.event(body) for body in events.running(talk.state.primary)]
    talk.stamp.seal(drafts)
    assert projection.row(talk.state, drafts)["startup_seconds"] == pytest.approx(0.25, abs=1e-4)
    talk.running()
    assert talk.state.startup_seconds == pytest.approx(0.25, abs=1e-4)
    assert "startup_seconds" not in projection.row(talk.state, drafts)


@pytest.mark.parametrize(("changed", "resumes"), [({"budget": None}, True), ({"title": "N"}, False)])
def test_a_session_at_its_budget_is_unsettled_once_it_may_go_on(
    changed: dict[str, Any], resumes: bool
) -> None:
    limit = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
    talk = Talk(budget=limit)
    talk.turn()
    (call,) = talk.calls("allow", usage=USAGE | {"input_tokens": 2000})
    talk.result(call)
    idle = [talk.stamp.event(b) for b in events.idle({}, {}, limit, events.BUDGET_REACHED)]
    assert not projection.unsettled(talk.state, idle)
    talk.idle("budget_reached")
    assert (
        projection.unsettled(talk.state, [talk.stamp.event({"type": "session.updated"}, changed)]) is resumes
    )
    talk.event({"type": "session.updated"}, changed)
    assert projection.unsettled(talk.state, []) is resumes


def test_changed_resources_reach_the_row() -> None:
    talk = Talk()
    draft = talk.stamp.private("private.resources", {"resources": [{"id": "sesrsc_1"}], "news": []})
    talk.stamp.seal([draft])
    assert projection.row(talk.state, [draft]) == {
        "resources": [{"id": "sesrsc_1"}],
        "updated_at": draft.event["processed_at"],
    }
