"""A tool call, its first result and a model's delta, beside the SDK's loop and a bare container."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import docker
from docker.errors import DockerException

from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.benchmarks import floor, peers, product
from tests.benchmarks.model import scripted
from tests.benchmarks.table import Row, side_by_side


def docker_image() -> str | None:
    """The host-/usr image, or None where there is no engine."""
    try:
        with contextlib.closing(docker.from_env()) as client:
            return import_host_image(client)
    except DockerException:
        return None


def rows(
    *, calls: int = 50, few: int = 10, many: int = 10_000, rounds: int = 5, engine: bool = True
) -> Iterator[Row]:
    """Measure everything that this machine has. few, many: files in the workspace."""
    with scripted() as url:

        def loop() -> float:
            return asyncio.run(floor.per_call(url, calls))

        yield Row("floor: SDK streaming loop and a bare shell, per call", loop())
        if shutil.which("bwrap"):
            with product.server(url, "bubblewrap") as server:
                yield from _calls(server, "bubblewrap", loop, (few, many), calls, rounds, most=2.0)
                first = product.first_result(server)
                yield Row("send to first tool result, bubblewrap", first, most=0.150)
                yield Row("model delta to SDK client, median", product.delta(server), most=0.003)
        if engine:
            yield from _docker(url, loop, (few, many), calls, rounds)
        peer = asyncio.run(peers.claude_agent_sdk(url, calls))
        if peer is not None:
            yield Row("claude-agent-sdk (no sandbox), per call", peer, loop())


def _calls(
    server: product.Server,
    kind: str,
    loop: Callable[[], float],
    sizes: Sequence[int],
    calls: int,
    rounds: int,
    *,
    most: float,
) -> Iterator[Row]:
    for files in sizes:

        def ours(files: int = files) -> float:
            """In a new session: the floor's conversation is new in each round too."""
            return product.per_call(server, product.crowded(server, files), calls)

        figure, base = side_by_side(ours, loop, rounds)
        yield Row(f"tool call, {kind}, {files:,} files", figure, base, most)


def _docker(
    url: str, loop: Callable[[], float], sizes: Sequence[int], calls: int, rounds: int
) -> Iterator[Row]:
    image = docker_image()
    if image is None:
        return
    paths = [mount.target for mount in HOST_MOUNTS]
    config = (f"c.JupyterAgents.image = {image!r}", f"c.JupyterAgents.docker_mounts = {paths!r}")
    with product.server(url, "docker", config) as server:
        yield from _calls(server, "Docker", loop, sizes, calls, rounds, most=2.5)
        bare = partial(floor.docker_run, image, [f"--volume={path}:{path}:ro" for path in paths], 1)
        figure, base = side_by_side(partial(product.first_result, server, 1), bare, rounds)
        yield Row("send to first tool result, Docker, beside docker run", figure, base, 1.0)
