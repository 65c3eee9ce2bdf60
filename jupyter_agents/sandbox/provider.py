"""What bubblewrap and Landlock share as providers: probing, starting, adding files, closing."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import ClassVar

from ..domain.packages import refused
from ..errors import SandboxUnavailable
from . import embedded
from .base import Limits, Mount, Probe, SandboxSpec
from .channel import ProcessChannel
from .guard import Guard
from .leftovers import make_directory
from .prefix import Prefixes
from .tools import ToolhostSandbox
from .watchdog import tree_bytes

PROBE = "echo works"


class EmbeddedProvider(ABC):
    """Starts sandboxes as child processes of this server.

    cgroups: whether to use control groups where this server may make them. prefixes: the packages that
    environments have installed; `None` is none.
    """

    kind: ClassVar[str]
    remedy: ClassVar[str]
    keepers: ClassVar[int]
    """How many processes, from the top, are the sandbox itself."""

    def __init__(self, *, cgroups: bool = True, prefixes: Prefixes | None = None) -> None:
        self._cgroups = cgroups
        self.prefixes = prefixes
        self._running: set[ToolhostSandbox] = set()

    @property
    def managers(self) -> tuple[str, ...]:
        return () if self.prefixes is None else self.prefixes.managers

    @abstractmethod
    async def _check(self) -> None:
        """Raises `SandboxUnavailable` when this machine cannot do it at all."""

    @abstractmethod
    async def _launch(
        self, spec: SandboxSpec, guard: Guard, parts: contextlib.AsyncExitStack
    ) -> tuple[ProcessChannel, tuple[str, ...]]:
        """Start the toolhost: its channel, and notes. What must be undone goes to `parts`."""

    @abstractmethod
    def _inside(self, spec: SandboxSpec, source: Path) -> str | None:
        """Where the running sandbox finds a host file that is mounted nowhere; None: it cannot."""

    async def probe(self) -> Probe:
        """Start a sandbox with the real arguments, run one command in it, end it."""
        try:
            async with _probe_sandbox(self) as sandbox:
                result = await sandbox.call("bash", {"command": PROBE})
        except SandboxUnavailable as e:
            return Probe(self.kind, False, str(e), self.remedy)
        if result.is_error or result.content[0].get("text") != "works\n":
            return Probe(self.kind, False, "It starts, but bash does not run in it.", self.remedy)
        return Probe(self.kind, True, f"{self.kind} sandboxes work on this machine.")

    async def start(self, spec: SandboxSpec) -> ToolhostSandbox:
        await self._check()
        if spec.packages:
            if self.prefixes is None:
                raise SandboxUnavailable(refused(next(iter(spec.packages)), self.kind, ()))
            spec = await self.prefixes.add_to(spec)
        await asyncio.to_thread(embedded.prepare, spec)
        guard = Guard(spec, cgroups=self._cgroups)
        parts = contextlib.AsyncExitStack()
        parts.push_async_callback(guard.close)
        try:
            channel, notes = await self._launch(spec, guard, parts)
        except BaseException:
            await parts.aclose()
            raise
        sandbox = ToolhostSandbox(
            channel,
            kind=self.kind,
            notes=(*notes, *guard.notes),
            limits=spec.limits,
            limit_hit=guard.limit_hit,
            memory=partial(asyncio.to_thread, tree_bytes, channel.pid),
            on_close=parts.aclose,
        )
        sandbox.takes_files(partial(self._add_file, spec, sandbox))
        self._running.add(sandbox)
        parts.callback(self._running.discard, sandbox)
        await sandbox.start()
        guard.watch(channel.pid, sandbox, self.keepers)
        return sandbox

    async def close(self) -> None:
        """End all sandboxes of this provider."""
        if self.prefixes is not None:
            await self.prefixes.close()
        await asyncio.gather(*(sandbox.close() for sandbox in list(self._running)))

    async def _add_file(self, spec: SandboxSpec, sandbox: ToolhostSandbox, mount: Mount) -> None:
        await embedded.add_file(spec, sandbox, mount, self._inside(spec, mount.source))


@contextlib.asynccontextmanager
async def _probe_sandbox(provider: EmbeddedProvider) -> AsyncIterator[ToolhostSandbox]:
    directory = await asyncio.to_thread(make_directory)
    spec = SandboxSpec(
        "probe", directory / "workspace", directory / "uploads", limits=Limits(call_seconds=10)
    )
    try:
        sandbox = await provider.start(spec)
        try:
            yield sandbox
        finally:
            await sandbox.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, True)
