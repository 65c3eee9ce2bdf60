from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain import web
from jupyter_agents.domain.agents import create_agent, update_agent
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import CUSTOM, NOW, TOOLSET

Doc = dict[str, Any]


def made(**config: Any) -> Doc:
    """The stored entry of an agent with this web entry and a custom tool."""
    tools = [TOOLSET | {"configs": [config]}, CUSTOM]
    agent = create_agent({"name": "a", "model": "m", "tools": tools}, "agent_1", NOW)
    wire.Agent.model_validate(agent)
    found: Doc = agent["tools"][0]["configs"][0]
    return found


def references(*names: str, type: str = "only") -> Doc:
    return {"type": type, "tools": [{"type": "tool_reference", "name": name} for name in names]}


def test_url_sources_are_shown_as_objects() -> None:
    given = {"user_input": "none", "client_tool_results": references("weather")}
    assert made(name="web_fetch", url_sources=given)["url_sources"] == {
        "user_input": {"type": "none"},
        "server_tool_results": None,
        "client_tool_results": references("weather"),
    }


def test_what_is_not_given_is_null() -> None:
    assert made(name="web_search", allowed_domains=["a.example"]) == {
        "type": "web_search",
        "name": "web_search",
        "enabled": True,
        "permission_policy": {"type": "always_allow"},
        "allowed_domains": ["a.example"],
        "blocked_domains": None,
        "user_location": None,
    }
    assert made(name="web_fetch").keys() - made(name="bash").keys() == set(web.FIELDS["web_fetch"])


def test_a_location_is_shown_whole() -> None:
    given = {"type": "approximate", "country": "DE"}
    shown = made(name="web_search", user_location=given)["user_location"]
    assert shown == {"city": None, "region": None, "timezone": None, **given}


@pytest.mark.parametrize("name", ["web_fetch", "web_search"])
def test_an_update_keeps_the_entry(name: str) -> None:
    tools = [TOOLSET | {"configs": [{"name": name, "blocked_domains": ["a.example"]}]}]
    agent = create_agent({"name": "a", "model": "m", "tools": tools}, "agent_1", NOW)
    assert update_agent(agent, {"tools": agent["tools"]}, NOW) == agent


@pytest.mark.parametrize(
    "config",
    [
        {"name": "web_fetch", "allowed_domains": ["docs.example.com"]},
        {"name": "web_fetch", "allowed_domains": ["xn--bcher-kva.example"], "max_content_tokens": 1},
        {"name": "web_fetch", "url_sources": None, "blocked_domains": None, "max_content_tokens": None},
        {"name": "web_fetch", "url_sources": {"server_tool_results": references("web_search")}},
        {"name": "web_search", "blocked_domains": ["Example.com/blog", "other.example"]},
        {"name": "web_search", "user_location": {"type": "approximate", "country": "DE"}},
        {"name": "web_search", "user_location": {"type": "approximate", "timezone": "Europe/Berlin"}},
    ],
)
def test_what_may_be_configured(config: Doc) -> None:
    assert made(**config)["enabled"]


@pytest.mark.parametrize(
    "domain",
    [
        *("https://example.com", "example.com:80", "*.example.com", "example", "com", "localhost"),
        *("a.localhost", "printer.local", "db.internal", "127.0.0.1", "::1", "bücher.example", "", "a..b"),
        *(".example.com", "example.com.", "-a.example", "a" * 64 + ".example", "a." * 127 + "example"),
        *("me@example.com", "example.com?x", "exa mple.com", "1.2"),
    ],
)
@pytest.mark.parametrize("name", ["web_fetch", "web_search"])
def test_what_is_no_domain(name: str, domain: str) -> None:
    with pytest.raises(InvalidRequest, match=r"tools\.0\.configs\.0\.allowed_domains\.0"):
        made(name=name, allowed_domains=[domain])


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}, "not both"),
        ({"allowed_domains": []}, "1 to 64"),
        ({"blocked_domains": [f"a{n}.example" for n in range(65)]}, "1 to 64"),
        ({"allowed_domains": ["a.example", "A.example"]}, "twice"),
        ({"allowed_domains": ["a.example/path"]}, "not a domain"),
        ({"max_content_tokens": 0}, "max_content_tokens"),
        ({"url_sources": dict.fromkeys(web.SOURCES, "none")}, "no source at all"),
        ({"url_sources": {"client_tool_results": references()}}, "1 to 128"),
        ({"url_sources": {"client_tool_results": references("weather", "weather")}}, "different"),
        ({"url_sources": {"client_tool_results": references("bash")}}, "no tool 'bash'"),
        ({"url_sources": {"server_tool_results": references("weather", type="except")}}, "no tool 'weather'"),
        ({"name": "web_search", "user_location": {"type": "approximate"}}, "at least one"),
        ({"name": "web_search", "user_location": {"type": "approximate", "country": "de"}}, "country"),
        ({"name": "web_search", "user_location": {"type": "approximate", "timezone": "x y"}}, "timezone"),
    ],
)
def test_what_may_not_be_configured(config: Doc, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        made(**{"name": "web_fetch"} | config)


@pytest.mark.parametrize(
    ("domain", "host", "path", "covered"),
    [
        ("example.com", "example.com", "/", True),
        ("Example.com", "docs.example.com", "/x", True),
        ("example.com", "badexample.com", "/", False),
        ("docs.example.com", "example.com", "/", False),
        ("example.com/blog", "example.com", "/blog", True),
        ("example.com/blog", "www.example.com", "/blog/1", True),
        ("example.com/blog", "example.com", "/blogger", False),
        ("example.com/blog", "example.com", "/", False),
        ("example.com/", "example.com", "/anything", True),
    ],
)
def test_a_domain_covers_what_is_below_it(domain: str, host: str, path: str, covered: bool) -> None:
    assert web.covers(domain, host, path) == covered
    allowed = web.domain_refusal({"allowed_domains": [domain]}, host, path)
    blocked = web.domain_refusal({"blocked_domains": [domain]}, host, path)
    assert (allowed is None, blocked is None) == (covered, not covered)


def test_without_lists_every_host_is_let_through() -> None:
    assert web.domain_refusal({}, "any.example") is None
