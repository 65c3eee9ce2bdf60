from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.ids import utc_now
from jupyter_agents.runtime import cleanup
from jupyter_agents.runtime.cleanup import Cleanup, Removed, temporary
from jupyter_agents.store.ownership import Ownership
from jupyter_agents.testing import say
from tests.runtime.conftest import Runtime

DAY = timedelta(days=1)


def days_on(number: float) -> Any:
    return lambda: utc_now() + timedelta(days=number)


def make(bare: Runtime, *, ahead: float = 0, young: float = 0.0, **options: Any) -> Cleanup:
    database = bare.context.database
    return Cleanup(bare.config.data_dir, database, clock=days_on(ahead), young=young, **options)


def names(removed: Iterator[Removed], kind: str) -> list[str]:
    return [one.name for one in removed if one.kind == kind]


async def archived(bare: Runtime) -> str:
    """A session that had a turn and is archived."""
    session = await bare.session(script=[[say("Hi.")]])
    await bare.turn(session, "go")
    await bare.context.recorder.close()
    await bare.context.manager.archive(session)
    return session


async def test_an_old_session_goes_with_all_that_was_its(bare: Runtime) -> None:
    old, data = await archived(bare), bare.config.data_dir
    young = await bare.session()
    bare.context.mounted.uploads(old).joinpath("a.txt").write_text("x")
    bare.context.snapshots.of(old)
    removed = list(make(bare, ahead=31).run(30 * DAY, None))
    assert [(one.kind, one.name) for one in removed] == [("session", old)] and removed[0].bytes > 1000
    assert bare.context.catalog.find("session", old) is None and bare.context.journal.last_seq(old) == 0
    assert [p for p in data.rglob(f"{old}*")] == []
    assert bare.context.catalog.find("session", young) is not None


async def test_what_stays(bare: Runtime) -> None:
    ended = await archived(bare)
    idle = await bare.session(script=[[say("Hi.")]])
    await bare.turn(idle, "go")
    assert make(bare, ahead=29).over(30 * DAY, None) == []
    assert make(bare, ahead=31).over(None, None) == []
    assert [doc["id"] for doc in make(bare, ahead=31).over(30 * DAY, None)] == [ended]
    assert make(bare, ahead=31).over(30 * DAY, 1) == []


async def test_keep_is_of_those_that_ended_last(bare: Runtime) -> None:
    first, second, third = [await archived(bare) for _ in range(3)]
    assert [doc["id"] for doc in make(bare).over(None, 1)] == [second, first]
    assert names(make(bare).run(None, 2), "session") == [first]
    assert bare.context.catalog.find("session", third) is not None


async def test_a_session_that_is_unsettled_or_owned_stays(bare: Runtime) -> None:
    unsettled, owned = await archived(bare), await archived(bare)
    connect = bare.context.database.submit
    connect(lambda c: c.execute("INSERT INTO unsettled VALUES (?)", (unsettled,))).result()
    other = Ownership(bare.config.data_dir / "locks")
    assert other.acquire(owned)
    assert list(make(bare, ahead=31).run(30 * DAY, None)) == []
    other.close()
    assert names(make(bare, ahead=31).run(30 * DAY, None), "session") == [owned]


async def test_a_dry_run_changes_nothing(bare: Runtime) -> None:
    old, data = await archived(bare), bare.config.data_dir
    bare.context.blobs.put([b"orphan"])
    before = sorted(path for path in data.rglob("*") if path.name != "agents.db-shm")
    removed = list(make(bare, ahead=31, dry_run=True).run(30 * DAY, None))
    assert {one.kind for one in removed} == {"session", "blob"}
    assert sorted(path for path in data.rglob("*") if path.name != "agents.db-shm") == before
    assert bare.context.catalog.find("session", old) is not None


async def test_bytes_that_nothing_names_go_and_others_stay(bare: Runtime) -> None:
    files, blobs = bare.context.files, bare.context.blobs
    kept = blobs.put([b"kept"])
    await files.add(kept, "a.txt", "text/plain")
    orphan, _ = blobs.put([b"orphan"])
    in_a_record, _ = blobs.put([b"named in a record"])
    event = f'{{"id":"sevt_1","type":"x","sha256":"{in_a_record}"}}'
    sql = "INSERT INTO records VALUES ('sesn_x', 1, 'event', 'sevt_1', 'x', NULL, ?, NULL)"
    bare.context.database.submit(lambda c: c.execute(sql, (event,))).result()
    unfinished = bare.config.data_dir / "blobs" / ".new-abc"
    unfinished.write_text("half")
    assert names(make(bare, young=3600).run(None, None), "blob") == []
    assert sorted(names(make(bare).run(None, None), "blob")) == sorted([orphan, ".new-abc"])
    assert blobs.path(kept[0]).exists() and blobs.path(in_a_record).exists()


