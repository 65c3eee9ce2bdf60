"""What `jupyter agents gc` removes: old sessions that are over, and what nothing refers to any more.

A session's rows go first, in one transaction; its bytes on disk follow. So a process that is killed in
between leaves a store that works, and bytes that the next run finds. Other processes may use the store
meanwhile: a session is deleted with its lock held, and young files are left alone.
Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jupyter_agents.domain.session_object import IMPORTED
from jupyter_agents.ids import Clock, rfc3339, utc_now
from jupyter_agents.sandbox.leftovers import of_dead_servers
from jupyter_agents.store import catalog as documents
from jupyter_agents.store.catalog import Catalog, Where
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import delete_records
from jupyter_agents.store.ownership import Ownership

Doc = dict[str, Any]

YOUNG_SECONDS = 3600.0
NAME = re.compile(r"(sesn_[0-9A-Za-z]+)(\.agentrun|\.json|\.new|\.lock|\.tar\.gz)?")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Removed:
    """One thing that goes, or would go: its kind, its name and its bytes."""

    kind: str
    name: str
    bytes: int


class Cleanup:
    """Finds and removes.

    Parameters
    ----------
    folder:
        The data directory, whose store exists.
    dry_run:
        Only say what would go.
    young:
        Seconds for which a file that nothing refers to is left alone: somebody may be about to refer to it.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        dry_run: bool = False,
        young: float = YOUNG_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        self._folder = folder
        self._database = database
        self._catalog = Catalog(database)
        self._ownership = Ownership(folder / "locks")
        self._dry_run = dry_run
        self._young = young
        self._clock = clock

    def run(self, older_than: timedelta | None, keep: int | None) -> Iterator[Removed]:
        """Remove sessions, then what is left of others; yields each thing once it is gone. Blocks.

        older_than, keep: see `over`.
        """
        gone: set[str] = set()
        for doc in self.over(older_than, keep):
            removed = self._session(str(doc["id"]))
            if removed is not None:
                gone.add(doc["id"])
                yield removed
        living = {doc["id"] for doc in self._catalog.all("session")}
        yield from self._files(living)
        for part in ("uploads", "snapshots", "repositories", "runs", "runs/replay", "workspaces", "locks"):
            yield from self._of_sessions(part, living)
        yield from self._blobs(gone)

    def over(self, older_than: timedelta | None, keep: int | None) -> list[Doc]:
        """Sessions that may go: archived or terminated, settled, and old enough.

        Parameters
        ----------
        older_than:
            They ended, or were imported, longer ago than this.
        keep:
            This many of those that ended last stay, whatever their age. With neither, none may go.
        """
        if older_than is None and keep is None:
            return []
        busy = set(self._catalog.unsettled())
        ended = Where(("(archived = 1 OR status = 'terminated')",))
        found = [doc for doc in self._catalog.all("session", ended) if doc["id"] not in busy]
        found.sort(key=_end, reverse=True)
        if older_than is None:
            return found[keep:]
        before = rfc3339(self._clock() - older_than)
        return [doc for doc in found[keep or 0 :] if _end(doc) < before]

    def compact(self) -> int:
        """Give the database's free pages back to the disk; returns the bytes. Raises sqlite3.Error."""
        path = self._database.path
        before = size(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            if free and not self._dry_run:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, before - size(path))

    def _session(self, id: str) -> Removed | None:
        """Delete a session; None where a living process has it."""
        weight = self._database.read(lambda c: _weight(c, id)) + sum(size(path) for path in self._parts(id))
        with self._claimed(id) as free:
            if not free:
                return None
            if not self._dry_run:
                self._database.submit(lambda c: _delete(c, id)).result()
                for path in self._parts(id):
                    _remove(path)
        return Removed("session", id, weight)

    @contextlib.contextmanager
    def _claimed(self, id: str) -> Iterator[bool]:
        """Whether no living process runs the session; none begins to while this lasts."""
        lock = self._folder / "locks" / f"{id}.lock"
        stays = self._dry_run and lock.exists()
        if not self._ownership.acquire(id):
            yield False
            return
        try:
            yield True
        finally:
            (self._ownership.release if stays else self._ownership.forget)(id)

    def _parts(self, id: str) -> list[Path]:
        runs = self._folder / "runs"
        return [
            self._folder / "uploads" / id,
            self._folder / "snapshots" / id,
            self._folder / "repositories" / f"{id}.json",
            runs / f"{id}.agentrun",
            runs / f"{id}.new",
            runs / "replay" / id,
            self._folder / "workspaces" / f"{id}.tar.gz",
        ]

    def _files(self, living: set[str]) -> Iterator[Removed]:
        """Copies and outputs of sessions that are gone, left by a process that was killed."""
        before = rfc3339(self._clock() - timedelta(seconds=self._young))
        docs = self._catalog.all("file", Where(("parent IS NOT NULL", "created_at < ?"), (before,)))
        for doc in docs:
            scope = doc["scope"] or {}
            if scope.get("type") == "session" and scope["id"] not in living:
                if not self._dry_run:
                    self._database.submit(lambda c, id=doc["id"]: documents.delete(c, "file", id)).result()  # type: ignore[misc]
                yield Removed("file", doc["id"], 0)

    def _of_sessions(self, part: str, living: set[str]) -> Iterator[Removed]:
        """Entries of a folder that are named after sessions which are gone."""
        for path in _entries(self._folder / part):
            found = NAME.fullmatch(path.name)
            if found is None or found[1] in living or not self._is_old(path):
                continue
            if part == "locks":
                yield from self._lock(found[1], path)
            else:
                yield from self._gone(part.partition("/")[0], path)

    def _lock(self, id: str, path: Path) -> Iterator[Removed]:
        weight = size(path)
        with self._claimed(id) as free:
            if free:
                yield Removed("lock", path.name, weight)

    def _blobs(self, gone: set[str]) -> Iterator[Removed]:
        """Bytes whose name stands nowhere in the store, so that a new table or record keeps its own."""
        found = [
            blob
            for folder in _entries(self._folder / "blobs")
            for blob in ([folder] if folder.name.startswith(".new-") else _entries(folder))
            if self._is_old(blob)
        ]
        if not found:
            return
        named = self._database.read(lambda c: _named(c, gone))
        for blob in found:
            if blob.name not in named and self._is_old(blob):
                yield from self._gone("blob", blob)

    def _gone(self, kind: str, path: Path) -> Iterator[Removed]:
        yield from _take(kind, path, self._dry_run)

    def _is_old(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return path.lstat().st_mtime <= time.time() - self._young
        return False


def temporary(*, dry_run: bool = False) -> Iterator[Removed]:
    """Remove temporary folders of ours whose process is dead; yields each once it is gone. Blocks."""
    for path in of_dead_servers(Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            if path.lstat().st_uid == os.geteuid() and not path.is_symlink():
                yield from _take("temporary", path, dry_run)


def _take(kind: str, path: Path, dry_run: bool) -> Iterator[Removed]:
    weight = size(path)
    if not dry_run:
        _remove(path)
    if dry_run or not os.path.lexists(path):
        yield Removed(kind, path.name, weight)


def _end(doc: Doc) -> str:
    imported = doc.get(IMPORTED)
    return str(imported["at"] if imported else doc["archived_at"] or doc["updated_at"])


def _delete(connection: sqlite3.Connection, session_id: str) -> None:
    delete_records(connection, session_id)
    documents.delete(connection, "session", session_id)
    documents.mark_unsettled(connection, session_id, False)
    connection.execute("DELETE FROM documents WHERE kind = 'file' AND parent = ?", (session_id,))


def _weight(connection: sqlite3.Connection, session_id: str) -> int:
    (number,) = connection.execute(
        "SELECT COALESCE(SUM(LENGTH(event) + LENGTH(COALESCE(private, ''))), 0) FROM records "
        "WHERE session_id = ?",
        (session_id,),
    ).fetchone()
    return int(number)


def _named(connection: sqlite3.Connection, gone: set[str]) -> set[str]:
    """Every text in the store that could be a blob's name, but for what belongs to sessions that go."""
    named: set[str] = set()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        cursor = connection.execute(f'SELECT * FROM "{table}"')
        columns = [column[0] for column in cursor.description]
        owner = next((columns.index(name) for name in ("session_id", "parent") if name in columns), None)
        for row in cursor:
            if owner is None or row[owner] not in gone:
                texts = (value for value in row if isinstance(value, str))
                named.update(*(SHA256.findall(text) for text in texts))
    return named


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def size(path: Path) -> int:
    """The bytes of a file, or of everything below a folder; links are not followed."""
    found, waiting = 0, [path]
    while waiting:
        place = waiting.pop()
        with contextlib.suppress(OSError):
            state = place.lstat()
            found += state.st_size if stat.S_ISREG(state.st_mode) else 0
            if stat.S_ISDIR(state.st_mode):
                waiting += place.iterdir()
    return found


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def total(removed: Iterable[Removed]) -> dict[str, tuple[int, int]]:
    """How many of each kind, and their bytes."""
    sums: dict[str, tuple[int, int]] = {}
    for one in removed:
        number, weight = sums.get(one.kind, (0, 0))
        sums[one.kind] = (number + 1, weight + one.bytes)
    return sums
