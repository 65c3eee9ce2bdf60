"""The agent loop: one step of a session's state becomes events.

`perform` is the whole loop; who calls it again and again is `runner.SessionRunner`.
Source: spec section 5, docs/architecture.md "One %%agent cell".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from jupyter_agents.domain import events, permissions
from jupyter_agents.domain.events import Draft, Stamp
from jupyter_agents.domain.prompt import build_request
from jupyter_agents.domain.sessions import (
    MAX_FAILURES,
    Call,
    CallModel,
    Deny,
    EndTurn,
    Interrupt,
    Retry,
    RunTools,
    Settle,
    StartTurn,
    State,
    Step,
)
from jupyter_agents.domain.tools import OFFERED
from jupyter_agents.errors import ModelError, SandboxUnavailable
from jupyter_agents.runtime.model import Answer, Model
from jupyter_agents.sandbox.base import ToolResult

Doc = dict[str, Any]

INTERRUPTED = "Tool execution was interrupted before completion. Please retry."
CUT = (
    "Your answer reached its token limit before this call was complete, so nothing was run. "
    "Split the work into smaller calls."
)
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0


@dataclass(frozen=True)
class Outcome:
    """What a call gave back and which files of the workspace it changed."""

    result: ToolResult
    changes: list[Doc]


class Tools(Protocol):
    """Where a session's calls go."""

    async def prepare(self) -> None:
        """Begin to start what the calls will need; returns at once."""

    async def call(self, call: Call) -> Outcome:
        """Run one call."""

    async def settle(self) -> list[Doc]:
        """Take note of what the finished calls left behind; returns changes that no call reported."""


class Session(Protocol):
    """What the loop works on."""

    state: State
    stamp: Stamp
    tools: Tools

    def model(self) -> Model:
        """The model, as it is set up now."""

    def dropped(self) -> set[str]:
        """Features that the endpoint turned down."""

    async def append(self, drafts: Sequence[Draft]) -> None:
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
            await session.append([stamp.event(e) for e in events.running(state.primary)])
        case Settle(event):
            await session.append([stamp.event(event)])
        case CallModel(messages):
            await session.tools.prepare()
            await _call_model(session, messages)
        case RunTools(calls):
            await asyncio.gather(*(_run_tool(session, call) for call in calls))
            await session.tools.settle()
        case Deny(calls):
            await session.append([_denied(stamp, call) for call in calls])
        case Retry(attempt):
            await asyncio.sleep(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1)))
            await session.append([stamp.event(e) for e in events.running(state.primary)])
        case Interrupt(event):
            await _interrupt(session, event)
        case EndTurn():
            await end_turn(session, step)


async def _call_model(session: Session, messages: list[Doc]) -> None:
    state, stamp = session.state, session.stamp
    echoes = [stamp.event(message) for message in messages]
    start = stamp.event({"type": "span.model_request_start"})
    await session.append([*echoes, start])
    start_id = start.event["id"]
    request = build_request(state, session.dropped())
    previews = _Previews(session)
    try:
        answer = await session.model().answer(await session.resolve(request), previews)
    except ModelError as error:
        await session.append(_failed(session, start_id, error))
        return
    await session.append(_answered(session, start_id, request, answer, previews.ids))


