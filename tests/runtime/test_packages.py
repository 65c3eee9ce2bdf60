from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.domain.environments import update_environment
from jupyter_agents.domain.packages import lists_digest
from jupyter_agents.errors import InvalidRequest
from jupyter_agents.runtime import packages
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.packages import UNUSED_SECONDS
from jupyter_agents.sandbox.base import SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.testing import ScriptedModel, call, say
from jupyter_agents.testing.indexes import HOST, PIP_PACKAGE, VERSION, Index, lead_to_index, serve_packages
from tests.domain.talk import NOW
from tests.needs import need
from tests.runtime.conftest import Runtime, only

OPEN: dict[str, Any] = {"networking": {"type": "unrestricted"}}


class Mirrored(BubblewrapProvider):
    """bubblewrap with its package index on loopback."""

    index: Index

    async def start(self, spec: SandboxSpec) -> Any:
        return await super().start(replace(spec, env={**spec.env, **self.index.variables(HOST)}))


@pytest.fixture
def index() -> Iterator[Index]:
    with serve_packages() as served:
        yield served


@pytest.fixture
async def runtime(config: Config, scripted: ScriptedModel, index: Index) -> AsyncIterator[Runtime]:
    need("bwrap")
    provider = Mirrored(start_egress=lead_to_index, packages=config.data_dir / "packages")
    provider.index = index
    made = Runtime(config, [provider], scripted)
    await made.context.start()
    yield made
    await made.context.stop()


async def test_an_agent_has_the_packages_of_its_environment(runtime: Runtime) -> None:
    script = [[call("bash", command=PIP_PACKAGE)], [say("Done.")]]
    session = await runtime.session(script=script, config=OPEN | {"packages": {"pip": [PIP_PACKAGE]}})
    events = await runtime.turn(session, "go")
    result = only(events, "agent.tool_result")
    assert result["content"][0]["text"] == f"{PIP_PACKAGE} {VERSION}\n" and not result["is_error"]
    tools = runtime.context.manager.live(session).tools  # type: ignore[union-attr]
    assert tools.progress == "" and not [note for note in tools.notes if "Installing" in note]


async def test_what_is_installed_is_told_meanwhile_and_cut_short_at_the_end(
    runtime: Runtime, index: Index
) -> None:
    with index.held():
        session = await runtime.session(
            script=[[call("bash", command="true")]], config=OPEN | {"packages": {"pip": [PIP_PACKAGE]}}
        )
        await runtime.send(session, "go")
        async with asyncio.timeout(20):
            while not index.asked:
                await asyncio.sleep(0.02)
        tools: Any = runtime.context.manager.live(session).tools  # type: ignore[union-attr]
        assert tools.state == "starting" and tools.progress == f"Installing pip packages: {PIP_PACKAGE}."
        async with asyncio.timeout(10):
            await runtime.context.stop()
    assert list((runtime.config.data_dir / "packages").glob("*.json")) == []
    await runtime.restart()


async def test_a_failure_is_told_as_a_sandbox_that_does_not_start(runtime: Runtime, index: Index) -> None:
    script = [[call("bash", command="true")]] * 2
    session = await runtime.session(script=script, config=OPEN | {"packages": {"pip": ["agents-none"]}})
    for _ in range(2):
        index.asked.clear()
        events = await runtime.turn(session, "go")
        result, error = only(events, "agent.tool_result"), only(events, "session.error")
        for text in (result["content"][0]["text"], error["error"]["message"]):
            assert "pip could not install agents-none. It said:" in text and "No matching" in text
        assert result["is_error"] and index.asked
        assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}


@pytest.mark.parametrize("manager", ["apt", "cargo", "gem", "go"])
async def test_what_a_sandbox_cannot_install_is_refused_at_once(runtime: Runtime, manager: str) -> None:
    name = "example.com/tool" if manager == "go" else "jq"
    with pytest.raises(InvalidRequest) as caught:
        await runtime.session(config=OPEN | {"packages": {manager: [name], "pip": [PIP_PACKAGE]}})
    said = f"config.packages.{manager}: bubblewrap sandboxes install npm and pip packages only. Use Docker"
    assert str(caught.value).startswith(said)


async def test_without_any_sandbox_a_session_is_made_all_the_same(bare: Runtime) -> None:
    assert await bare.session(config=OPEN | {"packages": {"apt": ["jq"]}})


async def test_which_lists_are_named(bare: Runtime) -> None:
    assert packages.named(bare.context.catalog) == set()
    lists = {"pip": ["pandas"]}
    session = await bare.session(config=OPEN | {"packages": lists})
    assert packages.named(bare.context.catalog) == {lists_digest(lists)}
    environment = bare.context.catalog.get("session", session)["environment_id"]
    body: Any = {"config": {"type": "cloud", "packages": {"pip": []}}}
    await bare.context.catalog.change(
        "environment", environment, lambda stored: update_environment(stored, body, NOW)
    )
    assert packages.named(bare.context.catalog) == set()


def test_folders_that_nobody_names_go(tmp_path: Path) -> None:
    def make(name: str, mark: str | None, age: float) -> None:
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/tool").write_text("x" * 100)
        (tmp_path / name / "link").symlink_to(tmp_path / "elsewhere")
        (tmp_path / f"{name}.lock").touch()
        if mark is not None:
            (tmp_path / f"{name}.json").write_text(mark)
        for path in (tmp_path / name, *tmp_path.glob(f"{name}.*")):
            os.utime(path, (time.time() - age,) * 2)

    make("elsewhere", json.dumps({"packages": "kept"}), UNUSED_SECONDS * 2)
    make("gone", json.dumps({"packages": "other"}), UNUSED_SECONDS * 2)
    make("broken", None, UNUSED_SECONDS * 2)
    make("strange", "[]", UNUSED_SECONDS * 2)
    make("used", json.dumps({"packages": "other"}), 60)
    found = list(packages.folders(tmp_path, {"kept"}, dry_run=True))
    assert [(one.kind, one.name) for one in found] == [("packages", n) for n in ("broken", "gone", "strange")]
    assert all(one.bytes >= 100 for one in found) and (tmp_path / "gone").exists()
    assert list(packages.folders(tmp_path, {"kept"})) == found
    assert {path.stem for path in tmp_path.iterdir()} == {"elsewhere", "used"}
    assert list(packages.folders(tmp_path / "none", ())) == []
