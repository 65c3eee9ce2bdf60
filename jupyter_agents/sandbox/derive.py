"""Images with an environment's packages, built once by the engine and kept by what is in them.

The engine builds (`recipe.dockerfile`) with a network of its own: installers run as root in its build
containers, with nothing of this server's environment but the addresses of its HTTP proxy, which the
engine does not record, and the package mirrors.

Source: Docker Engine API, ``POST /build``; docs/sandboxes.md "Packages".
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import tarfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from ..domain.packages import digest, failure, installing, lists_digest
from ..errors import SandboxUnavailable
from . import engine
from .base import GIB, Mount, SandboxSpec
from .counters import size_text
from .installs import Installs, handed_on, mirrors
from .once import Told
from .recipe import LABEL, LABEL_BASE, LABEL_STORE, dockerfile

REPOSITORY = "jupyter-agents/packages"
_LOWER = ("http_proxy", "https_proxy", "no_proxy")
PROXIES = (*_LOWER, *map(str.upper, _LOWER))
"""What the engine takes without recording it."""
MEMORY = 2 * GIB
_STEP = re.compile(r"\s*step \d+(?:/\d+)? ?: ?(\w+) ", re.IGNORECASE)
_ENGINES_OWN = (" --->", "Removing intermediate container")
_KEPT = 8000
_YOUNG_SECONDS = 3600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Derived:
    """An image with packages: its name for the engine, and its digest."""

    name: str
    digest: str


class Deriver:
    """Finds or builds the image for one spec.

    Parameters
    ----------
    base:
        The image to add to, by name.
    environ:
        The server's environment, read for its proxy variables alone.
    """

    def __init__(
        self,
        client: DockerClient,
        base: str,
        spec: SandboxSpec,
        installs: Installs,
        environ: Mapping[str, str],
    ) -> None:
        self._client = client
        self._spec = spec
        self._installs = installs
        self._proxies = {name: environ[name] for name in PROXIES if name in environ}
        self._variables, self._files = handed_on(spec)
        found = _inspect(client, base)
        self._base, self._base_size = str(found["Id"]), int(found["Size"])
        self._lists = lists_digest(spec.packages)
        self.key = digest(self._base, self._lists, mirrors(spec))

    def find(self) -> Derived | None:
        """The image, if it is there."""
        name = f"{REPOSITORY}:{self.key}"
        try:
            return Derived(name, str(self._client.api.inspect_image(name)["Id"]))
        except ImageNotFound:
            return None

    async def build(self, told: Told) -> Derived:
        """Build the image. Raises `SandboxUnavailable` with the package and what its manager said."""
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(told, text)

        try:
            async with asyncio.timeout(self._installs.seconds):
                return await _in_thread(lambda: self._build(say, stop))
        except TimeoutError:
            raise SandboxUnavailable(self._installs.too_long) from None
        finally:
            stop.set()

    def _build(self, told: Told, stop: threading.Event) -> Derived:
        labels = {LABEL: self._lists, LABEL_BASE: self._base, LABEL_STORE: self._installs.store}
        targets = [mount.target for mount in self._files]
        text = dockerfile(self._base, labels, self._spec.packages, self._variables, targets)
        steps = _Steps(self._spec.packages, told)
        memory = max(MEMORY, self._spec.limits.memory)
        name = f"{REPOSITORY}:{self.key}"
        with engine.in_words():
            answers = self._client.api.build(
                fileobj=_context(text, self._files),
                custom_context=True,
                tag=name,
                rm=True,
                forcerm=True,
                decode=True,
                buildargs={**self._proxies, **self._variables},
                network_mode=self._installs.network,
                container_limits={"memory": memory, "memswap": memory},
                timeout=self._installs.seconds,
                use_config_proxy=False,
            )
            with contextlib.closing(answers):
                for answer in answers:
                    steps.take(answer)
                    if stop.is_set():
                        raise SandboxUnavailable("The installation of packages was given up.")
            found = self._client.api.inspect_image(name)
        self._check_size(name, int(found["Size"]) - self._base_size)
        return Derived(name, str(found["Id"]))

    def _check_size(self, name: str, size: int) -> None:
        if size > self._installs.size:
            self._client.api.remove_image(name)
            raise SandboxUnavailable(
                f"The packages take {size_text(size)}, more than the {size_text(self._installs.size)} that "
                "this server allows (JupyterAgents.max_packages)."
            )


class _Steps:
    """What the engine says while it builds: which manager runs, and what it said last."""

    def __init__(self, packages: Mapping[str, tuple[str, ...]], told: Told) -> None:
        self._packages = packages
        self._ahead = list(packages)
        self._told = told
        self._manager: str | None = None
        self._said = ""

    def take(self, answer: Mapping[str, Any]) -> None:
        """One line of the engine's answer. Raises `SandboxUnavailable` where it is an error."""
        if "error" in answer:
            problem = str(answer["error"])
            if self._manager is None:
                raise SandboxUnavailable(f"The Docker engine could not build the image: {problem[-500:]}")
            said = self._said or problem
            raise SandboxUnavailable(failure(self._manager, self._packages[self._manager], said))
        text = str(answer.get("stream", ""))
        step = _STEP.match(text)
        if step is None:
            if not text.startswith(_ENGINES_OWN):
                self._said = (self._said + text)[-_KEPT:]
            return
        self._said = ""
        if step[1].upper() == "RUN" and self._ahead:
            self._manager = self._ahead.pop(0)
            self._told(installing(self._manager, self._packages[self._manager]))


