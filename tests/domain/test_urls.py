from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import urls

Doc = dict[str, Any]


def said(text: str) -> Doc:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def called(name: str, *content: Doc) -> list[Doc]:
    use = {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {}}
    result = {"type": "tool_result", "tool_use_id": f"toolu_{name}", "content": list(content)}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]


def text(words: str) -> Doc:
    return {"type": "text", "text": words}


FOUND = {
    "type": "search_result",
    "source": "https://found.example/",
    "title": "t",
    "content": [text("see https://inside.example/a")],
}
THREAD = [
    said("Read https://user.example/a?b=1."),
    {"role": "assistant", "content": [text("Shall I read https://model.example/?")]},
    *called("web_search", FOUND),
    *called("web_fetch", text("a [link](https://linked.example/x) here")),
    *called("weather", text("https://custom.example/")),
    *called("bash", text("https://shell.example/")),
]


def refusal(url: str, **rules: Any) -> str | None:
    return urls.refusal(rules, url, THREAD, ["weather"])


@pytest.mark.parametrize(
    "url",
    [
        "https://user.example/a?b=1",
        "HTTPS://USER.example:443/a?b=1#part",
        "https://found.example",
        "https://inside.example/a",
        "https://linked.example/x",
        "https://custom.example/",
    ],
)
def test_what_was_shown_may_be_fetched(url: str) -> None:
    assert refusal(url) is None


@pytest.mark.parametrize(
    "url",
    [
        *("https://model.example/", "https://shell.example/", "https://other.example/"),
        *(
            "http://user.example/a?b=1",
            "https://user.example/a",
            "https://user.example/a?b=12",
            "http://[bad",
        ),
    ],
)
def test_what_was_not_shown_may_not(url: str) -> None:
    assert "has not shown" in str(refusal(url))


NONE = {"type": "none"}


def only(type: str, *names: str) -> Doc:
    return {"type": type, "tools": [{"type": "tool_reference", "name": name} for name in names]}


@pytest.mark.parametrize(
    ("url", "rules", "allowed"),
    [
        ("https://user.example/a?b=1", {"user_input": NONE}, False),
        ("https://user.example/a?b=1", {"user_input": {"type": "all"}}, True),
        ("https://found.example/", {"server_tool_results": NONE}, False),
        ("https://found.example/", {"server_tool_results": only("only", "web_search")}, True),
        ("https://linked.example/x", {"server_tool_results": only("only", "web_search")}, False),
        ("https://linked.example/x", {"server_tool_results": only("except", "web_search")}, True),
        ("https://custom.example/", {"client_tool_results": only("except", "weather")}, False),
        ("https://custom.example/", {"server_tool_results": NONE, "user_input": NONE}, True),
    ],
)
def test_each_source_has_its_rule(url: str, rules: Doc, allowed: bool) -> None:
    found = refusal(url, **rules)
    assert (found is None) == allowed
    if found is not None:
        assert f"url_sources.{next(iter(rules))}" in found


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("(see http://a.example/x)", "http://a.example/x"),
        ("<http://a.example/x>", "http://a.example/x"),
        ('"http://a.example/x".', "http://a.example/x"),
        ("**http://a.example/x**", "http://a.example/x"),
        ("http://a.example/x!", "http://a.example/x"),
        ("[t](http://a.example/x), and", "http://a.example/x"),
        ("http://a.example/wiki/X_(y)", "http://a.example/wiki/X_(y)"),
        ("(http://a.example/wiki/X_(y))", "http://a.example/wiki/X_(y)"),
        ("http://A.example", "http://a.example/"),
        ("`http://a.example/?q=1&r=2`", "http://a.example/?q=1&r=2"),
    ],
)
def test_a_url_is_found_in_prose(written: str, url: str) -> None:
    assert urls.refusal({}, url, [said(written)], []) is None


def test_a_text_document_of_the_user_counts() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "http://a.example/"}
    message = {"role": "user", "content": [{"type": "document", "source": source}]}
    assert urls.refusal({}, "http://a.example/", [message], []) is None
