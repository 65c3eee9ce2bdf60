"""Tells local readers of what other processes append to their sessions.

Several server processes may open one store. Source: docs/decisions.md "Processes".
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from jupyter_agents.ids import Clock, NewId, rfc3339
from jupyter_agents.runtime.streams import Hub
from jupyter_agents.store.catalog import Catalog
from jupyter_agents.store.journal import Journal

FOLLOW_SECONDS = 0.1
LAST = ("session.deleted", "session.status_terminated")

log = logging.getLogger(__name__)


class Follower:
    """Follows the journals of listened-to sessions that this process does not run.

    Parameters
    ----------
    runs:
        Whether this process runs a session, and so publishes its events itself.
    """

    def __init__(
        self,
        journal: Journal,
        catalog: Catalog,
        hub: Hub,
        runs: Callable[[str], bool],
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self._hub = hub
        self._runs = runs
        self._clock = clock
        self._new_id = new_id

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            for session_id in self._hub.sessions():
                if self._runs(session_id):
                    continue
                try:
                    self.catch_up(session_id)
                except sqlite3.Error as error:
                    log.warning("Session %s cannot be followed: %s", session_id, error)

    def catch_up(self, session_id: str) -> None:
        """Publish what was appended since a local reader last heard of the session."""
        seen = self._hub.seen.get(session_id)
        if seen is None:
            return
        for record in self._journal.read(session_id, seen):
            if record.kind == "event":
                self._hub.publish(session_id, record.event, record.seq)
                if record.event["type"] in LAST:
                    self._hub.end(session_id)
        if self._catalog.find("session", session_id) is None:
            self.deleted(session_id)

    def deleted(self, session_id: str) -> None:
        """Tell readers that a session is gone, and end their streams."""
        now = rfc3339(self._clock())
        event = {"id": self._new_id("sevt"), "type": "session.deleted", "processed_at": now}
        self._hub.publish(session_id, event, self._hub.seen.get(session_id, 0) + 1)
        self._hub.end(session_id)
