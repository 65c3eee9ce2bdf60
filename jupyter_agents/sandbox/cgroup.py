"""Memory, process and processor limits through a control group, where this server may make one.

Both layouts are served: version 2, and version 1 with its controllers in directories of their own.
On version 2 a group that holds processes cannot hand controllers down, so the sandbox's group is
made below the server's own group or, where that is refused, beside it.

Source: ``cgroup-v1`` and ``cgroup-v2`` of the kernel's documentation.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from .base import Limits
from .counters import size_text
from .leftovers import PREFIX, of_dead_servers

PERIOD = 100_000
REMOVAL_SECONDS = 1.0
COUNTERS = (
    ("memory.events", b"oom_kill"),
    ("memory.oom_control", b"oom_kill"),
    ("pids.events", b"max"),
)


class Cgroup:
    """One group with the limits of one sandbox, made by `make`.

    cpu: whether the processor share is limited too.
    """

    def __init__(self, directories: Sequence[Path], limits: Limits, *, cpu: bool) -> None:
        self._directories = tuple(directories)
        self._limits = limits
        names = [(d / name, key) for d in self._directories for name, key in COUNTERS]
        self._counters = [(p.open("rb", buffering=0), key) for p, key in names if p.exists()]
        self._counts = self._read_counts()
        self.cpu = cpu

    @property
    def entrances(self) -> list[str]:
        """Files into which a process writes its id to enter the group."""
        return [str(directory / "cgroup.procs") for directory in self._directories]

    def limit_hit(self) -> str | None:
        """What was hit since this was last asked, in words; None for nothing."""
        before, self._counts = self._counts, self._read_counts()
        if self._counts["oom_kill"] > before["oom_kill"]:
            return f"out of memory ({size_text(self._limits.memory)}): a process was killed"
        if self._counts["max"] > before["max"]:
            return f"too many processes ({self._limits.pids})"
        return None

    def kill(self) -> None:
        """SIGKILL for everything inside."""
        for directory in self._directories:
            if (directory / "cgroup.kill").exists():
                (directory / "cgroup.kill").write_text("1")
                continue
            with contextlib.suppress(OSError):
                for pid in (directory / "cgroup.procs").read_text().split():
                    with contextlib.suppress(OSError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Kill what is left inside and remove the group. Blocks for a second at most."""
        for file, _ in self._counters:
            file.close()
        self._counters = []
        deadline = time.monotonic() + REMOVAL_SECONDS
        for directory in self._directories:
            while directory.exists() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    directory.rmdir()
                    break
                self.kill()
                time.sleep(0.002)

    def _read_counts(self) -> dict[str, int]:
        counts = {"oom_kill": 0, "max": 0}
        for file, key in self._counters:
            with contextlib.suppress(OSError, ValueError):
                for line in os.pread(file.fileno(), 4096, 0).splitlines():
                    word, _, value = line.partition(b" ")
                    if word == key:
                        counts[key.decode()] += int(value)
        return counts


def make(limits: Limits, *, root: Path = Path("/")) -> Cgroup | None:
    """A group with memory and process limits, or None where this server may make none.

    root: the file system's root; tests give another.
    """
    name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(4)}"
    own = own_groups(root)
    unified = own.get("")
    if unified is not None:
        for parent in (unified, unified.parent):
            group = _make_unified(parent / name, limits)
            if group is not None:
                return group
    return _make_split(own, name, limits)


def own_groups(root: Path) -> dict[str, Path]:
    """This process's group by controller; the unified hierarchy under the empty name."""
    paths = {}
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = path
    groups = {}
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            fields, (kind, _, options) = before.split(), after.split(" ", 2)
            if kind not in ("cgroup", "cgroup2"):
                continue
            for controller in [""] if kind == "cgroup2" else options.split(","):
                inside = os.path.relpath(paths.get(controller, "/.."), fields[3])
                if controller in paths and not inside.startswith(".."):
                    groups[controller] = root / fields[4].lstrip("/") / inside
    return groups


def _make_unified(directory: Path, limits: Limits) -> Cgroup | None:
    settings = {
        "memory.max": limits.memory,
        "pids.max": limits.pids,
        "memory.swap.max": 0,
        "cpu.max": f"{int(limits.cpus * PERIOD)} {PERIOD}",
    }
    if not _make_directory(directory):
        return None
    done = {name for name, value in settings.items() if _write(directory / name, value)}
    if not {"memory.max", "pids.max"} <= done:
        directory.rmdir()
        return None
    return Cgroup([directory], limits, cpu="cpu.max" in done)


def _make_split(own: dict[str, Path], name: str, limits: Limits) -> Cgroup | None:
    settings: dict[str, dict[str, object]] = {
        "memory": {
            "memory.limit_in_bytes": limits.memory,
            "memory.memsw.limit_in_bytes": limits.memory,
        },
        "pids": {"pids.max": limits.pids},
        "cpu": {"cpu.cfs_quota_us": int(limits.cpus * PERIOD)},
    }
    made, done = [], set()
    for controller, values in settings.items():
        directory = own[controller] / name if controller in own else None
        if directory is None or not _make_directory(directory):
            continue
        made.append(directory)
        written = [_write(directory / file, value) for file, value in values.items()]
        if written[0]:
            done.add(controller)
    group = Cgroup(made, limits, cpu="cpu" in done)
    if {"memory", "pids"} <= done:
        return group
    group.remove()
    return None


def _make_directory(directory: Path) -> bool:
    for left in of_dead_servers(directory.parent):
        with contextlib.suppress(OSError):
            left.rmdir()
    try:
        directory.mkdir()
    except OSError:
        return False
    return True


def _write(path: Path, value: object) -> bool:
    if not path.exists():
        return False
    try:
        path.write_text(str(value))
    except OSError:
        return False
    return True
