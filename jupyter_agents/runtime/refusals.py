"""What the network refused to a session: told to the agent with each call, and to the journal for the user.

Host names here come out of a sandbox: names and addresses that the proxy has normalised, untrusted
all the same. Source: docs/sandboxes.md "Network".
"""

from __future__ import annotations

from typing import Any

from jupyter_agents.domain.refused import KEPT, newest
from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.sandbox.base import Refusal

SAID = 10

Doc = dict[str, Any]


class Refusals:
    """What the proxies of one session told, until it is said and journaled; each host and port once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: list[Doc] = []
        self._unsaid: dict[tuple[str, int], Refusal] = {}

    def told(self, refusal: Refusal) -> None:
        """Note a refusal."""
        found = {"host": refusal.host, "port": refusal.port, "reason": refusal.reason}
        self._pending = newest([*self._pending, found | {"at": rfc3339(self._clock())}])
        if len(self._unsaid) < KEPT:
            self._unsaid[(refusal.host, refusal.port)] = refusal

    @property
    def pending(self) -> list[Doc]:
        """``{"host", "port", "reason", "at"}`` of each that the journal does not have, oldest first."""
        return list(self._pending)

    def journaled(self) -> list[Doc]:
        """What is `pending`, which the caller journals."""
        found, self._pending = self._pending, []
        return found

    def take(self) -> str:
        """The sentences about what was refused since this was last asked, or ""."""
        found, self._unsaid = list(self._unsaid.values()), {}
        lines = [f"The network refused {one.host}:{one.port}: {one.reason}." for one in found[:SAID]]
        if len(found) > SAID:
            lines.append(f"It refused {len(found) - SAID} more hosts.")
        return "\n".join(lines)
