"""Many sessions that stream at once to a client in a process of its own, beside a bare SSE server.

Every delta carries the time at which it was sent; the client says how late it was. Meanwhile this
process asks Jupyter's own status, and the server counts the stalls of its event loop.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.benchmarks import lag, product
from tests.benchmarks.model import scripted
from tests.benchmarks.table import Row, percentile

STATUS_SECONDS = 0.05
LAG_FLUSH_SECONDS = 1.0


def rows(*, sessions: int = 50, deltas: int = 200) -> Iterator[Row]:
    """deltas: of each session, at 20 a second."""
    with _bare(deltas) as url:
        _, floor = _client(url, "none", [f"s{number}" for number in range(sessions)], 0)
    with tempfile.TemporaryDirectory() as name:
        stalls = Path(name) / "stalls"
        extra = ("from tests.benchmarks import lag", f"lag.watch({str(stalls)!r})")
        with scripted() as url, product.server(url, "", extra) as server:
            ids = [server.talk().id for _ in range(sessions)]
            begin = time.time()
            with _asking(server) as waits:
                events, late = _client(f"{server.url.rstrip('/')}/jupyter-agents", "benchmark", ids, deltas)
            _check(server, events, late, sessions * deltas)
            time.sleep(LAG_FLUSH_SECONDS)
            number, longest = lag.read(stalls, begin)
    yield Row(f"floor: bare SSE, {sessions} streams of 20/s, p99", percentile(floor, 0.99))
    yield Row("delta, model to client, median", percentile(late, 0.5), percentile(floor, 0.5))
    yield Row("delta, model to client, p99", percentile(late, 0.99), percentile(floor, 0.99))
    yield Row("deltas or events lost", 0, most=0, unit="")
    yield Row("Jupyter's /api/status meanwhile, p99", percentile(waits, 0.99), most=0.050)
    yield Row("stalls of the event loop above 10 ms", number, unit="")
    yield Row("  the longest", longest)


def _check(server: product.Server, events: dict[str, list[str]], late: list[float], wanted: int) -> None:
    """Raise unless every delta came, and every event of the journal that the stream was to show."""
    if len(late) != wanted:
        raise RuntimeError(f"{len(late)} of {wanted} deltas came")
    for session_id, seen in events.items():
        stored = [event.id for event in server.client.beta.sessions.events.list(session_id)]
        if stored != seen:
            raise RuntimeError(f"{session_id}: the stream showed {len(seen)} of {len(stored)} events")


def _client(url: str, token: str, ids: list[str], deltas: int) -> tuple[dict[str, list[str]], list[float]]:
    """Follow sessions in another process; the events' ids by session, and how late each delta was."""
    order = {"url": url, "token": token, "ids": ids, "deltas": deltas}
    command = [sys.executable, "-m", "tests.benchmarks.follower"]
    done = subprocess.run(command, input=json.dumps(order), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found["events"], found["late"]


@contextmanager
def _bare(deltas: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.static", str(deltas)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


@contextmanager
def _asking(server: product.Server) -> Iterator[list[float]]:
    """Ask ``/api/status`` again and again; how long each answer took, seconds."""
    waits, over = list[float](), threading.Event()

    def ask() -> None:
        headers = {"Authorization": "Bearer benchmark"}
        with httpx2.Client(headers=headers, trust_env=False, timeout=30) as client:
            while not over.wait(STATUS_SECONDS):
                begin = time.perf_counter()
                client.get(f"{server.url.rstrip('/')}/api/status").raise_for_status()
                waits.append(time.perf_counter() - begin)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()
