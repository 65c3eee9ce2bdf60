"""What a session's row in the catalog takes from new records, in the same transaction.

Pure. Source: docs/architecture.md, invariant 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_agents.domain.events import Draft
from jupyter_agents.domain.sessions import State

Doc = dict[str, Any]

STATUS = "session.status_"


def row(drafts: Iterable[Draft]) -> Doc:
    """The fields of the session's row that `drafts` change."""
    changes: Doc = {}
    for draft in drafts:
        kind, event = draft.event["type"], draft.event
        if kind == "private.resources":
            changes["resources"] = (draft.private or {})["resources"]
            changes["updated_at"] = event["processed_at"]
        if draft.kind != "event":
            continue
        if kind.startswith(STATUS):
            changes["status"] = _status(kind)
            changes["updated_at"] = event["processed_at"]
            changes |= draft.private or {}
        elif kind == "session.usage":
            changes["usage"] = event["usage"]
        elif kind == "session.updated":
            changes |= draft.private or {}
    return changes


def unsettled(state: State, drafts: Iterable[Draft]) -> bool:
    """Whether, after `drafts`, the session has something to do that must go on after a crash."""
    status = state.status
    queue = {event["id"] for event in state.queue}
    for draft in drafts:
        if draft.kind == "queued":
            queue.add(draft.event["id"])
        elif draft.kind == "event":
            queue.discard(draft.event["id"])
            if draft.event["type"].startswith(STATUS):
                status = _status(draft.event["type"])
    return status in ("running", "rescheduling") or (bool(queue) and status != "terminated")


def _status(kind: str) -> Any:
    return kind.removeprefix(STATUS).replace("rescheduled", "rescheduling")
