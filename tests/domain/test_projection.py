from __future__ import annotations

from jupyter_agents.domain import events, projection
from tests.domain.talk import Talk


def test_the_row_takes_status_usage_and_updates() -> None:
    talk = Talk()
    drafts = [talk.stamp.event(b) for b in events.idle({}, {"input_tokens": 1}, None, events.END_TURN)]
    drafts.append(talk.stamp.event({"type": "session.updated", "title": "N"}, {"title": "N"}))
    talk.stamp.seal(drafts)
    assert projection.row(drafts) == {
        "status": "idle",
        "updated_at": drafts[2].event["processed_at"],
        "usage": {"input_tokens": 1},
        "title": "N",
    }


def test_rescheduled_is_rescheduling() -> None:
    talk = Talk()
    drafts = [talk.stamp.event(b) for b in events.rescheduled(talk.state.primary)]
    talk.stamp.seal(drafts)
    assert projection.row(drafts)["status"] == "rescheduling"


def test_private_and_queued_records_change_no_row() -> None:
    talk = Talk()
    drafts = [
        talk.stamp.queued({"type": "user.interrupt"}),
        talk.stamp.private("private.note", {"name": "n"}),
    ]
    assert projection.row(drafts) == {}


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


def test_changed_resources_reach_the_row() -> None:
    talk = Talk()
    draft = talk.stamp.private("private.resources", {"resources": [{"id": "sesrsc_1"}], "news": []})
    talk.stamp.seal([draft])
    assert projection.row([draft]) == {
        "resources": [{"id": "sesrsc_1"}],
        "updated_at": draft.event["processed_at"],
    }
