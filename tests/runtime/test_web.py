"""The web tools as a session uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jupyter_agents.runtime.config import Config
from jupyter_agents.testing import ScriptedModel, call, say
from tests.runtime.conftest import CUSTOM, TOOLSET, Runtime, of, only, types
from tests.websites import Site, body, redirect, site

Doc = dict[str, Any]

PAGES = {
    "/page": body("<title>Hello</title><p>Read <a href='/more'>more</a></p>"),
    "/more": body("more", "text/plain"),
    "/long": body("x" * 1000, "text/plain"),
    "/away": redirect("http://elsewhere.example/"),
    "/500": body("<h1>Broken</h1>", status=500),
}


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site(PAGES) as found:
        yield found


@pytest.fixture
async def runtime(config: Config, scripted: ScriptedModel) -> AsyncIterator[Runtime]:
    """One without any sandbox, that may fetch from loopback."""
    made = Runtime(replace(config, web_hosts=("127.0.0.1",)), [], scripted)
    await made.context.start()
    yield made
    await made.context.stop()


def entry(name: str = "web_fetch", **config: Any) -> Doc:
    return TOOLSET | {
        "default_config": {"enabled": False},
        "configs": [{"name": name, "enabled": True, **config}],
    }


async def fetch(runtime: Runtime, url: Any, *tools: Doc, prompt: str = "go") -> Doc:
    given = url if isinstance(url, dict) else {"url": url}
    script = [[call("web_fetch", **given)], [say("Done.")]]
    session = await runtime.session(*(tools or (entry(),)), script=script)
    return only(await runtime.turn(session, prompt), "agent.tool_result")


def text(result: Doc) -> str:
    (block,) = result["content"]
    return str(block["text"])


async def test_a_page_is_fetched_without_a_sandbox(runtime: Runtime, web: Site) -> None:
    result = await fetch(runtime, f"{web.url}/page")
    assert not result["is_error"]
    assert text(result) == f"Title: Hello\nURL: {web.url}/page\n\nRead [more]({web.url}/more)"
    assert [tool["name"] for tool in runtime.model.requests[0]["tools"]] == ["web_fetch"]
    assert "/workspace" not in str(runtime.model.requests[0])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "web_fetch: url is required, as a text."),
        ({"url": 5}, "web_fetch: url is required, as a text."),
        ({"url": " "}, "web_fetch: url is required, as a text."),
        ({"url": "http://a.example", "method": "POST"}, "there is no input 'method', only 'url'"),
        ({"url": "http://localhost:1/"}, "web_fetch: port 1 is not fetched from"),
        ({"url": "http://10.0.0.1/"}, "web_fetch: 10.0.0.1 is not a public address."),
    ],
)
async def test_what_cannot_be_fetched_is_an_error_result(runtime: Runtime, given: Doc, why: str) -> None:
    result = await fetch(runtime, given)
    assert result["is_error"] and why in text(result)


@pytest.mark.parametrize(
    ("path", "said"), [("/500", "500 Internal Server Error: "), ("/none", "404 Not Found: ")]
)
async def test_an_error_status_comes_with_the_start_of_the_page(
    runtime: Runtime, web: Site, path: str, said: str
) -> None:
    result = await fetch(runtime, f"{web.url}{path}")
    assert result["is_error"] and text(result).startswith(f"web_fetch: {web.url}{path} answered {said}")
    assert ("# Broken" in text(result)) == (path == "/500")


async def test_text_is_cut_at_max_content_tokens(runtime: Runtime, web: Site) -> None:
    result = await fetch(runtime, f"{web.url}/long", entry(max_content_tokens=5))
    assert text(result) == "x" * 20 + "\n[cut after 5 tokens]"


@pytest.mark.parametrize(
    ("lists", "path", "why"),
    [
        ({"allowed_domains": ["docs.example"]}, "/page", "127.0.0.1 is not one of the allowed_domains"),
        (
            {"blocked_domains": ["elsewhere.example"]},
            "/away",
            "elsewhere.example is one of the blocked_domains",
        ),
    ],
)
async def test_domain_lists_hold_on_every_hop(
    runtime: Runtime, web: Site, lists: Doc, path: str, why: str
) -> None:
    result = await fetch(runtime, f"{web.url}{path}", entry(**lists))
    assert result["is_error"]
    assert "url_not_allowed" in text(result) and why in text(result)


@pytest.mark.parametrize("shown", [True, False])
async def test_url_sources_admit_what_the_user_named(runtime: Runtime, web: Site, shown: bool) -> None:
    prompt = f"Read {web.url}/more, please." if shown else "Read it."
    result = await fetch(runtime, f"{web.url}/more", entry(url_sources={"user_input": "all"}), prompt=prompt)
    assert result["is_error"] != shown
    assert text(result) == "more" if shown else "url_not_allowed" in text(result)


async def test_a_link_of_a_fetched_page_may_be_followed(runtime: Runtime, web: Site) -> None:
    urls = (f"{web.url}/page", f"{web.url}/more")
    script = [*([call("web_fetch", url=url)] for url in urls), [say("Done.")]]
    session = await runtime.session(entry(url_sources={"user_input": "all"}), CUSTOM, script=script)
    events = await runtime.turn(session, f"Start at {web.url}/page")
    assert [result["is_error"] for result in of(events, "agent.tool_result")] == [False, False]


async def test_a_fetch_may_be_asked_for_and_denied(runtime: Runtime, web: Site) -> None:
    before = len(web.asked)
    ask = entry(permission_policy={"type": "always_ask"})
    session = await runtime.session(ask, script=[[call("web_fetch", url=web.url)], [say("Pity.")]])
    events = await runtime.turn(session, "go")
    (use,) = events[-1]["stop_reason"]["event_ids"]
    denial = {"type": "user.tool_confirmation", "tool_use_id": use, "result": "deny"}
    result = only(await runtime.turn(session, denial), "agent.tool_result")
    assert result["is_error"] and len(web.asked) == before


async def test_an_interrupt_ends_a_fetch_at_once(runtime: Runtime, web: Site) -> None:
    web.asked_slow.clear()
    session = await runtime.session(entry(), script=[[call("web_fetch", url=f"{web.url}/slow")]])
    listening = runtime.listen(session)
    await runtime.send(session, "go")
    await asyncio.to_thread(web.asked_slow.wait, 10)
    async with asyncio.timeout(2):
        await runtime.send(session, {"type": "user.interrupt"})
        events = await runtime.until_idle(listening)
    assert "interrupted" in text(only(events, "agent.tool_result"))


async def test_after_a_restart_a_cut_fetch_is_an_error(runtime: Runtime, web: Site) -> None:
    web.asked_slow.clear()
    session = await runtime.session(entry(), script=[[call("web_fetch", url=f"{web.url}/slow")]])
    await runtime.send(session, "go")
    await asyncio.to_thread(web.asked_slow.wait, 10)
    runtime.model.script += [[say("Done.")]]
    listening = runtime.listen(session)
    await runtime.restart()
    del listening
    async with asyncio.timeout(10):
        while types(runtime.events(session))[-1] != "session.status_idle":
            await asyncio.sleep(0.02)
    assert "it may have run" in text(only(runtime.events(session), "agent.tool_result"))


async def test_a_replay_plays_the_result_and_asks_no_site(runtime: Runtime, web: Site) -> None:
    url = f"{web.url}/page"
    session = await runtime.session(entry(), script=[[call("web_fetch", url=url)], [say("Done.")]])
    first = only(await runtime.turn(session, "go"), "agent.tool_result")
    recorded = runtime.context.recorder.text(session)
    again = await runtime.session(entry())
    runtime.context.recorder.add(again, recorded)
    asked = (len(web.asked), len(runtime.model.requests))
    played = only(await runtime.turn(again, "go"), "agent.tool_result")
    assert played["content"] == first["content"]
    assert (len(web.asked), len(runtime.model.requests)) == asked


async def test_a_replay_without_the_result_says_so(runtime: Runtime, web: Site) -> None:
    session = await runtime.session(entry(), script=[[call("web_fetch", url=web.url)], [say("Done.")]])
    await runtime.turn(session, "go")
    lines = runtime.context.recorder.text(session).splitlines(keepends=True)
    again = await runtime.session(entry())
    runtime.context.recorder.add(again, "".join(line for line in lines if '"agent.tool_result"' not in line))
    asked = len(web.asked)
    result = only(await runtime.turn(again, "go"), "agent.tool_result")
    assert result["is_error"] and "A replay never asks the web" in text(result)
    assert len(web.asked) == asked
