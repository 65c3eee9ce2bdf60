"""Sandboxes without a server or a model around them, beside a bare shell, `docker run` and `docker exec`."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from jupyter_agents.sandbox.base import SandboxProvider, SandboxSpec
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.changes import Changes
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.sandbox.workspace import make_workspace
from jupyter_agents.testing.conformance.box import Box, Capabilities, open_box
from jupyter_agents.testing.images import HOST_MOUNTS
from tests.benchmarks import floor
from tests.benchmarks.processes import below, proportional
from tests.benchmarks.table import Row, side_by_side
from tests.benchmarks.tools import docker_image

MB = 1_000_000
FLOOD = "yes 0123456789abcde | head -c {}"


def rows(
    *, calls: int = 300, output: int = 200 * MB, many: int = 20, rounds: int = 5, engine: bool = True
) -> Iterator[Row]:
    """calls: for a median. output: bytes that a command writes. many: sandboxes started side by side."""
    if shutil.which("bwrap"):
        yield Row("floor: echo in a bare shell on a pipe", asyncio.run(floor.shell_call(calls)))
        yield Row("echo, bubblewrap", asyncio.run(_echo(BubblewrapProvider(), calls)), most=0.001)
        yield Row("floor: Python in a bare bubblewrap, start to end", floor.bare_bwrap(rounds))
        first = median(asyncio.run(_first(BubblewrapProvider())) for _ in range(rounds))
        yield Row("create to first result, bubblewrap", first, most=0.100)
        seen = asyncio.run(_seen(BubblewrapProvider(), calls))
        yield Row("file seen by the host after its write, bubblewrap", seen, most=0.025)
        yield from _flood(output, rounds)
        yield _together("bubblewrap", BubblewrapProvider, many)
        for kind in (BubblewrapProvider, LandlockProvider):
            if asyncio.run(kind().probe()).ok:
                size = asyncio.run(_idle(kind()))
                yield Row(f"idle sandbox, {kind.kind}, all its processes", size / MB, most=10, unit="MB")
    image = docker_image() if engine else None
    if image is not None:
        yield from _docker(image, calls, many, rounds)


def _docker(image: str, calls: int, many: int, rounds: int) -> Iterator[Row]:
    make = partial(DockerProvider, image=image, mounts=HOST_MOUNTS)
    options = [f"--volume={mount.target}:{mount.target}:ro" for mount in HOST_MOUNTS]
    with floor.container(image, options) as name:
        yield Row("floor: docker exec, per call", floor.docker_exec(name, max(1, calls // 20)))
    yield Row("echo, Docker", asyncio.run(_echo(make(), calls)), most=0.002)
    seen = asyncio.run(_seen(make(), calls))
    yield Row("file seen by the host after its write, Docker", seen, most=0.025)
    figure, bare = side_by_side(
        lambda: asyncio.run(_first(make())), partial(floor.docker_run, image, options, 1), rounds
    )
    yield Row("create to first result, Docker, beside docker run", figure, bare, 1.0)
    warm = median(asyncio.run(_warm(make(), rounds)))
    yield Row("create to first result, Docker, warm", warm, most=0.020)
    yield _together("Docker", make, many)


def _together(name: str, make: type[BubblewrapProvider] | partial[DockerProvider], many: int) -> Row:
    side, after = (asyncio.run(_start(make(), many, at_once=at_once)) for at_once in (True, False))
    return Row(f"{many} sandboxes started at once, {name}, beside in turn", side, after, 0.6)


async def _echo(provider: SandboxProvider, calls: int) -> float:
    seconds = []
    async with _opened(provider) as box:
        for _ in range(calls):
            begin = time.perf_counter()
            await box.good("echo hi")
            seconds.append(time.perf_counter() - begin)
    return median(seconds)


async def _first(provider: SandboxProvider) -> float:
    """From the wish for a sandbox to its first result."""
    await _connected(provider)
    begin = time.perf_counter()
    async with _opened(provider) as box:
        await box.good("echo hi")
        return time.perf_counter() - begin


async def _warm(provider: DockerProvider, rounds: int) -> list[float]:
    """From the wish for a sandbox to its first result, where one waits."""
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "data").mkdir()
        first = SandboxSpec("", Path(), Path(), warm=True)
        provider.keep_warm(1, top, top / "data", first)
        for number in range(rounds):
            while provider.warm is None or not provider.warm.ready:
                await asyncio.sleep(0.05)
            uploads = top / "data" / "uploads" / str(number)
            uploads.mkdir(parents=True)
            workspace = make_workspace(top, top / "agents" / str(number), uid=first.uid)
            spec = replace(first, session_id=f"sesn_{number:026}", workspace=workspace, uploads=uploads)
            begin = time.perf_counter()
            sandbox = await provider.start(spec)
            await sandbox.call("bash", {"command": "echo hi"})
            seconds.append(time.perf_counter() - begin)
            await sandbox.close()
        await provider.close()
    return seconds


async def _seen(provider: SandboxProvider, calls: int) -> float:
    """From the time of a file to the moment when the host has been told of it."""
    seconds = []
    async with _opened(provider) as box:
        changes = await Changes.start(box.workspace)
        for number in range(calls):
            await box.good(f"echo x >{number}")
            [change] = await changes.drain()
            now = time.time_ns()
            seconds.append((now - (box.workspace / change.path).stat().st_mtime_ns) / 1e9)
        changes.close()
    return median(seconds)


def _flood(output: int, rounds: int) -> Iterator[Row]:
    command = FLOOD.format(output)
    costs, sizes = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run(["bash", "-c", f"{command} | cat >/dev/null"], check=True)
        bare = time.perf_counter() - begin
        taken, size = asyncio.run(_output(BubblewrapProvider(), command))
        costs.append(taken - bare)
        sizes.append(size)
    yield Row(f"{output / MB:g} MB of output, more than in a bare shell", median(costs), most=0.5)
    yield Row("  memory that it takes in the server", median(sizes) / MB, most=20, unit="MB")


async def _output(provider: SandboxProvider, command: str) -> tuple[float, float]:
    """Seconds, and by how many bytes this process was larger at its largest."""
    async with _opened(provider) as box:
        await box.good("true")
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before, begin = _memory("VmRSS"), time.perf_counter()
        await box.good(command)
        return time.perf_counter() - begin, _memory("VmHWM") - before


async def _start(provider: SandboxProvider, many: int, *, at_once: bool) -> float:
    """Seconds until all of `many` sandboxes have answered."""
    await _connected(provider)
    boxes = [open_box(provider, Capabilities()) for _ in range(many)]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(provider.close)

        async def first(index: int) -> None:
            box = await boxes[index].__aenter__()
            stack.push_async_exit(boxes[index])
            await box.good("echo hi")

        begin = time.perf_counter()
        if at_once:
            await asyncio.gather(*map(first, range(many)))
        else:
            for index in range(many):
                await first(index)
        return time.perf_counter() - begin


async def _idle(provider: SandboxProvider) -> float:
    """Bytes of all processes of a sandbox that has answered once, each shared page by its share."""
    before = below(os.getpid())
    async with _opened(provider) as box:
        await box.good("echo hi")
        await asyncio.sleep(0.5)
        return sum(map(proportional, below(os.getpid()) - before))


async def _connected(provider: SandboxProvider) -> None:
    """What is done once for all sandboxes of a server is not measured."""
    if isinstance(provider, DockerProvider):
        await provider.reap()


class _opened:
    """A sandbox, and its provider, for as long as the context lasts."""

    def __init__(self, provider: SandboxProvider) -> None:
        self._provider = provider
        self._box = open_box(provider, Capabilities())

    async def __aenter__(self) -> Box:
        return await self._box.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await self._box.__aexit__(None, None, None)
        await self._provider.close()


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024
