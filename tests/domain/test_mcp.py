from __future__ import annotations

import re
from typing import Any

import pytest

from jupyter_agents.domain import mcp, permissions, prompt
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.domain.state import State
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import NOW, Talk

Doc = dict[str, Any]

ASK = {"type": "always_ask"}
ALLOW = {"type": "always_allow"}


def agent(*servers: str, configs: Any = (), **default: Any) -> Doc:
    toolset = {"type": "mcp_toolset", "configs": list(configs), "default_config": default}
    body = {
        "name": "a",
        "model": "claude-opus-4-7",
        "mcp_servers": [
            {"type": "url", "name": name, "url": f"https://{i}.example"} for i, name in enumerate(servers)
        ],
        "tools": [toolset | {"mcp_server_name": name} for name in servers],
    }
    return create_agent(body, "agent_1", NOW)


def listed(found: Doc, **tools: list[str]) -> Doc:
    urls = {server["name"]: server["url"] for server in found["mcp_servers"]}
    shape = {"description": "d", "input_schema": {"type": "object"}}
    return {
        name: {"url": urls.get(name, "x"), "tools": [{"name": tool, **shape} for tool in names]}
        for name, names in tools.items()
    }


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ([("docs", "search")], ["mcp__docs__search"]),
        ([("my docs", "a.b/c")], ["mcp__my_docs__a_b_c"]),
        ([("näme", "x")], ["mcp__n_me__x"]),
        ([("", "")], ["mcp____"]),
    ],
)
def test_names(pairs: list[tuple[str, str]], names: list[str]) -> None:
    assert list(mcp.model_names(pairs)) == names


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "b c"), ("a", "b.c")],
        [("a__b", "c"), ("a", "b__c")],
        [("s", "x" * 200), ("s", "x" * 201)],
        [("s" * 255, "t" * 128)],
    ],
)
def test_names_that_would_be_the_same_or_too_long_get_a_digest(pairs: list[tuple[str, str]]) -> None:
    names = mcp.model_names(pairs)
    assert sorted(names.values()) == sorted(pairs)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name) for name in names)
    assert mcp.model_names(list(reversed(pairs))) == names, "the order does not matter"


def test_a_name_that_imitates_a_digest_takes_nothing_over() -> None:
    pairs = [("a", "b c"), ("a", "b.c")]
    imitated = next(name for name, pair in mcp.model_names(pairs).items() if pair == ("a", "b.c"))
    crafted = ("a", imitated.removeprefix("mcp__a__"))
    names = mcp.model_names([*pairs, crafted])
    assert len(names) == 2 or len(set(names.values())) == len(names)


def test_definitions_are_sorted_and_do_not_depend_on_the_listing_order() -> None:
    found = agent("b", "a")
    one, other = listed(found, b=["y", "x"], a=["z"]), listed(found, a=["z"], b=["x", "y"])
    names = [tool["name"] for tool in mcp.definitions(found, one)]
    assert names == ["mcp__a__z", "mcp__b__x", "mcp__b__y"]
    assert mcp.definitions(found, other) == mcp.definitions(found, one)


def test_a_listing_of_another_address_or_of_a_server_that_is_gone_does_not_count() -> None:
    found = agent("a")
    assert (
        mcp.definitions(
            found, {"a": {"url": "https://old.example", "tools": listed(found, a=["x"])["a"]["tools"]}}
        )
        == []
    )
    assert mcp.definitions(found, listed(found, gone=["x"])) == []


@pytest.mark.parametrize(
    ("options", "name", "permission"),
    [
        ({}, "x", "ask"),
        ({"permission_policy": ALLOW}, "x", "allow"),
        ({"permission_policy": ALLOW, "configs": [{"name": "x", "permission_policy": ASK}]}, "x", "ask"),
        ({"configs": [{"name": "mcp__a__x", "permission_policy": ALLOW}]}, "x", "ask"),
        ({"enabled": False}, "x", "deny"),
        ({"enabled": False, "configs": [{"name": "x", "enabled": True}]}, "x", "ask"),
    ],
)
def test_the_verdict_goes_by_the_bare_name(options: Doc, name: str, permission: str) -> None:
    found = agent("a", **options)
    target = mcp.find(found, listed(found, a=["x"]), "mcp__a__x")
    assert target == mcp.Target("a", "https://0.example", name)
    verdict = permissions.judge_mcp(found, target, {})
    assert verdict.permission == permission and (verdict.evaluation is None) == (permission == "deny")
    assert bool(mcp.definitions(found, listed(found, a=["x"]))) == (permission != "deny")


def test_a_name_that_no_server_lists_leads_nowhere() -> None:
    found = agent("a")
    assert mcp.find(found, listed(found, a=["x"]), "mcp__a__y") is None
    assert mcp.find(found, listed(found, a=["x"]), "x") is None


def test_only_servers_with_an_enabled_tool_are_wanted() -> None:
    assert [s["name"] for s in mcp.wanted(agent("a", "b"))] == ["a", "b"]
    assert mcp.wanted(agent("a", enabled=False)) == []
    assert mcp.wanted(agent("a", enabled=False, configs=[{"name": "x", "enabled": True}]))


@pytest.mark.parametrize(
    "url", ["https://mcp.example.com/mcp", "http://127.0.0.1:8000/mcp", "http://[::1]/", "stdio:files"]
)
def test_addresses_that_are_served(url: str) -> None:
    mcp.check_servers({"mcp_servers": [{"name": "a", "url": url}]}, {"files"})


@pytest.mark.parametrize(
    "url", ["", "x", "stdio:other", "ws://a.example", "https://:80", "https://u@a.example"]
)
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"agent\.mcp_servers\.0\.url: "):
        mcp.check_servers({"mcp_servers": [{"name": "a", "url": url}]}, {"files"})


def test_what_is_listed_is_folded_and_shown_to_the_model() -> None:
    talk = Talk(agent={k: agent("a")[k] for k in ("mcp_servers", "tools")})
    talk.turn()
    tool = {"name": "x", "description": "d", "input_schema": {"type": "object"}}
    for tools in ([], [tool]):
        listing = {"server": "a", "url": "https://0.example", "tools": tools}
        talk.private("private.mcp", listing)
    state: State = talk.state
    assert [t["name"] for t in prompt.build_request(state)["tools"]] == ["mcp__a__x"]


def test_a_call_and_its_result_are_folded() -> None:
    talk = Talk(agent={k: agent("a")[k] for k in ("mcp_servers", "tools")})
    talk.turn()
    body = {"type": "agent.mcp_tool_use", "mcp_server_name": "a", "name": "x", "input": {}}
    use = talk.event(
        body | {"evaluated_permission": "ask", "evaluation": ASK},
        {"tool_use_id": "toolu_1", "url": "https://0.example", "reason": ""},
    )
    call = talk.state.calls[use]
    assert (call.kind, call.server, call.url, call.name, call.waits) == (
        "mcp",
        "a",
        "https://0.example",
        "x",
        True,
    )
    content = [{"type": "text", "text": "found"}]
    talk.event(
        {"type": "agent.mcp_tool_result", "mcp_tool_use_id": use, "content": content, "is_error": False}
    )
    assert talk.state.calls == {}
    assert talk.state.messages[-1]["content"][-1] == {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": content,
        "is_error": False,
    }
