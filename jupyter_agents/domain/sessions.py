"""A session as a fold over its journal: `apply` reads one record; `steps.step` says what happens next.

Pure: no await, no I/O, no clock. Source: spec sections 3 to 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from jupyter_agents.domain import pricing
from jupyter_agents.domain.events import Record
from jupyter_agents.domain.usage import Usage
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]
Status = Literal["idle", "running", "rescheduling", "terminated"]

DEFAULT_MAX_TURNS = 200
MAX_FAILURES = 6
EMPTY = {"type": "text", "text": ""}


@dataclass
class Call:
    """One tool call of the newest model response.

    id is the public event's, tool_use_id the model's. answer: what the client said, for an asked call.
    """

    id: str
    tool_use_id: str
    name: str
    input: Doc
    custom: bool
    permission: Literal["allow", "ask", "deny"]
    reason: str = ""
    answer: Literal["allow", "deny"] | None = None
    done: bool = False

    @property
    def waits(self) -> bool:
        """Whether only the client can bring it on."""
        return not self.done and (self.custom or (self.permission == "ask" and self.answer is None))

    @property
    def denied(self) -> bool:
        return not self.done and (self.permission == "deny" or self.answer == "deny")


@dataclass
class State:
    """Everything the records say. Lists grow in place.

    session: the object as created, with later updates. messages: the Messages thread. said: the texts of
    the client's user messages, which alone are what the user wants. owes: whether the model has yet to
    answer what stands last in the thread. announced: the calls that the newest ``requires_action``
    named. request: the open model request. stopped: the newest stop reason. rounds, failures, cuts:
    model requests of this turn, and how many of the last ones failed or were cut at their token limit.
    """

    session: Doc = field(default_factory=dict)
    status: Status = "idle"
    seq: int = 0
    last: datetime | None = None
    queue: list[Doc] = field(default_factory=list)
    messages: list[Doc] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    answers: dict[str, Doc] = field(default_factory=dict)
    owes: bool = False
    announced: frozenset[str] = frozenset()
    request: str | None = None
    params: Doc = field(default_factory=dict)
    stop_reason: str | None = None
    stop_details: Doc | None = None
    stopped: Doc | None = None
    turn: int = 0
    rounds: int = 0
    failures: int = 0
    cuts: int = 0
    exhausted: bool = False
    usage: Usage = field(default_factory=Usage)
    running_since: datetime | None = None

    @property
    def primary(self) -> Doc:
        """The fields that name the primary thread."""
        agent = self.session["agent"]
        return {"session_thread_id": self.session["thread_id"], "agent_name": agent["name"]}

    @property
    def waiting(self) -> list[Call]:
        """The calls that only the client can bring on."""
        return [call for call in self.calls.values() if call.waits]

    @property
    def max_turns(self) -> int:
        """Model requests per user turn (docs/decisions.md "Wire")."""
        return int(self.session["metadata"].get("jupyter-agents/max-turns", DEFAULT_MAX_TURNS))

    @property
    def over_budget(self) -> bool:
        """Whether the list cost has reached the session's budget, in cents."""
        budget = self.session["budget"]
        if budget is None:
            return False
        return self.usage.cost * 100 >= Decimal(budget["max_list_cost"]["amount"])

    def usage_wire(self) -> Doc:
        """The wire's usage object."""
        return self.usage.wire(priced=pricing.model(self.session["agent"]["model"]["id"]).known)


def apply(state: State, record: Record) -> State:
    """`state` after `record`. The state given is used up. Unknown types pass through.

    Handled: queued client events; ``private.session``, ``private.note``; ``user.*``, ``system.message``;
    ``agent.tool_use``, ``agent.custom_tool_use``, ``agent.tool_result``;
    ``span.model_request_start`` and ``_end``; ``session.status_*``, ``session.error``,
    ``session.usage``, ``session.updated``.
    """
    state.seq = record.seq
    event = record.event
    if record.kind == "queued":
        state.queue.append(event)
        return state
    at = parse_time(event["processed_at"])
    state.last = at
    handler = HANDLERS.get(event["type"])
    if handler is not None:
        handler(state, event, record.private or {}, at)
    return state


