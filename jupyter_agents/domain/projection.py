"""What a session's row in the catalog takes from new records, in the same transaction.

Pure. Source: docs/architecture.md, invariant 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_agents.domain import budget
from jupyter_agents.domain.events import BUDGET_REACHED, Draft
from jupyter_agents.domain.state import State
from jupyter_agents.ids import parse_time

Doc = dict[str, Any]

STATUS = "session.status_"


def row(state: State, drafts: Iterable[Draft]) -> Doc:
    """The fields of the session's row that `drafts`, which follow on `state`, change.

    An idle session runs from the moment that something is sent to it.
    """
    changes: Doc = {}
    for draft in drafts:
        kind, event = draft.event["type"], draft.event
        if kind == "private.resources":
            changes["resources"] = (draft.private or {})["resources"]
            changes["updated_at"] = event["processed_at"]
        if draft.kind == "queued" and kind != "user.interrupt" and state.status == "idle":
            changes["status"] = "running"
        if draft.kind != "event":
            continue
        if kind.startswith(STATUS):
            changes["status"] = _status(kind)
            changes["updated_at"] = event["processed_at"]
            changes |= draft.private or {}
            changes |= _firsts(state, kind, event)
        elif kind == "session.usage":
            changes["usage"] = event["usage"]
        elif kind == "session.updated":
            changes |= (draft.private or {}) | {"updated_at": event["processed_at"]}
    return changes


def _firsts(state: State, kind: str, event: Doc) -> Doc:
    if kind == STATUS + "running" and state.startup_seconds is None:
        return {"startup_seconds": state.startup(parse_time(event["processed_at"]))}
    return {"idled": True} if kind == STATUS + "idle" else {}


def unsettled(state: State, drafts: Iterable[Draft]) -> bool:
    """Whether, after `drafts`, the session has something to do that must go on after a crash."""
    status, stopped, cap = state.status, state.stopped, state.session.get("budget")
    queue = {event["id"] for event in state.queue}
    for draft in drafts:
        event = draft.event
        if draft.kind == "queued":
            queue.add(event["id"])
        elif draft.kind == "event":
            queue.discard(event["id"])
            if event["type"].startswith(STATUS):
                status, stopped = _status(event["type"]), event.get("stop_reason")
            elif event["type"] == "session.updated":
                cap = (draft.private or {}).get("budget", cap)
    paused = status == "idle" and stopped == BUDGET_REACHED
    resumes = paused and state.owes and not budget.spent(state.usage, cap)
    return status in ("running", "rescheduling") or (bool(queue) and status != "terminated") or resumes


def _status(kind: str) -> Any:
    return kind.removeprefix(STATUS).replace("rescheduled", "rescheduling")