class _Previews:
    """Gives the events of an answer their ids as its blocks begin, and sends their previews."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ids: dict[int, str] = {}
        self._places: dict[int, tuple[str, int]] = {}

    def __call__(self, kind: Literal["text", "thinking", "other"], index: int, text: str) -> None:
        if kind == "other":
            return
        type = "agent.message" if kind == "text" else "agent.thinking"
        if index not in self._places:
            before = self._places.get(index - 1) if kind == "text" else None
            joined = before is not None and before[0].startswith("agent.message")
            self._open(index, type, before if joined else None)
        _, place = self._places[index]
        self._session.preview(type, self.ids[index], place, text)

    def _open(self, index: int, type: str, before: tuple[str, int] | None) -> None:
        if before is not None:
            self.ids[index] = self.ids[index - 1]
            self._places[index] = (type, before[1] + 1)
        else:
            self.ids[index] = self._session.stamp.new_id()
            self._places[index] = (type, 0)


def _answered(
    session: Session, start_id: str, request: Doc, answer: Answer, ids: dict[int, str]
) -> list[Draft]:
    """The events of one answer, in the order of its blocks, then the end of its span."""
    stamp = session.stamp
    drafts: list[Draft] = []
    texts: list[tuple[int, str]] = []
    cut = answer.stop_reason == "max_tokens" and _ends_in_call(answer)

    def flush() -> None:
        if texts:
            content = [{"type": "text", "text": text} for _, text in texts]
            body = {"type": "agent.message", "content": content}
            drafts.append(stamp.event(body | _known_id(ids, texts[0][0])))
            texts.clear()

    for index, block in enumerate(answer.content):
        kind = block["type"]
        if kind == "text":
            if block["text"]:
                texts.append((index, block["text"]))
            continue
        flush()
        if kind in ("thinking", "redacted_thinking"):
            drafts.append(stamp.event({"type": "agent.thinking"} | _known_id(ids, index)))
        elif kind == "tool_use":
            is_cut = cut and index == len(answer.content) - 1
            drafts.append(_tool_use(session, block, is_cut))
    flush()
    private = {
        "request": {k: v for k, v in request.items() if k != "messages"},
        "response": {
            "content": answer.content,
            "stop_reason": answer.stop_reason,
            "stop_details": answer.stop_details,
            "model": answer.model,
            "id": answer.id,
        },
        "usage": answer.usage,
        "cut": cut,
        "replayed": answer.replayed,
    }
    end = events.request_end(start_id, answer.usage, is_error=False)
    return [*drafts, stamp.event(end, private)]


def _known_id(ids: dict[int, str], index: int) -> Doc:
    return {"id": ids[index]} if index in ids else {}


def _ends_in_call(answer: Answer) -> bool:
    return bool(answer.content) and answer.content[-1]["type"] == "tool_use"


def _tool_use(session: Session, block: Doc, cut: bool) -> Draft:
    agent = session.state.session["agent"]
    name, given = block["name"], block["input"] if isinstance(block["input"], dict) else {}
    private = {"tool_use_id": block["id"]}
    custom = any(t["type"] == "custom" and t["name"] == name for t in agent["tools"])
    if custom and not cut:
        body = {"type": "agent.custom_tool_use", "name": name, "input": given}
        return session.stamp.event(body, private)
    verdict = permissions.judge(agent, name, OFFERED)
    if cut:
        verdict = permissions.Verdict("deny", None, CUT)
    body = {
        "type": "agent.tool_use",
        "name": name,
        "input": given,
        "evaluated_permission": verdict.permission,
    }
    if verdict.evaluation is not None:
        body["evaluation"] = verdict.evaluation
    return session.stamp.event(body, private | {"reason": verdict.reason})


def _failed(session: Session, start_id: str, error: ModelError) -> list[Draft]:
    """The events of a failed request: tried again, or given up (spec section 5.6)."""
    state = session.state
    again = error.transient and state.failures + 1 < MAX_FAILURES
    bodies = [
        events.request_end(start_id, {}, is_error=True),
        events.error(error.type, error.message, "retrying" if again else "exhausted"),
    ]
    if again:
        bodies += events.rescheduled(state.primary)
    return [session.stamp.event(body) for body in bodies]


async def _run_tool(session: Session, call: Call) -> None:
    try:
        outcome = await session.tools.call(call)
    except SandboxUnavailable as error:
        drafts = [result_draft(session.stamp, call, ToolResult.text(str(error), is_error=True))]
        if not error.was_running:
            body = events.error("unknown_error", f"There is no sandbox to run tools in. {error}", "exhausted")
            drafts.append(session.stamp.event(body))
        await session.append(drafts)
        return
    await session.append([result_draft(session.stamp, call, outcome.result, outcome.changes)])


def result_draft(stamp: Stamp, call: Call, result: ToolResult, changes: Sequence[Doc] = ()) -> Draft:
    """The ``agent.tool_result`` of a call; its private part holds the files that it changed."""
    body = events.tool_result(call.id, result.content, is_error=result.is_error)
    return stamp.event(body, {"changes": list(changes)} if changes else None)


def _denied(stamp: Stamp, call: Call) -> Draft:
    if call.answer == "deny":
        text = "The user rejected this call, so it was not run."
        if call.reason:
            text += f" The user says: {call.reason}"
    else:
        text = call.reason or f"Permission to use {call.name} has been denied."
    return result_draft(stamp, call, ToolResult.text(text, is_error=True))


def close_open(session: Session, text: str) -> list[Draft]:
    """Ends an open model request, and every call that is not done with the error `text`."""
    state, stamp = session.state, session.stamp
    drafts = []
    if state.request is not None:
        drafts.append(stamp.event(events.request_end(state.request, {}, is_error=True)))
    for call in state.calls.values():
        if not call.done:
            drafts.append(closed_call(stamp, call, text))
    return drafts


def closed_call(stamp: Stamp, call: Call, text: str) -> Draft:
    """An error result for a call that will not be run."""
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
    state, stamp = session.state, session.stamp
    drafts = close_open(session, INTERRUPTED)
    was_open = bool(drafts) or state.status != "idle"
    drafts.append(stamp.event(event))
    if was_open:
        drafts += _idle(session, events.END_TURN)
    await session.append(drafts)


async def end_turn(session: Session, step: EndTurn) -> None:
    """Go idle, with what the finished calls left behind noted first."""
    late = await session.tools.settle()
    drafts = [session.stamp.private("private.changes", {"changes": late})] if late else []
    if step.error is not None:
        type, message = step.error
        drafts.append(session.stamp.event(events.error(type, message, "exhausted")))
    if step.reason["type"] == "retries_exhausted":
        drafts += close_open(session, INTERRUPTED)
    await session.append([*drafts, *_idle(session, step.reason, step.details)])


def _idle(session: Session, reason: Doc, details: Doc | None = None) -> list[Draft]:
    state = session.state
    usage = state.usage_wire()
    last = session.stamp.now()
    if state.running_since is not None:
        elapsed = (last - state.running_since).total_seconds()
        usage["active_seconds"] = round(usage["active_seconds"] + elapsed, 6)
    bodies = events.idle(state.primary, usage, state.session["budget"], reason, details)
    return [session.stamp.event(body) for body in bodies]
