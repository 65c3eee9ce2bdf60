"""Containers that could not be removed, with a client that fails as an engine that is away does."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import docker
import pytest
import requests
from docker.errors import APIError, DockerException, NotFound

from jupyter_agents.sandbox.remains import Remains
from jupyter_agents.testing.images import import_host_image
from tests.needs import need


class Client:
    """Removes a container, or raises what stands in `trouble`."""

    def __init__(self) -> None:
        self.api = self
        self.trouble: Exception | None = None
        self.removed: list[str] = []

    def remove_container(self, name: str, *, force: bool, v: bool) -> None:
        assert force and v
        if self.trouble is not None:
            raise self.trouble
        self.removed.append(name)


def answer(status: int) -> Any:
    made = requests.Response()
    made.status_code = status
    return made


@pytest.mark.parametrize("trouble", [DockerException("gone"), requests.ConnectionError("refused")])
def test_what_an_engine_that_is_away_kept_is_removed_later(trouble: Exception) -> None:
    client: Any = Client()
    remains = Remains(client)
    for name in ("one", "two"):
        remains.add(name)
    client.trouble = trouble
    remains.remove("one")
    remains.clear()
    assert client.removed == []
    client.trouble = None
    remains.clear()
    remains.clear()
    assert client.removed == ["one"]
    remains.close()
    assert client.removed == ["one"]


@pytest.mark.parametrize(
    "trouble", [NotFound("no such container"), APIError("removal is in progress", response=answer(409))]
)
def test_what_is_gone_is_not_tried_again(trouble: Exception) -> None:
    client: Any = Client()
    if isinstance(trouble, NotFound):
        trouble = NotFound("no such container", response=answer(404))
    remains = Remains(client)
    remains.add("one")
    client.trouble = trouble
    remains.remove("one")
    client.trouble = None
    remains.close()
    assert client.removed == []


def test_a_process_that_ends_without_closing_removes_its_containers() -> None:
    need("docker")
    name = f"jupyter-agents-test-remains-{id(object()):x}"
    client = docker.from_env()
    image = import_host_image(client)
    code = (
        "import docker; from jupyter_agents.sandbox.remains import Remains; client = docker.from_env();"
        f"remains = Remains(client); remains.add({name!r});"
        f"client.api.create_container({image!r}, 'true', name={name!r}); print('made');"
        "raise KeyboardInterrupt"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "made\n" and "KeyboardInterrupt" in ran.stderr
    assert client.api.containers(all=True, filters={"name": name}) == []
    client.close()
