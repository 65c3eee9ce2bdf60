"""Whether the model endpoint answers: asked really, and no token is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.runtime.answering import ask
from jupyter_agents.runtime.endpoint import Endpoint
from jupyter_agents.testing import ScriptedModel


@pytest.mark.parametrize(
    ("key", "ok", "how"), [("right", True, "it answers"), ("wrong", False, "the key is refused")]
)
async def test_the_key_is_tried(tmp_path: Path, key: str, ok: bool, how: str) -> None:
    with ScriptedModel(key="right") as model:
        endpoint = Endpoint(tmp_path, model.url, {"ANTHROPIC_API_KEY": key})
        found = await ask(endpoint)
        await endpoint.close()
        assert found.ok is ok and found.how.startswith(how)
        assert model.requests == []


async def test_nothing_is_there(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path, "http://127.0.0.1:9", {})
    found = await ask(endpoint)
    await endpoint.close()
    assert not found.ok and "nothing answers" in found.how and "local model server" in found.todo


async def test_one_that_cannot_be_asked_is_not(tmp_path: Path) -> None:
    found = await ask(Endpoint(tmp_path, "", {}))
    assert not found.ok and "There is no API key" in found.todo
