"""Which provider serves a kind of sandbox: found out when first asked.

Where none does, as while an engine is away, that is found out again, when asked later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from jupyter_agents.runtime.session_sandbox import STARTING_SECONDS
from jupyter_agents.sandbox.base import SandboxProvider
from jupyter_agents.sandbox.choose import Choice, choose

AGAIN_SECONDS = 5.0

Key = tuple[str, str | None]


class Choices:
    """The choices of one server.

    Parameters
    ----------
    providers:
        Best first.
    chosen:
        Told of each choice, with what was wanted.
    auto:
        The kinds that ``auto`` may take (`choose`).
    """

    def __init__(
        self,
        providers: Sequence[SandboxProvider],
        chosen: Callable[[str, Choice], None],
        auto: Sequence[str],
    ) -> None:
        self._providers = providers
        self._chosen = chosen
        self._auto = auto
        self._tasks: dict[Key, asyncio.Task[Choice]] = {}
        self._at: dict[Key, float] = {}

    def get(self, wanted: str, image: str | None = None) -> asyncio.Task[Choice]:
        """The choice for ``auto`` or a kind, with an image of its own where one is asked for."""
        key = wanted, image
        if key not in self._tasks or self._outdated(key):
            self._tasks[key] = asyncio.create_task(self._choose(*key))
        return self._tasks[key]

    def clear(self) -> None:
        """Find out everything anew when asked."""
        self._tasks.clear()

    async def settle(self) -> None:
        """Let probes that are under way through: cut short, their processes could be left behind."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STARTING_SECONDS)

    async def close(self) -> None:
        """End the others."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _choose(self, wanted: str, image: str | None) -> Choice:
        choice = await choose(self._providers, wanted, auto=self._auto, image=image)
        self._at[wanted, image] = time.monotonic()
        self._chosen(wanted, choice)
        return choice

    def _outdated(self, key: Key) -> bool:
        task = self._tasks[key]
        if not task.done() or task.cancelled() or task.exception() or task.result().provider is not None:
            return False
        return time.monotonic() - self._at[key] > AGAIN_SECONDS
