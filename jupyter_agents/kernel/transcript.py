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
- ``user.message``: steering; ``user.interrupt``: remembered until the turn ends
- ``session.error``, ``agent.thread_context_compacted``: a notice
- ``span.model_request_start``, ``_end``: running again; tokens, and the end of the previews
- ``session.status_*``, ``session.deleted``: the turn's status
- anything else, and everything after the turn's end: passed over

Source: docs/transcript.md, tests/transcripts/README.md, spec sections 4 to 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jupyter_agents.kernel.steps import Notice, Steer, Step, Text, Thinking, Tool

Event = Mapping[str, Any]

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
OVER = frozenset({"done", "interrupted", "failed", "refused", "budget_reached"})
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
COMPACTED = "Earlier context was summarised to make room."


@dataclass(frozen=True)
class Transcript:
    """One turn of a session.

    first_event_id: the turn's ``user.message``; with `None` the first one seen opens the turn.
    tokens: the turn's, by the four names of `TOKENS`.
    """

    first_event_id: str | None = None
    status: str = "running"
    prompt: str = ""
    steps: tuple[Step, ...] = ()
    tokens: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TOKENS, 0))
    opened: bool = False
    interrupted: bool = False
    first_at: str | None = None
    last_at: str | None = None
    seen: frozenset[str] = frozenset()

    @property
    def over(self) -> bool:
        """Whether the turn has ended; a turn that waits for an answer has not."""
        return self.status in OVER

    @property
    def seconds(self) -> float:
        """From the first to the last event of the turn."""
        return elapsed(self.first_at, self.last_at) or 0.0

    @property
    def text(self) -> str:
        """Everything the agent said, paragraphs apart."""
        return joined(step.markdown for step in self.steps if isinstance(step, Text))

    @property
    def waiting(self) -> tuple[Tool, ...]:
        """The calls that wait for an answer."""
        tools = (step for step in self.steps if isinstance(step, Tool))
        return tuple(tool for tool in tools if tool.status == "waiting")

    @property
    def running(self) -> frozenset[str]:
        """The ids of the calls that run."""
        tools = (step for step in self.steps if isinstance(step, Tool))
        return frozenset(tool.id for tool in tools if tool.status == "running")

    def to_dict(self) -> dict[str, Any]:
        """The transcript of docs/transcript.md; files and most of the footer are the caller's."""
        return {
            "status": self.status,
            "prompt": self.prompt,
            "steps": [step.to_dict() for step in self.steps],
            "files": [],
            "footer": {**self.tokens, "seconds": self.seconds},
        }


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


def cut(transcript: Transcript, status: str) -> Transcript:
    """The turn as it stands, ended with `status`: for a turn that nobody follows any more."""
    ended = _close_previews(transcript)
    steps = tuple(
        replace(step, status="interrupted")
        if isinstance(step, Tool) and step.status in ("running", "waiting")
        else step
        for step in ended.steps
    )
    return replace(ended, status=status, steps=steps)


def joined(texts: Iterable[str]) -> str:
    """Texts with a blank line between them, empty ones left out."""
    return "\n\n".join(text for text in texts if text)


