"""The process tree below the toolhost: who is there, who has ended, and how to end the rest."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
STOP_PASSES = 20

Process: TypeAlias = "tuple[int, str]"
"""A pid and its start time, which together name one process."""

NOBODY: frozenset[Process] = frozenset()
KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it, and unreadable for its siblings."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


class Children:
    """Processes that the toolhost itself started, and how they ended.

    One thread calls `reap` after each SIGCHLD; any thread spawns and waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, threading.Event] = {}
        self._status: dict[int, int] = {}

    def add(self, start: Callable[[], int]) -> int:
        """Start a process by calling `start`, which returns its pid."""
        with self._lock:
            pid = start()
            self._running[pid] = threading.Event()
            return pid

    def reap(self) -> None:
        """Take in every process that has ended."""
        with self._lock:
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return
                if pid == 0:
                    return
                ended = self._running.pop(pid, None)
                if ended is not None:
                    self._status[pid] = status
                    ended.set()

    def status(self, pid: int) -> int | None:
        """The exit status (negative: minus the signal) of one that ended, None while it runs.

        Handed out once.
        """
        with self._lock:
            status = self._status.pop(pid, None)
        if status is None:
            return None
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def wait(self, pid: int) -> int:
        """Block until `pid` ended; its exit status as in `status`."""
        with self._lock:
            ended = self._running.get(pid)
        if ended is not None:
            ended.wait()
        status = self.status(pid)
        return 0 if status is None else status

    def kill(self, pid: int) -> None:
        """SIGKILL for `pid` if it has not been taken in yet."""
        with self._lock:
            if pid in self._running:
                os.kill(pid, signal.SIGKILL)

    def running(self) -> set[int]:
        with self._lock:
            return set(self._running)


def below(pid: int, spared: frozenset[Process] = NOBODY) -> list[Process]:
    """Every living process below `pid`, without the `spared` ones and what is below those."""
    found: list[Process] = []
    seen = {pid}
    open_pids = [pid]
    children = _children if KERNEL_LISTS_CHILDREN else _children_by_parent()
    while open_pids:
        for child in children(open_pids.pop()):
            if child in seen:
                continue
            seen.add(child)
            process = _identify(child)
            if process is None or process in spared:
                continue
            found.append(process)
            open_pids.append(child)
    return found


def end(victims: Callable[[], list[Process]], number: int) -> bool:
    """Send signal `number` to all that `victims` finds; whether there were any.

    For SIGKILL all are stopped first, pass by pass until no new one shows up, so that no fork bomb
    outruns the killing.
    """
    found = stop(victims) if number == signal.SIGKILL else victims()
    for process in found:
        _send(process, number)
    return bool(found)


def stop(victims: Callable[[], list[Process]]) -> list[Process]:
    """Stop all that `victims` finds, pass by pass until no new one shows up; returns them."""
    found = victims()
    stopped: set[Process] = set()
    for _ in range(STOP_PASSES):
        new = [process for process in found if process not in stopped]
        if not new:
            break
        for process in new:
            _send(process, signal.SIGSTOP)
        stopped.update(new)
        found = victims()
    return found


def go_on(stopped: list[Process]) -> None:
    """Let stopped processes run again, children before their parents."""
    for process in reversed(stopped):
        _send(process, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += [int(word) for word in file.read().split()]
    return children


def _children_by_parent() -> Callable[[int], list[int]]:
    """As `_children`, by a look at every process there is."""
    table: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                table.setdefault(parent, []).append(int(name))
    return lambda pid: table.get(pid, [])


def _identify(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return pid, fields[19].decode("ascii")


def _send(process: Process, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process[0], number)
