from __future__ import annotations

from datetime import UTC, datetime

from jupyter_agents.domain import events
from jupyter_agents.domain.events import Stamp
from jupyter_agents.ids import parse_time
from tests.domain.talk import NOW, START, Clock, Ids


def test_times_are_given_in_the_order_of_the_journal_a_microsecond_apart() -> None:
    stamp = Stamp(Clock(), Ids())
    later, sooner = stamp.event({"type": "a"}), stamp.event({"type": "b"})
    stamp.seal([sooner, stamp.private("private.note", {}), later])
    times = [parse_time(d.event["processed_at"]) for d in (sooner, later)]
    assert times[0] == START
    assert (times[1] - times[0]).microseconds == 2


def test_times_go_on_after_the_last_one_though_the_clock_is_behind() -> None:
    last = datetime(2027, 1, 1, tzinfo=UTC)
    stamp = Stamp(Clock(), Ids(), last)
    draft = stamp.event({"type": "a"})
    stamp.seal([draft])
    assert parse_time(draft.event["processed_at"]) > last


def test_an_id_given_ahead_is_kept() -> None:
    stamp = Stamp(Clock(), Ids())
    assert stamp.event({"type": "a", "id": "sevt_x"}).event["id"] == "sevt_x"


def test_a_queued_event_has_no_time() -> None:
    stamp = Stamp(Clock(), Ids())
    draft = stamp.queued({"type": "user.interrupt"})
    stamp.seal([draft])
    assert draft.event == {"id": "sevt_1", "type": "user.interrupt"}
    assert draft.private == {"received_at": NOW}


def test_usage_stands_right_before_idle() -> None:
    bodies = events.idle({"session_thread_id": "t", "agent_name": "a"}, {}, None, events.END_TURN)
    assert [b["type"] for b in bodies] == [
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
