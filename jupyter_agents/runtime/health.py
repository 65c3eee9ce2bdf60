"""The sandboxes of this process, one by one: what they are, whether they run, since when they are idle.

Source: docs/local-api.md ``local/sandboxes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_agents.ids import rfc3339

if TYPE_CHECKING:
    from jupyter_agents.runtime.context import Context
    from jupyter_agents.runtime.runner import SessionRunner

Doc = dict[str, Any]

THERE = ("starting", "running", "paused")


def sandboxes(context: Context) -> Iterator[tuple[str, str]]:
    """Kind and state of each; those that wait for a session are ``warm``."""
    for runner in context.manager.runners():
        if runner.tools.state in THERE:
            yield runner.tools.kind or "unknown", runner.tools.state
    for kind, warm in context.sandboxes.warm().items():
        yield from [(kind, "warm")] * warm.ready


def warm(context: Context) -> list[Doc]:
    """The sandboxes that wait for a session: a row for each kind that keeps some."""
    return [{"kind": kind, **asdict(state)} for kind, state in context.sandboxes.warm().items()]


async def report(context: Context) -> list[Doc]:
    """A row for each session that this process holds, by session."""
    runners = sorted(context.manager.runners(), key=lambda runner: runner.id)
    return list(await asyncio.gather(*(_row(context, runner) for runner in runners)))


async def _row(context: Context, runner: SessionRunner) -> Doc:
    tools, life = runner.tools, context.sandboxes.settings(runner.state.session).life
    idle = runner.resting
    return {
        "session_id": runner.id,
        "title": runner.state.session["title"],
        "agent": runner.state.session["agent"]["name"],
        "status": "broken" if runner.broken else runner.status,
        "hosting": life.pattern,
        "kind": tools.kind,
        "state": tools.state,
        "idle_since": rfc3339(tools.used_at) if idle else None,
        "pauses_after_seconds": life.pause_after,
        "stops_after_seconds": life.stop_after,
        "memory_bytes": await tools.memory(),
        "notes": list(tools.notes),
    }
