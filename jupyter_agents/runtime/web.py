"""Runs ``web_fetch`` and ``web_search`` in the server, outside of any sandbox.

Every failure is an error result that begins with the tool's name (spec section 8.7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_agents.domain import urls
from jupyter_agents.domain.agents import tool_config
from jupyter_agents.domain.state import Call, State
from jupyter_agents.domain.web import domain_refusal
from jupyter_agents.runtime import page
from jupyter_agents.runtime.fetch import Fetcher, FetchFailed, Target
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.search import Searcher
from jupyter_agents.sandbox.base import ToolResult

Doc = dict[str, Any]

FIELDS = {"web_fetch": "url", "web_search": "query"}
MOST_TOKENS = 25_000
LONGEST_QUERY = 2000
START_OF_BODY = 500


class WebTools:
    """The web tools of one session.

    Parameters
    ----------
    state:
        The session as it is now.
    """

    def __init__(self, state: Callable[[], State], fetcher: Fetcher, searcher: Searcher) -> None:
        self._state = state
        self._fetcher = fetcher
        self._searcher = searcher

    async def __call__(self, call: Call) -> Outcome:
        """Run one call."""
        state = self._state()
        agent = state.session["agent"]
        config = tool_config(agent, call.name) or {}
        try:
            given = _given(call)
            if call.name == "web_fetch":
                return Outcome(ToolResult(await self._fetch(state, config, given)), [])
        except FetchFailed as error:
            return Outcome(ToolResult.text(f"{call.name}: {error}.", is_error=True), [])
        if state.over_budget:
            refusal = "web_search: the session's budget is reached, so no search was made."
            return Outcome(ToolResult.text(refusal, is_error=True), [])
        result, usage = await self._searcher.search(agent, config, given)
        return Outcome(result, [], usage)

    async def _fetch(self, state: State, config: Doc, url: str) -> list[Doc]:
        rules = config.get("url_sources")
        if rules is not None:
            custom = [tool["name"] for tool in state.session["agent"]["tools"] if tool["type"] == "custom"]
            thread = list(state.messages)
            if reason := await asyncio.to_thread(urls.refusal, rules, url, thread, custom):
                raise FetchFailed(f"url_not_allowed: {url[:500]}: {reason}")

        def check(target: Target) -> None:
            if reason := domain_refusal(config, target.host):
                raise FetchFailed(f"url_not_allowed: {str(target.url)[:500]}: {reason}")

        found = await self._fetcher.get(url, check)
        if not 200 <= found.status < 300:
            said = await page.start(found, START_OF_BODY)
            status = f"{found.status} {found.reason}".strip()
            raise FetchFailed(f"{found.url} answered {status}" + (f": {said}" if said else ""))
        return await page.blocks(found, config.get("max_content_tokens") or MOST_TOKENS)


def _given(call: Call) -> str:
    """The one field of the input. Raises `FetchFailed`."""
    field = FIELDS[call.name]
    others = sorted(call.input.keys() - {field})
    if others:
        raise FetchFailed(f"there is no input {others[0][:100]!r}, only {field!r}")
    given = call.input.get(field)
    if not isinstance(given, str) or not given.strip():
        raise FetchFailed(f"{field} is required, as a text")
    if field == "query" and len(given) > LONGEST_QUERY:
        raise FetchFailed(f"query has {len(given)} characters, at most {LONGEST_QUERY} are allowed")
    return given.strip()
