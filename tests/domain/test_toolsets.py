from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.toolsets import check_pairs, resolve_servers, resolve_tools, server_host
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import CUSTOM, TOOLSET

Doc = dict[str, Any]

ALLOW, ASK, AUTO = {"type": "always_allow"}, {"type": "always_ask"}, {"type": "auto"}


def custom(number: int = 0, **more: Any) -> Doc:
    return CUSTOM | {"name": f"tool_{number}"} | more


def mcp(name: str = "docs", *tools: str, **more: Any) -> Doc:
    configs = {"configs": [{"name": tool} for tool in tools]} if tools else {}
    return {"type": "mcp_toolset", "mcp_server_name": name, **configs, **more}


def server(name: str = "docs", url: str = "https://mcp.example.com/mcp") -> Doc:
    return {"type": "url", "name": name, "url": url}


def schema(**more: Any) -> Doc:
    return custom(input_schema={"type": "object", **more})


@pytest.mark.parametrize(
    ("default", "entry", "resolved"),
    [
        ({}, {}, (True, ALLOW)),
        (None, {"enabled": None, "permission_policy": None}, (True, ALLOW)),
        ({"enabled": False}, {}, (False, ALLOW)),
        ({"enabled": False}, {"enabled": True}, (True, ALLOW)),
        ({"permission_policy": ASK}, {}, (True, ASK)),
        ({"permission_policy": ASK}, {"permission_policy": AUTO}, (True, AUTO)),
        ({"enabled": None, "permission_policy": None}, {"enabled": False}, (False, ALLOW)),
    ],
)
def test_an_entry_beats_the_default_beats_ours(default: Any, entry: Doc, resolved: Any) -> None:
    (tool,) = resolve_tools([TOOLSET | {"default_config": default, "configs": [{"name": "bash", **entry}]}])
    enabled, policy = resolved
    assert tool["configs"] == [
        {"type": "bash", "name": "bash", "enabled": enabled, "permission_policy": policy}
    ]
    assert tool["default_config"].keys() == {"enabled", "permission_policy"}
    assert resolve_tools([tool]) == [tool]


def test_a_bare_toolset_has_a_list_and_a_default() -> None:
    assert resolve_tools([TOOLSET]) == [
        TOOLSET | {"default_config": {"enabled": True, "permission_policy": ALLOW}, "configs": []}
    ]


def test_an_mcp_toolset_asks_and_its_entries_have_no_type() -> None:
    (tool,) = resolve_tools([mcp("docs", "find")])
    assert tool["default_config"] == {"enabled": True, "permission_policy": ASK}
    assert tool["configs"] == [{"name": "find", "enabled": True, "permission_policy": ASK}]
    assert resolve_tools([tool]) == [tool]


def test_the_web_tools_show_every_field() -> None:
    given = TOOLSET | {"configs": [{"name": "web_fetch", "url_sources": {"user_input": "none"}}]}
    (tool,) = resolve_tools([given])
    assert tool["configs"][0]["url_sources"]["user_input"] == {"type": "none"}
    assert tool["configs"][0]["max_content_tokens"] is None
    named = {
        "client_tool_results": {"type": "only", "tools": [{"type": "tool_reference", "name": "weather"}]}
    }
    given = TOOLSET | {"configs": [{"name": "web_fetch", "url_sources": named}]}
    assert resolve_tools([given, CUSTOM])
    with pytest.raises(InvalidRequest, match=r"^tools\.0\.configs\.0\.url_sources\.client_tool_results"):
        resolve_tools([given])


@pytest.mark.parametrize(
    ("at", "beyond"),
    [
        ([custom(n) for n in range(128)], [custom(n) for n in range(129)]),
        (
            [TOOLSET, mcp("a", *map(str, range(248)))],
            [TOOLSET, mcp("a", *map(str, range(249)))],
        ),
        (
            [mcp("a", *map(str, range(200))), *(custom(n) for n in range(56))],
            [mcp("a", *map(str, range(200))), *(custom(n) for n in range(57))],
        ),
        ([TOOLSET], [TOOLSET, TOOLSET]),
        ([mcp("a"), mcp("b")], [mcp("a"), mcp("a")]),
        ([custom(1), custom(2)], [custom(1), custom(1)]),
    ],
)
def test_how_many(at: list[Doc], beyond: list[Doc]) -> None:
    assert len(resolve_tools(at)) == len(at)
    with pytest.raises(InvalidRequest, match=r"^tools: "):
        resolve_tools(beyond)


