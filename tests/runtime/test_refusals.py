from __future__ import annotations

from jupyter_agents.ids import utc_now
from jupyter_agents.runtime.refusals import KEPT, SAID, Refusals
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
    assert [(one["host"], one["port"]) for one in refusals.newest()] == [
        ("a.example", 80),
        ("a.example", 443),
    ]


def test_what_is_said_and_kept_is_bounded() -> None:
    refusals = Refusals(utc_now)
    for number in range(KEPT + 20):
        refusals.told(Refusal(f"h{number}.example", 443, "why"))
    assert [one["host"] for one in refusals.newest()] == [f"h{n}.example" for n in range(20, KEPT + 20)]
    lines = refusals.take().splitlines()
    assert len(lines) == SAID + 1 and lines[-1] == f"It refused {KEPT - SAID} more hosts."


async def test_the_agent_and_the_user_are_told_of_a_refused_host(runtime: Runtime) -> None:
    fetch = "curl -s -m 5 http://evil.example/ > /dev/null; curl -s -m 5 https://evil.example/; true"
    session = await runtime.session(script=[[call("bash", command=fetch)], [say("Done.")]])
    doc = runtime.context.catalog.get("session", session)
    networking = {"type": "limited", "allowed_hosts": ["good.example"]}
    await runtime.context.catalog.change(
        "environment",
        doc["environment_id"],
        lambda stored: stored | {"config": stored["config"] | {"networking": LIMITED | networking}},
    )
    events = await runtime.turn(session, "go")
    text = only(events, "agent.tool_result")["content"][-1]["text"]
    reason = "the environment's network allows good.example only"
    assert text == "\n".join(f"The network refused evil.example:{port}: {reason}." for port in (80, 443))
    runner = runtime.context.manager.live(session)
    assert runner is not None
    kept = [(one["host"], one["port"], one["reason"]) for one in runner.tools.refusals.newest()]
    assert kept == [("evil.example", 80, reason), ("evil.example", 443, reason)]


LIMITED = {"allow_mcp_servers": False, "allow_package_managers": False}
