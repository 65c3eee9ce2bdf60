from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jupyter_agents.commands import checks
from jupyter_agents.runtime.endpoint import Endpoint
from jupyter_agents.testing import ScriptedModel


async def test_a_key_that_is_refused_and_a_place_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedModel(key="right") as model:
        for key, state, said in (("wrong", "note", "refused"), ("right", "ok", "it answers")):
            endpoint = Endpoint(tmp_path, model.url, {"ANTHROPIC_API_KEY": key})
            found = await checks.model(endpoint, "m", None)
            assert (found.state, said in found.how, key in found.how + found.todo) == (state, True, False)
    endpoint = Endpoint(tmp_path, "http://127.0.0.1:9", {"ANTHROPIC_API_KEY": "k"})
    assert "nothing answers" in (await checks.model(endpoint, "m", None)).how
    assert "replayed" in (await checks.model(endpoint, "m", tmp_path)).how


def test_a_store_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [check.state for check in checks.store(tmp_path / "none")] == ["ok"]
    (tmp_path / "agents.db").write_text("x" * 5000)
    assert [check.state for check in checks.store(tmp_path)] == ["ok", "bad"]
    (tmp_path / "agents.db").unlink()
    with sqlite3.connect(tmp_path / "agents.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    assert "newer" in checks.store(tmp_path)[1].how
    monkeypatch.setattr(checks, "file_system", lambda folder: "nfs4")
    assert "network file system" in checks.store(tmp_path)[0].how


def test_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checks.program("tool", "Get it.") == checks.Check("tool", "note", "not found", "Get it.")
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho tool 1.2\n")
    tool.chmod(0o755)
    assert checks.program("tool", "").how == f"tool 1.2 ({tool})"


def test_disk_use_by_part(tmp_path: Path) -> None:
    for name, bytes in (("agents.db", 10), ("agents.db-wal", 5), ("blobs/ab/c", 7), ("log/x", 2)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes * b"x")
    used = checks.disk(tmp_path)["used_bytes"]
    assert used == {"database": 15, "blobs": 7, "uploads": 0, "runs": 0, "other": 2}
