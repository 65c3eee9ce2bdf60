"""The embedded sandbox on Linux: bubblewrap, namespaces without an engine.

Inside are ``/usr`` and a handful of files of ``/etc`` from the host, read-only; the session's
workspace, read-write; the uploads and the notebook's Python, read-only; an empty network whose only
way out is the egress proxy's socket; sized temporary directories; nothing else. bubblewrap itself
starts with an empty environment and takes its arguments from a descriptor, because both can be read
inside through ``/proc/1``.

Source: docs/decisions.md (sandbox and network), ``bwrap(1)``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..errors import SandboxUnavailable
from . import embedded, seccomp
from .base import Network, Probe, SandboxSpec
from .channel import ProcessChannel
from .egress import Egress, start_egress
from .guard import Guard, process_limit
from .installs import Installs
from .layout import EGRESS_DIRECTORY, Layout
from .leftovers import make_directory
from .options import NOTEBOOK_ROOT, STANDARD_ROOTS, UPLOADS
from .prefix import Prefixes
from .provider import EmbeddedProvider
from .tools import ToolhostOptions

OLDEST = (0, 5, 0)
SIZED = (0, 7, 0)

StartEgress = Callable[[SandboxSpec, Network, Path, int | None], Awaitable[Egress]]


async def _start_egress(_: SandboxSpec, network: Network, directory: Path, uid: int | None) -> Egress:
    return await start_egress(network, directory, uid=uid)


class BubblewrapProvider(EmbeddedProvider):
    """Starts bubblewrap sandboxes; a `SandboxProvider`.

    Parameters
    ----------
    executable:
        The ``bwrap`` to run; found on PATH by default.
    cgroups:
        Whether to use control groups where this server may make them.
    start_egress:
        Starts the proxy of a sandbox in a directory, for a uid; see `egress.start_egress`.
    packages, installs:
        Where installed packages are kept, and what installing them may take; `None` installs none.
    """

    kind = "bubblewrap"
    remedy = "Install bubblewrap 0.5 or later and allow user namespaces, or use Docker."
    keepers = 3

    def __init__(
        self,
        executable: str | None = None,
        *,
        cgroups: bool = True,
        start_egress: StartEgress = _start_egress,
        packages: Path | None = None,
        installs: Installs | None = None,
    ) -> None:
        prefixes = None if packages is None else Prefixes(packages, installs or Installs(), self.start)
        super().__init__(cgroups=cgroups, prefixes=prefixes)
        self._start_egress = start_egress
        self._executable = executable or shutil.which("bwrap") or ""
        self._version: tuple[int, ...] | None = None

    async def probe(self) -> Probe:
        """See `EmbeddedProvider.probe`; packages are installed where it works."""
        found = await super().probe()
        if self.prefixes is not None:
            self.prefixes.usable = found.ok
        return found

    async def _check(self) -> None:
        if not self._executable:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed.")
        if self._version is None:
            try:
                process = await asyncio.create_subprocess_exec(
                    self._executable, "--version", stdout=asyncio.subprocess.PIPE, env={}
                )
            except OSError as e:
                raise SandboxUnavailable(f"bubblewrap cannot be run: {e.strerror}.") from e
            said, _ = await process.communicate()
            found = re.search(rb"(\d+)\.(\d+)\.(\d+)", said)
            self._version = tuple(int(part) for part in found.groups()) if found else (0,)
        if self._version < OLDEST:
            raise SandboxUnavailable("This bubblewrap is older than 0.5.")

    async def _launch(
        self, spec: SandboxSpec, guard: Guard, parts: contextlib.AsyncExitStack
    ) -> tuple[ProcessChannel, tuple[str, ...]]:
        assert self._version is not None
        egress = await self._egress(spec, parts)
        sized = self._version >= SIZED
        cover, notes = await asyncio.to_thread(embedded.find_cover, spec)
        layout = Layout(spec, sized=sized, egress=egress.socket if egress else None, cover=cover)
        beside = () if cover is None else (NOTEBOOK_ROOT,)
        options = ToolhostOptions(
            roots=(*STANDARD_ROOTS, *beside, *embedded.extra_roots(spec, real=False)),
            env=embedded.tool_environment(spec, layout.home, "/tmp"),
            limits=spec.limits,
            processes=process_limit(spec.limits),
            uid=embedded.identity(spec),
            egress=f"{EGRESS_DIRECTORY}/{egress.socket.name}" if egress else None,
        )
        with layout.descriptors() as (arguments, descriptors):
            python = [str(embedded.interpreter()), *options.arguments(layout.zipapp)]
            argv = guard.enter([self._executable, "--args", str(arguments), "--", *python])
            channel = await ProcessChannel.start(argv, what="bubblewrap", pass_fds=descriptors)
        return channel, (*_notes(sized), *notes)

    async def _egress(self, spec: SandboxSpec, parts: contextlib.AsyncExitStack) -> Egress | None:
        if spec.network is None:
            return None
        directory = await asyncio.to_thread(make_directory)
        parts.push_async_callback(asyncio.to_thread, shutil.rmtree, directory, True)
        uid = embedded.identity(spec)
        egress = await self._start_egress(spec, spec.network, directory, uid)
        parts.push_async_callback(egress.close)
        return egress

    def _inside(self, spec: SandboxSpec, source: Path) -> str | None:
        if not source.is_relative_to(spec.uploads):
            return None
        return f"{UPLOADS}/{source.relative_to(spec.uploads)}"


def _notes(sized: bool) -> tuple[str, ...]:
    notes = []
    if not sized:
        notes.append("Temporary directories are not limited in size: bubblewrap is older than 0.7.")
    if not seccomp.supported():
        notes.append("System calls are not filtered on this kind of processor.")
    return tuple(notes)
