"""A sandbox under test: what its provider declares, and short ways to use it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_agents.sandbox.base import Limits, Sandbox, SandboxProvider, SandboxSpec, ToolResult

MIB = 1024**2
BEAT = (
    "setsid sh -c 'while sleep 0.03; do date +%N >beat; done' >/dev/null 2>&1 & "
    "until test -s beat; do sleep 0.02; done"
)
"""A command that leaves a process which goes on writing to the file ``beat``."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What may differ between providers that keep the contract.

    own_paths: bash sees ``/workspace``; without it, the host's path. network: it can have one. proc:
    ``/proc`` can be read. io_uring: that system call may be open, in a network of its own. memory:
    what it takes is known.
    """

    own_paths: bool = True
    network: bool = True
    proc: bool = True
    io_uring: bool = False
    memory: bool = True


@dataclass
class Box:
    """A running sandbox and short ways to use it."""

    capabilities: Capabilities
    spec: SandboxSpec
    sandbox: Sandbox

    @property
    def workspace(self) -> Path:
        """On the host."""
        return self.spec.workspace

    @property
    def home(self) -> str:
        """The workspace as bash sees it."""
        return "/workspace" if self.capabilities.own_paths else str(self.spec.workspace)

    async def call(self, name: str, **input: Any) -> ToolResult:
        return await self.sandbox.call(name, input)

    async def bash(self, command: str, **more: Any) -> tuple[str, bool]:
        return said(await self.call("bash", command=command, **more))

    async def good(self, command: str, **more: Any) -> str:
        """The output of a command that must succeed."""
        text, is_error = await self.bash(command, **more)
        assert not is_error, text
        return text

    async def beats(self, seconds: float = 0.3) -> bool:
        """Whether the process of `BEAT` goes on, as seen from inside."""
        before = await self.good(f"cat {self.home}/beat")
        await asyncio.sleep(seconds)
        return await self.good(f"cat {self.home}/beat") != before


def said(result: ToolResult) -> tuple[str, bool]:
    """The text of a result that is one text block, and its verdict."""
    assert len(result.content) == 1, result.content
    assert result.content[0]["type"] == "text"
    return str(result.content[0]["text"]), result.is_error


@contextlib.asynccontextmanager
async def open_box(
    provider: SandboxProvider,
    capabilities: Capabilities,
    *,
    limits: Limits | None = None,
    files: Mapping[str, str | bytes] | None = None,
    **more: Any,
) -> AsyncIterator[Box]:
    """A sandbox in directories of its own, closed in the end.

    limits: as `SandboxSpec.limits`. files: content by name, in the uploads before it starts. more: other
    fields of its `SandboxSpec`.
    """
    top = Path(f"/tmp/jupyter-agents-tests-{secrets.token_hex(6)}")
    for folder in (top, top / "uploads", top / "workspace"):
        folder.mkdir(mode=0o711)
    for name, content in (files or {}).items():
        path = top / "uploads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    session = f"sesn_01{secrets.token_hex(11)}"
    spec = SandboxSpec(session, top / "workspace", top / "uploads", limits=limits or Limits(), **more)
    if os.geteuid() == 0:
        os.chown(spec.workspace, spec.uid, spec.uid)
    try:
        sandbox = await provider.start(spec)
        try:
            yield Box(capabilities, spec, sandbox)
        finally:
            await sandbox.close()
    finally:
        shutil.rmtree(top)


@dataclass(frozen=True)
class Opening:
    """Opens sandboxes of one provider: ``async with opening(limits=...) as box``; see `open_box`."""

    provider: SandboxProvider
    capabilities: Capabilities

    def __call__(self, **options: Any) -> AbstractAsyncContextManager[Box]:
        return open_box(self.provider, self.capabilities, **options)
