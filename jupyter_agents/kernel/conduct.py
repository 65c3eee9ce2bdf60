"""Follow one turn to its end, or to where someone must answer.

`--on-ask` says what happens where a call waits: ``return`` ends the cell, ``deny`` answers no
(where there is no one to ask, so that papermill and nbclient never hang), ``fail`` ends it as an
error, ``wait`` goes on following until someone answers anywhere, ``allow`` answers yes.

Source: docs/decisions.md "Magics", spec 5.2 and 5.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from jupyter_agents.cell.glance import previews
from jupyter_agents.cell.steps import Tool
from jupyter_agents.kernel.calls import Calls
from jupyter_agents.kernel.run import Run, RunFile
from jupyter_agents.kernel.session import AgentSession, text

ELSEWHERE = ("user", "undo")
"""Who makes changes that are not the turn's."""

ON_ASK = ("wait", "return", "deny", "allow", "fail")
NOBODY = "Nobody is there to approve: this notebook runs without input."
NO_KERNEL_TOOL = "This notebook does not offer that tool."


async def conduct(
    run: Run,
    events: Any,
    on_ask: str,
    changed: Callable[[], None],
    settled: frozenset[str] = frozenset(),
    calls: Calls | None = None,
) -> None:
    """Take `events` into `run` until the turn is over or must wait.

    The session tells after each answer which calls still wait; those that are being answered here run.

    Parameters
    ----------
    events:
        An async generator of the SDK's events: `AgentSession.turn`, whose first one names the turn,
        or `AgentSession.follow` where the run knows its turn.
    on_ask:
        One of `ON_ASK`.
    changed:
        Called after each event, on the worker's thread.
    settled:
        Ids of events, and of calls, whose question was answered already.
    calls:
        Runs the tools of this kernel.
    """
    async with aclosing(events) as following:
        await _consume(run, following, on_ask, changed, settled, calls)
    await finish(run)
    changed()


async def finish(run: Run) -> None:
    """What is not in the events: files, sandbox, cost."""
    session = run.session
    session.settled = run.transcript.over
    connection = session.connection
    run.sandbox = await connection.get(f"sessions/{session.id}/sandbox")
    changes = await connection.get(f"sessions/{session.id}/changes?after={run.transcript.first_event_id}")
    made = [c for c in changes["data"] if c["path"] not in session.files and c.get("by") not in ELSEWHERE]
    run.files = _files(made, run.sandbox, connection.is_local)
    workspace = _workspace(run.sandbox, connection.is_local)
    run.previews = await asyncio.to_thread(previews, workspace, [file.path for file in run.files])
    await session.refresh()
    asked = await connection.get(f"sessions/{session.id}/requests?turn={run.transcript.first_event_id}")
    run.cost = asked["cost_usd"]


async def _consume(
    run: Run,
    events: AsyncIterator[Any],
    on_ask: str,
    changed: Callable[[], None],
    settled: frozenset[str],
    calls: Calls | None,
) -> None:
    answered = set(settled)
    running: set[str] = set()
    async for event in events:
        if run.transcript.first_event_id is None:
            run.begin(event.id, sent=True)
            continue
        run.add(event)
        for tool in run.transcript.waiting:
            if tool.id in running:
                run.mark(tool.id, status="running")
        changed()
        if run.transcript.over:
            return
        ended = running - run.transcript.running
        running -= ended
        asks = event.type == "session.status_idle" and event.id not in settled
        if running or run.status != "waiting" or not (asks or ended):
            continue
        waiting = [tool for tool in run.transcript.waiting if tool.id not in answered]
        if calls is not None:
            for tool in waiting:
                if calls.takes(tool, _event_type(run, tool)) and await calls.answer(tool, on_ask, changed):
                    running.add(tool.id)
        answered |= running
        if running or not waiting:
            continue
        if on_ask in ("return", "fail") or (on_ask == "wait" and _needs_a_program(run)):
            return
        if on_ask in ("deny", "allow"):
            for tool in waiting:
                answered.add(tool.id)
                await answer(run.session, tool, _event_type(run, tool), on_ask == "allow")


async def answer(session: AgentSession, tool: Tool, kind: str, allow: bool, reason: str = NOBODY) -> None:
    """Answer a waiting call: yes, or no with `reason`; a custom tool can only be refused here."""
    if kind == "agent.custom_tool_use":
        await session.send(
            {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": tool.id,
                "is_error": True,
                "content": [text(NO_KERNEL_TOOL)],
            }
        )
        return
    verdict = {"result": "allow"} if allow else {"result": "deny", "deny_message": reason}
    await session.send({"type": "user.tool_confirmation", "tool_use_id": tool.id, **verdict})


def _needs_a_program(run: Run) -> bool:
    """Whether a call waits that no person can let run."""
    return any(_event_type(run, tool) == "agent.custom_tool_use" for tool in run.transcript.waiting)


def _event_type(run: Run, tool: Tool) -> str:
    """The type of the event that made the call."""
    return next((event.type for event in run.events if event.id == tool.id), "agent.tool_use")


def _files(changes: list[dict[str, Any]], sandbox: Any, local: bool) -> list[RunFile]:
    """The last change of each file that is still there."""
    latest = {str(change["path"]): change for change in changes}
    workspace = _workspace(sandbox, local)
    base = sandbox.get("path")
    return [
        RunFile(change, workspace, f"{base}/{path}" if base else None)
        for path, change in sorted(latest.items())
        if change["kind"] != "deleted"
    ]


def _workspace(sandbox: Any, local: bool) -> Path | None:
    """The session's folder, where it is on this machine."""
    return Path(sandbox["workspace"]) if local and sandbox.get("workspace") else None