def plain(content: Any) -> str:
    """The text of content blocks."""
    blocks = content if isinstance(content, list) else []
    return joined(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def elapsed(start: str | None, end: str | None) -> float | None:
    """Seconds between two times of the wire, to the millisecond, never negative."""
    if start is None or end is None:
        return None
    delta = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return max(0.0, round(delta.total_seconds(), 3))


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
            return _put(transcript, Text(event["id"], plain(event.get("content"))))
        case "agent.thinking":
            return _put(transcript, Thinking(event["id"]))
        case kind if kind in TOOL_USES:
            return _put(transcript, _tool(event))
        case "user.tool_confirmation":
            return _confirm(transcript, event)
        case kind if kind in TOOL_RESULTS:
            return _result(transcript, event, str(event.get(TOOL_RESULTS[kind])))
        case "user.message":
            return _put(transcript, Steer(event["id"], plain(event.get("content"))))
        case "user.interrupt":
            return replace(transcript, interrupted=True)
        case "session.error":
            return _error(transcript, event)
        case "agent.thread_context_compacted":
            return _put(transcript, Notice(event["id"], "info", COMPACTED))
        case "span.model_request_start" | "session.status_running":
            return replace(transcript, status="running")
        case "span.model_request_end":
            return _spend(_close_previews(transcript), event.get("model_usage") or {})
        case "session.status_rescheduled":
            return replace(transcript, status="retrying")
        case "session.status_idle":
            return _idle(transcript, event.get("stop_reason") or {})
        case "session.status_terminated" | "session.deleted":
            return cut(transcript, "failed")
        case _:
            return transcript


def mark(transcript: Transcript, id: str, **changes: Any) -> Transcript:
    """What only the kernel knows of a call that it runs itself: its place, state and displays."""
    tool = _find_tool(transcript, id)
    if tool is None or transcript.over:
        return transcript
    marked = _put(transcript, replace(tool, **changes))
    return replace(marked, status="waiting" if marked.waiting else "running")


def _find(transcript: Transcript, id: str) -> Step | None:
    return next((step for step in reversed(transcript.steps) if step.id == id), None)


def _find_tool(transcript: Transcript, id: str) -> Tool | None:
    step = _find(transcript, id)
    return step if isinstance(step, Tool) else None


def _put(transcript: Transcript, step: Step) -> Transcript:
    """`step` in the place of the one with its id, or at the end."""
    steps = transcript.steps
    if _find(transcript, step.id) is None:
        return replace(transcript, steps=(*steps, step))
    return replace(transcript, steps=tuple(step if s.id == step.id else s for s in steps))


def _start(transcript: Transcript, event: Event) -> Transcript:
    id = str(event.get("id"))
    if _find(transcript, id) is not None:
        return transcript
    if event.get("type") == "agent.message":
        return _put(transcript, Text(id, partial=True))
    if event.get("type") == "agent.thinking":
        return _put(transcript, Thinking(id, partial=True))
    return transcript


def _extend(transcript: Transcript, event: Event) -> Transcript:
    step = _find(transcript, str(event.get("event_id")))
    delta = event.get("delta") or {}
    index = delta.get("index") or 0
    if not isinstance(step, Text) or not step.partial or not 0 <= index <= len(step.blocks):
        return transcript
    words = str((delta.get("content") or {}).get("text", ""))
    blocks = [*step.blocks, ""] if index == len(step.blocks) else [*step.blocks]
    blocks[index] += words
    return _put(transcript, replace(step, markdown=joined(blocks), blocks=tuple(blocks)))


def _close_previews(transcript: Transcript) -> Transcript:
    """What was seen of a preview stays; one without any text goes."""
    closed = tuple(
        replace(step, partial=False) if isinstance(step, Text | Thinking) else step
        for step in transcript.steps
        if not (isinstance(step, Text) and step.partial and not step.markdown)
    )
    return replace(transcript, steps=closed)


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
    tool = _find_tool(transcript, str(event.get("tool_use_id")))
    if tool is None:
        return transcript
    if event.get("result") == "allow":
        return _put(transcript, replace(tool, status="running", started=event.get("processed_at")))
    reason = event.get("deny_message")
    text = f"Denied: {tool.name}. {reason}" if reason else f"Denied: {tool.name}"
    denied = _put(transcript, replace(tool, status="denied"))
    return _put(denied, Notice(event["id"], "info", text))


def _result(transcript: Transcript, event: Event, use_id: str) -> Transcript:
    tool = _find_tool(transcript, use_id)
    if tool is None:
        return transcript
    output = tuple(event.get("content") or ())
    if tool.status == "denied":
        return _put(transcript, replace(tool, output=output))
    status = "error" if event.get("is_error") else "ok"
    seconds = elapsed(tool.started, event.get("processed_at"))
    return _put(transcript, replace(tool, status=status, output=output, seconds=seconds))


def _error(transcript: Transcript, event: Event) -> Transcript:
    error = event.get("error") or {}
    retrying = (error.get("retry_status") or {}).get("type") == "retrying"
    notice = Notice(event["id"], "warning" if retrying else "error", str(error.get("message", "")))
    return _put(transcript, notice)


def _spend(transcript: Transcript, usage: Mapping[str, Any]) -> Transcript:
    tokens = {name: transcript.tokens[name] + int(usage.get(name) or 0) for name in TOKENS}
    return replace(transcript, tokens=tokens)


def _idle(transcript: Transcript, reason: Mapping[str, Any]) -> Transcript:
    kind = str(reason.get("type"))
    if kind != "requires_action":
        return cut(transcript, STOPPED.get(kind, "interrupted" if transcript.interrupted else "done"))
    asked = reason.get("event_ids") or ()
    for id in asked:
        tool = _find_tool(transcript, str(id))
        if tool is not None and tool.status == "running":
            transcript = _put(transcript, replace(tool, status="waiting"))
    return replace(transcript, status="waiting")
