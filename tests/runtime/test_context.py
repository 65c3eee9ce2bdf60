from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain.environments import create_environment, update_environment
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.context import Context
from jupyter_agents.sandbox.base import Probe
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.testing import ScriptedModel, say
from tests.domain.talk import NOW
from tests.runtime.conftest import Runtime, only


async def error(runtime: Runtime) -> str:
    events = await runtime.turn(await runtime.session(), "go")
    assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
    return str(only(events, "session.error")["error"]["message"])


async def test_without_a_key_the_turn_says_what_to_do(bare: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare.context.endpoint, "_trait", "")
    message = await error(bare)
    assert "%agent login" in message and "ANTHROPIC_API_KEY" in message


async def test_a_login_is_effective_at_once(bare: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModel([[say("Hi.")]], key="sk-right") as scripted:
        monkeypatch.setattr(bare.context.endpoint, "_trait", scripted.url)
        assert "does not accept the API key" in await error(bare)
        bare.context.endpoint.login("sk-right")
        events = await bare.turn(await bare.session(), "go")
        assert only(events, "agent.message")


async def test_an_endpoint_that_is_this_server_is_refused(bare: Runtime) -> None:
    bare.context.endpoint.own_urls = (bare.model.url,)
    assert "this server itself" in await error(bare)
    assert bare.model.requests == []


async def test_a_refused_feature_is_not_sent_again(bare: Runtime) -> None:
    from jupyter_agents.testing import Fault

    refusal = Fault(400, "invalid_request_error", "thinking: not supported")
    session = await bare.session(script=[refusal, [say("a")], [say("b")]])
    await bare.turn(session, "one")
    await bare.turn(session, "two")
    assert ["thinking" in request for request in bare.model.requests] == [True, False, False]


def test_the_store_is_the_owners_alone(config: Config) -> None:
    context = Context(config, list)
    modes = {p.name: p.stat().st_mode & 0o777 for p in config.data_dir.iterdir()}
    assert config.data_dir.stat().st_mode & 0o777 == 0o700
    assert modes["agents.db"] == 0o600 and modes["runs"] == 0o700 and modes["blobs"] == 0o700
    context.database.close()


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"jupyter-agents/cpus": "1000"}, "ceiling"),
        ({"jupyter-agents/workspace": "x"}, "unknown"),
        ({"jupyter-agents/typo": "x"}, "unknown"),
    ],
)
def test_an_environment_that_cannot_be_served(config: Config, metadata: dict[str, str], words: str) -> None:
    context = Context(config, list)
    environment = create_environment({"name": "e", "metadata": metadata}, "env_1", NOW)
    with pytest.raises(InvalidRequest, match=words):
        context.sandboxes.check_environment(environment)
    context.database.close()


async def test_stopping_twice_is_no_harm(config: Config, tmp_path: Path) -> None:
    context = Context(replace(config, data_dir=tmp_path / "other"), list)
    await context.start()
    await context.stop()
    await context.stop()


NOTHING = {"type": "limited"}


@pytest.mark.parametrize(
    ("networking", "hosts"),
    [
        (NOTHING, None),
        (NOTHING | {"allow_mcp_servers": True}, ("mcp.example.com",)),
        (
            NOTHING | {"allowed_hosts": ["a.example"], "allow_mcp_servers": True},
            ("a.example", "mcp.example.com"),
        ),
        (NOTHING | {"allowed_hosts": ["a.example"]}, ("a.example",)),
    ],
)
async def test_the_hosts_of_mcp_servers_join_a_sandboxs(bare: Runtime, networking: Any, hosts: Any) -> None:
    session = await bare.session()
    doc = bare.context.catalog.get("session", session)
    doc["agent"]["mcp_servers"] = [{"type": "url", "name": "d", "url": "https://mcp.example.com/x"}]
    config = {"type": "cloud", "networking": networking}
    await bare.context.catalog.change(
        "environment",
        doc["environment_id"],
        lambda stored: update_environment(stored, {"config": config}, NOW),
    )
    network = bare.context.sandboxes.spec(doc).network
    assert (None if network is None else network.allowed_hosts) == hosts


class SlowProvider(BubblewrapProvider):
    """One whose probe notes whether it was let through."""

    through = False

    async def probe(self) -> Probe:
        await asyncio.sleep(0.05)
        self.through = True
        return Probe(self.kind, False, "It is slow.")


async def test_a_probe_under_way_is_let_through_at_the_end(config: Config) -> None:
    provider = SlowProvider()
    context = Context(config, lambda: [provider])
    await context.start()
    await context.stop()
    assert provider.through
