"""A run file becomes a session with its events as they were: archived and never run again, or to go on.

The file is untrusted. Sizes are bounded, every event must be one of the SDK's, the whole must fold and
export again, and no path or address in it is followed. Source: docs/replay.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from jupyter_agents import wire
from jupyter_agents.domain import network, projection, session_object
from jupyter_agents.domain.events import Draft, Record, Stamp, terminated
from jupyter_agents.domain.session_object import IMPORTED, check_runnable
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.ids import Clock, NewId, parse_time, rfc3339
from jupyter_agents.runtime.replay import LARGEST_RUN_FILE
from jupyter_agents.runtime.runfile import CHANGES, Entry, Recording, export, parse
from jupyter_agents.store import catalog
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import insert

Doc = dict[str, Any]

MOST_RECORDS = 200_000
MOST_CHANGES = 100_000
MOST_PATH = 4096
AHEAD = timedelta(days=1)
SESSION_ID = re.compile(r"sesn_[0-9A-Za-z]{1,64}")
EVENT_ID = re.compile(r"[a-z]{1,16}_[0-9A-Za-z]{1,64}")
KINDS = ("created", "modified", "deleted")
MAKERS = ("agent", "user", "unknown")
CHANGE = {"path", "kind", "size", "at", "sha256", "mode", "by", "event_id"}
SHA256 = re.compile(r"[0-9a-f]{64}")
FIELDS = (wire.Session.model_fields.keys() - {"metadata", "vault_ids", "stats"}) | (
    set(session_object.OWN_FIELDS) - {IMPORTED}
)
FINAL = "session.status_terminated"
GOES_ON = ("running", "rescheduling")


@dataclass(frozen=True)
class Continued:
    """A session that is to go on here. environment: the one that it gets, in place of its own. metadata:
    the session's."""

    environment: Doc
    metadata: Doc


@dataclass(frozen=True)
class Imported:
    """session_id: the session's id here. source: its id in the file. known: it was here already."""

    session_id: str
    source: str
    events: int
    known: bool


def import_run(
    database: Database,
    text: str,
    clock: Clock,
    new_id: NewId,
    continued: Continued | None = None,
    prepare: Callable[[Doc], None] = lambda session: None,
) -> Imported:
    """Store the session of a run file; one that was imported before is found, not stored again. Blocks.

    Parameters
    ----------
    continued:
        Makes it a session that goes on, in place of one that is archived. Its mounted files and
        repositories do not come along. What was under way is closed as interrupted.
    prepare:
        Called with a session that goes on, before it can be seen; what it raises ends the import.

    Raises
    ------
    InvalidRequest
        With one sentence, for a file that is not as jupyter-agents writes it, or whose session is over and
        cannot go on.
    """
    if len(text) > LARGEST_RUN_FILE:
        raise InvalidRequest(f"The run file is larger than {LARGEST_RUN_FILE} bytes.")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    recording = parse(text)
    made = Made(recording, digest, clock, new_id, continued)
    if continued is not None:
        before = database.read(lambda c: _before(c, digest, continued=True))
        if before is not None:
            return Imported(before, made.source, len(recording.events), known=True)
        if database.read(lambda c: _taken(c, made.id)):
            made.rename(new_id("sesn"))
        prepare(made.row())

    def work(connection: sqlite3.Connection) -> Imported:
        before = _before(connection, digest, continued=continued is not None)
        if before is not None:
            return Imported(before, made.source, len(recording.events), known=True)
        if _taken(connection, made.id):
            if continued is not None:
                raise InvalidRequest(f"{made.id} was made meanwhile. Import again.")
            made.rename(new_id("sesn"))
        insert(connection, made.id, made.records())
        row = made.row()
        catalog.put(connection, "session", row, status=row["status"])
        catalog.mark_unsettled(connection, made.id, row["status"] in GOES_ON)
        return Imported(made.id, made.source, len(recording.events), known=False)

    return database.submit(work).result()


