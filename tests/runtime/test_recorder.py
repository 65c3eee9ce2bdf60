from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from jupyter_agents.ids import IdSource
from jupyter_agents.runtime.recorder import Recorder
from jupyter_agents.testing import say
from tests.runtime.conftest import Runtime


async def test_writing_gathers_what_comes_meanwhile(bare: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await bare.session(script=[[say("Hi.")]])
    await bare.turn(session, "go")
    await bare.context.recorder.close()
    recorder = Recorder(bare.context.journal, bare.config.data_dir / "again", None, IdSource())
    go, written = threading.Event(), list[str]()

    def text(session_id: str) -> str:
        go.wait(5)
        written.append(session_id)
        return "x"

    monkeypatch.setattr(recorder, "text", text)
    for _ in range(10):
        recorder.write_soon("sesn_1")
    await asyncio.sleep(0.01)
    go.set()
    await recorder.close()
    assert written == ["sesn_1", "sesn_1"]
    assert [p.name for p in (bare.config.data_dir / "again").iterdir()] == ["sesn_1.agentrun"]


async def test_a_folder_that_cannot_be_written_is_logged(
    bare: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(bare.context.journal, tmp_path / "runs", None, IdSource())
    monkeypatch.setattr(recorder, "text", lambda session_id: "x")
    (tmp_path / "runs").rmdir()
    recorder.write_soon("sesn_1")
    await recorder.close()
    assert "cannot be written" in caplog.text


async def test_a_deleted_sessions_run_file_is_not_written(bare: Runtime) -> None:
    recorder = bare.context.recorder
    recorder.write_soon("sesn_none")
    await recorder.close()
    assert list((bare.config.data_dir / "runs").iterdir()) == []
