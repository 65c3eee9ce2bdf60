from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.errors import UserError
from jupyter_agents.store.database import SCHEMA_VERSION, Database, _settle, file_system


def put(name: str) -> str:
    return f"INSERT INTO unsettled VALUES ('{name}')"


def rows(database: Database) -> list[str]:
    return [row[0] for row in database.read(lambda c: c.execute("SELECT * FROM unsettled").fetchall())]


async def test_a_write_is_there_when_it_returns(database: Database) -> None:
    assert await database.write(lambda c: c.execute(put("a")).rowcount) == 1
    assert rows(database) == ["a"]


async def test_what_gathers_is_committed_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = database._commit
    monkeypatch.setattr(database, "_commit", lambda c, jobs: (sizes.append(len(jobs)), commit(c, jobs)))
    started, go = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection) -> None:
        started.set()
        go.wait(5)

    blocker = asyncio.create_task(database.write(first))
    await asyncio.to_thread(started.wait)
    others = [asyncio.create_task(database.write(lambda c, n=n: c.execute(put(str(n))))) for n in range(50)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(blocker, *others)
    assert sizes == [1, 50]


async def test_callers_of_one_commit_are_told_in_one_step(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    told: list[int] = []
    tell = loop.call_soon_threadsafe

    def counted(callback: Any, *arguments: Any, **options: Any) -> Any:
        if callback is _settle:
            told.append(len(arguments[0]))
        return tell(callback, *arguments, **options)

    started, go = threading.Event(), threading.Event()
    blocker = database.submit(lambda c: (started.set(), go.wait(5)))
    await asyncio.to_thread(started.wait)
    waiting = [asyncio.create_task(database.write(lambda c, n=n: c.execute(put(str(n))))) for n in range(50)]
    await asyncio.sleep(0)
    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    go.set()
    blocker.result(5)
    await asyncio.gather(*waiting)
    assert told == [50]


def test_a_loop_that_is_gone_does_not_stop_the_writer(database: Database) -> None:
    started, go = threading.Event(), threading.Event()
    database.submit(lambda c: (started.set(), go.wait(5)))
    started.wait(5)

    async def leave() -> None:
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        await database.write(lambda c: c.execute(put("never")))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(leave())
    go.set()
    database.submit(lambda c: c.execute(put("a"))).result(5)
    assert rows(database) == ["a"]


async def test_one_failure_spares_the_others_of_its_group(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute(put("lost"))
        raise LookupError("mine")

    results = await asyncio.gather(
        database.write(lambda c: c.execute(put("a"))),
        database.write(fail),
        database.write(lambda c: c.execute(put("b"))),
        return_exceptions=True,
    )
    assert isinstance(results[1], LookupError)
    assert rows(database) == ["a", "b"]


async def test_a_caller_that_gave_up_does_not_stop_the_writer(database: Database) -> None:
    started, go = threading.Event(), threading.Event()
    blocker = database.submit(lambda c: (started.set(), go.wait(5)))
    await asyncio.to_thread(started.wait)
    cancelled = asyncio.create_task(database.write(lambda c: c.execute(put("never"))))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    go.set()
    await asyncio.wrap_future(blocker)
    await database.write(lambda c: c.execute(put("a")))
    assert rows(database) == ["a"]


async def test_a_full_disk_fails_the_write_and_nothing_else(database: Database) -> None:
    pages = await database.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda c: c.execute(f"PRAGMA max_page_count={pages + 1}"))
    big = "INSERT INTO versions VALUES ('x', 1, zeroblob(1000000))"
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await database.write(lambda c: c.execute(big))
    await database.write(lambda c: c.execute("PRAGMA max_page_count=1000000"))
    await database.write(lambda c: c.execute(big))


async def test_closing_writes_what_waits_and_lets_readers_end(tmp_path: Path) -> None:
    database = Database(tmp_path / "agents.db")
    reading, go = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> int:
        reading.set()
        go.wait(5)
        return int(connection.execute("SELECT COUNT(*) FROM unsettled").fetchone()[0])

    reader = asyncio.create_task(asyncio.to_thread(database.read, slow))
    await asyncio.to_thread(reading.wait)
    waiting = [database.submit(lambda c, n=n: c.execute(put(str(n)))) for n in range(20)]
    closing = asyncio.create_task(asyncio.to_thread(database.close))
    await asyncio.sleep(0.05)
    go.set()
    await reader
    await closing
    assert all(job.done() and job.exception() is None for job in waiting)
    database.close()
    again = Database(tmp_path / "agents.db")
    assert len(rows(again)) == 20
    again.close()


async def test_a_closed_store_says_so_and_never_hangs(tmp_path: Path) -> None:
    database = Database(tmp_path / "agents.db")
    rows(database)
    database.close()
    for use in (lambda: rows(database), lambda: database.submit(lambda c: None)):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            use()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        await asyncio.to_thread(rows, database)


async def test_readers_in_many_threads_while_it_closes(tmp_path: Path) -> None:
    database = Database(tmp_path / "agents.db")

    def read_until_closed() -> None:
        try:
            while True:
                rows(database)
        except sqlite3.ProgrammingError as error:
            assert "closed" in str(error)

    readers = [asyncio.create_task(asyncio.to_thread(read_until_closed)) for _ in range(4)]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(database.close)
    await asyncio.gather(*readers)


def test_the_file_is_the_owners_alone(database: Database) -> None:
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(UserError, match="newer jupyter-agents"):
        Database(path)


def test_writes_are_synced_before_they_are_acknowledged(database: Database) -> None:
    settings = database.submit(
        lambda c: [c.execute(f"PRAGMA {p}").fetchone()[0] for p in ("synchronous", "journal_mode")]
    )
    assert settings.result(5) == [2, "wal"]


def test_several_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from jupyter_agents.store.database import Database; "
        "Database(pathlib.Path(sys.argv[1])).close()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "agents.db")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    assert [process.communicate()[1] for process in started] == [""] * 6


@pytest.mark.parametrize(
    ("path", "kind"), [("/proc/self", "proc"), ("/dev", None), ("/nowhere/at/all", None)]
)
def test_the_file_system_of_a_folder(path: str, kind: str | None) -> None:
    found = file_system(Path(path))
    assert found == kind if kind else isinstance(found, str)
