from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.web_config import web_extras
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

CUSTOM = frozenset({"weather", "maps"})
UNSET = {"allowed_domains": None, "blocked_domains": None}
NOWHERE = {"type": "approximate", "city": None, "region": None, "country": None, "timezone": None}


def extras(name: str, **given: Any) -> Doc:
    return web_extras("c", {"name": name, **given}, CUSTOM)


def reference(*names: str) -> list[Doc]:
    return [{"type": "tool_reference", "name": name} for name in names]


def test_every_field_is_there() -> None:
    assert extras("bash") == {}
    assert extras("web_search") == UNSET | {"user_location": None}
    assert extras("web_fetch") == UNSET | {"max_content_tokens": None, "url_sources": None}


@pytest.mark.parametrize("name", ["web_search", "web_fetch"])
def test_allowed_or_blocked(name: str) -> None:
    assert extras(name, allowed_domains=["a.example"])["allowed_domains"] == ["a.example"]
    assert extras(name, blocked_domains=["a.example"], allowed_domains=None)["blocked_domains"] == [
        "a.example"
    ]
    with pytest.raises(InvalidRequest, match="not both"):
        extras(name, allowed_domains=["a.example"], blocked_domains=["b.example"])
    with pytest.raises(InvalidRequest, match=r"c\.allowed_domains: "):
        extras(name, allowed_domains=[])


def test_only_a_search_takes_paths() -> None:
    assert extras("web_search", blocked_domains=["a.example/x"])["blocked_domains"] == ["a.example/x"]
    with pytest.raises(InvalidRequest, match=r"c\.blocked_domains\.0: .*path"):
        extras("web_fetch", blocked_domains=["a.example/x"])


@pytest.mark.parametrize(
    "part",
    [
        {"city": "Berlin"},
        {"region": "x" * 255},
        {"country": "DE"},
        {"timezone": "Europe/Berlin"},
        {"timezone": "UTC", "city": None},
    ],
)
def test_a_location_has_one_part_at_least(part: Doc) -> None:
    location = extras("web_search", user_location={"type": "approximate", **part})["user_location"]
    assert location == NOWHERE | part


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({}, ""),
        ({"city": None}, ""),
        ({"city": ""}, ".city"),
        ({"region": "x" * 256}, ".region"),
        ({"country": "de"}, ".country"),
        ({"country": "DEU"}, ".country"),
        ({"timezone": "Mars/Olympus"}, ".timezone"),
        ({"timezone": "../../etc/passwd"}, ".timezone"),
        ({"timezone": "europe/berlin"}, ".timezone"),
    ],
)
def test_a_location_that_is_none(part: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        extras("web_search", user_location={"type": "approximate", **part})
    assert caught.value.message.startswith(f"c.user_location{field}:")


def test_the_size_of_a_page() -> None:
    assert extras("web_fetch", max_content_tokens=1)["max_content_tokens"] == 1
    with pytest.raises(InvalidRequest, match=r"c\.max_content_tokens"):
        extras("web_fetch", max_content_tokens=0)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, {}),
        ({"user_input": "none"}, {"user_input": {"type": "none"}}),
        (
            {"server_tool_results": "all", "client_tool_results": {"type": "none"}},
            {"server_tool_results": {"type": "all"}, "client_tool_results": {"type": "none"}},
        ),
        ({"user_input": None}, {}),
        (
            {"client_tool_results": {"type": "only", "tools": reference("weather")}},
            {"client_tool_results": {"type": "only", "tools": reference("weather")}},
        ),
        (
            {"server_tool_results": {"type": "except", "tools": reference("web_search", "web_fetch")}},
            {"server_tool_results": {"type": "except", "tools": reference("web_search", "web_fetch")}},
        ),
    ],
)
def test_sources_are_shown_as_objects(given: Doc, shown: Doc) -> None:
    unset = {"user_input": None, "server_tool_results": None, "client_tool_results": None}
    found = extras("web_fetch", url_sources=given)["url_sources"]
    assert found == unset | shown
    assert extras("web_fetch", url_sources=found)["url_sources"] == found


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (
            {"user_input": "none", "server_tool_results": {"type": "none"}, "client_tool_results": "none"},
            ": ",
        ),
        ({"client_tool_results": {"type": "only", "tools": []}}, ".client_tool_results.tools:"),
        (
            {"client_tool_results": {"type": "only", "tools": reference(*["x"] * 129)}},
            ".client_tool_results.tools:",
        ),
        (
            {"client_tool_results": {"type": "only", "tools": reference("bash")}},
            ".client_tool_results.tools.0.name:",
        ),
        (
            {"client_tool_results": {"type": "only", "tools": reference("Weather")}},
            ".client_tool_results.tools.0.name:",
        ),
        (
            {"server_tool_results": {"type": "except", "tools": reference("weather")}},
            ".server_tool_results.tools.0.name:",
        ),
        (
            {"client_tool_results": {"type": "except", "tools": reference("maps", "maps")}},
            ".client_tool_results.tools.1.name:",
        ),
    ],
)
def test_sources_that_are_refused(given: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        extras("web_fetch", url_sources=given)
    assert caught.value.message.startswith(f"c.url_sources{field}")
