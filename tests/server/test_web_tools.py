"""The web tools through the official SDK: a server of its own, a web site and an endpoint on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say
from tests.server.test_sdk import complete
from tests.support import Home, Server, serving
from tests.websites import Site, body, site

FETCH: Any = {"name": "web_fetch", "enabled": True, "url_sources": {"user_input": "none"}}
SEARCH: Any = {
    "name": "web_search",
    "enabled": True,
    "user_location": {"type": "approximate", "country": "DE"},
}


def only_web(*configs: Any) -> Any:
    return [
        {"type": "agent_toolset_20260401", "default_config": {"enabled": False}, "configs": list(configs)}
    ]


@pytest.fixture
def web() -> Iterator[Site]:
    with site({"/found": body("<title>Found</title><p>The whole page.</p>")}) as made:
        yield made


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    home.traits = {"web_hosts": ["127.0.0.1"]}
    home.__post_init__()
    with serving(home) as running:
        yield running


def test_a_search_then_the_page_it_found(server: Server, scripted: ScriptedModel, web: Site) -> None:
    url = f"{web.url}/found"
    hit = {"type": "web_search_result", "url": url, "title": "Found", "encrypted_content": "x"}
    answer = Reply(
        [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [hit]},
        ],
        usage={"input_tokens": 0, "output_tokens": 0, "server_tool_use": {"web_search_requests": 1}},
    )
    scripted.script += [
        [call("web_search", query="q")],
        answer,
        [call("web_fetch", url=url), call("web_fetch", url=f"{web.url}/guessed")],
        [say("Done.")],
    ]
    session = server.session(tools=only_web(FETCH, SEARCH))
    events = server.turn(session.id, f"Look at {web.url}/guessed or search.")
    found, fetched, guessed = (event for event in events if event.type == "agent.tool_result")
    (block,) = found.content
    assert (block.type, block.source, block.citations.enabled) == ("search_result", url, True)
    assert "The whole page." in fetched.content[0].text and not fetched.is_error
    assert guessed.is_error and "url_not_allowed" in guessed.content[0].text
    usage = server.client.beta.sessions.retrieve(session.id).usage
    assert usage and usage.server_tool_use and usage.server_tool_use.web_search_requests == 1
    complete(wire.Agent, server.request("GET", f"v1/agents/{session.agent.id}").json())
    assert server.request("GET", f"local/sessions/{session.id}/sandbox").json()["state"] == "none"
    assert list(server.home.root.iterdir()) == []


def test_doctor_names_the_models_without_a_search(server: Server, scripted: ScriptedModel) -> None:
    refusal = Fault(400, "invalid_request_error", "web_search is not enabled")
    scripted.script += [[call("web_search", query="q")], refusal, [say("Done.")]]
    server.turn(server.session(tools=only_web(SEARCH)).id, "go")
    found = server.request("GET", "local/doctor").json()["no_web_search"]
    assert list(found) == ["claude-opus-4-7"] and "web_search is not enabled" in found["claude-opus-4-7"]


def test_what_cannot_be_configured_is_a_400_that_names_the_field(server: Server) -> None:
    bad: Any = only_web({"name": "web_fetch", "allowed_domains": ["*.example.com"]})
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0\.configs\.0\.allowed_domains\.0"):
        server.agent(tools=bad)
