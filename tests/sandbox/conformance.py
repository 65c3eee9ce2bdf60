"""Our kinds of sandbox: which of them this machine has, and a handle to try one with.

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
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import remote_engine

from jupyter_agents.sandbox.base import SandboxProvider
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.testing import conformance as suite
from jupyter_agents.testing.conformance import BEAT, MIB, Box, Capabilities, said
from tests.needs import absent

__all__ = ["BEAT", "MIB", "Box", "said"]

UID = 65532


@dataclass(frozen=True, kw_only=True)
class Kind(Capabilities):
    """A provider of ours and what it declares.

    need: its name in `tests.needs`. provider: what it calls itself, where that is not `name`. mounted: what
    is written on one side shows on the other at once, and not with the next call.
    """

    name: str
    need: str = ""
    provider: str = ""
    mounted: bool = True


KINDS = (
    Kind(name="docker", need="docker", io_uring=True),
    Kind(name="remote", need="remote", network=False, io_uring=True, provider="docker", mounted=False),
    Kind(name="bubblewrap", need="bwrap"),
    Kind(name="landlock", need="landlock", own_paths=False, network=False, proc=False),
)


def make_provider(kind: Kind, directory: Path) -> SandboxProvider:
    """A provider of this kind for tests; `directory` is for what it keeps per sandbox."""
    if kind.name in ("docker", "remote"):
        from jupyter_agents.sandbox.docker import DockerProvider
        from jupyter_agents.testing.images import HOST_MOUNTS

        if kind.name == "docker":
            return DockerProvider(image=_host_image(), mounts=HOST_MOUNTS, directory=directory)
        return DockerProvider(
            image=remote_engine.image(),
            mounts=HOST_MOUNTS,
            directory=directory,
            client_factory=remote_engine.client,
            carried=True,
        )
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


@contextlib.asynccontextmanager
async def open_box(
    kind: Kind, *, provider: SandboxProvider | None = None, **options: Any
) -> AsyncIterator[Box]:
    """A sandbox of `kind`, in the end of which nothing that its provider made is left."""
    run = Path(f"/tmp/jupyter-agents-tests-run-{secrets.token_hex(6)}")
    run.mkdir(mode=0o711)
    provider = provider or make_provider(kind, run)
    try:
        async with suite.open_box(provider, kind, **options) as box:
            yield box
    finally:
        await provider.close()
        left = list(run.iterdir())
        shutil.rmtree(run)
    assert left == []


class OneKind:
    """Runs a part of the suite for every provider of ours that works here."""

    @pytest.fixture(params=HERE, ids=lambda kind: kind.name)
    def kind(self, request: pytest.FixtureRequest) -> Kind:
        return request.param

    @pytest.fixture
    def capabilities(self, kind: Kind) -> Capabilities:
        return kind

    @pytest.fixture
    def provider(self, kind: Kind) -> Iterator[SandboxProvider]:
        run = Path(f"/tmp/jupyter-agents-tests-run-{secrets.token_hex(6)}")
        run.mkdir(mode=0o711)
        yield make_provider(kind, run)
        left = list(run.iterdir())
        shutil.rmtree(run)
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
