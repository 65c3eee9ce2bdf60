"""The network of a session through a real server: what the administrator lists, and the maximum."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.authority import private_site
from tests.mcp_servers import agent as mcp_agent
from tests.mcp_servers import shop
from tests.needs import need
from tests.support import TOOLSET, Home, home_of, serving
from tests.websites import body, site

OPEN: Any = {"type": "cloud", "networking": {"type": "unrestricted"}}


def limited(*hosts: str, **more: Any) -> Any:
    return {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": list(hosts), **more}}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


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
    with serving(home) as server:
        assert server.request("GET", f"local/sessions/{session.id}/sandbox").json()["refused"] == found
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


def test_the_hosts_of_an_agents_mcp_servers_are_reached_and_no_other(
    home: Home, scripted: ScriptedModel
) -> None:
    with shop() as (_, url), site({"/": body("other")}, "127.0.0.2") as other:
        address, elsewhere = url.split("/")[2], other.url[7:]
        with serving(again(home, network_hosts=[address, elsewhere])) as server:
            get = "curl -s --noproxy '' -o /dev/null -w '%{http_code}\\n' -m 9"
            line = f"{get} http://{address}/nothing; {get} http://{elsewhere}/"
            body_of = mcp_agent(url)
            made = server.agent(**body_of | {"tools": [*TOOLSET, *body_of["tools"]]})
            said = []
            for allow in (True, False):
                config = limited("a.example", allow_mcp_servers=allow)
                environment = server.client.beta.environments.create(name=f"mcp-{allow}", config=config)
                scripted.script += [[call("bash", command=line)], [say("Done.")]]
                session = server.client.beta.sessions.create(agent=made.id, environment_id=environment.id)
                events = server.turn(session.id, "go")
                said.append(next(e for e in events if e.type == "agent.tool_result").content)
    assert [content[0].text for content in said] == ["404\n403\n", "403\n403\n"]
    assert said[0][1].text == (
        f"The network refused {elsewhere}: the environment's network allows a.example, 127.0.0.1 only."
    )
    assert said[1][1].text.count("allows a.example only") == 2
    assert other.asked == []


FETCH = """
no_proxy= NO_PROXY= python3 - <<'END'
import ssl, urllib.request
for context in (None, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)):
    try:
        print(urllib.request.urlopen("https://127.0.0.1:%d/", context=context, timeout=9).read().decode())
    except OSError as error:
        print("unknown issuer" if "unable to get local issuer" in str(error) else error)
END
curl -sS --noproxy '' -m 9 https://127.0.0.1:%d/; cat "$SSL_CERT_FILE" | grep -c PRIVATE
"""


@pytest.mark.parametrize("hosting", ["long-running", "shared"])
@pytest.mark.parametrize("kind", ["docker", "bubblewrap"])
def test_tools_trust_the_certificates_that_this_machine_trusts(
    kind: str, hosting: str, scripted: ScriptedModel, open_folder: Path
) -> None:
    need({"bubblewrap": "bwrap"}.get(kind, kind))
    with private_site(open_folder / "authority", "trusted") as (port, bundle):
        variables = {name: str(bundle) for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE")}
        traits = {"network_hosts": [f"127.0.0.1:{port}"]}
        with serving(home_of(kind, open_folder / "home", scripted.url, traits, variables)) as server:
            environment = server.client.beta.environments.create(
                name="private", config=limited("127.0.0.1"), metadata={"jupyter-agents/hosting": hosting}
            )
            agent = server.agent()
            for _ in range(2 if hosting == "shared" else 1):
                scripted.script += [[call("bash", command=FETCH % (port, port))], [say("Done.")]]
                session = server.client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
                events = server.turn(session.id, "go")
                [result] = [e for e in events if e.type == "agent.tool_result"]
                assert result.content[0].text == "trusted\nunknown issuer\ntrusted0\n"