class Made:
    """The records and the row of an imported session, checked.

    Raises `InvalidRequest` where the file is not sound.
    """

    def __init__(
        self,
        recording: Recording,
        digest: str,
        clock: Clock,
        new_id: NewId,
        continued: Continued | None = None,
    ) -> None:
        self._clock = clock
        self._continued = continued
        try:
            self._doc = self._session(recording.header["session"], digest)
            self.source = self.id
            self._drafts = [Draft("private", self._birth(new_id("sevt")), self._doc)]
            self._drafts += self._entries(recording.entries, new_id)
            state = self._fold()
            self._drafts += self._end(state, new_id)
            self._fold()
            for _ in export(self.records()):
                pass
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            said = " ".join(_said(error).split())[:200]
            raise InvalidRequest(
                f"The run file cannot be imported: {said or type(error).__name__}."
            ) from None

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self._doc["id"])

    def rename(self, session_id: str) -> None:
        """Take another id, where the file's own is taken."""
        self._doc["id"] = session_id

    def records(self) -> Iterator[Record]:
        """The journal."""
        for seq, draft in enumerate(self._drafts, 1):
            yield Record(seq, draft.kind, draft.event, draft.private)

    def row(self) -> Doc:
        """What the catalog shows: a projection of the journal, as for any session."""
        return self._doc | projection.row(State(), self._drafts)

    def _session(self, given: Doc, digest: str) -> Doc:
        unknown = sorted(given.keys() - FIELDS)
        _check(not unknown, f"the session has unknown fields: {', '.join(unknown)[:100]}")
        _check(SESSION_ID.fullmatch(given["id"]) is not None, "the session's id is none")
        _check(EVENT_ID.fullmatch(given["thread_id"]) is not None, "the thread's id is none")
        _check(all(isinstance(note, str) for note in given["notes"]), "the session's notes are no text")
        _check(given["archived_at"] is None, "the session begins archived")
        self._last = _moment(given["created_at"], self._clock)
        now = rfc3339(self._clock())
        source = {"file": digest, "from": given["id"], "at": now}
        doc = given | {"metadata": {}, "vault_ids": [], IMPORTED: source}
        if self._continued is not None:
            doc |= self._goes_on(doc, self._continued)
        shown = json.dumps(session_object.wire(doc, now))
        wire.Session.model_validate_json(shown, strict=True)
        return doc

    def _goes_on(self, doc: Doc, here: Continued) -> Doc:
        """What is otherwise where the session goes on."""
        check_runnable(doc["agent"], {})
        return {
            "environment_id": here.environment["id"],
            "metadata": here.metadata,
            "resources": [],
            "notes": [network.describe(here.environment, doc["agent"])],
            IMPORTED: doc[IMPORTED] | {"continued": True},
        }

    def _birth(self, id: str) -> Doc:
        return {"id": id, "type": "private.session", "processed_at": self._doc["created_at"]}

    def _entries(self, entries: list[Entry], new_id: NewId) -> Iterator[Draft]:
        _check(len(entries) <= MOST_RECORDS, f"it has more than {MOST_RECORDS} events")
        adapter, seen, size = wire.event_adapter(), set[str](), 0
        for entry in entries:
            _check_changes(entry.private.get("changes", []))
            if entry.event is None:
                at = rfc3339(self._last)
                yield Draft(
                    "private", {"id": new_id("sevt"), "type": CHANGES, "processed_at": at}, entry.private
                )
                continue
            event, text = entry.event, json.dumps(entry.event)
            size += len(text)
            _check(size <= LARGEST_RUN_FILE, "its events are too large")
            adapter.validate_json(text, strict=True)
            _check(EVENT_ID.fullmatch(event["id"]) is not None, "an event's id is none")
            _check(event["id"] not in seen, f"the event {event['id']} stands there twice")
            seen.add(event["id"])
            at = _moment(event["processed_at"], self._clock)
            _check(at >= self._last, f"the event {event['id']} is older than the one before it")
            self._last = at
            yield Draft("event", event, entry.private)

    def _fold(self) -> State:
        state = State()
        for record in self.records():
            apply(state, record)
        return state

    def _end(self, state: State, new_id: NewId) -> list[Draft]:
        """What archives the session; one that had ended in the file ended then."""
        if state.status == "terminated":
            _check(self._continued is None, "the session is over: it can be read, not continued")
            last = next(d for d in reversed(self._drafts) if d.event["type"] == FINAL)
            (last.private or {})["archived_at"] = last.event["processed_at"]
            return []
        if self._continued is not None:
            return []
        stamp = Stamp(self._clock, new_id, state.last)
        private = {"archived_at": rfc3339(stamp.now()), IMPORTED: self._doc[IMPORTED]}
        drafts = [stamp.event(body, private) for body in terminated(state.primary)]
        stamp.seal(drafts)
        return drafts


def _before(connection: sqlite3.Connection, digest: str, *, continued: bool) -> str | None:
    """The session that was made of the same file in the same way."""
    row = connection.execute(
        "SELECT id FROM documents WHERE kind = 'session' AND json_extract(body, '$.imported.file') = ? "
        "AND COALESCE(json_extract(body, '$.imported.continued'), 0) = ?",
        (digest, continued),
    ).fetchone()
    return None if row is None else str(row[0])


def _taken(connection: sqlite3.Connection, session_id: str) -> bool:
    document = "SELECT 1 FROM documents WHERE kind = 'session' AND id = ?"
    record = "SELECT 1 FROM records WHERE session_id = ?"
    found = (connection.execute(sql, (session_id,)).fetchone() for sql in (document, record))
    return any(row is not None for row in found)


def _moment(text: str, clock: Clock) -> Any:
    moment = parse_time(text)
    _check(rfc3339(moment) == text, f"{text[:50]!r} is not a time as the API writes it")
    _check(moment <= clock() + AHEAD, f"{text} is in the future")
    return moment


def _check_changes(changes: list[Doc]) -> None:
    _check(isinstance(changes, list) and len(changes) <= MOST_CHANGES, "its changed files are no list")
    for change in changes:
        path, size = change["path"], change["size"]
        fits = isinstance(path, str) and 0 < len(path) <= MOST_PATH
        fits = fits and isinstance(size, int) and 0 <= size < 2**53
        fits = fits and change.keys() <= CHANGE and change["kind"] in KINDS and _is_version(change)
        _check(fits, "a changed file is not as a run file has it")
        place = PurePosixPath(path)
        _check(not place.is_absolute() and ".." not in place.parts, f"{path[:100]!r} leaves the workspace")
        parse_time(change.get("at", "1970-01-01T00:00:00Z"))


def _is_version(change: Doc) -> bool:
    sha256, mode, event_id = change.get("sha256"), change.get("mode", 0), change.get("event_id")
    fits = sha256 is None or (isinstance(sha256, str) and SHA256.fullmatch(sha256) is not None)
    fits = fits and isinstance(mode, int) and 0 <= mode <= 0o777 and change.get("by", "agent") in MAKERS
    return fits and (event_id is None or EVENT_ID.fullmatch(event_id) is not None)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _check(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(what)
