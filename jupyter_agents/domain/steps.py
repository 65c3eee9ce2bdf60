"""What happens next in a session, by its records alone.

`step` is pure: no await, no I/O, no clock. Source: spec section 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from jupyter_agents.domain.compaction import MAX_COMPACTIONS
from jupyter_agents.domain.events import ANSWERS
from jupyter_agents.domain.state import Call, State

Doc = dict[str, Any]

MAX_CUTS = 3


@dataclass(frozen=True)
class Wait:
    """Nothing to do until a client speaks."""


@dataclass(frozen=True)
class Stop:
    """The session is over."""


@dataclass(frozen=True)
class StartTurn:
    """Go from idle to running."""


@dataclass(frozen=True)
class Settle:
    """Process the clients' answers to calls."""

    events: list[Doc]


@dataclass(frozen=True)
class CallModel:
    """Take the queued messages, then ask the model."""

    messages: list[Doc]


@dataclass(frozen=True)
class Compact:
    """Take the queued user messages, then have the conversation summarised, so that it fits again."""

    messages: list[Doc]


@dataclass(frozen=True)
class RunTools:
    """Run these calls and record their results."""

    calls: list[Call]


@dataclass(frozen=True)
class Deny:
    """Give these calls an error result without running them."""

    calls: list[Call]


@dataclass(frozen=True)
class Retry:
    """Wait for the `attempt`-th time, then ask the model again."""

    attempt: int


@dataclass(frozen=True)
class Interrupt:
    """Close what is open and end the turn."""

    event: Doc


@dataclass(frozen=True)
class EndTurn:
    """Go idle with this stop reason; `error` is a ``session.error`` to record first."""

    reason: Doc
    details: Doc | None = None
    error: tuple[str, str] | None = None


Step = Wait | Stop | StartTurn | Settle | CallModel | Compact | RunTools | Deny | Retry | Interrupt | EndTurn


def step(state: State) -> Step:
    """What happens next. Answers that came before an interrupt count."""
    if state.status == "terminated":
        return Stop()
    answers = [event for event in state.queue if event["type"] in ANSWERS]
    if answers:
        return Settle(answers)
    for event in state.queue:
        if event["type"] == "user.interrupt":
            return Interrupt(event)
    if state.status == "idle":
        return _from_idle(state)
    if state.exhausted:
        return EndTurn({"type": "retries_exhausted"})
    if state.status == "rescheduling":
        return Retry(state.failures)
    return _from_running(state)


def goes_on(state: State, call: Call) -> bool:
    """Whether a result of `call`, given now, leads straight to a model request: no other call is open, no
    client has spoken, and nothing ends the turn."""
    others = any(not other.done for other in state.calls.values() if other.id != call.id)
    if others or state.queue or state.exhausted or state.status != "running":
        return False
    return _ask_or_end(replace(state, owes=True)) == CallModel([])


def queued_messages(state: State) -> list[Doc]:
    """The messages that the model is given next: the user's, then the system's, which follow a user turn."""
    users = [event for event in state.queue if event["type"] == "user.message"]
    follows = bool(users) or bool(state.messages and state.messages[-1]["role"] == "user")
    return [*users, *(event for event in state.queue if follows and event["type"] == "system.message")]


def _asked(state: State) -> bool:
    """Whether a user message waits. A system message alone waits for the next turn."""
    return any(event["type"] == "user.message" for event in state.queue)


def begins(state: State) -> bool:
    """Whether an idle session is about to run."""
    if state.status != "idle":
        return False
    now = step(state)
    return isinstance(now, StartTurn | Settle) or (isinstance(now, Interrupt) and _asked(state))


def _from_idle(state: State) -> Step:
    waiting = frozenset(call.id for call in state.waiting)
    if waiting:
        return Wait() if waiting == state.announced else _requires_action(state)
    if state.calls or state.announced:
        return StartTurn()
    if state.paused and state.over_budget:
        return Wait()
    pending = _asked(state) or (state.paused and state.owes)
    return StartTurn() if pending else Wait()


def _from_running(state: State) -> Step:
    if state.request is not None and not state.window.compacting:
        return CallModel([])
    open_calls = [call for call in state.calls.values() if not call.done]
    denied = [call for call in open_calls if call.denied]
    if denied:
        return Deny(denied)
    runnable = [call for call in open_calls if not call.waits]
    if runnable:
        return RunTools(runnable)
    if open_calls:
        return _requires_action(state)
    return _ask_or_end(state)


def _ask_or_end(state: State) -> Step:
    if state.stop_reason == "refusal":
        return EndTurn({"type": "refusal"}, state.stop_details)
    if not (state.owes or _asked(state)):
        return EndTurn({"type": "end_turn"})
    if state.cuts > MAX_CUTS:
        message = f"The model's answer was cut at its token limit {state.cuts} times in a row."
        return EndTurn({"type": "retries_exhausted"}, error=("tool_use_limit_reached_error", message))
    if state.rounds >= state.max_turns:
        message = f"The turn reached its limit of {state.max_turns} model requests."
        return EndTurn({"type": "retries_exhausted"}, error=("tool_use_limit_reached_error", message))
    if state.over_budget:
        return EndTurn({"type": "budget_reached"})
    queued = queued_messages(state)
    if not state.crowded:
        return CallModel(queued)
    if state.window.attempts >= MAX_COMPACTIONS:
        message = (
            "The conversation no longer fits the model's context window, even after it was summarised "
            f"{MAX_COMPACTIONS} times; start a new session."
        )
        return EndTurn({"type": "retries_exhausted"}, error=("compaction_limit_reached_error", message))
    return Compact(queued)


def _requires_action(state: State) -> EndTurn:
    return EndTurn({"type": "requires_action", "event_ids": [call.id for call in state.waiting]})
