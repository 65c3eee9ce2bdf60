"""The agent loop: one step of a session's state becomes events.

`perform` is the whole loop; who calls it again and again is `runner.SessionRunner`.
Source: spec section 5, docs/architecture.md "One %%agent cell".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from jupyter_agents.domain import events
from jupyter_agents.domain.events import ANSWERS, Draft, Stamp
from jupyter_agents.domain.permissions import has_judge
from jupyter_agents.domain.prompt import build_request
from jupyter_agents.domain.state import Call, State
from jupyter_agents.domain.steps import (
    CallModel,
    Compact,
    Deny,
    EndTurn,
    Interrupt,
    Retry,
    RunTools,
    Settle,
    StartTurn,
    Step,
    queued_messages,
)
from jupyter_agents.errors import ApiError, ModelError
from jupyter_agents.runtime import metrics
from jupyter_agents.runtime.answers import Previews, answered, failed, verdicts
from jupyter_agents.runtime.calls import START, denied, left_behind, result_draft, run_tools
from jupyter_agents.runtime.compact import compact
from jupyter_agents.runtime.mcp import SessionMcp
from jupyter_agents.runtime.model import Model
from jupyter_agents.runtime.refusals import Refusals
from jupyter_agents.runtime.repositories import Problem
from jupyter_agents.sandbox.base import ToolResult

Doc = dict[str, Any]
Drafts = Sequence[Draft] | Callable[[], Sequence[Draft] | Awaitable[Sequence[Draft]]]
"""What to append; a function is called when its turn has come, and sees the state of that moment: nothing
else is appended while it works."""

INTERRUPTED = "Tool execution was interrupted before completion. Please retry."
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0


@dataclass(frozen=True)
class Outcome:
    """What a call gave back, and beside its result: which files of the workspace it changed, what a model
    used for it, which repositories were not there."""

    result: ToolResult
    changes: list[Doc]
    usage: Doc | None = None
    problems: Sequence[Problem] = ()


class Tools(Protocol):
    """Where a session's calls go. mcp: its MCP servers. refusals: what its network refused."""

    mcp: SessionMcp
    refusals: Refusals

    notes: tuple[str, ...]
    """Sentences about the running sandbox that the model should know."""

    def turn_begins(self) -> None:
        """What failed before may be tried again."""

    async def prepare(self) -> None:
        """Begin to start what the calls will need; returns at once."""

    async def before(self, call: Call) -> list[tuple[str, Doc]]:
        """Private records, as types and contents, that are to be durable before `call` runs: what was found
        in the workspace that no call made."""

    async def call(self, call: Call) -> Outcome:
        """Run one call."""

    async def settle(self) -> list[Doc]:
        """Take note of what the finished calls left behind; returns changes that no call reported."""


class Folded(Protocol):
    """A session's state, and what stamps its next records."""

    state: State
    stamp: Stamp


class Session(Folded, Protocol):
    """What the loop works on."""

    tools: Tools

    def model(self) -> Model:
        """The model, as it is set up now."""

    def dropped(self) -> set[str]:
        """Features that the endpoint turned down."""

    async def append(self, drafts: Drafts) -> None:
        """Make records durable, apply them, tell subscribers."""

    async def resolve(self, request: Doc) -> Doc:
        """`request` with the files that its blocks name put in."""

    def preview(self, type: str, event_id: str, index: int, text: str) -> None:
        """Tell subscribers of something that is not recorded yet."""


async def perform(session: Session, step: Step) -> None:
    """Do what `step` says. May be cancelled by an interrupt; what is recorded stays."""
    state, stamp = session.state, session.stamp
    match step:
        case StartTurn():
            session.tools.turn_begins()
            await session.append([stamp.event(e) for e in events.running(state.primary)])
        case Settle(answers):
            await session.append([stamp.event(answer) for answer in answers])
            metrics.settled(answers)
        case CallModel(messages):
            await session.tools.prepare()
            if session.tools.mcp.due(state):
                messages = await _look_at_servers(session, messages)
            await _call_model(session, messages)
        case Compact(messages):
            await compact(session, messages)
        case RunTools(calls):
            await run_tools(session, calls)
        case Deny(calls):
            await session.append([denied(stamp, call) for call in calls])
        case Retry(attempt):
            await asyncio.sleep(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1)))
            await session.append([stamp.event(e) for e in events.running(state.primary)])
        case Interrupt(event):
            await _interrupt(session, event)
        case EndTurn():
            await end_turn(session, step, await session.tools.settle())


