"""Whatever happens to a session, in whatever order, its journal stays true.

A scripted model in this process answers, fails, asks for tools or hangs; clients send, answer,
interrupt and update; the server restarts. The sandbox is a function.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jupyter_agents import wire
from jupyter_agents.domain.state import State
from jupyter_agents.domain.steps import Wait, step
from jupyter_agents.errors import ApiError, ModelError, SandboxUnavailable
from jupyter_agents.runtime import loop
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.loop import Outcome
from jupyter_agents.runtime.model import Answer
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.sandbox.base import ToolResult
from jupyter_agents.testing import ScriptedModel, call, say, summary
from tests.requests import check_request
from tests.runtime.conftest import CUSTOM, EVENTS, Runtime, asking
from tests.support import user

Doc = dict[str, Any]

PLANS = ("say", "empty", "call", "ask", "custom", "mixed", "cut", "transient", "fatal", "hang", "bug")
PLANS += ("full", "long", "summary")
USAGE = {
    "input_tokens": 900,
    "output_tokens": 1,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}
numbers = itertools.count()


def cap(cents: str) -> Doc:
    return {"type": "limit", "max_list_cost": {"amount": cents, "currency": "USD"}}


UPDATES: list[Doc] = [
    {"title": "New"},
    {"title": None, "metadata": {"jupyter-agents/max-turns": "3"}},
    {"metadata": {"jupyter-agents/max-turns": None, "k": "v"}},
    {"agent": {"tools": [asking("write")]}},
    {"agent": {"tools": [CUSTOM]}},
    {"agent": {"tools": [asking("write"), CUSTOM]}},
    {"budget": cap("1")},
    {"budget": cap("2")},
    {"budget": cap("500")},
    {"budget": None},
]


def use(name: str, *_: Any) -> Doc:
    return call(name, command=f"{next(numbers)}")


class Plans:
    """The model: does what the next plan says, and ends its turn where there is none."""

    def __init__(self) -> None:
        self.plans: list[str] = []
        self.asked: list[Doc] = []

    async def answer(self, request: Doc, preview: Any) -> Answer:
        self.asked.append(request)
        await asyncio.sleep(0)
        plan = self.plans.pop(0) if self.plans else "say"
        preview("text", 0, "")
        match plan:
            case "transient" | "fatal":
                raise ModelError(plan, type="model_overloaded_error", transient=plan == "transient")
            case "long":
                raise ModelError(plan, type="model_request_failed_error", transient=False, too_long=True)
            case "bug":
                raise RuntimeError("a bug")
            case "hang":
                await asyncio.sleep(3600)
        content = {
            "empty": [],
            "call": [use("bash"), use("read")],
            "ask": [use("write"), use("write")],
            "custom": [use("weather")],
            "mixed": [use("bash"), use("write"), use("weather"), use("nonsense")],
            "cut": [say("I"), use("bash")],
            "summary": [summary("All of it.")] if "compaction" in request else [say("Hi.")],
            "full": [use("bash")],
        }.get(plan, [say("Hi.")])
        preview("text", 0, "Hi")
        called = any(block["type"] == "tool_use" for block in content)
        stop = "max_tokens" if plan == "cut" else "tool_use" if called else "end_turn"
        return Answer(content, stop, USAGE | ({"input_tokens": 999_999} if plan == "full" else {}))


class Hands:
    """The tools of every session: counts each call; every fifth dies, every third is slow."""

    notes: tuple[str, ...] = ()
    kind = None
    state = "none"
    replayed_tools = False

    def __init__(self, ran: Counter[str], clock: Any) -> None:
        self.refusals = Refusals(clock)
        self.ran = ran
        self.used_at = clock()

    def turn_begins(self) -> None:
        """Nothing failed."""

    async def prepare(self) -> None:
        pass

    async def before(self, found: Any) -> list[Any]:
        return []

    async def call(self, found: Any) -> Outcome:
        number = int(found.input["command"])
        self.ran[found.input["command"]] += 1
        if number % 5 == 0:
            raise SandboxUnavailable("It died.", was_running=True)
        await asyncio.sleep(0.05 if number % 3 == 0 else 0)
        return Outcome(ToolResult.text("out"), [])

    async def settle(self) -> list[Doc]:
        return []

    async def close(self) -> None:
        pass


class Sessions(RuleBasedStateMachine):
    """One session and what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.asyncio = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.ran: Counter[str] = Counter()
        self.plans = Plans()
        self.acknowledged: list[str] = []

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.asyncio.run(work)

    @initialize()
    def begin(self) -> None:
        folder = Path(self.folder.name)
        self.runtime = Runtime(Config(folder / "data", folder), [], ScriptedModel())
        self.do(self._begin())

    async def _begin(self) -> None:
        self._prepare()
        await self.runtime.context.start()
        self.session = await self.runtime.session(asking("write"), CUSTOM, budget=cap("1"))

    def _prepare(self) -> None:
        context = self.runtime.context
        manager = context.manager
        services = manager._services
        object.__setattr__(services, "model", lambda session_id: self.plans)
        object.__setattr__(manager.parts, "tools", lambda doc: Hands(self.ran, context.clock))

    @rule(plans=st.lists(st.sampled_from(PLANS), max_size=4), words=st.integers(1, 2))
    def message(self, plans: list[str], words: int) -> None:
        self.plans.plans += plans
        self._send(*[user("go")] * words)

    @rule(body=st.sampled_from(UPDATES))
    def update(self, body: Doc) -> None:
        self.do(self._update(body))

    async def _update(self, body: Doc) -> None:
        with suppress(ApiError):
            await self.runtime.context.manager.update(self.session, body)

    @rule()
    def interrupt(self) -> None:
        self._send({"type": "user.interrupt"})

    @rule(chosen=st.dictionaries(st.integers(1, 4), st.booleans(), min_size=1, max_size=3))
    def answer(self, chosen: dict[int, bool]) -> None:
        """Answer some of the newest calls, which may or may not wait for it, well or badly."""
        uses = [e for e in self.runtime.events(self.session) if e["type"].endswith("tool_use")]
        self._send(*[self._answer(uses[-n], good) for n, good in chosen.items() if n <= len(uses)])

    def _answer(self, event: Doc, good: bool) -> Doc:
        if event["type"] == "agent.custom_tool_use":
            return {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": event["id"],
                "is_error": not good,
            }
        result = "allow" if good else "deny"
        return {"type": "user.tool_confirmation", "tool_use_id": event["id"], "result": result}

    @rule(events=st.integers(1, 3))
    def both_at_once(self, events: int) -> None:
        """Several requests in flight together."""
        self.do(self._at_once(events))

    async def _at_once(self, number: int) -> None:
        sends = [self._post([user("x")] if n % 2 else [{"type": "user.interrupt"}]) for n in range(number)]
        await asyncio.gather(*sends)

    @rule(seconds=st.sampled_from([0, 0.001, 0.02, 0.1]))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule()
    def restart(self) -> None:
        self.do(self._restart())

    async def _restart(self) -> None:
        await self.runtime.context.stop()
        made = Runtime(self.runtime.config, [], self.runtime.model)
        self.runtime.context = made.context
        self._prepare()
        await self.runtime.context.start()

    def _send(self, *bodies: Doc) -> None:
        self.do(self._post(list(bodies)))

    async def _post(self, bodies: list[Doc]) -> None:
        try:
            sent = await self.runtime.context.manager.send(self.session, bodies)
        except ApiError:
            return
        self.acknowledged += [event["id"] for event in sent if event["type"] != "user.interrupt"]

    @precondition(lambda self: hasattr(self, "session"))
    @invariant()
    def the_api_says_what_the_journal_says(self) -> None:
        self.do(self._compare())

    async def _compare(self) -> None:
        manager = self.runtime.context.manager
        runner = manager.live(self.session)
        if runner is None:
            assert manager.show(self.session)["status"] == self.runtime.folded(self.session).status
            return
        assert not runner.broken
        async with runner._lock:
            assert runner.state == self.runtime.folded(self.session)
            shown, state = manager.show(self.session), runner.state
            assert shown["status"] == runner.status
            told = state.session | {"agent": state.next_agent or state.session["agent"]}
            assert all(shown[key] == told[key] for key in ("title", "metadata", "budget", "agent"))

    @precondition(lambda self: hasattr(self, "session"))
    @invariant()
    def the_journal_is_true(self) -> None:
        check_journal(self.runtime, self.session)
        check_requests(self.plans.asked)
        twice = [number for number, times in self.ran.items() if times > 1]
        assert not twice, f"run twice: {twice}"

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.do(self._finish())
        self.asyncio.close()
        self.folder.cleanup()

    async def _finish(self) -> None:
        """After an interrupt the session comes to rest, and nothing that was acknowledged is lost."""
        self.plans.plans.clear()
        await self._post([{"type": "user.interrupt"}])
        async with asyncio.timeout(20):
            while not self._rests(self.runtime.folded(self.session)):
                await asyncio.sleep(0.005)
        await self.runtime.context.stop()
        made = Runtime(self.runtime.config, [], self.runtime.model)
        listed = [event["id"] for event in made.events(self.session)]
        assert set(self.acknowledged) <= set(listed)
        made.context.database.close()
        self.runtime.model._server.server_close()

    def _rests(self, state: State) -> bool:
        return state.status == "idle" and isinstance(step(state), Wait) and not state.queue


