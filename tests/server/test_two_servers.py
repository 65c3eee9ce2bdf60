"""Two server processes on one store: each runs its own sessions, whatever happens to the other."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.needs import need
from tests.support import Home, serving, types


@pytest.fixture
def homes(tmp_path: Path, scripted: ScriptedModel) -> tuple[Home, Home]:
    need("bwrap")
    store = {"JUPYTER_AGENTS_DATA_DIR": str(tmp_path / "store")}
    tmp_path.chmod(0o755)
    root = {"workspace_root": str(tmp_path)}
    return tuple(  # type: ignore[return-value]
        Home(tmp_path / name, scripted.url, traits=root, variables=store) for name in ("one", "two")
    )


def test_one_killed_the_others_sessions_untouched(homes: tuple[Home, Home], scripted: ScriptedModel) -> None:
    with serving(homes[0]) as one, serving(homes[1]) as two:
        scripted.script[:] = [[call("bash", command="sleep 100")]]
        cut = one.session()
        one.send(cut.id, {"type": "user.message", "content": [{"type": "text", "text": "Wait"}]})
        while "agent.tool_use" not in types(one.events(cut.id)):
            time.sleep(0.02)

        scripted.script[:] = [[call("bash", command="sleep 3; echo slept")], [say("Done.")]]
        other = two.session()
        events: list[Any] = []
        turn = threading.Thread(target=lambda: events.extend(two.turn(other.id, "Sleep")))
        turn.start()
        while "agent.tool_use" not in types(two.events(other.id)):
            time.sleep(0.02)

        pid: Any = one.client.get("/local/status", cast_to=object)
        one.process.kill()
        one.process.wait()
        assert pid["pid"] == one.process.pid

        turn.join(30)
        result = next(event for event in events if event.type == "agent.tool_result")
        assert result.content[0].text == "slept\n"
        assert not result.is_error
        assert types(events)[-1] == "session.status_idle"

        scripted.script[:] = [[say("Taken over.")]]
        two.send(cut.id, {"type": "user.interrupt"})
        two.until(cut.id, "idle")
        closed = [e for e in two.events(cut.id) if e.type == "agent.tool_result"]
        assert len(closed) == 1
        assert "may have run" in closed[0].content[0].text


def test_a_session_of_a_living_process_is_followed_and_not_written(
    homes: tuple[Home, Home], scripted: ScriptedModel
) -> None:
    with serving(homes[0]) as one, serving(homes[1]) as two:
        session = one.session()
        scripted.script[:] = [[say("First.")], [say("Second.")]]
        one.turn(session.id, "Hello")
        with pytest.raises(anthropic.ConflictError, match="Another Jupyter server process"):
            two.send(session.id, {"type": "user.message", "content": [{"type": "text", "text": "Me too"}]})

        heard: list[Any] = []
        with two.client.beta.sessions.events.stream(session.id) as stream:
            one.turn(session.id, "Again")
            for event in stream:
                heard.append(event)
                if event.type == "session.status_idle":
                    break
        assert [e.id for e in heard] == [e.id for e in one.events(session.id)][-len(heard) :]
        assert types(heard)[0] == "session.status_running"


def test_an_update_is_seen_elsewhere_and_outlives_its_process(
    homes: tuple[Home, Home], scripted: ScriptedModel
) -> None:
    with serving(homes[0]) as one, serving(homes[1]) as two:
        sessions = two.client.beta.sessions
        session = one.session(title="One")
        with sessions.events.stream(session.id) as stream:
            updated = one.client.beta.sessions.update(session.id, title="Two", agent={"tools": []})
            assert next(iter(stream)).type == "session.updated"
        found = sessions.retrieve(session.id)
        assert (found.title, found.agent.tools, found.updated_at) == ("Two", [], updated.updated_at)
        with pytest.raises(anthropic.ConflictError, match="Another Jupyter server process"):
            sessions.update(session.id, title="Three")

        one.process.kill()
        one.process.wait()
        scripted.script[:] = [[say("No tools.")]]
        two.turn(session.id, "Hello")
        assert "tools" not in scripted.requests[-1]
        assert sessions.update(session.id, title="Three").title == "Three"
        titles = [e.title for e in two.events(session.id) if e.type == "session.updated"]
        assert titles == ["Two", "Three"]


def test_streams_elsewhere_end_with_the_session(homes: tuple[Home, Home]) -> None:
    with serving(homes[0]) as one, serving(homes[1]) as two:
        archived, deleted = one.session(), one.session()
        ends = (
            (archived.id, one.client.beta.sessions.archive, "session.status_terminated"),
            (deleted.id, one.client.beta.sessions.delete, "session.deleted"),
        )
        for session_id, end, last in ends:
            (thread,) = two.client.beta.sessions.threads.list(session_id)
            with (
                two.client.beta.sessions.events.stream(session_id) as stream,
                two.client.beta.sessions.threads.events.stream(thread.id, session_id=session_id) as other,
            ):
                end(session_id)
                heard = types(list(stream))
                assert heard[-1] == last and types(list(other)) == heard
        with two.client.beta.sessions.events.stream(archived.id) as stream:
            assert list(stream) == []
        with pytest.raises(anthropic.ConflictError):
            two.send(archived.id, {"type": "user.interrupt"})
        with pytest.raises(anthropic.NotFoundError):
            two.client.beta.sessions.retrieve(deleted.id)
