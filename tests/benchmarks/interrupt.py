"""From sending an interrupt, while a tool runs, to the session being idle."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.benchmarks import product
from tests.benchmarks.model import scripted
from tests.benchmarks.table import Row, percentile

SECONDS = 600
WARM = 0.2


def rows(*, times: int = 50) -> Iterator[Row]:
    """times: interrupts, of one session."""
    if not shutil.which("bwrap"):
        return
    with scripted() as url, product.server(url, "bubblewrap") as server:
        session = server.session()
        product.turn(server, session.id, "calls 1")
        late = [_interrupt(server, session.id) for _ in range(times)]
    yield Row("interrupt of a running tool to idle, median", median(late))
    yield Row(f"  p99 of {times}", percentile(late, 0.99), most=0.5)


def _interrupt(server: product.Server, session_id: str) -> float:
    events = server.client.beta.sessions.events
    content: Any = [{"type": "text", "text": f"sleep {SECONDS}"}]
    sent, reason = 0.0, ""
    with events.stream(session_id) as stream:
        events.send(session_id, events=[{"type": "user.message", "content": content}])
        for event in stream:
            if event.type == "agent.tool_use":
                time.sleep(WARM)
                sent = time.perf_counter()
                events.send(session_id, events=[{"type": "user.interrupt"}])
            elif event.type == "session.status_idle":
                if not sent:
                    raise RuntimeError("the turn ended before the tool ran")
                reason = event.stop_reason.type
                break
    assert reason == "end_turn", reason
    return time.perf_counter() - sent
