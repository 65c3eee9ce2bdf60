"""One suite for every sandbox: which kinds this machine has, and a handle to try one with.

A kind that this machine lacks is left out of the parameters; one that ``REQUIRE`` names and that is
not there fails the whole run (see `tests.needs`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.sandbox.base import Limits, SandboxProvider, SandboxSpec, ToolResult
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.sandbox.tools import ToolhostSandbox
from tests.needs import absent

MIB = 1024**2
UID = 65532


@dataclass(frozen=True)
class Kind:
    """What differs between providers, declared.

    need: its name in `tests.needs`. own_paths: bash sees ``/workspace``. network: it can have one.
    proc: ``/proc`` can be read.
    """

    name: str
    need: str
    own_paths: bool = True
    network: bool = True
    proc: bool = True


KINDS = (
    Kind("docker", "docker"),
    Kind("bubblewrap", "bwrap"),
    Kind("landlock", "landlock", own_paths=False, network=False, proc=False),
)


def make_provider(kind: Kind, directory: Path) -> SandboxProvider:
    """A provider of this kind for tests; `directory` is for what it keeps per sandbox."""
    if kind.name == "docker":
        from jupyter_agents.sandbox.docker import DockerProvider
        from jupyter_agents.testing.images import HOST_MOUNTS

        return DockerProvider(image=_host_image(), mounts=HOST_MOUNTS, directory=directory)
    return BubblewrapProvider() if kind.name == "bubblewrap" else LandlockProvider()


@functools.cache
def _host_image() -> str:
    import docker

    from jupyter_agents.testing.images import import_host_image

    client = docker.from_env()
    try:
        return import_host_image(client)
    finally:
        client.close()


HERE = [kind for kind in KINDS if absent(kind.need) is None]

every_kind = pytest.mark.parametrize("kind", HERE, ids=lambda kind: kind.name)


@dataclass
class Box:
    """A running sandbox and short ways to use it."""

    kind: Kind
    spec: SandboxSpec
    sandbox: ToolhostSandbox

    @property
    def workspace(self) -> Path:
        """On the host."""
        return self.spec.workspace

    @property
    def home(self) -> str:
        """The workspace as bash sees it."""
        return "/workspace" if self.kind.own_paths else str(self.spec.workspace)

    async def call(self, name: str, **input: Any) -> ToolResult:
        return await self.sandbox.call(name, input)

    async def bash(self, command: str, **more: Any) -> tuple[str, bool]:
        return said(await self.call("bash", command=command, **more))

    async def good(self, command: str, **more: Any) -> str:
        """The output of a command that must succeed."""
        text, is_error = await self.bash(command, **more)
        assert not is_error, text
        return text


def said(result: ToolResult) -> tuple[str, bool]:
    """The text of a result that is one text block, and its verdict."""
    assert len(result.content) == 1, result.content
    assert result.content[0]["type"] == "text"
    return str(result.content[0]["text"]), result.is_error


@contextlib.asynccontextmanager
async def open_box(
    kind: Kind,
    *,
    limits: Limits | None = None,
    provider: SandboxProvider | None = None,
    files: Mapping[str, str | bytes] | None = None,
    **more: Any,
) -> AsyncIterator[Box]:
    """A sandbox of `kind` in directories of its own; `files` lie in the uploads before it starts."""
    top = Path(f"/tmp/jupyter-agents-tests-{secrets.token_hex(6)}")
    for folder in (top, top / "run", top / "uploads", top / "workspace"):
        folder.mkdir(mode=0o711)
    for name, content in (files or {}).items():
        path = top / "uploads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    spec = SandboxSpec(
        f"sesn_01{secrets.token_hex(11)}",
        top / "workspace",
        top / "uploads",
        limits=limits or Limits(),
        **more,
    )
    provider = provider or make_provider(kind, top / "run")
    if os.geteuid() == 0:
        os.chown(spec.workspace, UID, UID)
    try:
        sandbox = await provider.start(spec)
        assert isinstance(sandbox, ToolhostSandbox)
        yield Box(kind, spec, sandbox)
    finally:
        await provider.close()
        left = list((top / "run").iterdir())
        shutil.rmtree(top)
    assert left == []


@pytest.fixture
async def box(kind: Kind) -> AsyncIterator[Box]:
    """A sandbox of the test's `kind` with default limits."""
    async with open_box(kind, files={"data.csv": "a,b\n1,2\n"}) as opened:
        yield opened


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that every user may enter; pytest's own are closed to others."""
    directory = Path(f"/tmp/jupyter-agents-tests-{secrets.token_hex(6)}")
    directory.mkdir(mode=0o755)
    yield directory
    shutil.rmtree(directory)


def run_as_user(kind: str, directory: Path, command: str, *more: str) -> tuple[str, bool, list[str]]:
    """One command in an embedded sandbox of a server that is not root: (text, is_error, notes)."""
    user, python = os.geteuid(), sys.executable
    if user == 0:
        user, python = UID - 1, "/usr/bin/python3"
        os.chown(directory, user, user)
    places = [str(Path(__file__).parents[2]), sysconfig.get_path("purelib")]
    script = Path(__file__).with_name("embedded_user.py")
    ran = subprocess.run(
        [python, str(script), kind, str(directory), command, *more],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(places), "PATH": os.environ["PATH"]},
        timeout=60,
        **({} if os.geteuid() else {"user": user, "group": user, "extra_groups": []}),
    )
    assert ran.stdout, ran.stderr
    text, is_error, notes = json.loads(ran.stdout)
    return text, is_error, notes


async def beats(path: Path, seconds: float = 0.3) -> bool:
    """Whether a process goes on writing to `path`."""
    before = await asyncio.to_thread(path.read_text)
    await asyncio.sleep(seconds)
    return await asyncio.to_thread(path.read_text) != before


BEAT = "setsid sh -c 'while sleep 0.03; do date +%N >beat; done' >/dev/null 2>&1 & sleep 0.2"
