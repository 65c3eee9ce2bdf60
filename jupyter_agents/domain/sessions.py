"""A session as a fold over its journal: `apply` reads one record; `steps.step` says what happens next.

Pure: no await, no I/O, no clock. Source: spec sections 3 to 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from jupyter_agents.domain import compaction
from jupyter_agents.domain.events import RESULTS, Record
from jupyter_agents.domain.state import Call, Kind, State
from jupyter_agents.domain.window import EXCEEDED
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]

MAX_FAILURES = 6
USES: dict[str, Kind] = {
    "agent.tool_use": "built_in",
    "agent.mcp_tool_use": "mcp",
    "agent.custom_tool_use": "custom",
}
EMPTY = {"type": "text", "text": ""}


def fold(records: Iterable[Record]) -> State:
    """The state that a session's records, from the first on, lead to."""
    state = State()
    for record in records:
        apply(state, record)
    return state


def apply(state: State, record: Record) -> State:
    """`state` after `record`. The state given is used up. Unknown types pass through.

    Handled: queued client events; ``private.session``, ``private.note``, ``private.resources``,
    ``private.mcp``, ``private.rule``, ``private.rule_removed``, ``private.input``, ``private.undo``;
    ``user.*``, ``system.message``;
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
    state.session = dict(private)


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


def _undone(state: State, event: Doc, private: Doc, at: datetime) -> None:
    state.news += private["news"]


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
    "private.undo": _undone,
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
