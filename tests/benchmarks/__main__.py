"""Prints the table: figure, floor, ratio, what is to be reached."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import docker
from docker.errors import DockerException

from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.benchmarks import floor, peers, product

CALLS = 50
FEW, MANY = 10, 10_000


class Row(NamedTuple):
    """One line. figure and floor: seconds; most: the ratio, or the seconds where there is no floor."""

    what: str
    figure: float
    floor: float | None
    most: float | None


def docker_image() -> str | None:
    """The host-/usr image, or None where there is no engine."""
    try:
        with contextlib.closing(docker.from_env()) as client:
            return import_host_image(client)
    except DockerException:
        return None


@contextmanager
def scripted() -> Iterator[str]:
    """The scripted endpoint in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.model"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def rows(url: str) -> Iterator[Row]:
    """Measure everything that this machine has."""
    base = asyncio.run(floor.per_call(url, CALLS))
    yield Row("floor: SDK streaming loop and a bare shell, per call", base, None, None)
    if shutil.which("bwrap"):
        with product.server(url, "bubblewrap") as server:
            yield Row("tool call, bubblewrap, 10 files", product.per_call(server, CALLS, FEW), base, 2.0)
            many = product.per_call(server, CALLS, MANY)
            yield Row("tool call, bubblewrap, 10,000 files", many, base, 2.0)
            yield Row("send to first tool result, bubblewrap", product.first_result(server), None, 0.150)
            yield Row("model delta to SDK client, median", product.delta(server), None, 0.003)
    image = docker_image()
    if image is not None:
        paths = [mount.target for mount in HOST_MOUNTS]
        bare = floor.docker_run(image, [f"--volume={path}:{path}:ro" for path in paths])
        yield Row("floor: docker run --rm IMAGE true", bare, None, None)
        config = (f"c.JupyterAgents.image = {image!r}", f"c.JupyterAgents.docker_mounts = {paths!r}")
        with product.server(url, "docker", config) as server:
            yield Row("tool call, Docker, 10 files", product.per_call(server, CALLS, FEW), base, 2.5)
            yield Row("tool call, Docker, 10,000 files", product.per_call(server, CALLS, MANY), base, 2.5)
            yield Row("send to first tool result, Docker", product.first_result(server), bare, 1.0)
    peer = asyncio.run(peers.claude_agent_sdk(url, CALLS))
    if peer is not None:
        yield Row("claude-agent-sdk (no sandbox), per call", peer, base, None)


def main() -> None:
    """Measure and print."""
    print(f"{'':52} {'ms':>9} {'ratio':>7} {'at most':>9}")
    with scripted() as url:
        for row in rows(url):
            ratio = "" if row.floor is None else f"{row.figure / row.floor:.2f}"
            most = (
                "" if row.most is None else f"{row.most:.1f} x" if row.floor else f"{row.most * 1e3:.0f} ms"
            )
            print(f"{row.what:52} {row.figure * 1e3:9.2f} {ratio:>7} {most:>9}", flush=True)


if __name__ == "__main__":
    main()
