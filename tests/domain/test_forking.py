from __future__ import annotations

import pytest

from jupyter_agents.domain import forking, history
from jupyter_agents.domain.sessions import fold
from jupyter_agents.errors import Conflict, NotFound
from tests.domain.talk import Talk
from tests.domain.test_history import call, entry, version


def test_what_was_queued_does_not_come_along() -> None:
    talk = Talk()
    call(talk)
    end = talk.records[-1].event["id"]
    talk.message("never")
    found = forking.cut(talk.records, end)
    assert found.records == talk.records[:-1] and fold(found.records).queue == []


def test_files_are_those_right_after_the_event() -> None:
    talk = Talk()
    talk.private(history.WORKSPACE, {"files": [entry("a", "a")], "complete": True})
    call(talk, entry("b", "b", "created"))
    end = talk.records[-1].event["id"]
    call(talk, entry("a", None), entry("b", "c"))
    assert forking.cut(talk.records, end).files == {"a": version("a"), "b": version("b")}
    assert forking.cut(talk.records, talk.records[-1].event["id"]).files == {"b": version("c")}


def test_before_the_first_look_files_are_as_it_found_them() -> None:
    talk = Talk()
    talk.turn("go")
    asked = talk.records[-1].event["id"]
    (id,) = talk.calls("allow")
    talk.private(history.WORKSPACE, {"files": [entry("a", "a")], "complete": True})
    talk.result(id)
    talk.idle()
    assert forking.cut(talk.records, asked).files == {"a": version("a")}


def test_a_turn_has_to_be_over() -> None:
    talk = Talk()
    talk.turn("go")
    (id,) = talk.calls("ask")
    talk.idle("requires_action", event_ids=[id])
    with pytest.raises(Conflict):
        forking.cut(talk.records, id)
    with pytest.raises(NotFound):
        forking.cut(talk.records, "sevt_none")


def test_metadata_says_where_it_comes_from() -> None:
    given = {"jupyter-agents/workspace": "mine", "jupyter-agents/forked-from": "older", "k": "v"}
    assert forking.metadata(given, "sesn_1/sevt_1") == {
        "jupyter-agents/forked-from": "sesn_1/sevt_1",
        "k": "v",
    }
