"""What a container's control group says about limits that were hit.

An out-of-memory kill of a process that is not the container's first leaves no trace with the
engine; the kernel counts it. Read on the host, so nothing inside can forge it.

Source: ``cgroup-v1/memory``, ``cgroup-v2`` and ``pids`` of the kernel's documentation.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from .base import GIB, Limits

_MOUNT = Path("/sys/fs/cgroup")


class LimitWatch:
    """Says which limits were hit since it was last asked.

    Parameters
    ----------
    pid:
        A process of the container, as the host numbers it; 0 or one that is not to be seen from
        here (an engine in a virtual machine) makes every answer None.
    """

    def __init__(self, pid: int, limits: Limits, *, proc: Path = Path("/proc")) -> None:
        groups = _groups(pid, proc)
        memory = f"out of memory ({size_text(limits.memory)})"
        processes = f"too many processes ({limits.pids})"
        self._counters = [
            (
                _MOUNT / "memory" / groups.get("memory", "") / "memory.oom_control",
                "oom_kill",
                memory,
            ),
            (_MOUNT / "pids" / groups.get("pids", "") / "pids.events", "max", processes),
            (_MOUNT / groups.get("", "") / "memory.events", "oom_kill", memory),
            (_MOUNT / groups.get("", "") / "pids.events", "max", processes),
        ]
        self._seen = [_count(path, key) for path, key, _ in self._counters] if groups else []

    def hit(self) -> str | None:
        """A sentence such as ``out of memory (1 GiB)``, or None. Reads four small files."""
        said: list[str] = []
        for index, before in enumerate(self._seen):
            path, key, text = self._counters[index]
            now = _count(path, key)
            if now is not None and before is not None and now > before and text not in said:
                said.append(text)
            self._seen[index] = before if now is None else now
        return ", ".join(said) or None


def size_text(size: int) -> str:
    """`size` bytes in words: ``1 GiB``, ``512 MiB``."""
    return f"{size / GIB:g} GiB" if size >= GIB else f"{size / 1024**2:g} MiB"


def _groups(pid: int, proc: Path) -> dict[str, str]:
    groups = {}
    with contextlib.suppress(OSError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                groups[controller] = path.lstrip("/")
    return groups


def _count(path: Path, key: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == key:
                return int(number)
    return None
