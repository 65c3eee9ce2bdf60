from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_agents.domain.events import Draft
from jupyter_agents.errors import UserError
from jupyter_agents.store.database import SCHEMA_VERSION, Database
from jupyter_agents.store.journal import Journal
from jupyter_agents.store.readonly import ReadOnly


async def test_what_another_process_commits_is_seen(tmp_path: Path, database: Database) -> None:
    journal = Journal(database)
    with ReadOnly(tmp_path / "agents.db") as opened:
        seen = Journal(opened)
        assert seen.last_seq("sesn_1") == 0
        await journal.append("sesn_1", 0, [Draft("event", {"id": "sevt_1", "type": "x"})])
        assert [r.event["id"] for r in seen.read("sesn_1")] == ["sevt_1"]


async def test_nothing_can_be_written(tmp_path: Path, database: Database) -> None:
    with ReadOnly(tmp_path / "agents.db") as opened:
        with pytest.raises(sqlite3.OperationalError, match="reading only"):
            await opened.write(lambda c: None)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            opened.read(lambda c: c.execute("DELETE FROM records"))


@pytest.mark.parametrize(("version", "todo"), [(SCHEMA_VERSION + 1, "Upgrade"), (0, "Start a server")])
def test_another_schema_is_refused(tmp_path: Path, version: int, todo: str) -> None:
    with sqlite3.connect(tmp_path / "agents.db") as connection:
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(UserError, match=todo):
        ReadOnly(tmp_path / "agents.db")


READ = """
import os, sys
from pathlib import Path
from jupyter_agents.store.readonly import ReadOnly
os.setuid(65534)
with ReadOnly(Path(sys.argv[1])) as opened:
    print(opened.read(lambda c: c.execute("SELECT COUNT(*) FROM unsettled").fetchone())[0])
"""


def test_a_folder_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "agents.db")
    database.submit(lambda c: c.execute("INSERT INTO unsettled VALUES ('a')")).result()
    database.close()
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        path.chmod(0o755)
    (tmp_path / "agents.db").chmod(0o644)
    tmp_path.chmod(0o555)
    program = READ if os.geteuid() == 0 else READ.replace("os.setuid(65534)\n", "")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "agents.db")], capture_output=True, text=True
    )
    tmp_path.chmod(0o755)
    assert done.stdout == "1\n", done.stderr
