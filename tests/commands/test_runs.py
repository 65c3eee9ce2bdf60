from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_agents.runtime import replay
from jupyter_agents.testing import ScriptedModel, call, say
from tests.commands.conftest import Shell
from tests.support import Server

Stored = Callable[..., str]


def test_a_session_goes_to_another_store_and_back(
    server: Server, scripted: ScriptedModel, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.session(title="Fibonacci")
    scripted.script += [[call("write", file_path="a.txt", content="1 1 2")], [say("Done.")]]
    server.turn(session.id, "write it")
    first, second = tmp_path / "first.agentrun", tmp_path / "second.agentrun"
    said = shell.json("export", session.id, first, "--data-dir", server.home.data)
    assert said == {"session": session.id, "file": str(first), "bytes": first.stat().st_size}
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    status, out, _ = shell("import", first)
    assert status == 0 and out.startswith(f"{session.id}: ") and "archived" in out
    assert shell("export", session.id[-8:], second)[0] == 0
    assert first.read_text() == second.read_text()
    assert "a.txt" in first.read_text() and '"changes"' in first.read_text()
    status, shown, _ = shell("sessions", "show", session.id)
    assert status == 0 and "Done." in shown
    status, out, _ = shell("import", first)
    assert status == 0 and "was imported before" in out and len(shell.json("sessions", "--all")) == 1


def test_an_imported_session_is_in_the_api_and_takes_nothing(
    server: Server, scripted: ScriptedModel, shell: Shell, tmp_path: Path
) -> None:
    session = server.session(title="Original")
    scripted.script += [[say("Hi.")]]
    server.turn(session.id, "go")
    file = tmp_path / "run.agentrun"
    shell("export", session.id, file, "--data-dir", server.home.data)
    made = shell.json("import", file, "--data-dir", server.home.data)
    copy = server.client.beta.sessions.retrieve(made["session"])
    assert copy.id != session.id and copy.status == "terminated" and copy.archived_at is not None
    assert copy.title == "Original" and not hasattr(copy, "imported")
    assert made["session"] in [s.id for s in server.client.beta.sessions.list(include_archived=True)]
    events = server.events(copy.id)
    old = server.events(session.id)
    assert [e.to_dict() for e in events[: len(old)]] == [e.to_dict() for e in old]
    assert [e.type for e in events[len(old) :]] == [
        "session.thread_status_terminated",
        "session.status_terminated",
    ]
    with pytest.raises(Exception, match="is terminated and takes no more"):
        server.send(copy.id, {"type": "user.message", "content": [{"type": "text", "text": "on"}]})
    server.client.beta.sessions.delete(copy.id)
    assert server.client.beta.sessions.retrieve(session.id).status == "idle"


def test_standard_output(shell: Shell, stored: Stored) -> None:
    status, out, _ = shell("export", stored(), "-")
    assert status == 0 and json.loads(out.splitlines()[0])["schema"] == 1


def test_a_file_is_replaced_when_asked_only(shell: Shell, stored: Stored, tmp_path: Path) -> None:
    id, file = stored(), tmp_path / "run.agentrun"
    file.write_text("mine")
    status, _, err = shell("export", id, file)
    assert status == 1 and "--force" in err and file.read_text() == "mine"
    assert shell("export", id, file, "--force")[0] == 0 and file.read_text() != "mine"


def test_what_is_no_run_file_is_refused(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.agentrun"
    for content, said in (
        (b"\xff\xfe", "not UTF-8"),
        (b"", "no header"),
        (b'{"type": "header", "schema": 2, "session": {}}', "schema 2"),
        (b'{"type": "header", "schema": 1, "session": {}}', "'id' is missing"),
    ):
        file.write_bytes(content)
        status, out, err = shell("import", file)
        assert (status, out) == (1, "") and said in err and len(err.splitlines()) == 1
    monkeypatch.setattr(replay, "LARGEST_RUN_FILE", 10)
    status, _, err = shell("import", file)
    assert status == 1 and "larger than 10 bytes" in err


def test_a_place_that_cannot_be_written_is_said(shell: Shell, stored: Stored, tmp_path: Path) -> None:
    status, _, err = shell("export", stored(), tmp_path / "none" / "run.agentrun")
    assert status == 1 and "cannot be written" in err and len(err.splitlines()) == 1
