"""Looks after sessions that have nothing to do: pauses, ends or gives up their sandboxes.

Source: docs/hosting.md; what is due when is decided by `jupyter_agents.domain.hosting`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jupyter_agents.domain.hosting import Life, due
from jupyter_agents.ids import Clock
from jupyter_agents.runtime.calls import refused
from jupyter_agents.runtime.runner import SessionRunner

Doc = dict[str, Any]

SWEEP_SECONDS = 15.0
RUNS = ("running", "paused")

log = logging.getLogger(__name__)


class IdleWatch:
    """Watches the runners of one server process.

    Parameters
    ----------
    runners:
        By session.
    life:
        The hosting pattern of a session and its times.
    unload:
        Gives up a session that was retired.
    """

    def __init__(
        self,
        runners: Mapping[str, SessionRunner],
        life: Callable[[Doc], Life],
        unload: Callable[[SessionRunner], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._runners = runners
        self._life = life
        self._unload = unload
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look at every session again and again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for runner in list(self._runners.values()):
                await self._look(runner)

    def turn_ended(self, session_id: str) -> None:
        """Look at a session at once: some patterns end the sandbox with the turn."""
        runner = self._runners.get(session_id)
        if runner is not None:
            task = asyncio.create_task(self._look(runner), name=f"look after {session_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what has begun."""
        await asyncio.gather(*self._tasks)

    async def _look(self, runner: SessionRunner) -> None:
        try:
            await self._look_after(runner)
        except Exception:
            log.exception("Session %s: its sandbox cannot be looked after", runner.id)

    async def _look_after(self, runner: SessionRunner) -> None:
        if not runner.resting:
            return
        if runner.tools.refusals.pending:
            await runner.append(lambda: refused(runner))
        idle = (self._clock() - runner.tools.used_at).total_seconds()
        life, over = self._life(runner.state.session), not runner.state.waiting
        match due(life, idle, sandbox=runner.tools.state in RUNS, over=over):
            case "pause":
                await runner.tools.pause()
            case "end":
                await runner.tools.rest()
            case "stop" if runner.retire():
                await self._unload(runner)
