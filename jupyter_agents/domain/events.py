"""Bodies of the events that the server makes, and the records that carry them.

A body has no id and no time; `Stamp` gives both. Order of one turn: spec sections 5 and 25.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from jupyter_agents.ids import Clock, NewId, after, rfc3339

Doc = dict[str, Any]
Kind = Literal["event", "queued", "private"]

END_TURN = {"type": "end_turn"}
RETRIES_EXHAUSTED = {"type": "retries_exhausted"}
BUDGET_REACHED = {"type": "budget_reached"}
REFUSAL = {"type": "refusal"}

ANSWERS = {
    "user.tool_confirmation": "tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}
"""Client events that answer a call, and the field that names it."""

RESULTS = {
    "agent.tool_result": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}
"""Events that close a call, and the field that names it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a session's journal.

    seq counts from 1 without gaps. kind: ``event`` is public; ``queued`` is a client event that
    waits to be processed; ``private`` is never shown. private: what the fold needs and the wire
    does not carry.
    """

    seq: int
    kind: Kind
    event: Doc
    private: Doc | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that has no place in the journal yet."""

    kind: Kind
    event: Doc
    private: Doc | None = None


class Stamp:
    """Gives events their id and, sealed in the order of the journal, a `processed_at` after all before."""

    def __init__(self, clock: Clock, new_id: NewId, last: datetime | None = None) -> None:
        self._clock = clock
        self._new_id = new_id
        self._last = last

    def event(self, body: Mapping[str, Any], private: Doc | None = None) -> Draft:
        """A public event: `body` with an id (kept where it has one)."""
        return Draft("event", self._identified(body), private)

    def queued(self, body: Mapping[str, Any], by: str | None = None) -> Draft:
        """A client event as it came in, with an id; it gets no time. Its private part says when it came,
        and by whom where that is known."""
        private = {"received_at": rfc3339(self.now())} | ({} if by is None else {"by": by})
        return Draft("queued", {"id": self.new_id(), **body}, private)

    def private(self, type: str, private: Doc) -> Draft:
        """A record that is never shown."""
        return Draft("private", self._identified({"type": type}), private)

    def seal(self, drafts: Iterable[Draft]) -> None:
        """Set the times of `drafts`, which are appended next."""
        for draft in drafts:
            if draft.kind != "queued":
                self._last = self.now()
                draft.event["processed_at"] = rfc3339(self._last)

    def now(self) -> datetime:
        """The time that the next event would get."""
        return after(self._clock, self._last)

    def new_id(self) -> str:
        """An event id given out ahead of its event."""
        return self._new_id("sevt")

    def _identified(self, body: Mapping[str, Any]) -> Doc:
        event_id = body.get("id") or self.new_id()
        return {"id": event_id, "type": body["type"], "processed_at": None} | {
            k: v for k, v in body.items() if k not in ("id", "type")
        }


def thread(thread_id: str, agent_name: str) -> Doc:
    """The fields that name the primary thread."""
    return {"session_thread_id": thread_id, "agent_name": agent_name}


def running(primary: Doc) -> list[Doc]:
    """A turn begins or goes on."""
    return [
        {"type": "session.status_running"},
        {"type": "session.thread_status_running", **primary},
    ]


def idle(primary: Doc, usage: Doc, budget: Doc | None, reason: Doc, details: Doc | None = None) -> list[Doc]:
    """A turn ends; `session.usage` stands right before `session.status_idle` (spec section 4.4)."""
    stop = {"stop_reason": reason, "stop_details": details}
    return [
        {"type": "session.thread_status_idle", **primary, **stop},
        {"type": "session.usage", "usage": usage, "budget": budget},
        {"type": "session.status_idle", **stop},
    ]


def rescheduled(primary: Doc) -> list[Doc]:
    """A transient failure will be tried again (spec section 5.6)."""
    return [
        {"type": "session.status_rescheduled"},
        {"type": "session.thread_status_rescheduled", **primary},
    ]


def terminated(primary: Doc) -> list[Doc]:
    """The session is over for good."""
    return [
        {"type": "session.thread_status_terminated", **primary},
        {"type": "session.status_terminated"},
    ]


def error(type: str, message: str, retry: Literal["retrying", "exhausted", "terminal"]) -> Doc:
    """``session.error`` (spec section 4.5)."""
    return {
        "type": "session.error",
        "error": {"type": type, "message": message, "retry_status": {"type": retry}},
    }


def repository_error(type: str, message: str, url: str) -> Doc:
    """``session.error`` of a repository: the session goes on without it (spec section 4.5)."""
    body = error(type, message, "retrying")
    body["error"]["repository_url"] = url
    return body


def request_end(start_id: str, usage: Mapping[str, int], *, is_error: bool) -> Doc:
    """``span.model_request_end`` with its four token counts."""
    keys = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return {
        "type": "span.model_request_end",
        "model_request_start_id": start_id,
        "is_error": is_error,
        "model_usage": {k: usage.get(k, 0) for k in keys},
    }


def tool_result(call_id: str, content: Iterable[Doc], *, is_error: bool) -> Doc:
    """``agent.tool_result``."""
    return {
        "type": "agent.tool_result",
        "tool_use_id": call_id,
        "content": list(content),
        "is_error": is_error,
    }


def mcp_tool_result(call_id: str, content: Iterable[Doc], *, is_error: bool) -> Doc:
    """``agent.mcp_tool_result``."""
    return {
        "type": "agent.mcp_tool_result",
        "mcp_tool_use_id": call_id,
        "content": list(content),
        "is_error": is_error,
    }


def mcp_error(type: str, server: str, message: str) -> Doc:
    """``session.error`` about an MCP server; it is tried again when the session next runs (spec 5.6)."""
    body = error(type, message, "retrying")
    body["error"]["mcp_server_name"] = server
    return body


def text_blocks(text: str) -> list[Doc]:
    """One text block."""
    return [{"type": "text", "text": text}]
