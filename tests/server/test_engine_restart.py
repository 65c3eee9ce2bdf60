"""An engine that stops and comes back, in mid-session: over HTTP, with the SDK and an engine of our own."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.engines import (
    SLOW,
    PrivateEngine,
    appears,
    in_mid_call,
    private_engine,
    results,
    until_gone,
    workspace,
)
from tests.needs import need
from tests.support import Home, Server, serving

START_IT = "The Docker engine does not answer. Start Docker"


@pytest.fixture(scope="module")
def _engine() -> Iterator[PrivateEngine]:
    need("dockerd")
    with private_engine() as made:
        yield made


@pytest.fixture
def engine(_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    yield _engine
    _engine.start()


@pytest.fixture
def home(engine: PrivateEngine, tmp_path: Path, scripted: ScriptedModel) -> Home:
    return engine.home(tmp_path, scripted)


@pytest.fixture(scope="module")
def _server(
    _engine: PrivateEngine, _scripted_model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with serving(_engine.home(tmp_path_factory.mktemp("server"), _scripted_model)) as running:
        yield running


@pytest.fixture
def server(_server: Server, scripted: ScriptedModel) -> Server:
    """A server that several tests use."""
    return _server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_in_mid_call_ends_that_call_and_the_next_has_a_new_container(
    engine: PrivateEngine, server: Server, scripted: ScriptedModel, number: signal.Signals
) -> None:
    back = threading.Event()

    def when_back(request: Any) -> list[Any]:
        assert back.wait(30)
        return [call("bash", command="cat kept.txt; echo more > more.txt")]

    scripted.script += [[call("bash", command=SLOW)], when_back, [say("done")]]
    session, before = server.session(), []

    def restart() -> None:
        before.extend(engine.containers(session.id))
        engine.stop(number)
        engine.start()
        back.set()

    events = in_mid_call(server, session.id, restart)
    (cut, cut_failed), after = results(events)
    assert cut_failed and "This call may have run, wholly or in part." in cut
    assert after == ("kept\n", False)
    assert events[-1].stop_reason.type == "end_turn"
    (now,) = engine.containers(session.id)
    assert now not in before and (workspace(server, session.id) / "more.txt").exists()


def test_an_engine_that_is_down_is_an_error_that_says_start_it(
    engine: PrivateEngine, server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [
        [call("bash", command=SLOW)],
        [call("bash", command="cat kept.txt")],
        [call("bash", command="cat kept.txt")],
        [say("done")],
    ]
    session = server.session()
    events = in_mid_call(server, session.id, engine.stop)
    (_, cut_failed), (text, failed) = results(events)
    assert cut_failed and failed and text.startswith(START_IT)
    (error,) = [event for event in events if event.type == "session.error"]
    assert START_IT in error.error.message
    begin = time.monotonic()
    health: Any = server.client.get("/local/sandboxes", cast_to=object)
    (row,) = [row for row in health["data"] if row["session_id"] == session.id]
    assert time.monotonic() - begin < 5 and row["state"] == "none"
    engine.start()
    assert results(server.turn(session.id, "again")) == [("kept\n", False)]
    assert len(engine.containers(session.id)) == 1


def test_a_server_that_starts_before_its_engine_finds_it_later(
    engine: PrivateEngine, home: Home, scripted: ScriptedModel
) -> None:
    engine.stop()
    scripted.script += [[call("bash", command="echo hi")]] * 2 + [[say("done")]]
    with serving(home) as server:
        session = server.session()
        ((text, failed),) = results(server.turn(session.id, "go"))
        assert failed and "nothing answers at its socket" in text
        engine.start()
        deadline = time.monotonic() + 20
        status: Any = {}
        while not status.get("ready"):
            assert time.monotonic() < deadline
            time.sleep(0.5)
            status = server.client.get("/local/status", cast_to=object)
            status = status["sandbox"]
        assert results(server.turn(session.id, "again")) == [("hi\n", False)]


def test_a_server_that_ends_while_its_engine_is_away_leaves_them_to_the_next(
    engine: PrivateEngine, home: Home, scripted: ScriptedModel
) -> None:
    scripted.script += [[call("bash", command="true")], [say("done")]]
    with serving(home) as server:
        session = server.session()
        server.turn(session.id, "go")
        ids = engine.containers(session.id)
        engine.stop()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
    engine.start()
    assert engine.containers(session.id) == ids
    with serving(home):
        until_gone(engine, ids)


def test_a_paused_session_wakes_after_a_restart(
    engine: PrivateEngine, tmp_path: Path, scripted: ScriptedModel
) -> None:
    home = engine.home(tmp_path / "paused", scripted, idle_timeout=1.0)
    scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
    with serving(home) as server:
        session = server.session()
        server.turn(session.id, "go")
        place = f"/local/sessions/{session.id}/sandbox"
        deadline = time.monotonic() + 30
        found: Any = {}
        while found.get("state") != "paused":
            assert time.monotonic() < deadline
            time.sleep(0.5)
            found = server.client.get(place, cast_to=object)
        engine.stop()
        engine.start()
        scripted.script += [[call("bash", command="cat kept.txt")], [say("done")]]
        assert results(server.turn(session.id, "again")) == [("kept\n", False)]


def test_an_interrupt_ends_the_wait_for_an_engine_that_is_away(
    engine: PrivateEngine, server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [[call("bash", command="echo kept > kept.txt")], [say("done")]]
    session = server.session()
    server.turn(session.id, "go")
    engine.stop()
    scripted.script += [[call("bash", command="echo 2")], [say("not asked")]]

    def interrupt() -> None:
        time.sleep(1.5)
        server.send(session.id, {"type": "user.interrupt"})

    acting = threading.Thread(target=interrupt)
    acting.start()
    begin = time.monotonic()
    server.turn(session.id, "again")
    acting.join()
    assert time.monotonic() - begin < 9
    appears(workspace(server, session.id) / "kept.txt")
