"""A session that goes on with another server: its conversation, its files, its shell anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.commands.conftest import Shell
from tests.support import Home, Server, serving

HYBRID = {"jupyter-agents/hosting": "hybrid"}


@pytest.fixture
def taken(server: Server, scripted: ScriptedModel, shell: Shell, tmp_path: Path) -> tuple[Any, Path, Path]:
    """A session of one server, exported with its workspace."""
    scripted.script += [
        [call("bash", command="x=1; mkdir -p src; echo 'print(42)' > src/a.py; echo out > outputs/o.txt")],
        [say("The answer is in src/a.py.")],
    ]
    session = server.session(title="Long research", metadata=HYBRID)
    server.turn(session.id, "begin")
    run, files = tmp_path / "run.agentrun", tmp_path / "run.tar.gz"
    place = ("--data-dir", server.home.data, "--root", server.home.root)
    said = shell.json("export", session.id, run, "--workspace", files, *place)
    assert said["workspace_bytes"] == files.stat().st_size > 0
    return session, run, files


def test_a_session_goes_on_elsewhere_with_its_conversation_and_its_files(
    taken: tuple[Any, Path, Path], shell: Shell, scripted: ScriptedModel, tmp_path: Path
) -> None:
    session, run, files = taken
    elsewhere = Home(tmp_path / "elsewhere", scripted.url)
    with serving(elsewhere) as there:
        place = ("--data-dir", elsewhere.data, "--root", elsewhere.root)
        made = shell.json("import", run, "--continue", "--workspace", files, *place)
        assert made == {"session": session.id, "events": made["events"], "known": False, "continues": True}
        found = there.client.beta.sessions.retrieve(session.id)
        assert (found.status, found.archived_at, found.metadata) == ("idle", None, HYBRID)
        scripted.requests.clear()
        scripted.script[:] = [[call("bash", command='python3 src/a.py; echo "<$x>"')], [say("It is 42.")]]
        events = there.turn(session.id, "run it")
        (result,) = [event for event in events if event.type == "agent.tool_result"]
        assert result.content[0].text == "42\n<>\n"
        assert "The answer is in src/a.py." in json.dumps(scripted.requests[0])
        again = shell.json("import", run, "--continue", "--workspace", files, *place)
        assert again["known"] and again["session"] == session.id
        there.client.beta.sessions.archive(session.id)


def test_beside_a_session_of_the_same_id_it_gets_another(
    taken: tuple[Any, Path, Path], server: Server, shell: Shell, scripted: ScriptedModel
) -> None:
    session, run, files = taken
    place = ("--data-dir", server.home.data, "--root", server.home.root)
    made = shell.json("import", run, "--continue", "--workspace", files, *place)
    assert made["session"] != session.id
    scripted.script[:] = [[call("bash", command="cat src/a.py; pwd")], [say("Done.")]]
    events = server.turn(made["session"], "look")
    (result,) = [event for event in events if event.type == "agent.tool_result"]
    assert result.content[0].text == "print(42)\n/workspace\n"


def test_what_cannot_be_moved_is_one_line(
    taken: tuple[Any, Path, Path], server: Server, shell: Shell, tmp_path: Path
) -> None:
    session, run, files = taken
    data, other, new = ("--data-dir", server.home.data), tmp_path / "x.agentrun", tmp_path / "n.tar.gz"
    root = ("--root", tmp_path)
    for arguments, sentence in [
        (("export", session.id, other, "--workspace", files), "is there already"),
        (("export", session.id, other, "--workspace", new, *root), "There is no workspace"),
        (("import", run, "--workspace", files), "go with --continue"),
        (("import", run, "--continue", "--environment", "nowhere"), "There is no environment"),
        (("import", run, "--continue", "--workspace", run, *root), "cannot be unpacked"),
        (("import", run, "--continue", "--workspace", files, "--root", run), "is no folder"),
    ]:
        status, out, err = shell(*arguments, *data)
        assert (status, out) == (1, "") and sentence in err and err.count("\n") == 1, err
    assert not other.exists() and list((tmp_path / "agents").iterdir()) == []


def test_a_session_that_is_over_is_not_continued(
    server: Server, scripted: ScriptedModel, shell: Shell, tmp_path: Path
) -> None:
    scripted.script += [[say("Hi.")]]
    session = server.session()
    server.turn(session.id, "go")
    server.client.beta.sessions.archive(session.id)
    shell("export", session.id, tmp_path / "over.agentrun", "--data-dir", server.home.data)
    status, _, err = shell("import", tmp_path / "over.agentrun", "--continue")
    assert status == 1 and "the session is over" in err
