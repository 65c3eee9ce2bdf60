"""Documents beside the journal: agents and their versions, environments, sessions, files.

A session's row is a projection of its journal, written in the same transaction.
Source: spec sections 0.5 (pages), 1.6 (versions).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from jupyter_agents.errors import Conflict, NotFound
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import dump
from jupyter_agents.store.pages import Cursor
from jupyter_agents.store.readonly import ReadOnly

Doc = dict[str, Any]
T = TypeVar("T")
Kind = Literal["agent", "environment", "session", "file"]


@dataclass(frozen=True)
class Page:
    """One page of documents and the cursors around it."""

    data: list[Doc]
    next: Cursor | None = None
    previous: Cursor | None = None


@dataclass(frozen=True)
class Where:
    """SQL conditions over ``documents`` with their values; conditions come from code, never from input."""

    conditions: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    def __and__(self, other: Where) -> Where:
        return Where(self.conditions + other.conditions, self.values + other.values)


ACTIVE = Where(("archived = 0",))


def put(connection: sqlite3.Connection, kind: Kind, doc: Doc, *, name: str | None = None,
        parent: str | None = None, status: str | None = None) -> None:  # fmt: skip
    """Insert or replace a document, inside a transaction."""
    archived = int(doc.get("archived_at") is not None)
    connection.execute(
        "INSERT OR REPLACE INTO documents VALUES (?,?,?,?,?,?,?,?)",
        (kind, doc["id"], name, parent, status, doc["created_at"], archived, dump(doc)),
    )


def delete(connection: sqlite3.Connection, kind: Kind, id: str) -> None:
    """Remove a document, inside a transaction."""
    connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id))


def require(connection: sqlite3.Connection, kind: Kind, id: str) -> Doc:
    """The document, inside a transaction; raises `NotFound` in the wire's words."""
    row = connection.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id)).fetchone()
    if row is None:
        raise _absent(kind, id)
    return _load(row[0])


def exists(connection: sqlite3.Connection, kind: Kind, id: str) -> bool:
    """Whether a document is there, inside a transaction."""
    found = connection.execute("SELECT 1 FROM documents WHERE kind = ? AND id = ?", (kind, id))
    return found.fetchone() is not None


def change_session(connection: sqlite3.Connection, id: str, changes: Doc) -> None:
    """Set fields of a session's row, if it is there, inside a transaction."""
    row = connection.execute("SELECT body FROM documents WHERE kind = 'session' AND id = ?", (id,)).fetchone()
    if row is not None:
        doc = _load(row[0]) | changes
        put(connection, "session", doc, status=doc["status"])


def mark_unsettled(connection: sqlite3.Connection, session_id: str, unsettled: bool) -> None:
    """Note whether a session must go on by itself after a crash, inside a transaction."""
    if unsettled:
        connection.execute("INSERT OR IGNORE INTO unsettled VALUES (?)", (session_id,))
    else:
        connection.execute("DELETE FROM unsettled WHERE session_id = ?", (session_id,))


