from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain import session_object, threads
from tests.domain.talk import NOW, session_doc

Doc = dict[str, Any]


def shown(doc: Doc, **live: Any) -> Doc:
    return threads.primary(doc, session_object.wire(doc | live, "2026-11-21T12:00:10Z"))


def used(doc: Doc, seconds: float) -> Doc:
    return doc["usage"] | {"active_seconds": seconds}


def test_a_thread_that_never_ran() -> None:
    doc = session_doc(agent={"system": "s"})
    found = shown(doc)
    assert found == {
        "id": "sthr_1",
        "type": "session_thread",
        "session_id": "sesn_1",
        "parent_thread_id": None,
        "agent": {k: v for k, v in doc["agent"].items() if k != "multiagent"},
        "status": "idle",
        "workflow_run_id": None,
        "stats": None,
        "usage": None,
        "created_at": NOW,
        "updated_at": NOW,
        "archived_at": None,
    }
    made = wire.Thread.model_validate(found)
    assert wire.Thread.model_fields.keys() == found.keys()
    assert type(made.agent).__name__ == "BetaManagedAgentsSessionThreadAgent"
    assert type(made.agent).model_fields.keys() == found["agent"].keys()


def test_a_thread_in_its_first_turn_has_stats_and_no_usage_yet() -> None:
    doc = session_doc() | {"startup_seconds": 0.25, "status": "running"}
    found = shown(doc, usage=used(doc, 2.0))
    assert found["stats"] == {"active_seconds": 2.0, "duration_seconds": 10.0, "startup_seconds": 0.25}
    assert (found["status"], found["usage"]) == ("running", None)


@pytest.mark.parametrize("known", [{"idled": True}, {}])
def test_a_thread_that_idled_has_usage(known: Doc) -> None:
    doc = session_doc() | known
    doc["usage"] = used(doc, 3.0)
    found = shown(doc)
    assert found["usage"] == doc["usage"]
    assert found["stats"]["active_seconds"] == found["usage"]["active_seconds"] == 3.0


def test_an_archived_thread_stands_still() -> None:
    end = "2026-11-21T12:00:02Z"
    found = shown(session_doc() | {"status": "terminated", "archived_at": end})
    assert (found["status"], found["archived_at"]) == ("terminated", end)
    assert found["stats"] == {"active_seconds": 0.0, "duration_seconds": 2.0, "startup_seconds": 0.0}
