"""The journal: append-only records of every session, durable before anyone is told.

Source: docs/architecture.md, invariant 1; spec sections 0.5 and 4.1 (listing).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from jupyter_agents.domain.events import Draft, Record
from jupyter_agents.store.database import Database
from jupyter_agents.store.readonly import ReadOnly

Doc = dict[str, Any]
BATCH = 1000
INSERT = "INSERT INTO records VALUES (?,?,?,?,?,?,?,?)"


@dataclass(frozen=True)
class Filter:
    """Which events a list shows. types: any of these; bounds: on `processed_at`, as RFC 3339."""

    types: tuple[str, ...] = ()
    bounds: tuple[tuple[Literal[">", ">=", "<", "<="], str], ...] = ()


class Row(NamedTuple):
    """One listed event; `event` is its JSON."""

    seq: int
    id: str
    processed_at: str
    event: str


class Journal:
    """Appends and reads records. One writer per session is the caller's duty."""

    def __init__(self, database: Database | ReadOnly) -> None:
        self._database = database

    async def append(
        self,
        session_id: str,
        after: int,
        drafts: Sequence[Draft],
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> list[Record]:
        """Append `drafts` behind record number `after`; returns them once they are durable.

        `also` runs in the same transaction (projections such as a session's status).
        """
        records = [Record(after + 1 + i, d.kind, d.event, d.private) for i, d in enumerate(drafts)]

        def work(connection: sqlite3.Connection) -> None:
            insert(connection, session_id, records)
            if also is not None:
                also(connection)

        await self._database.write(work)
        return records

    def read(self, session_id: str, after: int = 0) -> Iterator[Record]:
        """The records behind number `after`, oldest first."""
        while True:
            rows = self._database.read(
                lambda c, a=after: c.execute(  # type: ignore[misc]
                    "SELECT seq, kind, event, private FROM records "
                    "WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?",
                    (session_id, a, BATCH),
                ).fetchall()
            )
            for seq, kind, event, private in rows:
                yield Record(seq, kind, json.loads(event), json.loads(private) if private else None)
            if len(rows) < BATCH:
                return
            after = rows[-1][0]

    def page(self, session_id: str, filter: Filter, order: str, after: int | None, limit: int) -> list[Row]:
        """Up to `limit` public events from cursor `after` on, in `order`."""
        where = ["session_id = ?", "kind = 'event'"]
        parameters: list[Any] = [session_id]
        if after is not None:
            where.append("seq > ?" if order == "asc" else "seq < ?")
            parameters.append(after)
        if filter.types:
            where.append(f"type IN ({','.join('?' * len(filter.types))})")
            parameters += filter.types
        for operator, moment in filter.bounds:
            where.append(f"processed_at {operator} ?")
            parameters.append(moment)
        direction = "ASC" if order == "asc" else "DESC"
        sql = (
            f"SELECT seq, id, processed_at, event FROM records WHERE {' AND '.join(where)} "
            f"ORDER BY seq {direction} LIMIT ?"
        )
        rows = self._database.read(lambda c: c.execute(sql, (*parameters, limit)).fetchall())
        return [Row(*row) for row in rows]

    def private(self, session_id: str, type: str, limit: int) -> list[Doc]:
        """The private parts of the newest `limit` private records of a type, oldest first."""
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT private FROM records WHERE session_id = ? AND kind = 'private' AND type = ? "
                "ORDER BY seq DESC LIMIT ?",
                (session_id, type, limit),
            ).fetchall()
        )
        return [json.loads(private) for (private,) in reversed(rows)]

    def queued(self, session_id: str) -> list[str]:
        """Client events that have not been processed yet, as JSON, oldest first."""
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT event FROM records AS q INDEXED BY records_queued "
                "WHERE session_id = ? AND kind = 'queued' AND NOT EXISTS (SELECT 1 "
                "FROM records AS e WHERE e.session_id = q.session_id AND e.kind = 'event' "
                "AND e.seq > q.seq AND e.id = q.id) ORDER BY seq",
                (session_id,),
            ).fetchall()
        )
        return [event for (event,) in rows]

    def last_seq(self, session_id: str) -> int:
        """The number of the newest record, 0 where there is none."""
        (seq,) = self._database.read(
            lambda c: c.execute(
                "SELECT COALESCE(MAX(seq), 0) FROM records WHERE session_id = ?", (session_id,)
            ).fetchone()
        )
        return int(seq)


def insert(connection: sqlite3.Connection, session_id: str, records: Iterable[Record]) -> None:
    """Write the journal of a new session, inside a transaction."""
    connection.executemany(INSERT, (_row(session_id, record) for record in records))


def delete_records(connection: sqlite3.Connection, session_id: str) -> None:
    """Remove a deleted session's records, inside a transaction."""
    connection.execute("DELETE FROM records WHERE session_id = ?", (session_id,))


def _row(session_id: str, record: Record) -> tuple[Any, ...]:
    event = record.event
    return (
        session_id,
        record.seq,
        record.kind,
        event["id"],
        event["type"],
        event.get("processed_at"),
        dump(event),
        None if record.private is None else dump(record.private),
    )


def dump(value: Doc) -> str:
    """Compact JSON in ASCII, as stored and sent: safe in one SSE line and with lone surrogates."""
    return json.dumps(value, separators=(",", ":"))