class Catalog:
    """Reads and writes documents."""

    def __init__(self, database: Database | ReadOnly) -> None:
        self._database = database

    def get(self, kind: Kind, id: str) -> Doc:
        """The document; raises `NotFound` in the wire's words."""
        doc = self.find(kind, id)
        if doc is None:
            raise _absent(kind, id)
        return doc

    def find(self, kind: Kind, id: str) -> Doc | None:
        """The document, or None."""
        row = self._database.read(
            lambda c: c.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        )
        return None if row is None else _load(row[0])

    def page(self, kind: Kind, where: Where, order: str, cursor: Cursor | None, limit: int) -> Page:
        """Up to `limit` documents by age, newest first for ``desc``."""
        back = cursor is not None and cursor.back
        descending = (order == "desc") != back
        if cursor is not None:
            sign = "<" if descending else ">"
            where = where & Where((f"(created_at, id) {sign} (?, ?)",), cursor.key)
        conditions = " AND ".join(("kind = ?", *where.conditions))
        direction = "DESC" if descending else "ASC"
        rows = self._database.read(
            lambda c: c.execute(
                f"SELECT body FROM documents WHERE {conditions} "
                f"ORDER BY created_at {direction}, id {direction} LIMIT ?",
                (kind, *where.values, limit + 1),
            ).fetchall()
        )
        more = len(rows) > limit
        docs = [_load(body) for (body,) in rows[:limit]]
        if back:
            docs.reverse()
        first = _cursor(order, docs[0], back=True) if docs else None
        last = _cursor(order, docs[-1], back=False) if docs else None
        return Page(
            docs,
            next=last if (more or back) else None,
            previous=first if (more if back else cursor is not None) else None,
        )

    def count(self, kind: Kind, where: Where = Where()) -> int:
        """How many documents match."""
        conditions = " AND ".join(("kind = ?", *where.conditions))
        (number,) = self._database.read(
            lambda c: c.execute(
                f"SELECT COUNT(*) FROM documents WHERE {conditions}", (kind, *where.values)
            ).fetchone()
        )
        return int(number)

    def all(self, kind: Kind, where: Where = Where()) -> list[Doc]:
        """Every matching document, oldest first; for small sets."""
        conditions = " AND ".join(("kind = ?", *where.conditions))
        rows = self._database.read(
            lambda c: c.execute(
                f"SELECT body FROM documents WHERE {conditions} ORDER BY created_at, id",
                (kind, *where.values),
            ).fetchall()
        )
        return [_load(body) for (body,) in rows]

    def unsettled(self) -> list[str]:
        """Ids of the sessions that have something to do."""
        rows = self._database.read(
            lambda c: c.execute("SELECT session_id FROM unsettled ORDER BY session_id").fetchall()
        )
        return [id for (id,) in rows]

    async def save_agent(self, agent: Doc, *, over: int | None) -> None:
        """Store a new version over version number `over` (None for a new agent).

        Raises `Conflict` where somebody else was first.
        """

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "SELECT body FROM documents WHERE kind = 'agent' AND id = ?", (agent["id"],)
            ).fetchone()
            current = None if row is None else _load(row[0])["version"]
            if current != over:
                raise Conflict("The agent was changed by someone else; retrieve it and try again.")
            put(connection, "agent", agent, name=agent["name"])
            connection.execute(
                "INSERT OR REPLACE INTO versions VALUES (?,?,?)",
                (agent["id"], agent["version"], dump(agent)),
            )

        await self._database.write(work)

    def version(self, agent_id: str, version: int) -> Doc:
        """An agent as it was at `version`; archiving shows on every version."""
        newest = self.get("agent", agent_id)
        if version > newest["version"]:
            raise NotFound(f"Agent `{agent_id}` has no version {version}.")
        row = self._database.read(
            lambda c: c.execute(
                "SELECT body FROM versions WHERE id = ? AND version = ?", (agent_id, version)
            ).fetchone()
        )
        if row is None:
            raise NotFound(f"Agent `{agent_id}` has no version {version}.")
        return _load(row[0]) | {"archived_at": newest["archived_at"]}

    def versions(self, agent_id: str, before: int | None, limit: int) -> list[Doc]:
        """Versions of an agent, newest first, below number `before`."""
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT body FROM versions WHERE id = ? AND version < ? ORDER BY version DESC LIMIT ?",
                (agent_id, before or 2**62, limit),
            ).fetchall()
        )
        return [_load(body) for (body,) in rows]

    async def add_environment(self, environment: Doc) -> None:
        """Store a new environment; raises `Conflict` where its name is taken (spec section 2.3)."""

        def work(connection: sqlite3.Connection) -> None:
            _check_name(connection, environment)
            put(connection, "environment", environment, name=environment["name"])

        await self._database.write(work)

    async def change(self, kind: Literal["agent", "environment"], id: str, make: Callable[[Doc], Doc]) -> Doc:
        """Replace a document by what `make` makes of it, in one transaction, so that no change is lost.

        `make` runs on the writer's thread. Raises `NotFound`, `Conflict` for a name that is taken, and
        what `make` raises; then nothing is changed.
        """

        def work(connection: sqlite3.Connection) -> Doc:
            stored = require(connection, kind, id)
            doc = make(stored)
            if doc == stored:
                return doc
            if kind == "environment" and doc["archived_at"] is None:
                _check_name(connection, doc)
            put(connection, kind, doc, name=doc["name"])
            if kind == "agent":
                connection.execute(
                    "INSERT OR REPLACE INTO versions VALUES (?,?,?)", (id, doc["version"], dump(doc))
                )
            return doc

        return await self._database.write(work)

    async def delete_environment(self, id: str) -> None:
        """Remove an environment; raises `NotFound`, or `Conflict` where a session refers to it."""

        def work(connection: sqlite3.Connection) -> None:
            require(connection, "environment", id)
            (number,) = connection.execute(
                "SELECT COUNT(*) FROM documents WHERE kind = 'session' "
                "AND json_extract(body, '$.environment_id') = ?",
                (id,),
            ).fetchone()
            if number:
                raise Conflict(
                    f"environment `{id}` is in use (sessions: {number}); delete them or archive it."
                )
            delete(connection, "environment", id)

        await self._database.write(work)

    async def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on its own in a transaction; returns after the commit."""
        return await self._database.write(work)

    async def put(self, kind: Kind, doc: Doc, *, parent: str | None = None) -> None:
        """Insert or replace a document."""
        await self._database.write(lambda c: put(c, kind, doc, name=doc.get("name"), parent=parent))

    async def delete(self, kind: Kind, ids: Sequence[str]) -> None:
        """Remove documents."""

        def work(connection: sqlite3.Connection) -> None:
            for id in ids:
                delete(connection, kind, id)

        await self._database.write(work)


def _load(body: str) -> Doc:
    doc: Doc = json.loads(body)
    return doc


def _cursor(order: str, doc: Doc, *, back: bool) -> Cursor:
    return Cursor(order, (doc["created_at"], doc["id"]), back)


def _absent(kind: str, id: str) -> NotFound:
    code = "environment_not_found" if kind == "environment" else None
    return NotFound(f"{kind.capitalize()} `{id[:100]}` not found.", code=code)


def _check_name(connection: sqlite3.Connection, environment: Doc) -> None:
    """Raises `Conflict` where another environment that is not archived has this name."""
    taken = connection.execute(
        "SELECT id FROM documents WHERE kind = 'environment' AND name = ? AND archived = 0 AND id != ?",
        (environment["name"], environment["id"]),
    ).fetchone()
    if taken is not None:
        raise Conflict(f"name: environment `{taken[0]}` is already named {environment['name']!r}.")
