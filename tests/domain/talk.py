"""A session's records written by hand and folded, for tests of the pure core."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_agents.domain import agents, compaction, environments, events, session_object
from jupyter_agents.domain.events import Record, Stamp
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State

Doc = dict[str, Any]

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NOW = "2026-11-21T12:00:00.000000Z"
TOOLSET: Doc = {"type": "agent_toolset_20260401"}
CUSTOM: Doc = {
    "type": "custom",
    "name": "weather",
    "description": "Tells it.",
    "input_schema": {"type": "object"},
}
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Ids:
    """Ids such as ``sevt_7``, counted."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, prefix: str) -> str:
        self.last += 1
        return f"{prefix}_{self.last}"


def session_doc(**more: Any) -> Doc:
    """A session's document; `more` are fields of the create body, ``agent`` of the agent."""
    agent_body = {
        "name": "coder",
        "model": "claude-opus-4-7",
        "tools": [TOOLSET, CUSTOM],
        **more.pop("agent", {}),
    }
    agent = agents.create_agent(agent_body, "agent_1", NOW)
    environment = environments.create_environment({"name": "e", **more.pop("environment", {})}, "env_1", NOW)
    return session_object.create_session(
        more, agent, environment, more.pop("resources", []), session_id="sesn_1", thread_id="sthr_1", now=NOW
    )


class Talk:
    """A session whose records are given one by one."""

    def __init__(self, **more: Any) -> None:
        self.clock = Clock()
        self.stamp = Stamp(self.clock, Ids())
        self.state = State()
        self.records: list[Record] = []
        self._take(self.stamp.private("private.session", session_doc(**more)))

    def event(self, body: Doc, private: Doc | None = None) -> str:
        """Append a public event; its id."""
        return self._take(self.stamp.event(body, private))

    def private(self, type: str, private: Doc) -> None:
        """Append a record that is never shown."""
        self._take(self.stamp.private(type, private))

    def queue(self, body: Doc) -> str:
        """A client event comes in; its id."""
        return self._take(self.stamp.queued(body))

    def process(self, event_id: str) -> str:
        """A queued event is processed."""
        (body,) = [event for event in self.state.queue if event["id"] == event_id]
        return self.event(body)

    def message(self, text: str = "hi") -> str:
        return self.queue({"type": "user.message", "content": [{"type": "text", "text": text}]})

    def interrupt(self) -> str:
        return self.queue({"type": "user.interrupt"})

    def confirm(self, call_id: str, result: str = "allow", **more: Any) -> str:
        return self.queue(
            {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": result, **more}
        )

    def custom_result(self, call_id: str, text: str = "sunny") -> str:
        content = [{"type": "text", "text": text}]
        body = {"type": "user.custom_tool_result", "custom_tool_use_id": call_id, "content": content}
        return self.queue(body)

    def running(self) -> None:
        for body in events.running(self.state.primary):
            self.event(body)

    def idle(self, reason: str = "end_turn", **more: Any) -> None:
        stop = {"type": reason, **more}
        bodies = events.idle(self.state.primary, self.state.usage_wire(), self.state.session["budget"], stop)
        for body in bodies:
            self.event(body)

    def turn(self, text: str = "hi") -> None:
        """A message comes in, the turn begins, the model is asked."""
        message = self.message(text)
        self.running()
        self.process(message)
        self.ask()

    def ask(self) -> str:
        return self.event({"type": "span.model_request_start"})

    def answer(
        self, *content: Doc, stop_reason: str = "", usage: Doc = USAGE, cut: bool = False, **response: Any
    ) -> None:
        """The open request is answered."""
        has_call = any(block["type"] == "tool_use" for block in content)
        found = {
            "content": list(content),
            "stop_reason": stop_reason or ("tool_use" if has_call else "end_turn"),
            "stop_details": None,
            **response,
        }
        body = events.request_end(self.state.request or "", usage, is_error=False)
        private = {"response": found, "usage": usage, "request": {}, "cut": cut, "replayed": False}
        self.event(body, private)

    def ask_summary(self) -> str:
        """The model is asked for a summary of the thread."""
        return self.event({"type": "span.model_request_start"}, {"compaction": True})

    def summarise(self, *content: Doc, usage: Doc = USAGE) -> None:
        """The open request for a summary is answered."""
        summary = compaction.summary_of(content)
        start = compaction.cut(self.state.messages, self.state.window.attempts)
        if summary is not None:
            self.event({"type": "agent.thread_context_compacted"}, {"summary": summary, "from": start})
        response = {"content": list(content), "stop_reason": "end_turn", "stop_details": None}
        body = events.request_end(self.state.request or "", usage, is_error=False)
        self.event(body, {"response": response, "usage": usage, "cut": False, "replayed": False})

    def too_long(self) -> None:
        """The open request is refused as longer than the context window."""
        self.event(
            events.request_end(self.state.request or "", {}, is_error=True),
            {"exceeded": True},
        )

    def fail(self, *, again: bool) -> None:
        """The open request fails."""
        self.event(events.request_end(self.state.request or "", {}, is_error=True))
        self.event(events.error("model_overloaded_error", "Overloaded", "retrying" if again else "exhausted"))
        if again:
            for body in events.rescheduled(self.state.primary):
                self.event(body)

    def calls(self, *permissions: str, **answer: Any) -> list[str]:
        """The model answers with calls: ``allow``, ``ask``, ``deny`` or ``custom``; their ids."""
        blocks, ids = [], []
        for number, permission in enumerate(permissions):
            use = f"toolu_{self.state.seq}_{number}"
            name = "weather" if permission == "custom" else "bash"
            blocks.append({"type": "tool_use", "id": use, "name": name, "input": {"command": "x"}})
            body: Doc = {"type": "agent.custom_tool_use", "name": name, "input": {}}
            if permission != "custom":
                body |= {"type": "agent.tool_use", "evaluated_permission": permission}
            ids.append(self.event(body, {"tool_use_id": use}))
        self.answer(*blocks, **answer)
        return ids

    def result(self, call_id: str, text: str = "out", *, is_error: bool = False) -> None:
        self.event(events.tool_result(call_id, events.text_blocks(text), is_error=is_error))

    def _take(self, draft: Any) -> str:
        self.stamp.seal([draft])
        record = Record(self.state.seq + 1, draft.kind, draft.event, draft.private)
        self.records.append(copy.deepcopy(record))
        apply(self.state, record)
        return str(draft.event["id"])


def text(words: str) -> Doc:
    """A text block."""
    return {"type": "text", "text": words}
