"""A workspace's files over time, as a session's journal has them: who left which version where.

Pure. ``private.workspace`` holds files as they were found before any call; ``changes`` of a result, of
``private.changes`` and of ``private.undo`` hold what became of them since.
Source: docs/decisions.md "Sandbox and network" (snapshots), docs/files.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jupyter_agents.domain.events import Record
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State

Doc = dict[str, Any]
By = Literal["agent", "user", "unknown", "undo"]

WORKSPACE = "private.workspace"
CHANGES = "private.changes"
UNDO = "private.undo"
MOST_PER_RECORD = 1000
BESIDE = ("user", "undo")
"""Who makes changes that are not the turn's in which they are recorded."""


class Version(NamedTuple):
    """A file's content and permission bits. sha256: hex, None where it was not read. size: bytes."""

    sha256: str | None
    size: int
    mode: int


UNSEEN = Version(None, 0, 0)
"""A file that was there and of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file. None: the file is not there.

    by: ``agent`` for a tool call of this session, ``user`` for what was found before a turn's first
    call, ``undo`` for what an undo put back, ``unknown`` for the rest. turn: counts from 1.
    """

    before: Version | None
    after: Version | None
    by: By
    turn: int


@dataclass
class History:
    """What the records say.

    versions: each file that was ever there, as it was last seen; None where it is gone. edits: by path,
    oldest first. begun: whether the workspace was looked at before its first call. complete: whether
    all of its files were seen then. turn: the newest. marked: that of the event that `read` was asked for.
    """

    versions: dict[str, Version | None] = field(default_factory=dict)
    edits: dict[str, list[Edit]] = field(default_factory=dict)
    begun: bool = False
    complete: bool = True
    turn: int = 0
    marked: int | None = None

    @property
    def present(self) -> dict[str, Version]:
        """The files that are there."""
        return {path: version for path, version in self.versions.items() if version is not None}

    @property
    def contents(self) -> set[str]:
        """The SHA-256 of every version of every file."""
        edited = (v for edits in self.edits.values() for e in edits for v in (e.before, e.after))
        return {v.sha256 for v in (*self.versions.values(), *edited) if v is not None and v.sha256}

    def take(self, record: Record) -> None:
        """Go on with one record, of the turn `self.turn`."""
        private = record.private or {}
        if record.event["type"] == WORKSPACE:
            self.begun = True
            self.complete = self.complete and bool(private.get("complete", True))
            for doc in private["files"]:
                self._found(doc)
        for doc in private.get("changes", ()):
            self._changed(doc, "undo" if record.event["type"] == UNDO else maker(record, doc))

    def _found(self, doc: Doc) -> None:
        path, version = doc["path"], of(doc)
        if self.versions.get(path, version) != version:
            self._edit(path, version, "unknown")
        self.versions[path] = version

    def _changed(self, doc: Doc, by: By) -> None:
        self.begun = self.begun or "sha256" in doc
        version = None if doc["kind"] == "deleted" else of(doc)
        if self.versions.get(doc["path"]) is None and doc["kind"] != "created":
            self.versions[doc["path"]] = UNSEEN
        self._edit(doc["path"], version, by)
        self.versions[doc["path"]] = version

    def _edit(self, path: str, after: Version | None, by: By) -> None:
        edit = Edit(self.versions.get(path), after, by, self.turn)
        self.edits.setdefault(path, []).append(edit)


def of(doc: Mapping[str, Any]) -> Version:
    """The version that a record's entry describes; records of older versions have no hash."""
    return Version(doc.get("sha256"), doc["size"], doc.get("mode", 0))


def maker(record: Record, doc: Mapping[str, Any]) -> By:
    """Who made a change: a result's are its call's where the entry does not say otherwise."""
    by: By = doc.get("by", "agent" if record.kind == "event" else "unknown")
    return by


def shown(record: Record) -> list[Doc]:
    """The changes of a record as the API shows them, with the event that made them or None."""
    found = []
    for doc in (record.private or {}).get("changes", ()):
        undone = record.event["type"] == UNDO
        by = "undo" if undone else maker(record, doc)
        own = record.event["id"] if undone else record.event.get("tool_use_id")
        event_id = doc.get("event_id", own) if by in ("agent", "undo") else None
        entry = {"path": doc["path"], "kind": doc["kind"], "size": doc["size"], "sha256": doc.get("sha256")}
        found.append(entry | {"by": by, "event_id": event_id, "at": doc.get("at")})
    return found


def read(records: Iterable[Record], mark: str | None = None) -> History:
    """The history that all of `records`, from the first on, tell; `mark` is an event's id."""
    history, state = History(), State()
    for record in records:
        apply(state, record)
        history.turn = state.turn
        history.take(record)
        if mark is not None and record.kind == "event" and record.event["id"] == mark:
            history.marked = state.turn
    return history


def chunks(docs: list[Doc]) -> Iterable[list[Doc]]:
    """`docs` in parts that fit a record each."""
    return (docs[start : start + MOST_PER_RECORD] for start in range(0, len(docs), MOST_PER_RECORD))
