"""The journal of a fork: another session's up to an event, and what closes the turn that this cuts.

Pure. An event can be forked from once its turn is over. Source: docs/files.md "Fork".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_agents.domain.events import Draft, Record
from jupyter_agents.domain.history import WORKSPACE, History, Version, of
from jupyter_agents.domain.history import read as read_history
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.settings import PREFIX
from jupyter_agents.domain.state import State
from jupyter_agents.errors import Conflict, NotFound

Doc = dict[str, Any]

FORKED_FROM = f"{PREFIX}forked-from"
OWN = frozenset({f"{PREFIX}workspace", FORKED_FROM})
"""Metadata that a fork does not take over."""
ENDED = ("session.status_terminated", "session.thread_status_terminated")


@dataclass(frozen=True)
class Cut:
    """What a fork takes over. files: by path, as they were right after the event."""

    records: Sequence[Record]
    history: History
    files: Mapping[str, Version]


def cut(records: Iterable[Record], event_id: str) -> Cut:
    """The records up to an event, without what was still waiting then.

    Raises
    ------
    NotFound
        The event is none of them.
    Conflict
        Its turn is not over.
    """
    kept: list[Record] = []
    later: list[Record] = []
    state, found, over = State(), False, False
    for record in records:
        apply(state, record)
        (later if found else kept).append(record)
        found = found or (record.kind == "event" and record.event["id"] == event_id)
        over = over or (found and _is_over(state))
    if not found:
        raise NotFound(f"Event `{event_id[:100]}` not found in this session.")
    if not over:
        raise Conflict(
            "The turn of this event is not over: wait until the session is idle, or interrupt it; or fork "
            "from an event of an earlier turn."
        )
    processed = {record.event["id"] for record in kept if record.kind == "event"}
    kept = [r for r in kept if r.kind != "queued" or r.event["id"] in processed]
    history = read_history(kept)
    return Cut(kept, history, history.present if history.begun else _first_look(later))


def drafts(records: Iterable[Record], doc: Doc) -> list[Draft]:
    """`records` for the session `doc`, whose metadata says where it comes from."""
    made = []
    for record in records:
        kind, private = record.event["type"], record.private
        if kind in ENDED:
            continue
        if kind == "private.session":
            private = doc
        elif kind == "session.updated" and private and "metadata" in private:
            private = private | {"metadata": metadata(private["metadata"], doc["metadata"][FORKED_FROM])}
        made.append(Draft(record.kind, record.event, private))
    return made


def metadata(given: Mapping[str, str], source: str) -> dict[str, str]:
    """A fork's metadata; source: the session and the event that it comes from."""
    return {key: value for key, value in given.items() if key not in OWN} | {FORKED_FROM: source}


def _is_over(state: State) -> bool:
    return state.status == "terminated" or (state.status == "idle" and not state.mid_turn)


def _first_look(records: Iterable[Record]) -> dict[str, Version]:
    """What was found before the first call, where that came later."""
    looks = (r for r in records if r.event["type"] == WORKSPACE)
    return {doc["path"]: of(doc) for look in looks for doc in (look.private or {})["files"]}
