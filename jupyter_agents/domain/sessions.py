"""A session as a fold over its journal: `apply` reads one record; `steps.step` says what happens next.

Pure: no await, no I/O, no clock. Source: spec sections 3 to 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jupyter_agents.domain import budget, compaction, events, pricing
from jupyter_agents.domain.events import RESULTS, Record
from jupyter_agents.domain.usage import Usage
from jupyter_agents.domain.window import EXCEEDED, Window
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]
Status = Literal["idle", "running", "rescheduling", "terminated"]
Kind = Literal["built_in", "mcp", "custom"]

DEFAULT_MAX_TURNS = 200
MAX_FAILURES = 6
USES: dict[str, Kind] = {
    "agent.tool_use": "built_in",
    "agent.mcp_tool_use": "mcp",
    "agent.custom_tool_use": "custom",
}
EMPTY = {"type": "text", "text": ""}
NEWS = "Note from the server: "
"""How a text begins that the server, not the user, adds to the thread."""


@dataclass
class Call:
    """One tool call of the newest model response.

    id is the public event's, tool_use_id the model's. server, url: of an MCP tool, whose name is the
    bare one. answer: what the client said, for an asked call. original: the model's own input, where
    the user changed it.
    """

    id: str
    tool_use_id: str
    name: str
    input: Doc
    kind: Kind
    permission: Literal["allow", "ask", "deny"]
    reason: str = ""
    server: str = ""
    url: str = ""
    answer: Literal["allow", "deny"] | None = None
    original: Doc | None = None
    done: bool = False

    @property
    def custom(self) -> bool:
        """Whether the client runs it."""
        return self.kind == "custom"

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

    session: the object as created, with later updates; always the same dict. next_agent: one that waits
    for the end of the turn. received: when the first client event came in. messages: the Messages
    thread. said: the texts of the client's user messages, which alone are what the user wants. owes:
    whether the model has yet to answer what stands last in the thread. news: what the next request
    tells the model behind the newest user message, so that what was said before stays cached. announced:
    the calls that the newest ``requires_action`` named. mcp: what each MCP server lists
    (`domain.mcp.Listed`). rules: tools that the user always allows in this session, by the rule's id.
    request: the open model request. stopped: the newest stop reason. rounds, failures, cuts: model
    requests of this turn, and how many of the last ones failed or were cut at their token limit.
    window: how full the model's context is.
    """

    session: Doc = field(default_factory=dict)
    next_agent: Doc | None = None
    received: datetime | None = None
    startup_seconds: float | None = None
    status: Status = "idle"
    seq: int = 0
    last: datetime | None = None
    queue: list[Doc] = field(default_factory=list)
    messages: list[Doc] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    mcp: dict[str, Doc] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    rules: dict[str, Doc] = field(default_factory=dict)
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
    window: Window = field(default_factory=Window)
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
    def news_blocks(self) -> list[Doc]:
        """The news as they go behind the newest message, where that is the user's."""
        if not self.news or not self.messages or self.messages[-1]["role"] != "user":
            return []
        return [{"type": "text", "text": NEWS + "\n".join(self.news)}]

    @property
    def max_turns(self) -> int:
        """Model requests per user turn (docs/decisions.md "Wire")."""
        return int(self.session["metadata"].get("jupyter-agents/max-turns", DEFAULT_MAX_TURNS))

    @property
    def over_budget(self) -> bool:
        """Whether the list cost has reached the session's budget."""
        return budget.spent(self.usage, self.session["budget"])

    @property
    def paused(self) -> bool:
        """Whether the session stopped at its budget."""
        return self.status == "idle" and self.stopped == events.BUDGET_REACHED

    @property
    def mid_turn(self) -> bool:
        """Whether the session is idle in the middle of a turn."""
        return bool(self.announced) or self.paused

    @property
    def crowded(self) -> bool:
        """Whether the thread must get shorter before the model is asked again."""
        return self.window.crowded(self.session["agent"]["model"]["id"])

    def startup(self, at: datetime) -> float:
        """Seconds from the first client event until `at`."""
        return 0.0 if self.received is None else round((at - self.received).total_seconds(), 6)

    def usage_wire(self, at: datetime | None = None) -> Doc:
        """The wire's usage object; with the time of a turn that is running, up to `at`."""
        usage = self.usage.wire(priced=pricing.model(self.session["agent"]["model"]["id"]).known)
        if at is not None and self.running_since is not None:
            elapsed = max((at - self.running_since).total_seconds(), 0.0)
            usage["active_seconds"] = round(self.usage.active_seconds + elapsed, 6)
        return usage


def fold(records: Iterable[Record]) -> State:
    """The state that a session's records, from the first on, lead to."""
    state = State()
    for record in records:
        apply(state, record)
    return state


def apply(state: State, record: Record) -> State:
    """`state` after `record`. The state given is used up. Unknown types pass through.

    Handled: queued client events; ``private.session``, ``private.note``, ``private.resources``,
    ``private.mcp``, ``private.rule``, ``private.rule_removed``, ``private.input``; ``user.*``,
    ``system.message``;
    ``agent.tool_use``, ``agent.mcp_tool_use``, ``agent.custom_tool_use``, and their results;
    ``agent.thread_context_compacted``; ``span.model_request_start`` and ``_end``; ``session.status_*``,
    ``session.error``, ``session.usage``, ``session.updated``.
    """
    state.seq = record.seq
    event = record.event
    if record.kind == "queued":
        state.queue.append(event)
        if state.received is None and record.private:
            state.received = parse_time(record.private["received_at"])
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


