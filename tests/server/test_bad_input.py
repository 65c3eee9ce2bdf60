"""What a sandbox cannot be given is refused before a session is made, in the API's shape."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import docker
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from jupyter_agents.testing.images import HOST_MOUNTS, host_image_tar, import_host_image
from tests.needs import need
from tests.support import NO_NETWORK, Home, Server, serving, user

NO_IMAGE = "registry.example.com/no-such-image:1"


def refused(make: Any, *given: Any, **options: Any) -> str:
    with pytest.raises(anthropic.BadRequestError) as caught:
        make(*given, **options)
    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"
    message: str = body["error"]["message"]
    return message


@pytest.fixture(scope="module")
def engine(_scripted_model: ScriptedModel) -> Iterator[Server]:
    """A server whose sandboxes are containers."""
    need("docker")
    client = docker.from_env()
    image = import_host_image(client)
    client.close()
    mounts = [str(mount.source) for mount in HOST_MOUNTS]
    traits = {"sandbox": "docker", "image": image, "docker_mounts": mounts}
    variables = {"DOCKER_HOST": "unix:///var/run/docker.sock"}
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        serving(Home(Path(folder), _scripted_model.url, traits, variables)) as running,
    ):
        running.request("GET", "local/status")
        yield running


def test_an_image_that_does_not_exist_is_named_with_what_to_do(engine: Server) -> None:
    environments, agent = engine.client.beta.environments, engine.agent()
    metadata = {"jupyter-agents/image": NO_IMAGE}
    made = environments.create(name="made", config=NO_NETWORK)
    session = engine.client.beta.sessions.create
    for said in (
        refused(environments.create, name="other", config=NO_NETWORK, metadata=metadata),
        refused(environments.update, made.id, metadata=metadata),
        refused(session, agent=agent.id, environment_id=made.id, metadata=metadata),
    ):
        assert said == (
            f"metadata.jupyter-agents/image: There is no image {NO_IMAGE}. "
            f"Pull it with `docker pull {NO_IMAGE}`, or name another in jupyter-agents/image."
        )
    assert environments.retrieve(made.id) == made


def test_an_image_without_python_is_refused_before_anything_runs(engine: Server) -> None:
    client = docker.from_env()
    image = "jupyter-agents/tests-no-python:x"
    client.api.import_image_from_data(
        host_image_tar(), repository="jupyter-agents/tests-no-python", tag="x", changes=["ENV PATH=/nowhere"]
    )
    environments, agent = engine.client.beta.environments, engine.agent()
    metadata = {"jupyter-agents/image": image}
    made = environments.create(name="no python", config=NO_NETWORK)
    session = engine.client.beta.sessions.create
    try:
        for said in (
            refused(environments.create, name="other", config=NO_NETWORK, metadata=metadata),
            refused(environments.update, made.id, metadata=metadata),
            refused(session, agent=agent.id, environment_id=made.id, metadata=metadata),
        ):
            assert said == (
                f"metadata.jupyter-agents/image: The image {image} has no python3. "
                "Name one that has python3 and bash in jupyter-agents/image."
            )
    finally:
        client.api.remove_image(image, force=True)
        client.close()


def test_an_image_is_not_passed_over_where_the_kind_has_none(server: Server, scripted: ScriptedModel) -> None:
    """The server's kind is bubblewrap: tools run in the image that was asked for, or not at all."""
    scripted.script += [[call("bash", command="echo ran")], [say("done")]]
    session = server.session(metadata={"jupyter-agents/image": "python:3.12"})
    events = server.turn(session.id, user("go"))
    (result,) = [event for event in events if event.type == "agent.tool_result"]
    assert result.is_error and "It makes no sandboxes of images." in result.content[0].text


def test_an_image_that_is_there_is_taken_and_can_be_taken_away(engine: Server) -> None:
    environments = engine.client.beta.environments
    client = docker.from_env()
    metadata = {"jupyter-agents/image": import_host_image(client)}
    client.close()
    made = environments.create(name="there", config=NO_NETWORK, metadata=metadata)
    assert environments.update(made.id, metadata={"jupyter-agents/image": ""}).metadata == {}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("../outside", "expected a folder below the server's root"),
        ("a/../../outside", "expected a folder below the server's root"),
        ("/etc", "expected a folder below the server's root"),
        (".", "expected a folder below the server's root"),
        ("link", "link is a symlink, not a folder. Name another, or remove it."),
        ("link/below", "link is a symlink, not a folder."),
        ("file/below", "file is a file, not a folder."),
    ],
)
def test_a_workspace_that_is_none_is_refused(server: Server, tmp_path: Path, place: str, said: str) -> None:
    root = server.home.root
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(tmp_path)
        (root / "file").touch()
    message = refused(server.session, metadata={"jupyter-agents/workspace": place})
    assert message.startswith("metadata.jupyter-agents/workspace: ")
    assert said in message


def test_a_workspace_is_never_the_servers_own_store(scripted: ScriptedModel) -> None:
    need("bwrap")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        store = {"JUPYTER_AGENTS_DATA_DIR": f"{folder}/root/above/data"}
        with serving(Home(Path(folder), scripted.url, {}, store)) as running:
            for place in ("above/data", "above/data/blobs", "above"):
                message = refused(running.session, metadata={"jupyter-agents/workspace": place})
                assert message == "metadata.jupyter-agents/workspace: the server keeps its own files there."
