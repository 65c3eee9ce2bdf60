"""What a client may send to a session in its present state.

All events of one request are checked together: all are taken or none. Source: spec sections 4.1, 4.2, 5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyter_agents.domain import content
from jupyter_agents.domain.events import ANSWERS
from jupyter_agents.domain.state import State
from jupyter_agents.domain.system_messages import check as check_system_message
from jupyter_agents.errors import Conflict, InvalidRequest, NotSupported

Doc = dict[str, Any]

SETTLING = ("user.tool_confirmation", "user.tool_result", "user.custom_tool_result", "user.interrupt")


def check(state: State, events: Sequence[Doc]) -> None:
    """Raises `InvalidRequest` or `Conflict` for the first event that does not fit."""
    if not events:
        raise InvalidRequest("events: send at least one event.")
    if state.status == "terminated":
        raise Conflict("The session is terminated and takes no more events.")
    answered = {e[ANSWERS[e["type"]]] for e in state.queue if e["type"] in ANSWERS}
    interrupted = any(e["type"] == "user.interrupt" for e in state.queue)
    check_system_message(state, events)
    for position, event in enumerate(events):
        where = f"events.{position}"
        kind = event["type"]
        if kind == "user.define_outcome":
            raise NotSupported(kind)
        if kind == "system.message":
            continue
        if kind == "user.tool_result":
            raise InvalidRequest(f"{where}: user.tool_result is for self-hosted environments only.")
        if kind == "user.interrupt":
            _check_interrupt(state, where, event)
            interrupted = True
        elif kind == "user.message":
            _check_message(state, where, event, interrupted)
        elif interrupted:
            raise InvalidRequest(f"{where}: the session is being interrupted, which closes its open calls.")
        else:
            _check_answer(state, where, event, answered)


def held(state: State) -> bool:
    """Whether the session stands still at its budget."""
    return state.paused and state.over_budget


def stored(state: State, event: Doc) -> bool:
    """Whether an accepted event is kept: an interrupt of a session at its budget has nothing to stop."""
    return not (event["type"] == "user.interrupt" and held(state))


def _check_interrupt(state: State, where: str, event: Doc) -> None:
    thread = event.get("session_thread_id")
    if thread is not None and thread != state.session["thread_id"]:
        raise InvalidRequest(f"{where}.session_thread_id: this session has no such thread.")


def _check_message(state: State, where: str, event: Doc, interrupted: bool) -> None:
    if held(state):
        raise InvalidRequest(
            f"{where}: the session has reached its budget; only {', '.join(SETTLING)} are accepted. "
            "Raise or remove the budget, and it goes on."
        )
    if state.status == "idle" and state.waiting and not interrupted:
        calls = ", ".join(call.id for call in state.waiting)
        raise InvalidRequest(f"{where}: the session waits for answers to {calls}; answer or interrupt first.")
    check_content(f"{where}.content", event["content"])


def check_content(where: str, message: Sequence[Doc]) -> None:
    """Content of a user message: not empty, and what a model can take."""
    if not message:
        raise InvalidRequest(f"{where}: give at least one content block.")
    content.check(where, message)


def _check_answer(state: State, where: str, event: Doc, answered: set[str]) -> None:
    field = ANSWERS[event["type"]]
    call_id = event[field]
    call = state.calls.get(call_id)
    if call is None:
        raise InvalidRequest(f"{where}.{field}: `{call_id[:100]}` is not an open call of this session.")
    if call_id in answered or not call.waits:
        asked = call.custom or call.permission == "ask"
        why = "has been answered already" if asked else "was not asked for"
        raise InvalidRequest(f"{where}.{field}: `{call_id}` {why}.")
    if call.custom != (event["type"] == "user.custom_tool_result"):
        raise InvalidRequest(f"{where}.type: `{call_id}` takes another kind of answer.")
    if event.get("deny_message") and event.get("result") != "deny":
        raise InvalidRequest(f"{where}.deny_message: only with result 'deny'.")
    content.check(f"{where}.content", event.get("content") or [])
    answered.add(call_id)
