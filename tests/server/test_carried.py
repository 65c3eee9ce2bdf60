"""Sessions on an engine that sees no file of the server's: over HTTP, with the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.sandbox.cargo import BY_ARCHIVES, NO_NETWORK
from jupyter_agents.testing import ScriptedModel, call, say
from jupyter_agents.testing.images import HOST_MOUNTS
from tests.engines import results, workspace
from tests.needs import need
from tests.sandbox import remote_engine
from tests.support import Home, Server, serving


@pytest.fixture
def server(tmp_path: Path, scripted: ScriptedModel) -> Iterator[Server]:
    need("remote")
    mounts = [str(mount.source) for mount in HOST_MOUNTS]
    traits = {"sandbox": "docker", "image": remote_engine.image(), "docker_mounts": mounts}
    variables = {"DOCKER_HOST": f"unix://{remote_engine.socket()}"}
    with serving(Home(tmp_path, scripted.url, traits, variables)) as running:
        yield running


def test_a_session_works_as_with_mounts(server: Server, scripted: ScriptedModel) -> None:
    session = server.session()

    def edited(request: Any) -> list[Any]:
        (workspace(server, session.id) / "f").write_text("edited\n")
        return [call("bash", command="cat f; rm f; cat /mnt/session/uploads/late.txt")]

    scripted.script += [
        [call("bash", command="echo made >f; echo out >outputs/o.txt")],
        edited,
        [say("done")],
    ]
    late = server.client.beta.files.upload(file=("late.txt", b"late\n", "text/plain"))
    server.client.beta.sessions.resources.add(
        session.id, type="file", file_id=late.id, mount_path="/mnt/session/uploads/late.txt"
    )
    events = server.turn(session.id, "go")
    assert results(events) == [("(no output)", False), ("edited\nlate\n", False)]
    assert not (workspace(server, session.id) / "f").exists()
    changes = server.request("GET", f"local/sessions/{session.id}/changes").json()["data"]
    assert [(change["path"], change["kind"]) for change in changes][:2] == [
        ("f", "created"),
        ("outputs/o.txt", "created"),
    ]
    names = [file.filename for file in server.client.beta.files.list(scope_id=session.id)]
    assert "o.txt" in names


def test_the_session_says_that_its_files_are_carried_and_that_there_is_no_network(
    server: Server, scripted: ScriptedModel
) -> None:
    agent = server.agent()
    environment = server.client.beta.environments.create(
        name="open", config={"type": "cloud", "networking": {"type": "unrestricted"}}
    )
    session = server.client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    scripted.script += [[call("bash", command="curl -sS -m 5 http://example.com/")], [say("done")]]
    ((_, failed),) = results(server.turn(session.id, "go"))
    assert failed
    notes = server.request("GET", f"local/sessions/{session.id}/sandbox").json()["notes"]
    assert BY_ARCHIVES in notes and NO_NETWORK in notes
