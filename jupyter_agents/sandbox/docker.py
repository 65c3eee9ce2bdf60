"""Sandboxes as containers of a Docker Engine (Docker, Podman's socket, gVisor as a runtime).

The toolhost is the container's main process and is attached before the start, so that a call is a
message on a stream that is open already. Nothing goes over the command line of ``docker``.

Trust model. The engine and the image are the operator's; what comes over the attached stream is
hostile. The container has no network of its own and no capability, see `container`.

Source: docs/architecture.md, docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import docker

from ..domain.packages import MANAGERS
from ..errors import SandboxError, SandboxUnavailable
from . import engine
from .assembly import Container, StartEgress, Undo, Workshop
from .base import Mount, Network, Probe, Sandbox, SandboxSpec, Warm
from .cargo import BY_ARCHIVES
from .derive import Derived, Deriver, prune
from .egress import Egress, start_egress
from .fitness import Fitness
from .installs import Installs
from .once import Once
from .pool import Pool
from .prepared import Places
from .reaper import known_here, process_alive, process_owner
from .remains import Remains
from .sight import is_blind, try_out

DEFAULT_IMAGE = "jupyter-agents/sandbox:latest"
PROBE_SECONDS = 30.0
ENGINE_SECONDS = 30
RESTART_SECONDS = 10.0
ASK_SECONDS = 0.25


def _from_env() -> docker.DockerClient:
    return docker.from_env(timeout=ENGINE_SECONDS)


async def _start_egress(spec: SandboxSpec, network: Network, directory: Path, uid: int) -> Egress:
    return await start_egress(network, directory, uid=uid)


class DockerProvider:
    """Starts a container for each sandbox; a `SandboxProvider`.

    Parameters
    ----------
    image:
        Used where a spec names none. Needs python3 and bash.
    runtime:
        An engine runtime such as ``runsc``.
    directory:
        Where per-sandbox files (toolhost, network socket) are kept; the engine must see it. The
        system's temporary directory by default.
    owner, owner_alive:
        The label of this server's containers, and whether the owner in a label may still live:
        `reap` removes the containers of those that do not.
    mounts:
        Bound read-only into every container.
    client_factory:
        Gives the ``docker`` package's client. Called in a thread, once.
    start_egress:
        Starts the proxy of a sandbox in a directory, for a uid; see `egress.start_egress`.
    installs:
        What the installation of an environment's packages may take.
    carried:
        Whether the engine cannot see this machine's files, so that they go there by archives; None is for
        `probe` to find out.
    """

    kind = "docker"
    managers = MANAGERS

    def __init__(
        self,
        *,
        image: str = DEFAULT_IMAGE,
        runtime: str | None = None,
        directory: Path | None = None,
        owner: str | None = None,
        owner_alive: Callable[[str], bool] = process_alive,
        mounts: Sequence[Mount] = (),
        client_factory: Callable[[], docker.DockerClient] = _from_env,
        start_egress: StartEgress = _start_egress,
        installs: Installs | None = None,
        carried: bool | None = None,
    ) -> None:
        self._image = image
        self._runtime = runtime
        self._directory = directory
        self._owner = owner or process_owner()
        self._owner_alive = owner_alive
        self._mounts = tuple(mounts)
        self._client_factory = client_factory
        self._start_egress = start_egress
        self._workshop: Workshop | None = None
        self._connecting = asyncio.Lock()
        self._starting = 0
        self._pool: Pool | None = None
        self._clearing: asyncio.Task[None] | None = None
        self._installs = installs or Installs()
        self._images = Once[Derived]()
        self._carried = carried
        self._fitness = Fitness(self._mounts, runtime, self._owner)

    async def probe(self, image: str | None = None) -> Probe:
        """Start a container, run bash in it, and look for what it wrote on the host.

        Where that works, containers of dead servers are removed too (`reap`).
        image: the one to try, instead of the provider's own.
        """
        image = image or self._image
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._try(image)
                await self.reap()
        except engine.Unusable as error:
            return Probe(self.kind, False, error.reason, error.remedy)
        except SandboxError as error:
            return Probe(self.kind, False, str(error), "")
        except TimeoutError:
            return Probe(self.kind, False, f"No answer within {PROBE_SECONDS:g} s.", engine.START_IT)
        how = f" {BY_ARCHIVES}" if self._carried else ""
        return Probe(self.kind, True, f"A container of {image} ran a command.{how}")

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Start a container. Raises `SandboxUnavailable` with what to do.

        An engine that answered before and is away is waited for, as it may be starting again.
        """
        warm = await self._pool.take(spec) if self._pool is not None and spec.warm else None
        if warm is not None:
            return warm.sandbox
        shop = await self._connect()
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                await asyncio.to_thread(shop.remains.clear)
                return await self._start(shop, spec)
            except SandboxUnavailable as error:
                there = not isinstance(error, engine.Away)
                there = there and await asyncio.to_thread(engine.answers, shop.client)
                if there or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(ASK_SECONDS)

    async def _start(self, shop: Workshop, spec: SandboxSpec) -> Sandbox:
        self._starting += 1
        try:
            shop = replace(shop, carried=bool(self._carried))
            container = await Container.start(shop, spec, *await self._image_of(shop.client, spec))
        finally:
            self._starting -= 1
            if self._pool is not None:
                self._pool.look()
        container.watch()
        return container.sandbox

    @property
    def warm(self) -> Warm | None:
        """See `base.WarmProvider`."""
        return None if self._pool is None else self._pool.state

    def keep_warm(self, number: int, root: Path, data: Path, first: SandboxSpec | None = None) -> None:
        """See `base.WarmProvider`. A container whose files are carried cannot become another session's."""
        places = Places(root.resolve(), data.resolve())
        if number == 0:
            self._clearing = asyncio.create_task(asyncio.to_thread(places.clear))
        elif self._pool is None and not self._carried:
            self._pool = Pool(number, places, self._start_warm, self._image_id, lambda: self._starting > 0)
            if first is not None:
                self._pool.want(first)

    async def _start_warm(self, spec: SandboxSpec, undo: Undo) -> Container:
        shop = await self._connect()
        return await Container.start(shop, spec, *await self._image_of(shop.client, spec), undo)

    async def _image_id(self, spec: SandboxSpec) -> str:
        """The id of a spec's image as it is now. Nothing is installed for this."""
        client = (await self._connect()).client
        name = spec.image or self._image
        if spec.packages:
            found = await asyncio.to_thread((await self._deriver(client, spec)).find)
            if found is None:
                raise SandboxUnavailable("Its packages are not installed yet.")
            name = found.name
        return await asyncio.to_thread(engine.image_id, client, name)

    async def image_problem(self, image: str) -> str | None:
        """Why no container can be made of `image`; see `base.ImageProvider`."""
        try:
            client = (await self._connect()).client
            digest = await asyncio.to_thread(engine.image_id, client, image)
        except engine.Unusable as error:
            return None if error.remedy == engine.START_IT else str(error)
        except SandboxError as error:
            return str(error)
        return await self._fitness.problem(client, image, digest)

    async def reap(self) -> int:
        """Remove the containers whose server is dead; returns how many there were."""
        client, elsewhere = (await self._connect()).client, bool(self._carried)
        alive = known_here(self._owner_alive) if elsewhere else self._owner_alive
        return await asyncio.to_thread(engine.reap, client, self._owner, alive, elsewhere)

    async def prune(self, wanted: Collection[str]) -> list[tuple[str, int]]:
        """Remove the images with packages that nobody wants; see `derive.prune`."""
        client = (await self._connect()).client
        return await asyncio.to_thread(prune, client, self._installs.store, wanted)

    async def close(self) -> None:
        """End all sandboxes of this provider."""
        await self._images.close()
        if self._clearing is not None:
            await asyncio.wait([self._clearing])
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        shop, self._workshop = self._workshop, None
        if shop is not None:
            await asyncio.gather(*(sandbox.close() for sandbox in tuple(shop.running)))
            await asyncio.to_thread(shop.remains.close)
            await asyncio.to_thread(shop.client.close)

    async def _image_of(self, client: docker.DockerClient, spec: SandboxSpec) -> tuple[str, str | None]:
        """The image of a spec, and the digest of one that was made for its packages."""
        if not spec.packages:
            return spec.image or self._image, None
        deriver = await self._deriver(client, spec)
        found = await asyncio.to_thread(deriver.find)
        derived = found or await self._images.get(deriver.key, deriver.build, spec.told)
        return derived.name, derived.digest

    async def _deriver(self, client: docker.DockerClient, spec: SandboxSpec) -> Deriver:
        base = spec.image or self._image
        return await asyncio.to_thread(Deriver, client, base, spec, self._installs, os.environ)

    async def _connect(self) -> Workshop:
        async with self._connecting:
            if self._workshop is None:
                client, rootless = await asyncio.to_thread(engine.connect, self._client_factory)
                self._workshop = Workshop(
                    client,
                    rootless,
                    Remains(client),
                    self._owner,
                    self._mounts,
                    self._runtime,
                    self._directory,
                    self._start_egress,
                )
            return self._workshop

    async def _try(self, image: str) -> None:
        """Start a sandbox: with mounts, and by archives where the engine sees nothing of this machine."""
        try:
            return await try_out(self.start, self._directory, image)
        except SandboxError:
            client = (await self._connect()).client
            known = (image, self._owner, self._mounts, self._runtime, self._directory)
            if self._carried is not None or not await asyncio.to_thread(is_blind, client, *known):
                raise
        self._carried = True
        await try_out(self.start, self._directory, image)
