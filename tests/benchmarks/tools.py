"""A tool call, its first result and a model's delta, beside the SDK's loop and a bare container."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator

import docker
from docker.errors import DockerException

from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.benchmarks import floor, peers, product
from tests.benchmarks.model import scripted
from tests.benchmarks.table import Row


def docker_image() -> str | None:
    """The host-/usr image, or None where there is no engine."""
    try:
        with contextlib.closing(docker.from_env()) as client:
            return import_host_image(client)
    except DockerException:
        return None


def rows(*, calls: int = 50, few: int = 10, many: int = 10_000, engine: bool = True) -> Iterator[Row]:
    """Measure everything that this machine has. few, many: files in the workspace."""
    with scripted() as url:
        base = asyncio.run(floor.per_call(url, calls))
        yield Row("floor: SDK streaming loop and a bare shell, per call", base)
        if shutil.which("bwrap"):
            with product.server(url, "bubblewrap") as server:
                for files in (few, many):
                    seconds = product.per_call(server, calls, files)
                    yield Row(f"tool call, bubblewrap, {files:,} files", seconds, base, 2.0)
                first = product.first_result(server)
                yield Row("send to first tool result, bubblewrap", first, most=0.150)
                yield Row("model delta to SDK client, median", product.delta(server), most=0.003)
        if engine:
            yield from _docker(url, base, calls, few, many)
        peer = asyncio.run(peers.claude_agent_sdk(url, calls))
        if peer is not None:
            yield Row("claude-agent-sdk (no sandbox), per call", peer, base)


def _docker(url: str, base: float, calls: int, few: int, many: int) -> Iterator[Row]:
    image = docker_image()
    if image is None:
        return
    paths = [mount.target for mount in HOST_MOUNTS]
    bare = floor.docker_run(image, [f"--volume={path}:{path}:ro" for path in paths])
    yield Row("floor: docker run --rm IMAGE true", bare)
    config = (f"c.JupyterAgents.image = {image!r}", f"c.JupyterAgents.docker_mounts = {paths!r}")
    with product.server(url, "docker", config) as server:
        for files in (few, many):
            seconds = product.per_call(server, calls, files)
            yield Row(f"tool call, Docker, {files:,} files", seconds, base, 2.5)
        yield Row("send to first tool result, Docker", product.first_result(server), bare, 1.0)
