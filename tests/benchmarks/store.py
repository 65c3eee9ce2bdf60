"""Durable appends: one after the other beside SQLite's own commit, and of many sessions at once."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from jupyter_agents.domain.events import Draft, Record
from jupyter_agents.ids import IdSource
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import Journal, insert
from tests.benchmarks.seed import message
from tests.benchmarks.table import Row

ROUNDS = 5


def rows(*, appends: int = 200, sessions: int = 16, each: int = 500) -> Iterator[Row]:
    """appends: of one session, a round. sessions, each: how many append at once, and how many events."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = [asyncio.run(_round(folder / str(n), appends)) for n in range(ROUNDS)]
        ours, bare = min(pairs, key=lambda pair: pair[0] / pair[1])
        yield Row("floor: SQLite, INSERT and COMMIT of one event, median", bare)
        yield Row(f"durable append of one event, calmest of {ROUNDS} rounds", ours, bare, 1.5)
        yield Row("  the loudest round", max(pairs, key=lambda p: p[0] / p[1])[0], bare)
        rates = [asyncio.run(_together(folder / f"many-{n}", sessions, each)) for n in range(3)]
        what = f"events of {sessions} sessions at once, best of 3"
        yield Row(what, max(rates), unit="/s", least=5000)
        yield Row("  the worst", min(rates), unit="/s")


async def _round(folder: Path, appends: int) -> tuple[float, float]:
    """Median seconds of ours and of SQLite's own, one of each in turn."""
    folder.mkdir()
    database, new_id = Database(folder / "ours.db"), IdSource()
    other = Database(folder / "bare.db")
    other.close()
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    journal, ours, bare = Journal(database), list[float](), list[float]()
    for number in range(appends):
        event = message(number, new_id)
        start = time.perf_counter()
        await journal.append("sesn_1", number, [Draft("event", event)])
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        insert(connection, "sesn_1", [Record(number + 1, "event", event)])
        connection.execute("COMMIT")
        bare.append(time.perf_counter() - start)
    connection.close()
    database.close()
    return median(ours), median(bare)


async def _together(folder: Path, sessions: int, each: int) -> float:
    """Events a second, each session waiting for its own commits."""
    folder.mkdir()
    database, new_id = Database(folder / "ours.db"), IdSource()
    journal = Journal(database)

    async def one(id: str) -> None:
        for number in range(each):
            await journal.append(id, number, [Draft("event", message(number, new_id))])

    start = time.perf_counter()
    await asyncio.gather(*(one(f"sesn_{n}") for n in range(sessions)))
    elapsed = time.perf_counter() - start
    database.close()
    return sessions * each / elapsed
