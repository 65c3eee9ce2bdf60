"""What becomes of a sandbox while its session has nothing to do: the four hosting patterns.

Source: spec section 19, docs/hosting.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PATTERNS = ("ephemeral", "long-running", "hybrid", "shared")
BRIEF = ("ephemeral", "hybrid")
"""Patterns whose sandbox ends with the turn."""

Due = Literal["keep", "pause", "end", "stop"]


@dataclass(frozen=True)
class Life:
    """A session's pattern, and after how many idle seconds its sandbox is paused and stopped."""

    pattern: str = "long-running"
    pause_after: float = 600.0
    stop_after: float = 3600.0


def due(life: Life, idle: float, *, sandbox: bool, over: bool) -> Due:
    """What is to be done now with a session that is at rest.

    Parameters
    ----------
    idle:
        Seconds since the session last did anything.
    sandbox:
        Whether a sandbox runs or is paused.
    over:
        Whether its turn is over; False where a call waits for the client.

    Returns
    -------
    ``keep`` changes nothing, ``pause`` keeps the sandbox without running it, ``end`` ends the sandbox,
    ``stop`` ends everything that the session holds in this process.
    """
    if idle >= life.stop_after:
        return "stop"
    if sandbox and over and life.pattern in BRIEF:
        return "end"
    if idle < life.pause_after:
        return "keep"
    return "pause" if sandbox and life.pattern not in BRIEF else "stop"
