"""A run as a table: one row for each event, step or model request.

Source: docs/runs.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_agents.cell.transcript import TOKENS, elapsed, plain
from jupyter_agents.kernel.load import need
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.requests import Request

Doc = dict[str, Any]

OF = ("events", "steps", "requests")
EVENTS = ("at", "type", "id", "name", "text", "input", "is_error", *TOKENS)
STEPS = ("kind", "name", "status", "text", "input", "seconds", "id")
REQUESTS = ("started_at", "ended_at", "seconds", *TOKENS, "cost", "is_error", "replayed", "id")


def check(of: str) -> None:
    """Raises `AgentError` for what is no table of a run."""
    if of not in OF:
        raise AgentError(f"to_frame() makes a table of {', '.join(OF)}; not of {of!r}.")


def frame(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
    """A DataFrame with these columns; times are timestamps in UTC. Raises `AgentError` without pandas."""
    pandas = need("pandas", "tables")
    made = pandas.DataFrame(list(rows), columns=list(columns))
    for name in ("at", "started_at", "ended_at"):
        if name in made:
            made[name] = pandas.to_datetime(made[name], utc=True, format="ISO8601")
    for name in TOKENS:
        if name in made:
            made[name] = made[name].astype("Int64")
    return made


def event_row(event: Mapping[str, Any]) -> Doc:
    """One event of the wire."""
    usage = event.get("model_usage") or {}
    error = event.get("error") or {}
    return {
        "at": event.get("processed_at"),
        "type": event.get("type"),
        "id": event.get("id"),
        "name": event.get("name"),
        "text": plain(event.get("content")) or error.get("message"),
        "input": event.get("input"),
        "is_error": event.get("is_error"),
        **{name: usage.get(name) for name in TOKENS},
    }


def step_row(step: Mapping[str, Any]) -> Doc:
    """One step of the transcript (docs/transcript.md)."""
    said = step.get("markdown") or step.get("text") or plain(step.get("output"))
    known = {name: step.get(name) for name in ("kind", "name", "status", "input", "seconds", "id")}
    return known | {"text": said or None}


def request_row(request: Request) -> Doc:
    """One model request."""
    return {
        "started_at": request.started_at,
        "ended_at": request.ended_at,
        "seconds": elapsed(request.started_at, request.ended_at),
        **{name: request.usage.get(name) for name in TOKENS},
        "cost": request.cost,
        "is_error": request.is_error,
        "replayed": request.replayed,
        "id": request.id,
    }
