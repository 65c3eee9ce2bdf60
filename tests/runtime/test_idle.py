"""What becomes of a real sandbox while its session is idle, by hosting pattern."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyter_agents.ids import utc_now
from jupyter_agents.runtime import idle as module
from jupyter_agents.runtime import loop
from jupyter_agents.runtime.config import Config
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.testing import ScriptedModel, call, say
from tests.needs import need
from tests.runtime.conftest import Runtime, asking, only

Doc = dict[str, Any]


class Ahead:
    """The clock, and how far it was put on."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.by


class Timed(Runtime):
    """A runtime whose clock can be put on, and which looks after its sessions when it is told."""

    def __init__(self, config: Config, model: ScriptedModel) -> None:
        self.ahead = Ahead()
        super().__init__(config, [BubblewrapProvider()], model, self.ahead)

    async def after(self, seconds: float) -> None:
        """Look at every session when so many more seconds have gone by."""
        self.ahead.by += timedelta(seconds=seconds)
        watch = self.context.manager._idle
        for runner in list(self.context.manager._runners.values()):
            watch.turn_ended(runner.id)
        await watch.close()

    def state(self, session: str) -> str | None:
        runner = self.context.manager.live(session)
        return None if runner is None else str(runner.tools.state)


@pytest.fixture
async def timed(
    config: Config, scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Timed]:
    need("bwrap")
    monkeypatch.setattr(loop, "FIRST_DELAY", 0.001)
    made = Timed(config, scripted)
    await made.context.start()
    yield made
    await made.context.stop()


def hosting(pattern: str, **more: str) -> Doc:
    return {"metadata": {"jupyter-agents/hosting": pattern, **more}}


async def result(runtime: Timed, session: str, command: str) -> str:
    """What bash says in one more turn."""
    runtime.model.script += [[call("bash", command=command)], [say("Done.")]]
    found = await runtime.turn(session, "go")
    return str(only(found, "agent.tool_result")["content"][0]["text"])


async def test_a_long_running_sandbox_is_paused_goes_on_with_its_shell_and_stops(timed: Timed) -> None:
    session = await timed.session()
    job = "(while sleep 0.02; do date +%N >beat; done) >/dev/null 2>&1 &"
    await result(timed, session, f"x=kept; cd outputs; {job} until [ -e beat ]; do sleep 0.02; done")
    beat = timed.workspace(session) / "outputs" / "beat"
    await timed.after(590)
    assert timed.state(session) == "running"
    await timed.after(20)
    assert timed.state(session) == "paused"
    before = await asyncio.to_thread(beat.read_text)
    await asyncio.sleep(0.2)
    assert await asyncio.to_thread(beat.read_text) == before
    assert (
        await result(timed, session, "echo $x; pwd; sleep 0.1; jobs -p | wc -l")
        == "kept\n/workspace/outputs\n1\n"
    )
    assert timed.state(session) == "running"
    assert await asyncio.to_thread(beat.read_text) != before
    await timed.after(700)
    await timed.after(3000)
    assert timed.state(session) is None
    assert await result(timed, session, 'echo "<$x>"; ls outputs') == "<>\nbeat\n"


async def test_a_long_running_session_without_a_sandbox_is_given_up_at_the_idle_timeout(timed: Timed) -> None:
    session = await timed.session(script=[[say("Hi.")]], metadata={"jupyter-agents/idle-timeout": "50s"})
    lasting = await timed.session(script=[])
    await timed.after(60)
    assert timed.state(session) is None and timed.state(lasting) == "none"


@pytest.mark.parametrize("pattern", ["ephemeral", "hybrid"])
async def test_a_brief_sandbox_is_gone_with_the_turn_and_its_files_stay(timed: Timed, pattern: str) -> None:
    session = await timed.session(**hosting(pattern))
    await result(timed, session, "x=1; echo kept >a")
    async with asyncio.timeout(10):
        while timed.state(session) != "closed":
            await asyncio.sleep(0.01)
    assert await result(timed, session, 'echo "<$x>"; cat a') == "<>\nkept\n"


async def test_a_brief_sandbox_stays_while_a_call_waits_for_the_user(timed: Timed) -> None:
    script = [[call("bash", command="x=1")], [call("write", file_path="a", content="b")]]
    session = await timed.session(asking("write"), script=script, **hosting("ephemeral"))
    await timed.turn(session, "go")
    await timed.after(5)
    assert timed.state(session) == "running"
    await timed.after(600)
    assert timed.state(session) is None


async def test_a_paused_sandbox_that_died_is_replaced(timed: Timed) -> None:
    session = await timed.session()
    await result(timed, session, "echo kept >a")
    await timed.after(610)
    runner = timed.context.manager.live(session)
    assert runner is not None
    sandbox = runner.tools._starting.result()
    await sandbox._channel.close()
    assert await result(timed, session, "cat a") == "kept\n"


async def test_the_watch_looks_again_and_again(timed: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)
    await timed.restart()
    session = await timed.session(
        script=[[call("bash", command="true")], [say("a")]], metadata={"jupyter-agents/stop-timeout": "1s"}
    )
    await timed.turn(session, "go")
    async with asyncio.timeout(5):
        while timed.context.manager.live(session) is not None:
            await asyncio.sleep(0.02)