def prune(client: DockerClient, store: str, wanted: Collection[str]) -> list[tuple[str, int]]:
    """Remove images with packages that nobody wants: their names and bytes.

    store: whose images; see `Installs`. wanted: digests of package lists that environments name. Those on
    a base that has no name any more go too. Images in use stay. Raises `SandboxUnavailable`.
    """
    removed: list[tuple[str, int]] = []
    with engine.in_words():
        for image in client.api.images(all=True, filters={"label": f"{LABEL_STORE}={store}"}):
            if _stays(client, image, wanted):
                continue
            tags = _tags(image)
            with contextlib.suppress(DockerException, RequestException):
                client.api.remove_image(tags[0] if tags else image["Id"])
                removed.append((tags[0] if tags else str(image["Id"]), int(image["Size"])))
    return removed


def _stays(client: DockerClient, image: Mapping[str, Any], wanted: Collection[str]) -> bool:
    if not _tags(image):
        return time.time() - float(image["Created"]) < _YOUNG_SECONDS
    labels = image["Labels"]
    return labels[LABEL] in wanted and _has_name(client, str(labels.get(LABEL_BASE)))


def _tags(image: Mapping[str, Any]) -> list[str]:
    return [tag for tag in image["RepoTags"] or () if tag != "<none>:<none>"]


def _inspect(client: DockerClient, image: str) -> dict[str, Any]:
    with engine.in_words():
        try:
            found: dict[str, Any] = client.api.inspect_image(image)
        except ImageNotFound:
            raise engine.Unusable(f"There is no image {image}.", engine.BUILD_IT) from None
    return found


def _has_name(client: DockerClient, base: str) -> bool:
    try:
        found = client.api.inspect_image(base)
    except ImageNotFound:
        return False
    return bool(found.get("RepoTags") or found.get("RepoDigests"))


def _context(text: str, files: Sequence[Mount]) -> io.BytesIO:
    parts = {"Dockerfile": text.encode()}
    parts |= {str(number): mount.source.read_bytes() for number, mount in enumerate(files)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer


async def _in_thread(function: Callable[[], T]) -> T:
    """Run in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = function()
        except BaseException as error:
            failed = error
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="jupyter-agents-build", daemon=True).start()
    return await done
