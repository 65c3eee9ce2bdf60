"""What is left of an ephemeral session, and any session's files in one piece."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.sandbox import listing
from jupyter_agents.testing import ScriptedModel, call, say
from tests.runtime.conftest import Runtime
from tests.support import Server

Doc = dict[str, Any]

EPHEMERAL = {"jupyter-agents/hosting": "ephemeral"}


def names(archive: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return set(tar.getnames())


async def worked(runtime: Runtime, **metadata: str) -> str:
    script = [[call("bash", command="echo x > a.txt; echo o > outputs/o.txt")], [say("Done.")]]
    session = await runtime.session(script=script, metadata=metadata)
    await runtime.turn(session, "go")
    return session


def kept(runtime: Runtime, session: str) -> Path:
    return runtime.config.data_dir / "workspaces" / f"{session}.tar.gz"


async def test_an_archived_ephemeral_session_leaves_one_file(runtime: Runtime) -> None:
    session = await worked(runtime, **EPHEMERAL)
    folder = runtime.workspace(session)
    await runtime.context.manager.archive(session)
    assert not folder.exists()
    assert names(kept(runtime, session).read_bytes()) == {"a.txt", "outputs", "outputs/o.txt"}
    assert list(runtime.outputs(session)) == ["outputs/o.txt"]
    await runtime.context.manager.delete(session)
    assert not kept(runtime, session).exists()


@pytest.mark.parametrize("metadata", [{}, EPHEMERAL | {"jupyter-agents/workspace": "mine"}])
async def test_other_workspaces_stay(runtime: Runtime, metadata: dict[str, str]) -> None:
    session = await worked(runtime, **metadata)
    await runtime.context.manager.archive(session)
    assert (runtime.workspace(session) / "a.txt").exists() and not kept(runtime, session).exists()


async def test_a_workspace_that_cannot_be_archived_stays(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await worked(runtime, **EPHEMERAL)
    monkeypatch.setattr(listing, "FILES", 1)
    await runtime.context.manager.archive(session)
    assert (runtime.workspace(session) / "a.txt").exists() and not kept(runtime, session).exists()


async def test_an_ephemeral_session_that_did_nothing_leaves_nothing(runtime: Runtime) -> None:
    session = await runtime.session(metadata=EPHEMERAL)
    await runtime.context.manager.archive(session)
    assert not kept(runtime, session).exists()


def test_the_workspace_is_downloaded_in_one_piece(server: Server, scripted: ScriptedModel) -> None:
    session = server.session(metadata=EPHEMERAL)
    path = f"local/sessions/{session.id}/workspace"
    assert server.request("GET", path).status_code == 404
    scripted.script += [[call("bash", command="echo x > a.txt; ln -s /etc/shadow link")], [say("Done.")]]
    server.turn(session.id, "go")
    before = server.request("GET", path)
    server.client.beta.sessions.archive(session.id)
    after = server.request("GET", path)
    for answer in (before, after):
        assert answer.headers["content-type"] == "application/gzip"
        assert names(answer.content) == {"a.txt", "outputs"}
    assert server.request("GET", "local/sessions/sesn_none/workspace").status_code == 404
    assert server.bare("GET", path).status_code == 401