async def test_what_a_killed_deletion_left_goes(bare: Runtime) -> None:
    data = bare.config.data_dir
    gone = "sesn_01gone"
    living = await archived(bare)
    await bare.context.files.add(bare.context.blobs.put([b"copy"]), "a", "text/plain", session_id=gone)
    bare.context.mounted.uploads(gone).joinpath("a.txt").write_text("x")
    (data / "runs" / f"{gone}.agentrun").write_text("x")
    (data / "runs" / "replay" / gone).mkdir(parents=True)
    (data / "runs" / "mine.txt").write_text("not ours to delete")
    (data / "locks" / f"{gone}.lock").touch()
    assert list(make(bare, young=3600).run(None, None)) == []
    kinds = sorted(one.kind for one in make(bare, ahead=1).run(None, None))
    assert kinds == ["blob", "file", "lock", "runs", "runs", "uploads"]
    assert list(data.rglob(f"{gone}*")) == [] and (data / "runs" / "mine.txt").exists()
    assert (data / "runs" / f"{living}.agentrun").exists()


async def test_a_link_is_not_followed(bare: Runtime, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x" * 1000)
    uploads = bare.config.data_dir / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / "sesn_01gone").symlink_to(outside)
    removed = list(make(bare).run(None, None))
    assert [(one.kind, one.bytes) for one in removed] == [("uploads", 0)]
    assert (outside / "precious").exists() and not (uploads / "sesn_01gone").is_symlink()


KILLED = """
import os, sys
from datetime import timedelta
from pathlib import Path
from jupyter_agents.runtime import cleanup
from jupyter_agents.store.database import Database
folder, at = Path(sys.argv[1]), int(sys.argv[2])
steps = 0
def counted(function):
    def call(*arguments):
        global steps
        steps += 1
        if steps == at:
            os.kill(os.getpid(), 9)
        return function(*arguments)
    return call
cleanup._remove, cleanup._delete = counted(cleanup._remove), counted(cleanup._delete)
for _ in cleanup.Cleanup(folder, Database(folder / "agents.db"), young=0).run(timedelta(0), None):
    pass
"""


@pytest.mark.parametrize("at", range(1, 8))
async def test_a_kill_at_any_step_leaves_a_store_that_works(bare: Runtime, at: int) -> None:
    ended = [await archived(bare) for _ in range(2)]
    living = await bare.session(script=[[say("Hi.")], [say("Hi again.")]])
    await bare.turn(living, "go")
    await bare.context.stop()
    command = [sys.executable, "-c", KILLED, str(bare.config.data_dir), str(at)]
    assert subprocess.run(command, env={**os.environ}).returncode == -9
    await bare.restart()
    assert [e["type"] for e in await bare.turn(living, "on")][-1] == "session.status_idle"
    list(make(bare, ahead=1).run(timedelta(0), None))
    assert [id for id in ended if bare.context.catalog.find("session", id)] == []
    assert [path for id in ended for path in bare.config.data_dir.rglob(f"{id}*")] == []


async def test_free_pages_go_back_to_the_disk(bare: Runtime) -> None:
    for _ in range(3):
        await archived(bare)
    sql = "INSERT INTO records VALUES ('sesn_x', ?, 'event', 'e', 'x', NULL, ?, NULL)"
    write = bare.context.database.submit
    write(lambda c: c.executemany(sql, [(n, "x" * 5000) for n in range(500)])).result()
    write(lambda c: c.execute("DELETE FROM records WHERE session_id = 'sesn_x'")).result()
    bare.context.database.read(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    made = make(bare)
    assert make(bare, dry_run=True).compact() == 0
    assert made.compact() > 2_000_000 and made.compact() == 0


def test_folders_of_dead_processes_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(["true"])
    process.wait()
    dead, mine = (
        tmp_path / f"jupyter-agents-{process.pid}-abc",
        tmp_path / f"jupyter-agents-{os.getpid()}-abc",
    )
    for folder in (dead, mine):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text("12345")
    assert list(temporary(dry_run=True)) == [Removed("temporary", dead.name, 5)] and dead.exists()
    assert list(temporary()) == [Removed("temporary", dead.name, 5)]
    assert mine.exists() and not dead.exists()


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("123")
    (tmp_path / "a" / "link").symlink_to("/usr")
    assert cleanup.size(tmp_path) == 3 and cleanup.size(tmp_path / "none") == 0
    assert cleanup.total([Removed("a", "x", 2), Removed("a", "y", 3)]) == {"a": (2, 5)}
