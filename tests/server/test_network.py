"""The network of a session through a real server: what the administrator lists, and the maximum."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import Home, serving
from tests.websites import body, site

OPEN: Any = {"type": "cloud", "networking": {"type": "unrestricted"}}


def limited(*hosts: str, **more: Any) -> Any:
    return {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": list(hosts), **more}}


def again(home: Home, **traits: Any) -> Home:
    home.traits = {**home.traits, **traits}
    home.__post_init__()
    return home


def test_a_listed_host_is_reached_and_the_server_is_not(home: Home, scripted: ScriptedModel) -> None:
    with site({"/x": body("inside")}) as web, serving(again(home, network_hosts=[web.url[7:]])) as server:
        environment = server.client.beta.environments.create(name="e", config=limited("127.0.0.1"))
        get = "curl -s --noproxy '' -m 9"
        jupyter = server.url.partition("?")[0]
        scripted.script += [[call("bash", command=f"{get} {web.url}/x; {get} {jupyter}")], [say("Done.")]]
        agent = server.agent()
        session = server.client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        events = server.turn(session.id, "go")
        found = server.request("GET", f"local/sessions/{session.id}/sandbox").json()["refused"]
    result = next(e for e in events if e.type == "agent.tool_result")
    assert (
        "inside" in result.content[0].text and "127.0.0.1 is not a public address" in result.content[0].text
    )
    port = int(jupyter.rpartition(":")[2].strip("/").partition("/")[0])
    reason = "127.0.0.1 is not a public address"
    assert result.content[-1].text == f"The network refused 127.0.0.1:{port}: {reason}."
    assert [(one["host"], one["port"], one["reason"]) for one in found] == [("127.0.0.1", port, reason)]


def test_no_environment_goes_above_the_maximum(home: Home, scripted: ScriptedModel) -> None:
    with serving(home) as server:
        made = server.client.beta.environments.create(name="open", config=OPEN)
        agent = server.agent()
        old = server.client.beta.sessions.create(agent=agent.id, environment_id=made.id)
    scripted.script += [
        [call("bash", command="curl -sS -m 5 http://a.example/ || echo none")],
        [say("Done.")],
    ]
    with serving(again(home, network="limited")) as server:
        client = server.client.beta
        refused = [
            lambda: client.environments.create(name="x", config=OPEN),
            lambda: client.environments.update(made.id, name="y"),
            lambda: client.sessions.create(agent=agent.id, environment_id=made.id),
        ]
        for ask in refused:
            with pytest.raises(anthropic.BadRequestError, match=r"config\.networking\.type: .*JupyterAgents"):
                ask()
        client.environments.create(name="fine", config=limited("a.example", allow_package_managers=True))
        events = server.turn(old.id, "go")
        found = server.request("GET", f"local/sessions/{old.id}/sandbox").json()
    result = next(e for e in events if e.type == "agent.tool_result")
    assert "none" in result.content[0].text
    assert any("set JupyterAgents.network to 'limited'" in note for note in found["notes"])
