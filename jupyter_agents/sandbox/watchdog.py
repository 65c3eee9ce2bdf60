"""Limits by watching, for what no control group enforces: memory, processes, disk.

Looks at the process tree below the sandbox's first process (through /proc, from outside) and at the
size of the workspace. Over a limit it kills the largest process, or the calls; the next answer says
so. It looks ten times a second while a call runs, else once a second, so a limit can be passed for
a moment: the notes of a sandbox say that. The workspace is measured when the disk's free space has
fallen, and every five seconds of a call, as others may free what this one takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from .base import Limits
from .counters import size_text

BUSY_SECONDS = 0.1
IDLE_SECONDS = 1.0
LOOK_SECONDS = 5.0
DISK_STEP = 64 * 1024 * 1024


class Watchdog:
    """Watches one sandbox until `close`.

    Parameters
    ----------
    pid:
        The sandbox's first process, on the host.
    keepers:
        How many processes, from the top, are the sandbox itself and never killed.
    workspace:
        ``limits.disk`` bounds its size; one that is larger now may not grow.
    processes:
        Whether memory and process counts are watched; not needed with a control group.
    busy:
        Whether a call is open.
    stop:
        Ends the open calls.
    """

    def __init__(
        self,
        pid: int,
        limits: Limits,
        workspace: Path,
        *,
        keepers: int,
        processes: bool,
        busy: Callable[[], bool],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._pid = pid
        self._started = started_at(pid)
        self._limits = limits
        self._workspace = workspace
        self._keepers = keepers
        self._processes = processes
        self._busy = busy
        self._stop = stop
        self._hit: str | None = None
        self._task = asyncio.create_task(self._watch())

    def limit_hit(self) -> str | None:
        """What was hit since this was last asked, as a sentence; None for nothing."""
        hit, self._hit = self._hit, None
        return hit

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _watch(self) -> None:
        base = await asyncio.to_thread(used_bytes, self._workspace)
        seen = free = _free_bytes(self._workspace)
        looked = time.monotonic()
        while True:
            await asyncio.sleep(BUSY_SECONDS if self._busy() else IDLE_SECONDS)
            if self._processes and started_at(self._pid) == self._started:
                self._check_processes()
            free = _free_bytes(self._workspace)
            due = self._busy() and time.monotonic() - looked > LOOK_SECONDS
            if due or seen - free > min(DISK_STEP, self._limits.disk // 4):
                seen, looked = free, time.monotonic()
                used = await asyncio.to_thread(used_bytes, self._workspace)
                if used > max(self._limits.disk, base):
                    self._hit = f"out of disk space ({size_text(self._limits.disk)})"
                    await self._stop()
            seen = max(seen, free)

    def _check_processes(self) -> None:
        tree = process_tree(self._pid)[self._keepers :]
        sizes = {pid: resident_bytes(pid) for pid in tree}
        if sum(sizes.values()) > self._limits.memory:
            largest = max(sizes, key=lambda pid: sizes[pid])
            limit = size_text(self._limits.memory)
            self._hit = f"out of memory ({limit}): a process was killed"
            _kill([largest])
        elif len(tree) > self._limits.pids:
            self._hit = f"too many processes ({self._limits.pids})"
            _kill(tree[::-1])


def started_at(pid: int) -> str:
    """When a process started, in the kernel's ticks: tells it from a later one of the same id."""
    with contextlib.suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[19]
    return ""


def process_tree(pid: int) -> list[int]:
    """`pid` and everything below it, parents before children."""
    tree = [pid]
    for parent in tree:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                tree += [int(word) for word in children.split()]
    return tree


def resident_bytes(pid: int) -> int:
    """Memory of one process that is its own: anonymous and shared-memory pages."""
    total = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def tree_bytes(pid: int) -> int:
    """Memory of `pid` and everything below it, as `resident_bytes` counts it."""
    return sum(map(resident_bytes, process_tree(pid)))


def used_bytes(top: Path) -> int:
    """Allocated bytes of everything below `top`; follows no link."""
    total = 0
    for directory, _, files in os.walk(top):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
    return total


def _free_bytes(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bfree * status.f_frsize


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
