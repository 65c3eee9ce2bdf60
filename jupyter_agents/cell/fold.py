"""The pure fold from a session's events to the transcript of one turn.

``fold(transcript, event) -> transcript``. The browser applies the same fold
(labextension/src/fold.ts); tests/transcripts holds the shared examples. Events are the wire's JSON.

- an event that was seen, or is still queued (a client's, without ``processed_at``): passed over
- before the turn: only the ``user.message`` that opens it
- ``event_start``, ``event_delta``: a partial text or thinking step
- ``agent.message``, ``agent.thinking``: the step itself, in the preview's place
- ``agent.tool_use``, ``agent.mcp_tool_use``, ``agent.custom_tool_use``: a tool step
- ``user.tool_confirmation``: the call runs, or is denied with a notice
- ``agent.tool_result``, ``agent.mcp_tool_result``, ``user.custom_tool_result``,
  ``user.tool_result``: the call's end
- ``user.message``: steering; ``user.interrupt``: a notice of what it stopped
- ``session.error``, ``agent.thread_context_compacted``: a notice
- ``span.model_request_start``, ``_end``: running again; tokens, and the end of the previews
- ``session.status_*``, ``session.deleted``: the turn's status
- anything else, and everything after the turn's end: passed over

Source: docs/transcript.md, tests/transcripts/README.md, spec sections 4 to 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_agents.cell.steps import Notice, Steer, Text, Thinking, Tool
from jupyter_agents.cell.transcript import (
    TOKENS,
    Transcript,
    close_previews,
    cut,
    elapsed,
    find,
    find_tool,
    joined,
    plain,
    put,
    stopping,
)

Event = Mapping[str, Any]

STOPPED = {
    "retries_exhausted": "failed",
    "refusal": "refused",
    "budget_reached": "budget_reached",
}
TOOL_USES = frozenset({"agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use"})
TOOL_RESULTS = {
    "agent.tool_result": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
    "user.tool_result": "tool_use_id",
}
INTERRUPTED = "Tool execution was interrupted before completion"
COMPACTED = "Earlier context was summarised to make room."


def fold_all(events: Iterable[Event], first_event_id: str | None = None) -> Transcript:
    """The transcript of a whole list of events."""
    transcript = Transcript(first_event_id)
    for event in events:
        transcript = fold(transcript, event)
    return transcript


def fold(transcript: Transcript, event: Event) -> Transcript:
    """`transcript` after `event`; the cases are listed in this module's docstring."""
    id, at = event.get("id"), event.get("processed_at")
    queued = str(event.get("type")).startswith("user.") and not at
    if transcript.over or queued or id in transcript.seen:
        return transcript
    after = _apply(transcript, event) if transcript.opened else _open(transcript, event)
    if not after.opened:
        return after
    if id:
        after = replace(after, seen=after.seen | {str(id)})
    return replace(after, first_at=after.first_at or at, last_at=at) if at else after


def ends(event: Event) -> bool:
    """Whether a turn is over with `event`; one that waits for an answer is not."""
    match event.get("type"):
        case "session.status_idle":
            return (event.get("stop_reason") or {}).get("type") != "requires_action"
        case "session.status_terminated" | "session.deleted":
            return True
        case _:
            return False


def _open(transcript: Transcript, event: Event) -> Transcript:
    first = transcript.first_event_id
    if event.get("type") != "user.message" or first not in (None, event.get("id")):
        return transcript
    return replace(transcript, opened=True, prompt=plain(event.get("content")))


def _apply(transcript: Transcript, event: Event) -> Transcript:
    match event.get("type"):
        case "event_start":
            return _start(transcript, event.get("event") or {})
        case "event_delta":
            return _extend(transcript, event)
        case "agent.message":
            return put(transcript, Text(event["id"], plain(event.get("content"))))
        case "agent.thinking":
            return put(transcript, Thinking(event["id"]))
        case kind if kind in TOOL_USES:
            return put(transcript, _tool(event))
        case "user.tool_confirmation":
            return _confirm(transcript, event)
        case kind if kind in TOOL_RESULTS:
            return _result(transcript, event, str(event.get(TOOL_RESULTS[kind])))
        case "user.message":
            return put(transcript, Steer(event["id"], plain(event.get("content"))))
        case "user.interrupt":
            return _interrupt(transcript, event)
        case "session.error":
            return _error(transcript, event)
        case "agent.thread_context_compacted":
            return put(transcript, Notice(event["id"], "info", COMPACTED))
        case "span.model_request_start" | "session.status_running":
            return replace(transcript, status="running")
        case "span.model_request_end":
            return _spend(close_previews(transcript), event.get("model_usage") or {})
        case "session.status_rescheduled":
            return replace(transcript, status="retrying")
        case "session.status_idle":
            return _idle(transcript, event.get("stop_reason") or {})
        case "session.status_terminated" | "session.deleted":
            return cut(transcript, "failed")
        case _:
            return transcript


