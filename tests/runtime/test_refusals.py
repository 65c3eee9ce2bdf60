from __future__ import annotations

import asyncio

from jupyter_agents.domain.hosting import Life
from jupyter_agents.domain.refused import KEPT
from jupyter_agents.ids import utc_now
from jupyter_agents.runtime.idle import IdleWatch
from jupyter_agents.runtime.refusals import SAID, Refusals
from jupyter_agents.runtime.runner import SessionRunner
from jupyter_agents.sandbox.base import Refusal
from jupyter_agents.testing import call, say
from tests.runtime.conftest import Runtime, only


def test_a_host_is_said_once_a_call_and_kept_once() -> None:
    refusals = Refusals(utc_now)
    for port in (443, 443, 80):
        refusals.told(Refusal("a.example", port, "why"))
    said = "The network refused a.example:443: why.\nThe network refused a.example:80: why."
    assert refusals.take() == said and refusals.take() == ""
    refusals.told(Refusal("a.example", 443, "why"))
    assert refusals.take() == "The network refused a.example:443: why."
    pending = refusals.pending
    assert [(one["host"], one["port"]) for one in pending] == [("a.example", 80), ("a.example", 443)]
    assert refusals.journaled() == pending and refusals.pending == refusals.journaled() == []


def test_what_is_said_and_kept_is_bounded() -> None:
    refusals = Refusals(utc_now)
    for number in range(KEPT + 20):
        refusals.told(Refusal(f"h{number}.example", 443, "why"))
    assert [one["host"] for one in refusals.pending] == [f"h{n}.example" for n in range(20, KEPT + 20)]
    lines = refusals.take().splitlines()
    assert len(lines) == SAID + 1 and lines[-1] == f"It refused {KEPT - SAID} more hosts."


async def limited_session(runtime: Runtime, *commands: str) -> str:
    """A session that may reach good.example; one turn per command."""
    script = [answer for line in commands for answer in ([call("bash", command=line)], [say("Done.")])]
    session = await runtime.session(script=script)
    doc = runtime.context.catalog.get("session", session)
    networking = {"type": "limited", "allowed_hosts": ["good.example"]}
    await runtime.context.catalog.change(
        "environment",
        doc["environment_id"],
        lambda stored: stored | {"config": stored["config"] | {"networking": LIMITED | networking}},
    )
    return session


def refused(runtime: Runtime, session: str) -> list[tuple[str, int, str]]:
    return [(one["host"], one["port"], one["reason"]) for one in runtime.context.refused(session)]


async def test_the_agent_and_the_user_are_told_of_a_refused_host_also_after_a_restart(
    runtime: Runtime,
) -> None:
    fetch = "curl -s -m 5 http://evil.example/ > /dev/null; curl -s -m 5 https://evil.example/; true"
    session = await limited_session(runtime, fetch)
    events = await runtime.turn(session, "go")
    text = only(events, "agent.tool_result")["content"][-1]["text"]
    assert text == "\n".join(f"The network refused evil.example:{port}: {REASON}." for port in (80, 443))
    kept = [("evil.example", 80, REASON), ("evil.example", 443, REASON)]
    runner = runtime.context.manager.live(session)
    assert runner is not None and runner.tools.refusals.pending == []
    assert refused(runtime, session) == kept
    await runtime.restart()
    assert runtime.context.manager.live(session) is None
    assert refused(runtime, session) == kept


async def test_what_is_refused_to_a_job_of_an_idle_session_is_kept_when_it_unloads(runtime: Runtime) -> None:
    job = "(sleep 1; curl -s -m 5 http://late.example/) >/dev/null 2>&1 & true"
    session = await limited_session(runtime, job)
    await runtime.turn(session, "go")
    runner = runtime.context.manager.live(session)
    assert runner is not None and refused(runtime, session) == []
    async with asyncio.timeout(10):
        while not runner.tools.refusals.pending:
            await asyncio.sleep(0.05)
    assert refused(runtime, session) == [("late.example", 80, REASON)]
    watch = IdleWatch({session: runner}, lambda doc: Life("long-running", 0, 0), unloaded, utc_now)
    await watch._look(runner)
    assert runner.retired
    await runtime.restart()
    assert refused(runtime, session) == [("late.example", 80, REASON)]


async def unloaded(runner: SessionRunner) -> None:
    await runner.close()


LIMITED = {"allow_mcp_servers": False, "allow_package_managers": False}
REASON = "the environment's network allows good.example only"
