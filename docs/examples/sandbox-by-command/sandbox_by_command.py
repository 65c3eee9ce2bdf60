"""Sandboxes on a machine that a command reaches, such as ``ssh build-box``, and that has the same folders."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from shlex import join

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.base import Probe, SandboxSpec
from jupyter_agents.sandbox.beside import NOTEBOOK
from jupyter_agents.sandbox.channel import ProcessChannel
from jupyter_agents.sandbox.embedded import add_file, extra_roots, prepare
from jupyter_agents.sandbox.leftovers import make_directory
from jupyter_agents.sandbox.options import OUTPUTS, UPLOADS, WORKSPACE, Root
from jupyter_agents.sandbox.plugins import ProviderContext
from jupyter_agents.sandbox.tools import ToolhostOptions, ToolhostSandbox, toolhost_zipapp

PATH = "/usr/local/bin:/usr/bin:/bin"
NOTES = (
    "No isolation on the machine where tools run: its network and its files are open to them, and memory, "
    "disk and processor are not limited.",
    "bash sees the workspace at its real path; /workspace is for the file tools.",
)
NO_NOTEBOOK = f"{NOTEBOOK} is not there; bash may read the notebook's folder at its real path."
ASK = "set JupyterAgents.sandbox_options['by-command'] = {'command': ['ssh', 'build-box']}"


class CommandProvider:
    """Starts a toolhost by a command that passes one more argument, a line of shell, to another machine."""

    kind = "by-command"
    managers = ()

    def __init__(self, context: ProviderContext) -> None:
        command = context.options.get("command")
        if not isinstance(command, list) or not command:
            raise SandboxUnavailable(f"It was not said which command reaches the machine: {ASK}.")
        self._command = [str(word) for word in command]
        self._running: set[ToolhostSandbox] = set()

    async def probe(self) -> Probe:
        """Start a sandbox, run a command in it, and look for what it wrote."""
        folder = await asyncio.to_thread(make_directory)
        spec = SandboxSpec("probe", folder / "workspace", folder / "uploads")
        try:
            sandbox = await self.start(spec)
            try:
                await sandbox.call("bash", {"command": "echo works >probe"})
            finally:
                await sandbox.close()
            seen = (spec.workspace / "probe").exists()
        except SandboxUnavailable as error:
            return Probe(self.kind, False, str(error), f"Try this in a terminal: {join(self._command)}")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        if not seen:
            return Probe(self.kind, False, f"{self._command[0]} reaches a machine with other folders.")
        return Probe(self.kind, True, f"{self._command[0]} ran a command.")

    async def start(self, spec: SandboxSpec) -> ToolhostSandbox:
        if spec.packages:
            raise SandboxUnavailable("by-command sandboxes install no packages.")
        await asyncio.to_thread(prepare, spec)
        program = toolhost_zipapp()
        options = ToolhostOptions(
            roots=(
                Root(WORKSPACE, str(spec.workspace), writable=True),
                Root(OUTPUTS, str(spec.workspace / "outputs"), writable=True),
                Root(UPLOADS, str(spec.uploads)),
                *extra_roots(spec, real=True),
            ),
            env={"PATH": PATH, "LANG": "C.UTF-8", **spec.env},
            limits=spec.limits,
        )
        line = (
            f'd=$(mktemp -d) && head -c {len(program)} >"$d/toolhost.pyz" && cd "$d" && '
            f'HOME="$d" TMPDIR="$d" python3 {join(options.arguments("toolhost.pyz"))}; rm -rf "$d"'
        )
        channel = await ProcessChannel.start(
            [*self._command, line], what=self._command[0], grace=3.0, terminate=False
        )
        notes = NOTES if spec.beside is None else (*NOTES, NO_NOTEBOOK)
        box = ToolhostSandbox(channel, kind=self.kind, notes=notes, limits=spec.limits, on_close=self._closed)
        box.takes_files(lambda mount: add_file(spec, box, mount, str(mount.source)))
        self._running.add(box)
        with contextlib.suppress(OSError):
            await channel.send(program)
        await box.start()
        return box

    async def close(self) -> None:
        await asyncio.gather(*(sandbox.close() for sandbox in list(self._running)))

    async def _closed(self) -> None:
        self._running = {sandbox for sandbox in self._running if sandbox.alive}