async def _look_at_servers(session: Session, messages: list[Doc]) -> list[Doc]:
    """Take the messages, then note what the MCP servers list; returns the messages that are left."""
    stamp = session.stamp
    await session.append([stamp.event(message) for message in messages])
    found = await session.tools.mcp.look(session.state)
    drafts = [stamp.private("private.mcp", listing) for listing in found.listings]
    for server, failure in found.failures:
        drafts.append(stamp.event(events.mcp_error(failure.type, server, failure.message)))
    await session.append(drafts)
    return []


async def _call_model(session: Session, messages: list[Doc]) -> None:
    """Ask the model. Its request need not wait for the start of its span to be durable: it tells no
    client, and previews are held back until then. It may stand in the journal already, behind the result
    that led to it."""
    stamp = session.stamp
    previews = Previews(stamp.new_id, session.preview)
    if session.state.request is not None:
        previews.release()
        await session.append(await _ask(session, session.state.request, previews))
        return
    echoes = [stamp.event(message) for message in messages]
    start = stamp.event(START)
    opening = asyncio.create_task(session.append([*echoes, start]))
    opening.add_done_callback(previews.release)
    if echoes:
        await opening
    try:
        drafts = await _ask(session, start.event["id"], previews)
    finally:
        await opening
    await session.append(drafts)


async def _ask(session: Session, start_id: str, previews: Previews) -> list[Draft]:
    """The events of the model's answer, or of its failure."""
    request = build_request(session.state, session.dropped())
    try:
        answer = await session.model().answer(await session.resolve(request), previews)
    except ModelError as error:
        return failed(session.stamp, session.state, start_id, error)
    except ApiError as error:
        fault = ModelError(error.message, type="unknown_error", transient=False)
        return failed(session.stamp, session.state, start_id, fault)
    state = session.state
    judging = partial(verdicts, state.session["agent"], state.mcp, answer, tuple(state.said))
    judged = await asyncio.to_thread(judging) if has_judge(state.session["agent"]) else judging()
    return answered(session.stamp, state, start_id, request, answer, previews.ids, judged)


def close_open(session: Folded, text: str) -> list[Draft]:
    """Ends an open model request, and every call that is not done: by an answer that waits, or as an error.

    To be called when its drafts are appended (see `Drafts`), so that no answer is overtaken.
    """
    state, stamp = session.state, session.stamp
    drafts = [stamp.event(event) for event in state.queue if event["type"] in ANSWERS]
    answered_now = {draft.event.get("custom_tool_use_id") for draft in drafts}
    if state.request is not None:
        drafts.append(stamp.event(events.request_end(state.request, {}, is_error=True)))
    for call in state.calls.values():
        if not call.done and call.id not in answered_now:
            drafts.append(_closed_call(stamp, call, text))
    return drafts


def _closed_call(stamp: Stamp, call: Call, text: str) -> Draft:
    if call.custom:
        body = {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": call.id,
            "content": events.text_blocks(text),
            "is_error": True,
        }
        return stamp.event(body)
    return result_draft(stamp, call, ToolResult.text(text, is_error=True))


async def _interrupt(session: Session, event: Doc) -> None:
    late = await session.tools.settle()

    def drafts() -> list[Draft]:
        closed = close_open(session, INTERRUPTED)
        was_open = bool(closed) or session.state.status != "idle"
        idle = _idle(session, events.END_TURN) if was_open else []
        return [*left_behind(session, late), *closed, session.stamp.event(event), *idle]

    await session.append(drafts)


async def end_turn(session: Session, step: EndTurn, late: Sequence[Doc] = ()) -> None:
    """Go idle. A turn that is given up closes what is open; it takes the queued messages along, and so
    does one that stops at its budget.

    late: changes that no call reported.
    """

    def drafts() -> list[Draft]:
        found = left_behind(session, late)
        if step.error is not None:
            type, message = step.error
            found.append(session.stamp.event(events.error(type, message, "exhausted")))
        if step.reason["type"] == "retries_exhausted":
            found += close_open(session, INTERRUPTED)
        if step.reason["type"] in ("retries_exhausted", "budget_reached"):
            found += [session.stamp.event(message) for message in queued_messages(session.state)]
        return [*found, *_idle(session, step.reason, step.details)]

    await session.append(drafts)


def _idle(session: Session, reason: Doc, details: Doc | None = None) -> list[Draft]:
    state = session.state
    usage = state.usage_wire(session.stamp.now())
    bodies = events.idle(state.primary, usage, state.session["budget"], reason, details)
    return [session.stamp.event(body) for body in bodies]
