from __future__ import annotations

from typing import Any

from jupyter_agents.domain import history
from jupyter_agents.domain.history import UNSEEN, Edit, Version
from tests.domain.talk import Talk, text

Doc = dict[str, Any]
AT = "2026-11-21T12:00:00.000000Z"
NOBODY = {"by": "user", "event_id": None}


def entry(path: str, letter: str | None, kind: str = "modified", **more: Any) -> Doc:
    """A changed file whose content is a letter; None: it is gone."""
    if letter is None:
        return {"path": path, "kind": "deleted", "size": 0, "sha256": None, "at": AT, **more}
    return {"path": path, "kind": kind, "size": 1, "sha256": letter * 64, "mode": 0o644, "at": AT, **more}


def version(letter: str) -> Version:
    return Version(letter * 64, 1, 0o644)


def call(talk: Talk, *changes: Doc) -> str:
    """A turn with one call that made `changes`; the call's id."""
    talk.turn("do it")
    (id,) = talk.calls("allow")
    body = {"type": "agent.tool_result", "tool_use_id": id, "content": [], "is_error": False}
    talk.event(body, {"changes": list(changes)} if changes else None)
    talk.ask()
    talk.answer(text("Done."))
    talk.idle()
    return str(id)


def test_each_change_has_what_was_there_before_and_who_made_it() -> None:
    talk = Talk()
    talk.private(history.WORKSPACE, {"files": [entry("a", "a")], "complete": True})
    call(talk, entry("a", "b"), entry("new", "n", "created"))
    talk.private(history.CHANGES, {"changes": [entry("a", "c", **NOBODY)]})
    call(talk, entry("a", None))
    found = history.read(talk.records)
    assert found.edits["a"] == [
        Edit(version("a"), version("b"), "agent", 1),
        Edit(version("b"), version("c"), "user", 1),
        Edit(version("c"), None, "agent", 2),
    ]
    assert found.present == {"new": version("n")} and found.turn == 2 and found.begun
    assert found.contents == {letter * 64 for letter in "abcn"}


def test_what_is_not_known_is_not_taken_for_absent() -> None:
    talk = Talk()
    old = {"path": "a", "kind": "modified", "size": 3, "at": AT}
    call(talk, old, old | {"path": "b", "kind": "deleted", "size": 0})
    found = history.read(talk.records)
    assert not found.begun
    assert found.edits["a"] == [Edit(UNSEEN, Version(None, 3, 0), "agent", 1)]
    assert found.edits["b"] == [Edit(UNSEEN, None, "agent", 1)]


def test_files_that_are_looked_at_once_more_are_no_ones() -> None:
    talk = Talk()
    call(talk, {"path": "a", "kind": "created", "size": 3, "at": AT})
    talk.private(history.WORKSPACE, {"files": [entry("a", "a"), entry("b", "b")], "complete": False})
    found = history.read(talk.records)
    assert found.edits["a"][-1] == Edit(Version(None, 3, 0), version("a"), "unknown", 1)
    assert "b" not in found.edits and not found.complete


def test_changes_are_shown_with_the_event_that_made_them() -> None:
    talk = Talk()
    id = call(talk, entry("a", "b"), entry("late", "l", by="unknown", event_id=None))
    talk.private(history.CHANGES, {"changes": [entry("cut", "c", by="agent", event_id="sevt_cut")]})
    talk.private(history.CHANGES, {"changes": [entry("mine", "m", **NOBODY)]})
    talk.private(history.UNDO, {"changes": [entry("a", "a")], "news": []})
    shown = [doc for record in talk.records for doc in history.shown(record)]
    assert [(doc["path"], doc["by"], doc["event_id"]) for doc in shown] == [
        ("a", "agent", id),
        ("late", "unknown", None),
        ("cut", "agent", "sevt_cut"),
        ("mine", "user", None),
        ("a", "undo", talk.records[-1].event["id"]),
    ]
    assert shown[0] == {
        "path": "a",
        "kind": "modified",
        "size": 1,
        "sha256": "b" * 64,
        "by": "agent",
        "event_id": id,
        "at": AT,
    }


def test_many_changes_are_several_records() -> None:
    assert [len(part) for part in history.chunks([{}] * 2500)] == [1000, 1000, 500]
    assert list(history.chunks([])) == []
