"""Containers that end at any moment, and servers that end: over HTTP, with the SDK and a real engine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.engines import SLOW, Engine, appears, in_mid_call, machine_engine, results, until_gone, workspace
from tests.needs import need
from tests.support import TOKEN, Home, Server, serving

SECONDS = 20.0


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    need("docker")
    with machine_engine() as made:
        yield made


@pytest.fixture
def home(engine: Engine, tmp_path: Path, scripted: ScriptedModel) -> Home:
    return engine.home(tmp_path, scripted)


@pytest.fixture(scope="module")
def _server(
    engine: Engine, _scripted_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with serving(engine.home(tmp_path_factory.mktemp("server"), _scripted_model)) as running:
        yield running


@pytest.fixture
def server(_server: Server, scripted: ScriptedModel) -> Server:
    """A server that several tests use."""
    return _server


def test_a_container_killed_in_mid_call_is_replaced(
    engine: Engine, server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [
        [call("bash", command="COLOUR=blue")],
        [call("bash", command=SLOW)],
        [call("bash", command="cat kept.txt; echo colour=$COLOUR")],
        [say("done")],
    ]
    session, killed = server.session(), []

    def kill() -> None:
        killed.extend(engine.containers(session.id))
        engine.client.api.kill(killed[0])

    events = in_mid_call(server, session.id, kill)
    _, (cut, cut_failed), after = results(events)
    assert cut_failed and cut == (
        "The sandbox ended: exit code 137. This call may have run, wholly or in part. The next call "
        "has a new sandbox with the same workspace; its shell begins anew."
    )
    assert after == ("kept\ncolour=\n", False)
    assert events[-1].type == "session.status_idle" and events[-1].stop_reason.type == "end_turn"
    assert "session.error" not in [event.type for event in events]
    now = engine.containers(session.id)
    assert len(now) == 1 and now != killed


@pytest.mark.parametrize("how", ["kill", "remove", "stop", "paused"])
def test_a_container_that_ended_between_calls_is_replaced(
    engine: Engine, server: Server, scripted: ScriptedModel, how: str
) -> None:
    scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
    session = server.session()
    server.turn(session.id, "go")
    (first,) = engine.containers(session.id)
    if how == "paused":
        engine.client.api.pause(first)
    if how in ("kill", "paused"):
        engine.client.api.kill(first)
    elif how == "remove":
        engine.client.api.remove_container(first, force=True)
    else:
        engine.client.api.stop(first, timeout=1)
    scripted.script += [[call("bash", command="cat kept.txt")], [say("done")]]
    assert results(server.turn(session.id, "again")) == [("kept\n", False)]
    (second,) = engine.containers(session.id)
    assert second != first


def open_sessions(engine: Engine, server: Server, scripted: ScriptedModel) -> list[str]:
    """The containers of two sessions: of one that rests, and of one in mid-call."""
    scripted.script += [[call("bash", command="true")], [say("done")], [call("bash", command=SLOW)]]
    resting, busy = server.session(), server.session()
    server.turn(resting.id, "go")
    server.send(busy.id, {"type": "user.message", "content": [{"type": "text", "text": "go"}]})
    appears(workspace(server, busy.id) / "kept.txt")
    found = engine.containers(resting.id) + engine.containers(busy.id)
    assert len(found) == 2
    return found


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "api"])
def test_a_server_that_ends_leaves_no_container(
    engine: Engine, home: Home, scripted: ScriptedModel, how: str
) -> None:
    with serving(home) as server:
        ids = open_sessions(engine, server, scripted)
        if how == "api":
            url = server.url.removesuffix("jupyter-agents") + "api/shutdown"
            assert httpx2.post(url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        elif how == "SIGTERM":
            server.process.send_signal(signal.SIGTERM)
        else:
            server.process.send_signal(signal.SIGINT)
        server.process.wait(SECONDS)
        assert not set(ids) & set(engine.containers())


def test_a_server_that_is_killed_leaves_them_to_the_next(
    engine: Engine, home: Home, scripted: ScriptedModel
) -> None:
    with serving(home) as server:
        ids = open_sessions(engine, server, scripted)
        server.process.kill()
        server.process.wait(SECONDS)
    assert set(ids) <= set(engine.containers())
    scripted.script[:] = [[say("done")]]
    with serving(home):
        until_gone(engine, ids)
