"""The limits of one embedded sandbox: a control group where one can be made, else watching.

``cpus``, ``memory`` and ``pids`` go to the control group; without one, memory and processes are
watched and the processor is not limited. Growth of the workspace is always watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Sequence
from pathlib import Path

from . import cgroup
from .base import Limits, SandboxSpec
from .tools import ToolhostSandbox
from .watchdog import Watchdog

ENTER = 'for f in $1; do echo $$ >"$f" || exit 1; done; shift; exec "$@"'


class Guard:
    """Made before the sandbox starts, told of it by `watch`, closed after it.

    cgroups: whether to use a control group where this server may make one.
    """

    def __init__(self, spec: SandboxSpec, *, cgroups: bool) -> None:
        self._spec = spec
        self._group = cgroup.make(spec.limits) if cgroups else None
        self._watchdog: Watchdog | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how limits are kept."""
        if self._group is None:
            return (
                "Memory and processes are limited by watching, ten times a second, and the "
                "processor is not: a control group cannot be made here.",
            )
        return () if self._group.cpu else ("The processor is not limited: no cpu controller here.",)

    def enter(self, argv: Sequence[str]) -> list[str]:
        """`argv` so that it starts inside the control group."""
        if self._group is None:
            return list(argv)
        return ["/bin/sh", "-c", ENTER, "sh", " ".join(self._group.entrances), *argv]

    def watch(self, pid: int, sandbox: ToolhostSandbox, keepers: int) -> None:
        """Begin to watch the processes below `pid`; see `Watchdog` for `keepers`."""
        self._watchdog = Watchdog(
            pid,
            self._spec.limits,
            self._spec.workspace,
            keepers=keepers,
            processes=self._group is None,
            busy=lambda: sandbox.busy,
            stop=sandbox.cancel,
        )

    def limit_hit(self) -> str | None:
        """What was hit since this was last asked, in words; None for nothing."""
        hits = [one.limit_hit() for one in (self._group, self._watchdog) if one is not None]
        return next((hit for hit in hits if hit), None)

    async def close(self) -> None:
        """Stop watching; end and remove the control group."""
        if self._watchdog is not None:
            await self._watchdog.close()
        if self._group is not None:
            await asyncio.to_thread(self._group.remove)


def process_limit(limits: Limits) -> int | None:
    """RLIMIT_NPROC for the sandbox of a server that is not root, else None.

    Older kernels count all of a user's threads, so those that run now are added.
    """
    own = os.getuid()
    if own == 0:
        return None
    threads = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == own:
                threads += len(os.listdir(entry / "task"))
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = threads + limits.pids
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
