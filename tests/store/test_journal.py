from __future__ import annotations

import json
import sqlite3

import pytest

from jupyter_agents.domain.events import Draft, Stamp
from jupyter_agents.ids import IdSource, utc_now
from jupyter_agents.store.database import Database
from jupyter_agents.store.journal import BATCH, Filter, Journal, delete_records, dump

STAMP = Stamp(utc_now, IdSource())
ALL = Filter()


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


def made(*types: str) -> list[Draft]:
    drafts = [STAMP.event({"type": type}) for type in types]
    STAMP.seal(drafts)
    return drafts


def listed(journal: Journal, filter: Filter = ALL, order: str = "asc", after: int | None = None) -> list[str]:
    return [json.loads(row.event)["type"] for row in journal.page("s", filter, order, after, 1000)]


async def test_records_come_back_as_they_were(journal: Journal) -> None:
    stamp = Stamp(utc_now, IdSource())
    drafts = [
        stamp.private("private.session", {"a": 1}),
        stamp.queued({"type": "user.message"}),
        stamp.event({"type": "agent.message", "content": [{"type": "text", "text": "é\n"}]}),
    ]
    stamp.seal(drafts)
    written = await journal.append("s", 0, drafts)
    assert [r.seq for r in written] == [1, 2, 3]
    assert list(journal.read("s")) == written
    assert list(journal.read("s", 2)) == written[2:]
    assert list(journal.read("other")) == []
    assert journal.last_seq("s") == 3 and journal.last_seq("other") == 0


async def test_long_journals_are_read_in_batches(journal: Journal) -> None:
    await journal.append("s", 0, made(*["a"] * (BATCH + 5)))
    assert [r.seq for r in journal.read("s")] == list(range(1, BATCH + 6))


async def test_two_writers_cannot_take_the_same_place(journal: Journal) -> None:
    await journal.append("s", 0, made("a"))
    with pytest.raises(sqlite3.IntegrityError):
        await journal.append("s", 0, made("b"))
    assert listed(journal) == ["a"]


async def test_what_is_written_along_stands_or_falls_with_the_records(journal: Journal) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await journal.append("s", 0, made("a"), fail)
    assert listed(journal) == []


async def test_pages_by_type_time_order_and_place(journal: Journal) -> None:
    drafts = made("a", "b", "a", "c")
    await journal.append("s", 0, drafts)
    times = [d.event["processed_at"] for d in drafts]
    assert listed(journal) == ["a", "b", "a", "c"]
    assert listed(journal, order="desc") == ["c", "a", "b", "a"]
    assert listed(journal, Filter(("a",))) == ["a", "a"]
    assert listed(journal, Filter(("a", "c")), "desc") == ["c", "a", "a"]
    assert listed(journal, after=2) == ["a", "c"]
    assert listed(journal, order="desc", after=2) == ["a"]
    assert listed(journal, Filter(bounds=((">", times[1]), ("<=", times[2])))) == ["a"]
    rows = journal.page("s", Filter(), "asc", None, 2)
    assert [(r.seq, r.id, r.processed_at) for r in rows] == [
        (n + 1, drafts[n].event["id"], times[n]) for n in range(2)
    ]


async def test_private_and_queued_records_are_not_listed(journal: Journal) -> None:
    drafts = [STAMP.private("private.note", {}), STAMP.queued({"type": "user.message"})]
    STAMP.seal(drafts)
    await journal.append("s", 0, drafts)
    assert listed(journal) == []


async def test_the_queue_holds_what_was_not_processed(journal: Journal) -> None:
    one, two = (STAMP.queued({"type": "user.message"}) for _ in range(2))
    await journal.append("s", 0, [one, two])
    processed = STAMP.event(one.event)
    STAMP.seal([processed])
    await journal.append("s", 2, [processed])
    assert [json.loads(event)["id"] for event in journal.queued("s")] == [two.event["id"]]


async def test_deleting_takes_one_sessions_records(journal: Journal, database: Database) -> None:
    await journal.append("s", 0, made("a"))
    await journal.append("other", 0, made("b"))
    await database.write(lambda c: delete_records(c, "s"))
    assert listed(journal) == [] and journal.last_seq("other") == 1


def test_stored_json_fits_one_line_of_a_stream_and_any_text() -> None:
    line = dump({"text": "a\n\r\u2028é\ud800"})
    assert line.isascii() and "\n" not in line and "\r" not in line
    assert json.loads(line) == {"text": "a\n\r\u2028é\ud800"}