def _mcp(state: State, event: Doc, private: Doc, at: datetime) -> None:
    listed = {"url": private["url"], "tools": private["tools"]}
    state.mcp = state.mcp | {private["server"]: listed}


def _resources(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.session["resources"] = private["resources"]
    state.news += private["news"]


def _rule(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.rules = state.rules | {event["id"]: private}


def _rule_removed(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.rules = {id: rule for id, rule in state.rules.items() if id != private["rule_id"]}


def _input(state: State, event: Doc, private: Doc, at: datetime) -> None:
    call = state.calls.get(private["call_id"])
    if call is not None and call.waits:
        call.original, call.input = call.input, private["input"]


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
    kind = USES[event["type"]]
    state.calls[event["id"]] = Call(
        id=event["id"],
        tool_use_id=private["tool_use_id"],
        name=event["name"],
        input=event["input"],
        kind=kind,
        permission="allow" if kind == "custom" else event["evaluated_permission"],
        reason=private.get("reason", ""),
        server=event.get("mcp_server_name", ""),
        url=private.get("url", ""),
    )


def _result(state: State, event: Doc, private: Doc, at: datetime) -> None:
    _dequeue(state, event)
    if "usage" in private:
        model = state.session["agent"]["model"] | {"speed": "standard"}
        state.usage.add(model, private["usage"], at)
    call = state.calls.get(event[RESULTS[event["type"]]])
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
    state.window.compacting = bool(private.get("compaction"))
    if state.window.compacting:
        return
    state.rounds += 1
    blocks = state.news_blocks
    if blocks:
        state.messages[-1]["content"] += blocks
        state.news = []


def _request_end(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.request = None
    used = event["model_usage"] | private.get("usage", {})
    state.usage.add(state.session["agent"]["model"], used, at)
    if event["is_error"]:
        state.window.failed(private)
        return
    state.failures = 0
    if state.window.compacting:
        state.window.summarised()
        return
    response = private["response"]
    state.params = private.get("request", state.params)
    state.stop_reason = response["stop_reason"]
    state.stop_details = response.get("stop_details")
    state.cuts = state.cuts + 1 if private.get("cut") else 0
    state.owes = response["stop_reason"] in ("pause_turn", EXCEEDED)
    state.window.answered(response["stop_reason"], used, state.session["agent"]["model"]["id"])
    content = [block for block in response["content"] if block != EMPTY]
    if content:
        state.messages.append({"role": "assistant", "content": content})


def _compacted(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.messages = compaction.compacted(state.messages, private["summary"], private["from"])
    state.window.shortened()
    if state.owes and state.messages[-1]["role"] == "assistant":
        _user_turn(state)["content"].append(compaction.GO_ON)


def _running(state: State, event: Doc, private: Doc, at: datetime) -> None:
    if state.startup_seconds is None:
        state.startup_seconds = state.startup(at)
    if state.status == "idle" and not state.mid_turn:
        state.turn += 1
        state.rounds = state.failures = state.cuts = state.window.attempts = 0
        state.stop_reason = state.stop_details = None
    state.status, state.announced, state.stopped = "running", frozenset(), None
    state.running_since = state.running_since or at


def _rescheduled(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status = "rescheduling"
    state.failures += 1


def _error(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.exhausted = event["error"]["retry_status"]["type"] == "exhausted"
    state.news += private.get("news", [])


def _usage(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.usage.active_seconds = event["usage"]["active_seconds"]
    state.running_since = None


def _idle(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status, state.exhausted = "idle", False
    state.stopped = event["stop_reason"]
    state.announced = frozenset(event["stop_reason"].get("event_ids", ()))
    _take_next_agent(state)


def _terminated(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.status = "terminated"


def _updated(state: State, event: Doc, private: Doc, at: datetime) -> None:
    changes = dict(private)
    state.next_agent = changes.pop("agent", state.next_agent)
    state.session |= changes
    _take_next_agent(state)


def _take_next_agent(state: State) -> None:
    if state.next_agent is not None and not state.mid_turn:
        state.session["agent"], state.next_agent = state.next_agent, None


HANDLERS = {
    "private.session": _created,
    "private.note": _note,
    "private.mcp": _mcp,
    "private.resources": _resources,
    "private.rule": _rule,
    "private.rule_removed": _rule_removed,
    "private.input": _input,
    "user.message": _user_message,
    "system.message": _system_message,
    "user.tool_confirmation": _confirmation,
    "user.custom_tool_result": _result,
    "user.interrupt": _interrupted,
    "agent.tool_use": _call,
    "agent.mcp_tool_use": _call,
    "agent.custom_tool_use": _call,
    "agent.tool_result": _result,
    "agent.mcp_tool_result": _result,
    "agent.thread_context_compacted": _compacted,
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
