"""Searches by the session's endpoint, played by the scripted one."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.runtime.model import Answer
from jupyter_agents.runtime.search import request, results
from jupyter_agents.testing import Fault, Reply, call, say
from tests.runtime.conftest import TOOLSET, Runtime, only

Doc = dict[str, Any]

USED = {"input_tokens": 1000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 1}}
BROKEN = {"type": "web_search_tool_result_error", "error_code": "too_many_requests"}


def hit(url: str, title: str = "A title", **more: Any) -> Doc:
    return {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "x", **more}


def hits(*results: Doc) -> Doc:
    return {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": list(results)}


def searching(query: str = "q") -> Doc:
    return {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": query}}


def cited(text: str, url: str, words: str) -> Doc:
    citation = {
        "type": "web_search_result_location",
        "url": url,
        "title": "A title",
        "cited_text": words,
        "encrypted_index": "x",
    }
    return {"type": "text", "text": text, "citations": [citation]}


def found(*blocks: Doc) -> Reply:
    return Reply([searching(), *blocks], usage=USED)


def toolset(**search: Any) -> Doc:
    return TOOLSET | {"configs": [{"name": "web_search", **search}]}


async def search(runtime: Runtime, answer: Any, *tools: Doc, query: str = "q") -> tuple[Doc, str]:
    """The result of one search, and the session."""
    script = [[call("web_search", query=query)], answer, [say("Done.")]]
    session = await runtime.session(*(tools or (toolset(),)), script=script)
    return only(await runtime.turn(session, "go"), "agent.tool_result"), session


async def test_results_become_search_results(bare: Runtime) -> None:
    answer = found(
        hits(hit("https://a.example/", page_age="May 1"), hit("https://b.example/", "B")),
        cited("It says so.", "https://a.example/", "The words."),
    )
    result, _ = await search(bare, answer, query="the query")
    assert not result["is_error"]
    first, second = result["content"]
    assert first == {
        "type": "search_result",
        "source": "https://a.example/",
        "title": "A title",
        "content": [{"type": "text", "text": "Date: May 1\nThe words."}],
        "citations": {"enabled": True},
    }
    assert (second["title"], second["content"][0]["text"]) == ("B", "(no excerpt; fetch the page to read it)")
    asked = bare.model.requests[1]
    assert asked["model"] == "claude-opus-4-7" and "the query" in str(asked["messages"])
    assert asked["tools"] == [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]
    assert bare.model.requests[2]["messages"][-1]["content"][0]["content"] == result["content"]


async def test_a_search_counts_and_costs(bare: Runtime) -> None:
    _, session = await search(bare, found(hits(hit("https://a.example/"))))
    usage = bare.folded(session).usage
    assert (usage.web_searches, usage.input_tokens, usage.output_tokens) == (1, 1200, 140)
    tokens = (1200 * 5 + 140 * 25) / 1_000_000
    assert float(usage.cost) == pytest.approx(tokens + 0.01)
    shown = bare.context.manager.show(session)["usage"]
    assert shown["server_tool_use"]["web_search_requests"] == 1


async def test_a_search_without_a_result_is_still_counted(bare: Runtime) -> None:
    result, session = await search(bare, found(hits()))
    assert (result["content"][0]["text"], result["is_error"]) == ("No results.", False)
    assert bare.folded(session).usage.web_searches == 1


async def test_a_session_over_its_budget_makes_no_search(bare: Runtime) -> None:
    dear = Reply([call("web_search", query="q")], usage={"input_tokens": 100_000, "output_tokens": 0})
    budget = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
    session = await bare.session(script=[dear], budget=budget)
    result = only(await bare.turn(session, "go"), "agent.tool_result")
    assert "budget is reached" in result["content"][0]["text"] and result["is_error"]
    assert len(bare.model.requests) == 1


async def test_the_configuration_goes_to_the_endpoint_and_is_applied_again(bare: Runtime) -> None:
    location = {"type": "approximate", "country": "DE"}
    tools = toolset(blocked_domains=["bad.example", "half.example/ads"], user_location=location)
    urls = [
        "https://www.bad.example/",
        "https://half.example/ads/1",
        "https://half.example/ok",
        "ftp://x.example",
    ]
    result, _ = await search(bare, found(hits(*map(hit, urls))), tools)
    assert [block["source"] for block in result["content"]] == ["https://half.example/ok"]
    (sent,) = bare.model.requests[1]["tools"]
    assert sent["blocked_domains"] == ["bad.example", "half.example/ads"]
    assert sent["user_location"] == location


async def test_an_endpoint_without_the_tool_is_remembered(bare: Runtime) -> None:
    fault = Fault(400, "invalid_request_error", "tools.0: unknown type web_search_20250305")
    result, session = await search(bare, fault)
    text = result["content"][0]["text"]
    assert text.startswith("web_search: the model endpoint offers no web search for claude-opus-4-7.")
    assert result["is_error"]
    bare.model.script += [[call("web_search", query="again")], [say("Done.")]]
    again = only(await bare.turn(session, "again"), "agent.tool_result")
    assert again["content"] == result["content"]
    assert len(bare.model.requests) == 5
    assert list(bare.context.searcher.refusals()) == ["claude-opus-4-7"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Fault(529), "answered 529"),
        (Fault(400, "invalid_request_error", "Your credit balance is too low"), "credit balance"),
        ([say("I know without searching.")], "the model endpoint made no search"),
        ([call("web_search", query="q")], "the model endpoint made no search"),
        (found({**hits(), "content": BROKEN}), "the search failed: too_many_requests"),
    ],
)
async def test_a_search_that_fails_says_why_and_may_be_tried_again(
    bare: Runtime, answer: Any, why: str
) -> None:
    result, _ = await search(bare, answer)
    assert result["is_error"] and result["content"][0]["text"].startswith("web_search: ")
    assert why in result["content"][0]["text"]
    assert bare.context.searcher.refusals() == {}


def test_hostile_results_are_bounded() -> None:
    many = [hit(f"https://a.example/{n}", "t" * 9000) for n in range(50)]
    odd = [hit("javascript:alert(1)"), hit("https://[bad"), hit("https://a.example/" + "x" * 9000), hit("")]
    answer = Answer([hits(*odd, *many), cited("", "https://a.example/0", "w" * 9000)], "end_turn", {})
    blocks = results(answer, {}).content
    assert [block["source"] for block in blocks] == [f"https://a.example/{n}" for n in range(20)]
    assert max(len(block["title"]) for block in blocks) == 300
    assert max(len(block["content"][0]["text"]) for block in blocks) == 2000


def test_a_page_that_is_found_twice_is_shown_once() -> None:
    answer = Answer([hits(hit("https://a.example/")), hits(hit("https://a.example/"))], "end_turn", {})
    assert len(results(answer, {}).content) == 1


def test_where_nothing_is_cited_the_answer_itself_is_kept() -> None:
    answer = Answer([hits(hit("https://a.example/")), say("In short, so.")], "end_turn", {})
    assert results(answer, {}).content[-1] == say("In short, so.")


def test_the_search_stays_where_the_model_runs() -> None:
    model = {"id": "claude-opus-5", "effort": None, "speed": "fast", "inference_geo": "us"}
    made = request({"model": model}, {}, "q")
    assert made["inference_geo"] == "us" and "speed" not in made
