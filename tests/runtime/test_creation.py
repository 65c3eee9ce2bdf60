"""Create requests that can and cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.errors import InvalidRequest, NotFound
from tests.runtime.conftest import Runtime
from tests.support import user

Doc = dict[str, Any]


@pytest.mark.parametrize(
    "body",
    [
        {"initial_events": [user("  ")]},
        {"resources": [{"type": "file", "file_id": "file_none"}]},
        {"metadata": {"jupyter-agents/max-turns": "0"}},
        {"metadata": {"jupyter-agents/cpus": "1000"}},
        {"metadata": {"jupyter-agents/nonsense": "1"}},
        {"metadata": {"jupyter-agents/hosting": "x"}},
        {"title": "x" * 257},
        {"budget": {"type": "limit", "max_list_cost": {"amount": "0", "currency": "USD"}}},
    ],
)
async def test_a_session_that_cannot_be_had_leaves_nothing(runtime: Runtime, body: Doc) -> None:
    context = runtime.context
    upload = await context.files.add(context.blobs.put([b"x"]), "x", "text/plain")
    given = {"resources": [{"type": "file", "file_id": upload["id"]}]} | body
    with pytest.raises(InvalidRequest):
        await runtime.session(**given)
    assert context.catalog.count("session") == 0 and context.catalog.count("file") == 1
    assert list((runtime.config.data_dir / "uploads").glob("*")) == []
    assert list((runtime.config.data_dir / "locks").glob("*")) == []


async def test_too_many_files(runtime: Runtime) -> None:
    resources = [{"type": "file", "file_id": "file_1"}] * 101
    with pytest.raises(InvalidRequest, match="at most 100"):
        await runtime.session(resources=resources)


async def test_an_archived_agent_or_environment_starts_nothing(runtime: Runtime) -> None:
    session = await runtime.session()
    doc = runtime.context.catalog.get("session", session)
    body = {"agent": doc["agent"]["id"], "environment_id": doc["environment_id"]}
    for kind, id in (("environment", body["environment_id"]), ("agent", body["agent"])):
        found = runtime.context.catalog.get(kind, id)  # type: ignore[arg-type]
        await runtime.context.catalog.put(kind, found | {"archived_at": found["created_at"]})  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match=f"{kind} .*archived"):
            await runtime.context.manager.create(body)


async def test_a_pinned_version_and_overrides(runtime: Runtime) -> None:
    session = await runtime.session()
    doc = runtime.context.catalog.get("session", session)
    environment = doc["environment_id"]
    reference = {"type": "agent_with_overrides", "id": doc["agent"]["id"], "version": 1, "system": "Other."}
    made = await runtime.context.manager.create({"agent": reference, "environment_id": environment})
    assert (made["agent"]["system"], made["agent"]["version"]) == ("Other.", 1)
    with pytest.raises(NotFound, match="no version"):
        reference = {"type": "agent", "id": doc["agent"]["id"], "version": 10**30}
        await runtime.context.manager.create({"agent": reference, "environment_id": environment})
    with pytest.raises(InvalidRequest, match="version: expected 1"):
        reference = {"type": "agent", "id": doc["agent"]["id"], "version": 0}
        await runtime.context.manager.create({"agent": reference, "environment_id": environment})
