"""What an idle session takes of the server's memory."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import product
from tests.benchmarks.model import scripted
from tests.benchmarks.table import Row

LIMITS = ("c.JupyterAgents.idle_timeout = 86400.0",)


def rows(*, sessions: int = 2000, first: int = 50) -> Iterator[Row]:
    """sessions: that many more are loaded. first: so many had a turn before, so that all is imported."""
    with scripted() as url, product.server(url, "", LIMITS) as server:
        for _ in range(first):
            _talk(server, server.talk().id)
        before = resident(server.pid)
        ids = [server.talk().id for _ in range(sessions)]
        created = resident(server.pid)
        for id in ids:
            _talk(server, id)
        after = resident(server.pid)
    yield Row(f"server, {first} sessions", before / 1000, unit="MB")
    yield Row("each new idle session", (created - before) / sessions, most=50, unit="kB")
    yield Row("each idle session that had a turn", (after - before) / sessions, most=50, unit="kB")


def resident(pid: int) -> float:
    """A process's memory, kB of 1,000 bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1.024


def _talk(server: product.Server, session_id: str) -> None:
    """One turn, without a stream of its own."""
    sessions = server.client.beta.sessions
    content: Any = [{"type": "text", "text": "hello"}]
    sessions.events.send(session_id, events=[{"type": "user.message", "content": content}])
    while sessions.retrieve(session_id).status != "idle":
        time.sleep(0.002)
