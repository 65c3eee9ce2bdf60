"""One SQLite file, one writer thread, many readers.

Writes are queued to a thread that commits whatever has gathered in one transaction with
``synchronous=FULL`` (group commit); the callers are told after the commit, all of one loop at once, so
that what they write next is one group again. Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jupyter_agents.errors import UserError

SCHEMA_VERSION = 1
MOST_PER_COMMIT = 256

SCHEMA = """
CREATE TABLE records (
    session_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    type TEXT NOT NULL, processed_at TEXT, event TEXT NOT NULL, private TEXT,
    PRIMARY KEY (session_id, seq)
) WITHOUT ROWID;
CREATE INDEX records_queued ON records (session_id, seq) WHERE kind = 'queued';
CREATE TABLE documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT, parent TEXT, status TEXT,
    created_at TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX documents_by_age ON documents (kind, created_at, id);
CREATE INDEX documents_by_parent ON documents (kind, parent, id);
CREATE TABLE versions (
    id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id, version)
) WITHOUT ROWID;
CREATE TABLE unsettled (session_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""

NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "lustre", "gpfs"}

CLOSED = "the store is closed"

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Done = Future[Any] | asyncio.Future[Any]
Outcome = tuple[Done, Any, BaseException | None]


class _Reader(NamedTuple):
    """A thread's connection; `using` is held while it reads."""

    connection: sqlite3.Connection
    using: threading.Lock


class Database:
    """The store's file. `write` and `read` take a function of a connection.

    Parameters
    ----------
    path:
        The file; its folder must exist. Raises `UserError` when a newer version made it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._closing = threading.Lock()
        self._closed = False
        self._readers: list[_Reader] = []
        self._jobs: queue.SimpleQueue[tuple[Work[Any], Done] | None] = queue.SimpleQueue()
        connection = self._connect()
        self._migrate(connection)
        path.chmod(0o600)
        self._thread = threading.Thread(
            target=self._run, args=(connection,), name="jupyter-agents-store", daemon=True
        )
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; returns after the commit. Raises sqlite3.Error."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(work, done)
        return await done

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue `work`; the future is done after the commit."""
        done: Future[T] = Future()
        self._put(work, done)
        return done

    def read(self, work: Work[T]) -> T:
        """Run `work` on this thread's own connection; it sees what is committed."""
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._reader()
        with reader.using:
            if self._closed:
                raise sqlite3.ProgrammingError(CLOSED)
            return work(reader.connection)

    def close(self) -> None:
        """Write what is queued, let readers end, then close. Idempotent."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
            readers, self._readers = self._readers, []
        self._thread.join()
        for reader in readers:
            with reader.using:
                reader.connection.close()

    def _put(self, work: Work[Any], done: Done) -> None:
        with self._closing:
            if self._closed:
                raise sqlite3.ProgrammingError(CLOSED)
            self._jobs.put((work, done))

    def _reader(self) -> _Reader:
        with self._closing:
            if self._closed:
                raise sqlite3.ProgrammingError(CLOSED)
            reader = _Reader(self._connect(), threading.Lock())
            self._readers.append(reader)
        return reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        mode = "DELETE" if file_system(self.path.parent) in NETWORK_FILE_SYSTEMS else "WAL"
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            connection.rollback()
            raise UserError(
                f"{self.path} was made by a newer jupyter-agents (schema {version}, this one knows "
                f"{SCHEMA_VERSION}). Upgrade it, or set JUPYTER_AGENTS_DATA_DIR to another folder."
            )
        if version == 0:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.commit()

    def _run(self, connection: sqlite3.Connection) -> None:
        open_ = True
        while open_:
            jobs = [self._jobs.get()]
            while len(jobs) < MOST_PER_COMMIT and not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
            open_ = None not in jobs
            self._commit(connection, [job for job in jobs if job and _is_wanted(job[1])])
        connection.close()

    def _commit(self, connection: sqlite3.Connection, jobs: list[tuple[Work[Any], Done]]) -> None:
        if not jobs:
            return
        outcomes: list[Outcome] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work, done in jobs:
                outcomes.append((done, *_attempt(connection, work)))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(done, None, error) for _, done in jobs]
        _tell(outcomes)


def _attempt(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any, BaseException | None]:
    connection.execute("SAVEPOINT job")
    try:
        result = work(connection)
    except sqlite3.OperationalError:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO job")
        return None, error
    finally:
        if connection.in_transaction:
            connection.execute("RELEASE job")
    return result, None


def _is_wanted(done: Done) -> bool:
    """Whether the caller still waits; from now on a `Future` cannot be cancelled."""
    if isinstance(done, Future):
        return done.set_running_or_notify_cancel()
    return not done.cancelled()


def _tell(outcomes: list[Outcome]) -> None:
    """Give the outcomes to their callers: those of one loop in one step of it."""
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        if isinstance(outcome[0], Future):
            _settle([outcome])
        else:
            loops.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, waiting in loops.items():
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, waiting)


def _settle(outcomes: list[Outcome]) -> None:
    for done, result, failure in outcomes:
        if done.cancelled():
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, or "" where it cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    path = os.path.realpath(folder)
    best, kind = "", ""
    for line in mounts:
        _, point, found, *_ = line.split(" ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
