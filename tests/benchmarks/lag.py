"""Counts the stalls of a server's event loop, from inside: a configuration file calls `watch`."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from tornado.ioloop import IOLoop

TICK = 0.005
STALL = 0.010
WRITE_SECONDS = 0.5


def watch(path: str) -> None:
    """Write every stall, its time and its seconds, to `path` twice a second; a stall is a late tick."""
    IOLoop.current().add_callback(_watch, Path(path))


async def _watch(path: Path) -> None:
    stalls, written = list[tuple[float, float]](), 0.0
    while True:
        begin = time.monotonic()
        await asyncio.sleep(TICK)
        late = time.monotonic() - begin - TICK
        if late > STALL:
            stalls.append((time.time(), late))
        if begin - written > WRITE_SECONDS:
            written = begin
            new = path.with_suffix(".new")
            new.write_text(json.dumps(stalls))
            new.replace(path)


def read(path: Path, since: float) -> tuple[int, float]:
    """The number of stalls since a time of the wall clock, and the longest of them, seconds."""
    found = [late for at, late in json.loads(path.read_text()) if at >= since]
    return len(found), max(found, default=0.0)
