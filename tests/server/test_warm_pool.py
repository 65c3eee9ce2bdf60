"""Warm sandboxes over HTTP: sessions take them, servers leave none, also when they are killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.engines import Engine, appears, machine_engine, results, until_gone, workspace
from tests.needs import need
from tests.support import Home, Server, serving

SECONDS = 60.0


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    need("docker")
    with machine_engine() as made:
        yield made


@pytest.fixture
def home(engine: Engine, tmp_path: Path, scripted: ScriptedModel) -> Home:
    return engine.home(tmp_path, scripted, warm_pool=2)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def warm(server: Server) -> Any:
    answer: Any = server.client.get("/local/sandboxes", cast_to=object)
    (row,) = answer["warm"] or [{"ready": 0}]
    return row


def containers(engine: Engine, server: Server) -> dict[str, str]:
    """The label of each container of this server, by id."""
    label = "jupyter-agents.owner"
    found = engine.client.api.containers(all=True, filters={"label": label})
    mine = f":{server.process.pid}:"
    return {
        str(one["Id"]): str(one["Labels"]["jupyter-agents.session"])
        for one in found
        if mine in one["Labels"][label]
    }


def left(home: Home) -> list[Path]:
    hidden = (home.root / "agents" / ".warm", home.data / ".warm")
    return [path for folder in hidden for path in folder.rglob("*")]


def test_sessions_take_them_and_find_their_files(engine: Engine, home: Home, scripted: ScriptedModel) -> None:
    with serving(home) as server:
        until(lambda: warm(server)["ready"] == 2)
        assert warm(server) == {"kind": "docker", "ready": 2, "wanted": 2, "problem": None}
        metrics = server.request("GET", "../metrics").text
        assert 'jupyter_agents_sandboxes{kind="docker",state="warm"} 2.0' in metrics
        uploaded = server.client.beta.files.upload(file=("data.csv", b"a,b\n", "text/csv"))
        at = {"type": "file", "file_id": uploaded.id, "mount_path": "/workspace/in/data.csv"}
        below = {"type": "file", "file_id": uploaded.id}
        session = server.session(resources=[at, below])
        command = "cat in/data.csv $(find /mnt/session/uploads -maxdepth 1 -type f)"
        command += "; echo made > made.txt; echo o > outputs/o.txt"
        scripted.script += [[call("bash", command=command)], [say("done")]]
        assert results(server.turn(session.id, "go")) == [("a,b\na,b\n", False)]
        place = workspace(server, session.id)
        assert (place / "made.txt").read_text() == "made\n" and place.parent == home.root / "agents"
        changes: Any = server.client.get(f"/local/sessions/{session.id}/changes", cast_to=object)
        assert {(one["path"], one["kind"]) for one in changes["data"]} == {
            ("made.txt", "created"),
            ("outputs/o.txt", "created"),
        }
        files = server.client.beta.files.list(scope_id=session.id).data
        assert "o.txt" in [file.filename for file in files]
        assert session.id not in containers(engine, server).values()
        until(lambda: warm(server)["ready"] == 2)
        scripted.script += [[call("bash", command="cat made.txt")], [say("done")]]
        assert results(server.turn(session.id, "again")) == [("made\n", False)]


def test_one_that_is_killed_after_it_was_taken_is_replaced_by_a_cold_one(
    engine: Engine, home: Home, scripted: ScriptedModel
) -> None:
    with serving(home) as server:
        until(lambda: warm(server)["ready"] == 2)
        before = containers(engine, server)
        session = server.session()
        scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
        server.turn(session.id, "go")
        for one in before:
            engine.client.api.remove_container(one, force=True)
        scripted.script += [[call("bash", command="cat kept.txt; echo new > new.txt")], [say("done")]]
        assert results(server.turn(session.id, "again")) == [("kept\n", False)]
        assert session.id in containers(engine, server).values()
        appears(workspace(server, session.id) / "new.txt")
        changes: Any = server.client.get(f"/local/sessions/{session.id}/changes", cast_to=object)
        assert [one["path"] for one in changes["data"]] == ["kept.txt", "new.txt"]


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_server_that_ends_leaves_nothing(
    engine: Engine, home: Home, scripted: ScriptedModel, how: str
) -> None:
    with serving(home) as server:
        until(lambda: warm(server)["ready"] == 2)
        scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
        session = server.session()
        server.turn(session.id, "go")
        kept = workspace(server, session.id) / "kept.txt"
        server.process.send_signal(getattr(signal, how))
        server.process.wait(SECONDS)
        assert containers(engine, server) == {} and kept.exists()
    if how == "SIGTERM":
        assert left(home) == []


def test_a_server_that_is_killed_leaves_nothing_after_the_next_one_began(
    engine: Engine, home: Home, scripted: ScriptedModel
) -> None:
    scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
    with serving(home) as server:
        until(lambda: warm(server)["ready"] == 2)
        session = server.session()
        server.turn(session.id, "go")
        kept = workspace(server, session.id) / "kept.txt"
        until(lambda: warm(server)["ready"] == 2)
        ids = list(containers(engine, server))
        assert len(ids) == 3
        old = {path for path in left(home) if path.is_dir()}
        server.process.kill()
        server.process.wait(SECONDS)
    assert old <= set(left(home))
    with serving(home) as server:
        until_gone(engine, ids)
        until(lambda: warm(server)["ready"] == 2)
        assert not old & set(left(home)) and kept.read_text() == "kept\n"
        scripted.script[:] = [[call("bash", command="cat kept.txt")], [say("done")]]
        assert results(server.turn(session.id, "again")) == [("kept\n", False)]
