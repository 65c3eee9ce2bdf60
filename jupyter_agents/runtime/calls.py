"""The calls of one answer: run one after the other, each result durable before the next call.

Source: spec section 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jupyter_agents.domain import approvals, events
from jupyter_agents.domain.events import Draft, Stamp
from jupyter_agents.domain.refused import REFUSED
from jupyter_agents.domain.state import Call
from jupyter_agents.domain.steps import goes_on
from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.runtime import metrics
from jupyter_agents.runtime.repositories import Problem
from jupyter_agents.sandbox.base import ToolResult

if TYPE_CHECKING:
    from jupyter_agents.runtime.loop import Session

Doc = dict[str, Any]

START = {"type": "span.model_request_start"}


async def run_tools(session: Session, calls: list[Call]) -> None:
    """Run an answer's calls as the model wrote them, for an edit may follow the write of its file.

    Journaled: a result each; behind the last one the start of the next request, where it leads to that.
    """
    for call in calls:
        await _run_tool(session, call)
    drafts = [*left_behind(session, await session.tools.settle()), *_noted(session)]
    if drafts:
        await session.append(drafts)


async def _run_tool(session: Session, call: Call) -> None:
    found = await session.tools.before(call)
    if found:
        await session.append([session.stamp.private(type, private) for type, private in found])
    try:
        outcome = await session.tools.call(call)
    except SandboxUnavailable as error:
        metrics.no_sandbox(call)
        failed_call = [result_draft(session.stamp, call, ToolResult.text(str(error), is_error=True))]
        if not error.was_running:
            body = events.error("unknown_error", f"There is no sandbox to run tools in. {error}", "exhausted")
            failed_call.append(session.stamp.event(body))
        await session.append(failed_call)
        return
    metrics.answered(call, outcome.result)
    lacking = [_lacking(session.stamp, problem) for problem in outcome.problems]
    draft = result_draft(session.stamp, call, outcome.result, outcome.changes, outcome.usage)

    def drafts() -> list[Draft]:
        follows = [] if outcome.usage else _going_on(session, call)
        return [*lacking, *refused(session), draft, *_noted(session), *follows]

    await session.append(drafts)


def _noted(session: Session) -> list[Draft]:
    """What the model should know of the sandbox, where that has changed."""
    text = "\n".join(session.tools.notes)
    if text == session.state.notes.get("sandbox", ""):
        return []
    return [session.stamp.private("private.note", {"name": "sandbox", "text": text})]


def _going_on(session: Session, call: Call) -> list[Draft]:
    """The start of the next model request, where the result of `call` leads to it: one commit for both."""
    asks = goes_on(session.state, call) and not session.tools.mcp.due(session.state)
    return [session.stamp.event(START)] if asks else []


def _lacking(stamp: Stamp, problem: Problem) -> Draft:
    news = f"the repository {problem.url} is not at {problem.mount_path}. {problem.message}"
    body = events.repository_error(problem.type, problem.message, problem.url)
    return stamp.event(body, {"news": [news]})


def result_draft(
    stamp: Stamp, call: Call, result: ToolResult, changes: Sequence[Doc] = (), usage: Doc | None = None
) -> Draft:
    """The result event of a call that the server ran; its private part holds the files that it changed
    and the tokens and searches that it used."""
    made = events.mcp_tool_result if call.kind == "mcp" else events.tool_result
    body = made(call.id, [*approvals.said(call), *result.content], is_error=result.is_error)
    private: Doc = {"changes": list(changes)} if changes else {}
    private |= {"usage": usage} if usage else {}
    return stamp.event(body, private or None)


def denied(stamp: Stamp, call: Call) -> Draft:
    """The result of a call that may not run: who said so, and why."""
    if call.answer == "deny":
        text = "The user rejected this call, so it was not run."
        if call.reason:
            text += f" The user says: {call.reason}"
    else:
        text = call.reason or f"Permission to use {call.name} has been denied."
    return result_draft(stamp, call, ToolResult.text(text, is_error=True))


def left_behind(session: Session, late: Sequence[Doc]) -> list[Draft]:
    """The records of changed files and of refused hosts that no call reported, if there are any."""
    changes = [session.stamp.private("private.changes", {"changes": list(late)})] if late else []
    return [*changes, *refused(session)]


def refused(session: Session) -> list[Draft]:
    """The record of what the network refused since the last one, if there is anything."""
    found = session.tools.refusals.journaled()
    return [session.stamp.private(REFUSED, {"refused": found})] if found else []
