"""The names that completion offers: asked for in the background, so that Tab never waits long."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from jupyter_agents.kernel.notebook import Notebook

FRESH_SECONDS = 1.0
WAIT_SECONDS = 0.5
MOST = 100


class Known:
    """The server's agents, environments and newest sessions, as of about a second ago."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._asked = -FRESH_SECONDS
        self._asking: Future[None] | None = None
        self.agents: set[str] = set()
        self.environments: set[str] = set()
        self.sessions: set[str] = set()

    def refresh(self) -> None:
        """Ask again where it is time, and wait for the answer at most half a second.

        A kernel that has no connection yet asks nothing: Tab starts no server.
        """
        if not self._notebook.connected:
            return
        now = time.monotonic()
        if (self._asking is None or self._asking.done()) and now - self._asked > FRESH_SECONDS:
            self._asked = now
            self._asking = self._notebook.worker.submit(self._ask(self._notebook.connection.sdk.beta))
        if self._asking is not None:
            try:
                self._asking.result(WAIT_SECONDS)
            except Exception:
                return

    async def _ask(self, beta: Any) -> None:
        self.agents = {one.name for one in (await beta.agents.list(limit=MOST)).data}
        self.environments = {one.name for one in (await beta.environments.list(limit=MOST)).data}
        self.sessions = {one.id for one in (await beta.sessions.list(limit=MOST)).data}
