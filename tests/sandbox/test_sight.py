from __future__ import annotations

from pathlib import Path

import remote_engine
from conformance import open_path

from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.sight import is_blind
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.needs import need

__all__ = ["open_path"]


async def test_the_probe_finds_out_and_doctor_says_so(open_path: Path) -> None:
    need("remote")
    provider = DockerProvider(
        image=remote_engine.image(),
        mounts=HOST_MOUNTS,
        directory=open_path,
        client_factory=remote_engine.client,
    )
    probe = await provider.probe()
    assert probe.ok
    assert "cannot see this machine's files" in probe.reason
    assert await provider.reap() == 0
    await provider.close()
    assert list(open_path.iterdir()) == []


def test_which_engine_is_blind(open_path: Path) -> None:
    need("remote")
    need("docker")
    import docker

    here, there = docker.from_env(), remote_engine.client()
    image = import_host_image(here)
    assert not is_blind(here, image, "me", HOST_MOUNTS, directory=open_path)
    assert is_blind(there, remote_engine.image(), "me", HOST_MOUNTS, directory=open_path)
    assert not is_blind(here, "no-such-image:x", "me", directory=open_path)
    for client in (here, there):
        assert client.api.containers(all=True, filters={"label": "jupyter-agents.owner=me"}) == []
        client.close()


async def test_what_does_not_work_by_archives_either_is_said(open_path: Path) -> None:
    need("remote")
    provider = DockerProvider(
        image=remote_engine.image(), directory=open_path, client_factory=remote_engine.client
    )
    probe = await provider.probe()
    await provider.close()
    assert not probe.ok and probe.reason
    assert list(open_path.iterdir()) == []
