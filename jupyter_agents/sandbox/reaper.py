"""Who a container belongs to, and which containers have outlived their server.

A container carries its owner as a label. Only one whose owner is known to be dead is removed: an
owner on another boot of this machine, or in this process namespace with no such process left.
Several servers on one engine, also from inside containers, leave each other's sandboxes alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")


def process_owner(pid: int | None = None) -> str:
    """The label of a process: boot, process namespace, pid and its start time."""
    pid = os.getpid() if pid is None else pid
    return ":".join((_boot(), _namespace(), str(pid), _started(pid)))


def process_alive(owner: str) -> bool:
    """Whether the process that `process_owner` labelled may still live; unknown counts as yes."""
    parts = owner.split(":")
    if len(parts) != 4 or not parts[2].isdecimal():
        return True
    boot, namespace, pid, started = parts
    if boot != _boot():
        return not boot or not _boot()
    return namespace != _namespace() or _started(int(pid)) == started


def known_here(alive: Callable[[str], bool]) -> Callable[[str], bool]:
    """`alive` for an engine that may serve other machines too, of whose processes nothing is known."""
    return lambda owner: owner.partition(":")[0] != _boot() or alive(owner)


def _boot() -> str:
    with contextlib.suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def _namespace() -> str:
    with contextlib.suppress(OSError):
        return str((_PROC / "self/ns/pid").stat().st_ino)
    return ""


def _started(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        return ""
    return ""
