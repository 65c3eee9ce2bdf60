from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jupyter_agents.domain.environments import create_environment
from jupyter_agents.domain.sessions import apply, fold
from jupyter_agents.domain.state import State
from jupyter_agents.domain.steps import RunTools, Stop, step
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.ids import IdSource
from jupyter_agents.runtime import imports
from jupyter_agents.runtime.imports import Continued, Imported, import_run
from jupyter_agents.runtime.runfile import export
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import Journal
from tests.domain.talk import START, Talk, text
from tests.store.conftest import database as database

Doc = dict[str, Any]


def later() -> Any:
    return START + timedelta(hours=1)


def conversation(**more: Any) -> Talk:
    """A turn with a call that changed a file, a picture, and a file that changed late."""
    talk = Talk(title="Fibonacci", **more)
    talk.turn("do it")
    (call,) = talk.calls("allow")
    picture = base64.b64encode(bytes(3000)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    change = {"path": "a.txt", "kind": "created", "size": 3, "at": "2026-11-21T12:00:00.000000Z"}
    body = {"tool_use_id": call, "content": [{"type": "image", "source": source}], "is_error": False}
    talk.event({"type": "agent.tool_result", **body}, {"changes": [change]})
    talk.ask()
    talk.answer(text("Done."))
    talk._take(talk.stamp.private("private.changes", {"changes": [change | {"path": "late.txt"}]}))
    talk.idle()
    return talk


def run_file(talk: Talk) -> str:
    return "".join(export(talk.records))


def take(database: Database, text: str) -> Imported:
    return import_run(database, text, later, IdSource())


def exported(database: Database, session_id: str) -> str:
    return "".join(export(Journal(database).read(session_id)))


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_goes_round(database: Database, ended: bool) -> None:
    talk = conversation()
    if ended:
        talk.event({"type": "session.thread_status_terminated", **talk.state.primary})
        talk.event({"type": "session.status_terminated"})
    made = take(database, run_file(talk))
    assert (made.session_id, made.known) == ("sesn_1", False)
    assert exported(database, "sesn_1") == run_file(talk)


def test_an_imported_session_is_over_and_its_events_are_as_they_were(database: Database) -> None:
    talk = conversation()
    take(database, run_file(talk))
    row = Catalog(database).get("session", "sesn_1")
    assert (row["status"], row["title"]) == ("terminated", "Fibonacci")
    assert row["archived_at"] == "2026-11-21T13:00:00.000000Z"
    assert row["usage"]["input_tokens"] == 2000 and row["created_at"] == talk.state.session["created_at"]
    state = State()
    records = list(Journal(database).read("sesn_1"))
    for record in records:
        apply(state, record)
    assert isinstance(step(state), Stop)
    assert [m["role"] for m in state.messages] == ["user", "assistant", "user", "assistant"]
    found = [r.event for r in records if r.kind == "event"]
    assert found[:-2] == [r.event for r in talk.records if r.kind == "event"]
    assert Catalog(database).unsettled() == []


def test_a_second_import_finds_the_first(database: Database) -> None:
    first = take(database, run_file(conversation()))
    again = take(database, run_file(conversation()))
    assert again == Imported(first.session_id, "sesn_1", first.events, known=True)
    assert Catalog(database).count("session") == 1


def test_a_taken_id_is_replaced(database: Database) -> None:
    take(database, run_file(conversation()))
    other = take(database, run_file(conversation(agent={"system": "different"})))
    assert other.source == "sesn_1" != other.session_id
    row = Catalog(database).get("session", other.session_id)
    assert row["id"] == other.session_id and row["imported"]["from"] == "sesn_1"
    renamed = run_file(conversation(agent={"system": "different"})).replace(
        '"sesn_1"', f'"{other.session_id}"'
    )
    assert exported(database, other.session_id) == renamed


def test_a_run_file_without_the_newer_lines_is_taken(database: Database) -> None:
    lines = [json.loads(line) for line in run_file(conversation()).splitlines()]
    old = [line for line in lines if line["type"] != "changes"]
    for line in old:
        line.pop("changes", None)
    assert not take(database, "\n".join(json.dumps(line) for line in old)).known


def header(lines: list[Doc]) -> Doc:
    session: Doc = lines[0]["session"]
    return session


def event(lines: list[Doc], type: str) -> Doc:
    found: Doc = next(x["event"] for x in lines if x["type"] == "event" and x["event"]["type"] == type)
    return found


BROKEN: dict[str, tuple[Callable[[list[Doc]], Any], str]] = {
    "a path as the session's id": (lambda x: header(x).update(id="../../etc"), "session's id"),
    "a path as the thread's id": (lambda x: header(x).update(thread_id="a/b"), "thread's id"),
    "a field that sessions lack": (lambda x: header(x).update(shell="rm"), "unknown fields: shell"),
    "an agent that is none": (lambda x: header(x).update(agent={"name": "x"}), "agent"),
    "no agent": (lambda x: header(x).pop("agent"), "agent"),
    "an archived beginning": (lambda x: header(x).update(archived_at="2026"), "begins archived"),
    "notes that are no text": (lambda x: header(x).update(notes=[1]), "notes"),
    "another time zone": (
        lambda x: event(x, "user.message").update(processed_at="2026-11-21T13:00:00+01:00"),
        "not a time as the API writes it",
    ),
    "a far future": (
        lambda x: event(x, "user.message").update(processed_at="9999-12-31T23:59:59.999999Z"),
        "in the future",
    ),
    "a past": (
        lambda x: event(x, "user.message").update(processed_at="2020-01-01T00:00:00.000000Z"),
        "older than the one before",
    ),
    "an unknown event": (lambda x: event(x, "session.usage").update(type="session.shell"), "tag"),
    "a number as text": (
        lambda x: event(x, "span.model_request_end")["model_usage"].update(input_tokens="7"),
        "input_tokens",
    ),
    "an event twice": (
        lambda x: event(x, "user.message").update(id=event(x, "session.status_running")["id"]),
        "stands there twice",
    ),
    "a queued event": (lambda x: event(x, "user.message").update(processed_at=None), "imported"),
    "a file outside": (
        lambda x: next(y for y in x if "changes" in y)["changes"][0].update(path="../../.bashrc"),
        "leaves the workspace",
    ),
    "a file of no kind": (
        lambda x: next(y for y in x if "changes" in y)["changes"][0].update(kind="run"),
        "changed file",
    ),
    "a call of nobody": (
        lambda x: next(y for y in x if "tool_use_id" in y).pop("tool_use_id"),
        "tool_use_id",
    ),
    "a blob that is not there": (
        lambda x: x.remove(next(y for y in x if y["type"] == "blob")),
        "cannot be read: line",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_run_file_is_refused_and_nothing_is_stored(database: Database, what: str) -> None:
    lines = [json.loads(line) for line in run_file(conversation()).splitlines()]
    change, said = BROKEN[what]
    change(lines)
    with pytest.raises(InvalidRequest, match=said) as refused:
        take(database, "\n".join(json.dumps(line) for line in lines))
    assert "\n" not in refused.value.message and len(refused.value.message) < 400
    assert Catalog(database).count("session") == 0


def test_a_deeply_nested_line_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest):
        take(database, run_file(conversation()) + "[" * 100_000)


@pytest.mark.parametrize("limit", ["MOST_RECORDS", "LARGEST_RUN_FILE", "MOST_CHANGES"])
def test_sizes_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(imports, limit, 0)
    with pytest.raises(InvalidRequest):
        take(database, run_file(conversation()))


def test_a_blob_named_often_does_not_grow_without_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run_file(conversation())
    monkeypatch.setattr(imports, "LARGEST_RUN_FILE", len(text))
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if "$blob" in line)
    copies = [lines[place].replace('"id":"sevt_', f'"id":"sevt_{n}x') for n in range(3)]
    smaller = [line for line in lines[: place + 1] if "exchange" not in line] + copies
    with pytest.raises(InvalidRequest, match="too large"):
        take(database, "\n".join(smaller))


def test_what_was_under_way_is_closed_where_it_goes_on(database: Database) -> None:
    talk = Talk(title="Cut")
    talk.turn("do it")
    talk.calls("allow")
    environment = create_environment({"name": "here"}, "env_here", "2026-11-21T12:00:00.000000Z")
    seen: list[Doc] = []
    here = Continued(environment, {"k": "v"})
    made = import_run(database, run_file(talk), later, IdSource(), here, seen.append)
    catalog = Catalog(database)
    row = catalog.get("session", made.session_id)
    assert (row["status"], row["environment_id"], row["metadata"]) == ("running", "env_here", {"k": "v"})
    assert row["notes"] == ["The sandbox reaches public hosts by HTTP and HTTPS only."]
    assert catalog.unsettled() == [made.session_id] and seen[0]["id"] == made.session_id
    state = fold(Journal(database).read(made.session_id))
    assert isinstance(step(state), RunTools)


def test_a_thread_that_was_summarised_goes_round(database: Database) -> None:
    talk = conversation()
    summary = {"type": "text", "text": "All before."}
    talk.event({"type": "agent.thread_context_compacted"}, {"summary": summary, "from": 2})
    made = take(database, run_file(talk))
    assert exported(database, made.session_id) == run_file(talk)
    assert "All before." in str(fold(Journal(database).read(made.session_id)).messages)