def check_journal(runtime: Runtime, session: str) -> None:
    events = runtime.events(session)
    times = [event["processed_at"] for event in events]
    assert times == sorted(set(times))
    assert len({event["id"] for event in events}) == len(events)
    for event in events:
        EVENTS.validate_python(event)
    for before, after in itertools.pairwise(events):
        assert (before["type"] == "session.usage") == (after["type"] == "session.status_idle")
    results = Counter(
        event.get("tool_use_id") or event.get("custom_tool_use_id")
        for event in events
        if event["type"] in ("agent.tool_result", "user.custom_tool_result")
    )
    assert not results or max(results.values()) == 1
    open_calls: set[str] = set()
    for event in events:
        if event["type"].endswith("tool_use"):
            open_calls.add(event["id"])
        elif event["type"] in ("agent.tool_result", "user.custom_tool_result"):
            open_calls.discard(event.get("tool_use_id") or event["custom_tool_use_id"])
        elif event["type"] == "span.model_request_start":
            assert not open_calls
    assert {literal for literal in map(lambda e: e["type"], events)} <= {*wire.event_types()}


def check_requests(requests: list[Doc]) -> None:
    """Every request is one that the Messages API takes."""
    for request in requests:
        check_request(request)
        json.dumps(request)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_DELAY", 0.001)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Sessions,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
