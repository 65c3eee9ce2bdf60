"""A store with many sessions and events, written before a server opens it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from jupyter_agents.domain.events import Record
from jupyter_agents.ids import IdSource, rfc3339
from jupyter_agents.store import catalog
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import insert
from tests.domain.talk import START, session_doc

TEXT = "The first twenty Fibonacci numbers are in fibonacci.txt, one in each line. " * 4


def message(number: int, new_id: IdSource) -> dict[str, Any]:
    """An event of the size that is usual."""
    at = rfc3339(START + timedelta(microseconds=number))
    content = [{"type": "text", "text": TEXT}]
    return {"id": new_id("sevt"), "type": "agent.message", "processed_at": at, "content": content}


def seed(data: Path, sessions: int, events: int) -> list[str]:
    """Store `sessions` idle sessions with `events` events each; their ids."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database, new_id, ids = Database(data / "agents.db"), IdSource(), list[str]()
    try:
        for _ in range(sessions):
            doc = session_doc() | {"id": new_id("sesn")}
            ids.append(doc["id"])

            def work(connection: Any, doc: dict[str, Any] = doc) -> None:
                insert(connection, doc["id"], _records(doc, events, new_id))
                catalog.put(connection, "session", doc, status="idle")

            database.submit(work).result()
    finally:
        database.close()
    return ids


def _records(doc: dict[str, Any], events: int, new_id: IdSource) -> Iterator[Record]:
    birth = {"id": new_id("sevt"), "type": "private.session", "processed_at": doc["created_at"]}
    yield Record(1, "private", birth, doc)
    for number in range(events):
        yield Record(number + 2, "event", message(number, new_id))
