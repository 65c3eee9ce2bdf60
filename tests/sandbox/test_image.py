from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException

from jupyter_agents.errors import UserError
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.image import build as build_module
from jupyter_agents.sandbox.image.__main__ import main
from jupyter_agents.sandbox.image.build import build, packages
from tests.sandbox.host_base import import_host_base

NOWHERE = "127.0.0.1:1/none:1"


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    try:
        made = docker.from_env()
    except DockerException as error:
        if "docker" in os.environ.get("REQUIRE", "").split(","):
            raise
        pytest.skip(f"no Docker engine: {error}")
    yield made
    made.close()


async def test_the_image_is_built_and_runs_tools(client: docker.DockerClient) -> None:
    base, tag = import_host_base(client), "jupyter-agents/sandbox:test"
    lines: list[str] = []
    build(client, tag, base=base, log=lines.append)
    provider = DockerProvider(image=tag)
    probe = await provider.probe()
    await provider.close()
    assert probe.ok, probe
    assert any("Successfully tagged" in line for line in lines)
    client.api.remove_image(tag)
    client.api.remove_image(base)


def test_without_a_base_the_ways_out_are_named(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "BASE", NOWHERE)
    monkeypatch.setenv("PATH", "")
    lines: list[str] = []
    with pytest.raises(UserError, match="Install mmdebstrap, or name an image that is here"):
        build(client, "x:y", base=None, log=lines.append)
    assert any("cannot be pulled" in line for line in lines)


def test_a_base_that_is_not_there_is_an_error_in_words(
    client: docker.DockerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--base", NOWHERE, "--tag", "x:y"]) == 1
    assert "The image was not built" in capsys.readouterr().err


def test_the_packages_are_names_and_in_order() -> None:
    assert packages() == sorted(packages()) and {"python3", "bash", "ripgrep"} <= set(packages())
