"""What the network refused to a session: told to the agent with each call, and kept for the user.

Host names here come out of a sandbox: names and addresses that the proxy has normalised, untrusted
all the same. Source: docs/sandboxes.md "Network".
"""

from __future__ import annotations

from typing import Any

from jupyter_agents.ids import Clock, rfc3339
from jupyter_agents.sandbox.base import Refusal

KEPT = 100
SAID = 10

Doc = dict[str, Any]


class Refusals:
    """The newest `KEPT` refusals of one session, each host and port once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, int], Doc] = {}
        self._unsaid: dict[tuple[str, int], Refusal] = {}

    def told(self, refusal: Refusal) -> None:
        """Note a refusal."""
        key = (refusal.host, refusal.port)
        self._kept.pop(key, None)
        self._kept[key] = {
            "host": refusal.host,
            "port": refusal.port,
            "reason": refusal.reason,
            "at": rfc3339(self._clock()),
        }
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        if len(self._unsaid) < KEPT:
            self._unsaid[key] = refusal

    def newest(self) -> list[Doc]:
        """``{"host", "port", "reason", "at"}`` of each, oldest first."""
        return list(self._kept.values())

    def take(self) -> str:
        """The sentences about what was refused since this was last asked, or ""."""
        found, self._unsaid = list(self._unsaid.values()), {}
        lines = [f"The network refused {one.host}:{one.port}: {one.reason}." for one in found[:SAID]]
        if len(found) > SAID:
            lines.append(f"It refused {len(found) - SAID} more hosts.")
        return "\n".join(lines)
