"""The blocking calls to a Docker engine, each told in plain words when it fails.

Call these in a thread.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from docker import DockerClient
from docker.errors import (
    APIError,
    DockerException,
    ImageNotFound,
    NotFound,
)
from requests.exceptions import RequestException

from ..errors import SandboxUnavailable
from .attach import Endpoint
from .container import LABEL_OWNER

BUILD_IT = "Build it with `python -m jupyter_agents.sandbox.image` (or `make image`)."
PULL_IT = "Pull it with `docker pull {}`, or name another in jupyter-agents/image."
WITH_PYTHON = "Name one that has python3 and bash in jupyter-agents/image."
START_IT = (
    "Start Docker (or Podman with its API socket), set DOCKER_HOST if its socket is not where it "
    "usually is, and make sure that your user may use it."
)

_END_SECONDS = 3


class Unusable(SandboxUnavailable):
    """No container can be started. reason: why; remedy: what a user can do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy


class Away(Unusable):
    """The engine does not answer."""

    def __init__(self) -> None:
        super().__init__("The Docker engine does not answer.", START_IT)


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Turn the ``docker`` package's errors into `SandboxUnavailable`."""
    try:
        yield
    except APIError as error:
        said = str(error.explanation or error)[:500]
        raise SandboxUnavailable(f"The Docker engine refused: {said}") from None
    except (DockerException, RequestException):
        raise Away from None


def connect(factory: Callable[[], DockerClient]) -> tuple[DockerClient, bool]:
    """A client, and whether the engine runs without root. Raises `Unusable`."""
    try:
        client = factory()
        security = client.info().get("SecurityOptions") or []
    except (DockerException, RequestException) as error:
        denied = "Permission denied" in str(error)
        reason = "this user may not use its socket" if denied else "nothing answers at its socket"
        raise Unusable(f"No Docker engine: {reason}.", START_IT) from None
    if not str(client.api.base_url).startswith(("http+docker://localhost", "http://", "https://")):
        client.close()
        raise Unusable(
            "DOCKER_HOST names an engine in a way that no container can be attached to.",
            "Name a socket or an address: `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock HOST` and "
            "DOCKER_HOST=unix:///tmp/engine.sock, or tcp:// with certificates.",
        )
    return client, any("rootless" in option for option in security)


def endpoint(client: DockerClient) -> Endpoint:
    """Where the engine of `client` listens."""
    base_url = str(client.api.base_url)
    path = getattr(client.api.get_adapter(base_url), "socket_path", None)
    parts = urlsplit(base_url)
    if path:
        return str(path)
    host, port = parts.hostname or "localhost", parts.port or 2375
    return (host, port) if parts.scheme == "http" else (host, port, _secure(client))


def _secure(client: DockerClient) -> ssl.SSLContext:
    """TLS as `client` does it: with its certificate, checking the engine's as it does."""
    verify, certificate = client.api.verify, client.api.cert
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*([certificate] if isinstance(certificate, str) else certificate))
    return context


def create(client: DockerClient, request: dict[str, Any]) -> str:
    """Create a container; its id. Raises `SandboxUnavailable`."""
    with in_words():
        try:
            return str(client.api.create_container(**request)["Id"])
        except ImageNotFound:
            raise no_image(request["image"]) from None


def image_id(client: DockerClient, image: str) -> str:
    """The id of the image that has this name now. Raises `SandboxUnavailable`."""
    with in_words():
        try:
            return str(client.api.inspect_image(image)["Id"])
        except ImageNotFound:
            raise no_image(image) from None


def rename(client: DockerClient, name: str, new: str) -> None:
    """Give a container another name, if it is there. Never raises."""
    with contextlib.suppress(DockerException, RequestException):
        client.api.rename(name, new)


def name_import(client: DockerClient, said: str, repository: str, tag: str) -> None:
    """Give an image that was imported its name, which Podman's import passes over.

    said: what the import answered.
    """
    client.api.tag(json.loads(said.strip().splitlines()[-1])["status"], repository, tag)


def no_image(image: str) -> Unusable:
    """There is no such image, and how to get it."""
    remedy = BUILD_IT if image.startswith("jupyter-agents/") else PULL_IT.format(image)
    return Unusable(f"There is no image {image}.", remedy)


def start(client: DockerClient, name: str) -> int:
    """Start a container; its main process's id on the host. Raises `SandboxUnavailable`."""
    with in_words():
        client.api.start(name)
        return int(client.api.inspect_container(name)["State"]["Pid"])


def freeze(client: DockerClient, name: str, stop: bool) -> None:
    """Pause a container, or let it go on. Raises `SandboxUnavailable`."""
    with in_words():
        (client.api.pause if stop else client.api.unpause)(name)


def memory(client: DockerClient, name: str) -> int | None:
    """Bytes of memory that a container takes, without the page cache; None where the engine does not say."""
    with contextlib.suppress(DockerException, RequestException):
        found = client.api.stats(name, stream=False, one_shot=True).get("memory_stats") or {}
        details = found.get("stats") or {}
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        if "usage" in found:
            return max(0, int(found["usage"]) - int(cache))
    return None


def answers(client: DockerClient) -> bool:
    """Whether the engine answers. Never raises."""
    with contextlib.suppress(DockerException, RequestException):
        return bool(client.api.ping())
    return False


def remove(client: DockerClient, name: str) -> bool:
    """Kill and remove a container; whether it is gone, or going. Never raises."""
    try:
        client.api.remove_container(name, force=True, v=True)
    except APIError as error:
        return error.status_code in (404, 409)
    except (DockerException, RequestException):
        return False
    return True


def run_as_root(client: DockerClient, name: str, command: list[str]) -> None:
    """Run a command of ours in a container, and wait for its end. Raises `SandboxUnavailable`."""
    with in_words():
        made = client.api.exec_create(name, command, user="0:0", stdout=True, stderr=True)
        client.api.exec_start(made["Id"])


def why_ended(client: DockerClient, name: str, memory: str, stderr: str) -> str:
    """One sentence on why the main process of `name` is gone.

    memory: the container's limit in words. stderr: the last line it wrote there.
    """
    try:
        client.api.wait(name, timeout=_END_SECONDS)
        found = client.api.inspect_container(name)
        state = found["State"]
    except NotFound:
        return "The sandbox's container was removed."
    except (DockerException, RequestException):
        return "The sandbox ended, and the Docker engine does not say why."
    if state.get("OOMKilled"):
        return f"The sandbox ran out of memory ({memory}) and ended."
    if "exec python3 failed" in stderr:
        return f"The image {found['Config']['Image']} has no python3. {WITH_PYTHON}"
    said = stderr or str(state.get("Error") or "") or f"exit code {state.get('ExitCode')}"
    return f"The sandbox ended: {said}."


def reap(client: DockerClient, owner: str, alive: Callable[[str], bool], elsewhere: bool = False) -> int:
    """Remove the labelled containers whose owner, not `owner`, is not `alive`; how many.

    elsewhere: the engine may serve other machines too, of whose processes nothing is known. What has ended
    there is removed: a toolhost ends with its server.
    """
    removed = 0
    with in_words():
        for container in client.api.containers(all=True, filters={"label": LABEL_OWNER}):
            label = container["Labels"][LABEL_OWNER]
            ended = elsewhere and container["State"] == "exited"
            if label != owner and (ended or not alive(label)):
                remove(client, container["Id"])
                removed += 1
    return removed
