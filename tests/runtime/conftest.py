"""The runtime in this process: a real store, real sandboxes, and the scripted endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.domain.environments import create_environment
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.ids import Clock, rfc3339, utc_now
from jupyter_agents.runtime import loop
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.context import Context
from jupyter_agents.runtime.streams import Subscription
from jupyter_agents.sandbox.base import SandboxProvider
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.testing import ScriptedModel
from tests.needs import need
from tests.support import user

Doc = dict[str, Any]

TOOLSET: Doc = {"type": "agent_toolset_20260401"}
CUSTOM: Doc = {
    "type": "custom",
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object"},
}
SECONDS = 20.0
IDLE = ("session.status_idle", "session.status_terminated")
EVENTS = wire.event_adapter()


def asking(*names: str) -> Doc:
    """A toolset that asks for these tools."""
    ask = {"type": "always_ask"}
    return TOOLSET | {"configs": [{"name": name, "permission_policy": ask} for name in names]}


class Runtime:
    """One server's runtime. `context` is replaced by `restart`."""

    def __init__(
        self,
        config: Config,
        providers: list[SandboxProvider],
        model: ScriptedModel,
        clock: Clock = utc_now,
    ) -> None:
        self.config = config
        self.providers = providers
        self.model = model
        self.clock = clock
        self.context = Context(config, lambda: self.providers, clock)

    async def restart(self) -> None:
        """End the runtime as a crash would leave it, as far as the store goes, and start another."""
        await self.context.stop()
        self.context = Context(self.config, lambda: self.providers, self.clock)
        await self.context.start()

    async def session(self, *tools: Doc, script: Iterable[Any] = (), **body: Any) -> str:
        """A new session whose model plays `script`; its id. Without tools it has all."""
        context = self.context
        self.model.script += script
        now = rfc3339(context.clock())
        given = {"name": "coder", "model": "claude-opus-4-7", "tools": list(tools or (TOOLSET,))}
        agent = create_agent(given | body.pop("agent", {}), context.new_id("agent"), now)
        await context.catalog.save_agent(agent, over=None)
        config = {"type": "cloud", "networking": {"type": "limited"}} | body.pop("config", {})
        identity = context.new_id("env")
        environment = create_environment({"name": identity, "config": config}, identity, now)
        await context.catalog.add_environment(environment)
        session = await context.manager.create(
            {"agent": agent["id"], "environment_id": environment["id"], **body}
        )
        return str(session["id"])

    def listen(self, session_id: str, *deltas: str) -> Subscription:
        return self.context.manager.subscribe(session_id, deltas)

    async def send(self, session_id: str, *events: Any) -> list[Doc]:
        bodies = [user(event) if isinstance(event, str) else event for event in events]
        return await self.context.manager.send(session_id, bodies)

    async def until_idle(self, listening: Subscription) -> list[Doc]:
        """The stream up to idle; every event is one of the SDK's, complete."""
        found: list[Doc] = []
        async with asyncio.timeout(SECONDS):
            while not found or found[-1]["type"] not in IDLE:
                found.append(json.loads(await listening.next()))
                if not found[-1]["type"].startswith("event_"):
                    EVENTS.validate_python(found[-1])
        return found

    async def until(self, listening: Subscription, type: str) -> Doc:
        """The next event of a type."""
        async with asyncio.timeout(SECONDS):
            while True:
                event: Doc = json.loads(await listening.next())
                if event["type"] == type:
                    return event

    async def turn(self, session_id: str, *events: Any, deltas: Iterable[str] = ()) -> list[Doc]:
        listening = self.listen(session_id, *deltas)
        await self.send(session_id, *events)
        found = await self.until_idle(listening)
        self.context.hub.unsubscribe(session_id, listening)
        return found

    def events(self, session_id: str) -> list[Doc]:
        """Every public event of the journal."""
        return [r.event for r in self.context.journal.read(session_id) if r.kind == "event"]

    def folded(self, session_id: str) -> State:
        """The fold of what is durable."""
        state = State()
        for record in self.context.journal.read(session_id):
            apply(state, record)
        return state

    def outputs(self, session_id: str) -> dict[str, Doc]:
        """The session's output files by their path in the workspace."""
        docs = self.context.files.of_session(session_id)
        return {doc["_path"]: doc for doc in docs if doc["_path"] is not None}

    def workspace(self, session_id: str) -> Path:
        return self.context.sandboxes.workspace(self.context.catalog.get("session", session_id))


def types(events: Iterable[Doc]) -> list[str]:
    return [event["type"] for event in events]


def of(events: Iterable[Doc], type: str) -> list[Doc]:
    return [event for event in events if event["type"] == type]


def only(events: Iterable[Doc], type: str) -> Doc:
    (found,) = of(events, type)
    return found


@pytest.fixture
def config(tmp_path: Path, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> Config:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "JUPYTER_AGENTS_MODEL_URL"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "root"
    root.mkdir()
    tmp_path.chmod(0o755)
    return Config(data_dir=tmp_path / "data", root_dir=root, model_base_url=scripted.url)


@pytest.fixture
async def runtime(
    config: Config, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    """A runtime with bubblewrap; a failed model request is tried again at once."""
    need("bwrap")
    monkeypatch.setattr(loop, "FIRST_DELAY", 0.001)
    made = Runtime(config, [BubblewrapProvider()], scripted)
    await made.context.start()
    yield made
    await made.context.stop()


@pytest.fixture
async def bare(
    config: Config, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    """A runtime on a machine without any sandbox."""
    monkeypatch.setattr(loop, "FIRST_DELAY", 0.001)
    made = Runtime(config, [], scripted)
    await made.context.start()
    yield made
    await made.context.stop()