@pytest.mark.parametrize(
    ("tool", "field"),
    [
        (custom(name=""), "name"),
        (custom(name="x" * 129), "name"),
        (custom(name="no spaces"), "name"),
        (custom(name="bash"), "name"),
        (custom(name="web_fetch"), "name"),
        (custom(name="mcp__x"), "name"),
        (custom(description=""), "description"),
        (schema(oneOf=[]), "input_schema.oneOf"),
        (schema(anyOf=[]), "input_schema.anyOf"),
        (schema(allOf=[]), "input_schema.allOf"),
        (schema(properties={"a": {"items": {"$ref": "#"}}}), "input_schema"),
        (schema(properties={"": {}}), "input_schema.properties"),
        (schema(properties={"a b": {}}), "input_schema.properties"),
        (schema(properties={"a" * 65: {}}), "input_schema.properties"),
        (TOOLSET | {"configs": [{"name": "bash"}, {"name": "bash"}]}, "configs"),
        (mcp("docs", "find", "find"), "configs"),
        (mcp("docs", ""), "configs.0.name"),
        (mcp("docs", "x", *["y" * 129]), "configs.1.name"),
        (mcp(""), "mcp_server_name"),
        (mcp("x" * 256), "mcp_server_name"),
    ],
)
def test_what_is_refused_by_name(tool: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve_tools([custom(99), tool])
    assert caught.value.message.startswith(f"tools.1.{field}")


@pytest.mark.parametrize(
    "tool",
    [
        custom(name="x" * 128),
        custom(name="A-z_9"),
        custom(name="_mcp__x"),
        schema(properties={"a.b-c_9": {"anyOf": [{}]}, "a" * 64: {}}, required=["a.b-c_9"]),
        schema(properties=None, required=None, title="t"),
        mcp("x" * 255, "y" * 128),
    ],
)
def test_what_is_at_the_edge(tool: Doc) -> None:
    assert len(resolve_tools([tool])) == 1


def test_a_part_of_a_schema_that_is_null_is_left_out() -> None:
    (tool,) = resolve_tools([schema(properties=None, required=None, default=None)])
    assert tool["input_schema"] == {"type": "object", "default": None}


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example.com",
        "http://127.0.0.1:8000/mcp",
        "HTTPS://a.example/x?y=z",
        "https://[::1]/",
        "https://a.example/" + "x" * (2048 - 18),
    ],
)
def test_the_address_of_a_server(url: str) -> None:
    assert resolve_servers([server(url=url)]) == [server(url=url)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mcp.example.com",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://[::1",
        "https://a.example:99999/",
        "https://user:s3cret@a.example/",
        "https://s3cret@a.example/",
        "https://a.example/ x",
        "https://a.example/\nx",
        "https://bücher.example/",
        "https://a.example/" + "x" * (2049 - 18),
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^mcp_servers\.0\.url: ") as caught:
        resolve_servers([server(url=url)])
    assert "s3cret" not in caught.value.message


def test_servers_are_few_named_and_distinct() -> None:
    servers = [server(f"s{n}") for n in range(21)]
    assert resolve_servers(servers[:20]) == servers[:20]
    assert resolve_servers([server("x" * 255)])
    for wrong in (servers, [server(), server()], [server("")], [server("x" * 256)]):
        with pytest.raises(InvalidRequest, match=r"^mcp_servers"):
            resolve_servers(wrong)


@pytest.mark.parametrize(
    ("servers", "tools", "said"),
    [
        ([server()], [], "an mcp_toolset entry"),
        ([], [mcp()], "an entry in mcp_servers"),
        ([server("a")], [mcp("b")], "'a' needs"),
    ],
)
def test_servers_and_toolsets_come_in_pairs(servers: list[Doc], tools: list[Doc], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        check_pairs({"mcp_servers": servers, "tools": tools})
    check_pairs({"mcp_servers": [server()], "tools": [TOOLSET, mcp()]})


def test_the_host_of_a_server() -> None:
    assert server_host(server(url="https://MCP.Example.com:8443/x")) == "mcp.example.com"
