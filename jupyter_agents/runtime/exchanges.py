"""What the model was asked and what it answered, rebuilt from a session's journal.

The journal keeps each request without its messages, and those are a fold over the records before it.
A request is what the server built: images and documents that a message names by a file's id stay
named, and a field that the endpoint turned down (`jupyter agents doctor`) may still stand in it.

Source: docs/local-api.md, docs/decisions.md "Replay".
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from jupyter_agents.domain import pricing
from jupyter_agents.domain.events import Record
from jupyter_agents.domain.prompt import build_request
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.errors import NotFound

Doc = dict[str, Any]

START, END = "span.model_request_start", "span.model_request_end"
OVER = ("session.status_idle", "session.status_terminated")


def of_turn(records: Iterable[Record], turn: str) -> Doc:
    """The model requests of one turn, in short, and what the turn cost.

    Parameters
    ----------
    turn:
        The id of the ``user.message`` that began it.

    Returns
    -------
    dict
        ``data``: for each request its ``id`` (of its ``span.model_request_start``), ``started_at``,
        ``ended_at``, ``is_error``, ``replayed``, ``usage`` (tokens) and ``cost_usd``. ``cost_usd`` of
        the turn: US dollars by list prices, to the last digit, tools that ask a model included; None
        where the model has no price.

    Raises
    ------
    NotFound
        The session has no such message.
    """
    state = State()
    before: Decimal | None = None
    data: list[Doc] = []
    for record in records:
        spent = state.usage.cost
        apply(state, record)
        event = record.event
        if record.kind != "event":
            continue
        if before is None:
            before = spent if event["id"] == turn and event["type"] == "user.message" else None
        elif event["type"] == START:
            data.append(_started(event))
        elif event["type"] == END and data:
            data[-1] |= _ended(state, record, state.usage.cost - spent)
        elif event["type"] in OVER and not _waits(event):
            break
    if before is None:
        raise NotFound(f"The session has no user.message `{turn[:100]}` that was processed.")
    return {"data": data, "cost_usd": _dollars(state, state.usage.cost - before)}


def whole(records: Iterable[Record], request: str) -> Doc:
    """One request as it was sent and the answer to it.

    Parameters
    ----------
    request:
        The id of its ``span.model_request_start``.

    Returns
    -------
    dict
        ``id``; ``request``: the body for ``POST /v1/messages``; ``response``: ``content``,
        ``stop_reason``, ``stop_details``, ``model``, ``id`` and ``usage``, or None where there is none.

    Raises
    ------
    NotFound
        The session has no such request.
    """
    state = State()
    found: Doc | None = None
    for record in records:
        apply(state, record)
        event = record.event
        if record.kind != "event":
            continue
        if event["type"] == START and event["id"] == request:
            found = {"id": request, "request": build_request(state), "response": None}
        elif found is not None and event["type"] == END:
            private = record.private or {}
            if "response" in private:
                found["request"] = _as_sent(found["request"], state.params)
                found["response"] = private["response"] | {"usage": private["usage"]}
            break
    if found is None:
        raise NotFound(f"The session has no model request `{request[:100]}`.")
    return found


def _as_sent(built: Doc, params: Doc) -> Doc:
    """`built` with the recorded fields; its cache mark goes where the recorded ones have none."""
    messages: list[Doc] = built["messages"]
    system = params.get("system")
    if system and "cache_control" not in system[-1]:
        messages = [m | {"content": [_unmarked(block) for block in m["content"]]} for m in messages]
    return params | {"messages": messages}


def _unmarked(block: Doc) -> Doc:
    return {key: value for key, value in block.items() if key != "cache_control"}


def _started(event: Doc) -> Doc:
    return {
        "id": event["id"],
        "started_at": event["processed_at"],
        "ended_at": None,
        "is_error": False,
        "replayed": False,
        "usage": None,
        "cost_usd": None,
    }


def _ended(state: State, record: Record, cost: Decimal) -> Doc:
    event, private = record.event, record.private or {}
    return {
        "ended_at": event["processed_at"],
        "is_error": event["is_error"],
        "replayed": bool(private.get("replayed")),
        "usage": event["model_usage"],
        "cost_usd": _dollars(state, cost),
    }


def _waits(event: Doc) -> bool:
    reason: Doc = event.get("stop_reason") or {}
    return reason.get("type") == "requires_action"


def _dollars(state: State, cost: Decimal) -> float | None:
    known = state.usage.priced and pricing.model(state.session["agent"]["model"]["id"]).known
    return float(cost) if known else None
