from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.commands import sessions
from jupyter_agents.errors import UserError
from jupyter_agents.testing import ScriptedModel, call, say
from tests.commands.conftest import Shell, conversation, run_file
from tests.support import Server

Stored = Callable[..., str]


def test_a_running_servers_sessions_are_listed(
    server: Server, scripted: ScriptedModel, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_AGENTS_DATA_DIR", str(server.home.data))
    notebook = {"jupyter-agents/notebook": "work/a.ipynb"}
    session = server.session(title="Two\x1b[31m files", metadata=notebook)
    scripted.script += [[call("bash", command="echo hello")], [say("It says hello.")]]
    server.turn(session.id, "say hello")
    first = shell.json("sessions")[0]
    assert first["id"] == session.id and first["notebook"] == "work/a.ipynb"
    assert first["status"] == "idle" and first["cost"] is not None and first["agent"] == "coder"
    status, out, _ = shell("sessions", "--limit", "1")
    assert status == 0 and "\x1b" not in out and session.id in out and "coder" in out
    status, out, _ = shell("sessions", "show", session.id[-8:])
    assert status == 0 and out.startswith("> say hello") and "hello" in out and "It says hello." in out
    (turn,) = shell.json("sessions", "show", session.id)
    assert [step["kind"] for step in turn["steps"]] == ["tool", "text"]


def test_filters(shell: Shell, stored: Stored) -> None:
    id = stored()
    assert shell.json("sessions") == []
    assert [s["id"] for s in shell.json("sessions", "--all")] == [id]
    assert [s["id"] for s in shell.json("sessions", "--status", "terminated")] == [id]
    assert shell.json("sessions", "--all", "--status", "idle") == []
    assert [s["id"] for s in shell.json("sessions", "--all", "--agent", "coder")] == [id]
    assert [s["id"] for s in shell.json("sessions", "--all", "--agent", "agent_1")] == [id]
    assert shell.json("sessions", "--all", "--agent", "other") == []


def test_a_short_list_says_how_many_there_are(shell: Shell, stored: Stored) -> None:
    stored(), stored(agent={"system": "b"})
    status, out, err = shell("sessions", "--all", "--limit", "1")
    assert status == 0 and len(out.splitlines()) == 2 and "1 more" in err


def test_the_store_is_only_read(shell: Shell, stored: Stored) -> None:
    id = stored()
    path = shell.data / "agents.db"
    before = path.read_bytes()
    shell("sessions", "--all")
    shell("sessions", "show", id)
    assert path.read_bytes() == before


def test_every_turn_is_shown(shell: Shell, tmp_path: Path) -> None:
    talk = conversation()
    talk.turn("and again")
    talk.answer({"type": "text", "text": "Again."})
    talk.event({"type": "agent.message", "content": [{"type": "text", "text": "Again."}]})
    talk.idle()
    file = tmp_path / "run.agentrun"
    file.write_text(run_file(talk))
    status, out, _ = shell("sessions", "show", file)
    assert status == 0 and out.index("> write it") < out.index("1 1 2 3") < out.index("> and again")
    assert len(shell.json("sessions", "show", file)) == 2


MISTAKES: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "no such session": (("sessions", "show", "sesn_none"), 1, "There is no session"),
    "too little of an id": (("sessions", "show", "1"), 1, "There is no session"),
    "no such file": (("sessions", "show", "none.agentrun"), 1, "cannot be read"),
    "no such status": (("sessions", "--status", "lost"), 2, "invalid choice"),
    "no number": (("sessions", "--limit", "0"), 2, "invalid"),
    "no such command": (("tidy",), 2, "invalid choice"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_said_in_one_line(shell: Shell, stored: Stored, what: str) -> None:
    stored()
    arguments, wanted, said = MISTAKES[what]
    status, out, err = shell(*arguments)
    assert (status, out) == (wanted, "") and said in err and "Traceback" not in err
    assert wanted == 2 or len(err.splitlines()) == 1


def test_no_store_and_a_broken_store_are_said(shell: Shell) -> None:
    status, _, err = shell("sessions")
    assert status == 1 and "nothing has run here yet" in err
    shell.data.mkdir()
    (shell.data / "agents.db").write_text("not a database, but long enough to be taken for one" * 10)
    status, _, err = shell("sessions")
    assert status == 1 and "cannot be read" in err and len(err.splitlines()) == 1


def test_an_ending_that_fits_two_sessions_is_refused(shell: Shell, stored: Stored) -> None:
    stored()
    with sqlite3.connect(shell.data / "agents.db") as connection:
        for id in ("sesn_a234567", "sesn_b234567"):
            connection.execute(
                "INSERT INTO documents SELECT kind, ?, name, parent, status, created_at, archived, body "
                "FROM documents WHERE id = 'sesn_1'",
                (id,),
            )
    connection.close()
    with sessions.store(shell.data) as opened, pytest.raises(UserError, match="2 sessions end"):
        sessions.find(opened, "234567")