def _start(transcript: Transcript, event: Event) -> Transcript:
    id = str(event.get("id"))
    if find(transcript, id) is not None:
        return transcript
    if event.get("type") == "agent.message":
        return put(transcript, Text(id, partial=True))
    if event.get("type") == "agent.thinking":
        return put(transcript, Thinking(id, partial=True))
    return transcript


def _extend(transcript: Transcript, event: Event) -> Transcript:
    step = find(transcript, str(event.get("event_id")))
    delta = event.get("delta") or {}
    index = delta.get("index") or 0
    if not isinstance(step, Text) or not step.partial or not 0 <= index <= len(step.blocks):
        return transcript
    words = str((delta.get("content") or {}).get("text", ""))
    blocks = [*step.blocks, ""] if index == len(step.blocks) else [*step.blocks]
    blocks[index] += words
    return put(transcript, replace(step, markdown=joined(blocks), blocks=tuple(blocks)))


def _tool(event: Event) -> Tool:
    custom = event["type"] == "agent.custom_tool_use"
    permission = "ask" if custom else event.get("evaluated_permission")
    return Tool(
        id=event["id"],
        name=str(event.get("name", "")),
        server=event.get("mcp_server_name"),
        input=dict(event.get("input") or {}),
        status={"ask": "waiting", "deny": "denied"}.get(str(permission), "running"),
        started=event.get("processed_at"),
    )


def _confirm(transcript: Transcript, event: Event) -> Transcript:
    tool = find_tool(transcript, str(event.get("tool_use_id")))
    if tool is None:
        return transcript
    if event.get("result") == "allow":
        return put(transcript, replace(tool, status="running", started=event.get("processed_at")))
    reason = event.get("deny_message")
    text = f"Denied: {tool.name}. {reason}" if reason else f"Denied: {tool.name}"
    denied = put(transcript, replace(tool, status="denied"))
    return put(denied, Notice(event["id"], "info", text))


def _result(transcript: Transcript, event: Event, use_id: str) -> Transcript:
    tool = find_tool(transcript, use_id)
    if tool is None:
        return transcript
    output = tuple(event.get("content") or ())
    if tool.status == "denied":
        return put(transcript, replace(tool, output=output))
    stopped = bool(event.get("is_error")) and plain(event.get("content")).startswith(INTERRUPTED)
    status = "interrupted" if stopped else "error" if event.get("is_error") else "ok"
    waited = stopped and tool.status == "waiting"
    seconds = None if waited else elapsed(tool.started, event.get("processed_at"))
    return put(transcript, replace(tool, status=status, output=output, seconds=seconds))


def _interrupt(transcript: Transcript, event: Event) -> Transcript:
    notice = Notice(event["id"], "info", f"{stopping(transcript)}.")
    return replace(put(transcript, notice), interrupted=True)


def _error(transcript: Transcript, event: Event) -> Transcript:
    error = event.get("error") or {}
    retrying = (error.get("retry_status") or {}).get("type") == "retrying"
    notice = Notice(event["id"], "warning" if retrying else "error", str(error.get("message", "")))
    last = transcript.steps[-1] if transcript.steps else None
    said = isinstance(last, Notice) and (last.level, last.text) == (notice.level, notice.text)
    return transcript if said else put(transcript, notice)


def _spend(transcript: Transcript, usage: Mapping[str, Any]) -> Transcript:
    tokens = {name: transcript.tokens[name] + int(usage.get(name) or 0) for name in TOKENS}
    return replace(transcript, tokens=tokens)


def _idle(transcript: Transcript, reason: Mapping[str, Any]) -> Transcript:
    kind = str(reason.get("type"))
    if kind != "requires_action":
        return cut(transcript, STOPPED.get(kind, "interrupted" if transcript.interrupted else "done"))
    asked = reason.get("event_ids") or ()
    for id in asked:
        tool = find_tool(transcript, str(id))
        if tool is not None and tool.status == "running":
            transcript = put(transcript, replace(tool, status="waiting"))
    return replace(transcript, status="waiting")