def _created(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.session = private


def _note(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.notes[private["name"]] = private["text"]


def _user_message(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)
    _user_turn(state)["content"] += event["content"]
    state.said += [block["text"] for block in event["content"] if block["type"] == "text"]


def _system_message(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)
    if not state.messages or state.messages[-1]["role"] != "system":
        state.messages.append({"role": "system", "content": []})
    state.messages[-1]["content"] += event["content"]


def _confirmation(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)
    call = state.calls.get(event["tool_use_id"])
    if call is not None:
        call.answer = event["result"]
        call.reason = event.get("deny_message") or ""


def _interrupted(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)


def _dequeue(state: State, event: Doc) -> None:
    state.queue = [queued for queued in state.queue if queued["id"] != event["id"]]


def _call(state: State, event: Doc, private: Doc, at: datetime) -> None:
    custom = event["type"] == "agent.custom_tool_use"
    state.calls[event["id"]] = Call(
        id=event["id"],
        tool_use_id=private["tool_use_id"],
        name=event["name"],
        input=event["input"],
        custom=custom,
        permission="allow" if custom else event["evaluated_permission"],
        reason=private.get("reason", ""),
    )


def _result(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)
    call = state.calls.get(event.get("tool_use_id") or event["custom_tool_use_id"])
    if call is None or call.done:
        return
    call.done = True
    state.answers[call.id] = {
        "type": "tool_result",
        "tool_use_id": call.tool_use_id,
        "content": event.get("content") or [{"type": "text", "text": "(no output)"}],
        "is_error": bool(event.get("is_error")),
    }
    if all(c.done for c in state.calls.values()):
        _user_turn(state)["content"] += [state.answers[c] for c in state.calls]
        state.calls, state.answers = {}, {}


def _user_turn(state: State) -> Doc:
    state.owes = True
    if not state.messages or state.messages[-1]["role"] != "user":
        state.messages.append({"role": "user", "content": []})
    return state.messages[-1]


def _request_start(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.request = event["id"]
    state.rounds += 1


def _request_end(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.request = None
    used = event["model_usage"] | private.get("usage", {})
    state.usage.add(state.session["agent"]["model"], used, at)
    if event["is_error"]:
        return
    response = private["response"]
    state.params = private.get("request", state.params)
    state.failures = 0
    state.stop_reason = response["stop_reason"]
    state.stop_details = response.get("stop_details")
    state.cuts = state.cuts + 1 if private.get("cut") else 0
    state.owes = response["stop_reason"] == "pause_turn"
    content = [block for block in response["content"] if block != EMPTY]
    if content:
        state.messages.append({"role": "assistant", "content": content})


def _running(state: State, event: Doc, private: Doc, at: datetime) -> None:
    if state.status == "idle" and not state.announced:
        state.turn += 1
        state.rounds = state.failures = state.cuts = 0
        state.stop_reason = state.stop_details = None
    state.status, state.announced, state.stopped = "running", frozenset(), None
    state.running_since = state.running_since or at


def _rescheduled(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status = "rescheduling"
    state.failures += 1


def _error(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.exhausted = event["error"]["retry_status"]["type"] == "exhausted"


def _usage(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.usage.active_seconds = event["usage"]["active_seconds"]
    state.running_since = None


def _idle(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status, state.exhausted = "idle", False
    state.stopped = event["stop_reason"]
    state.announced = frozenset(event["stop_reason"].get("event_ids", ()))


def _terminated(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status = "terminated"


def _updated(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.session |= private


HANDLERS = {
    "private.session": _created,
    "private.note": _note,
    "user.message": _user_message,
    "system.message": _system_message,
    "user.tool_confirmation": _confirmation,
    "user.custom_tool_result": _result,
    "user.interrupt": _interrupted,
    "agent.tool_use": _call,
    "agent.custom_tool_use": _call,
    "agent.tool_result": _result,
    "span.model_request_start": _request_start,
    "span.model_request_end": _request_end,
    "session.status_running": _running,
    "session.status_rescheduled": _rescheduled,
    "session.error": _error,
    "session.usage": _usage,
    "session.status_idle": _idle,
    "session.status_terminated": _terminated,
    "session.updated": _updated,
}
