"""Sandboxes as containers of a Docker Engine (Docker, Podman's socket, gVisor as a runtime).

The toolhost is the container's main process and is attached before the start, so that a call is a
message on a stream that is open already. Nothing goes over the command line of ``docker``.

Trust model. The engine and the image are the operator's; what comes over the attached stream is
hostile. The container has no network of its own and no capability, see `container`.

Source: docs/architecture.md, docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import docker

from ..domain.packages import MANAGERS
from ..errors import SandboxError
from . import engine
from .attach import AttachChannel
from .base import Mount, Network, Probe, Sandbox, SandboxSpec
from .container import create_request
from .counters import LimitWatch, size_text
from .derive import Derived, Deriver, prune
from .egress import Egress, start_egress
from .embedded import find_cover
from .installs import Installs
from .mounts import add_file, lay_out
from .once import Once
from .reaper import process_alive, process_owner
from .tools import ToolhostSandbox, write_zipapp
from .watchdog import Watchdog
from .workspace import make_workspace

DEFAULT_IMAGE = "jupyter-agents/sandbox:latest"
PROBE_SECONDS = 30.0
ENGINE_SECONDS = 30

T = TypeVar("T")
StartEgress = Callable[[SandboxSpec, Network, Path, int], Awaitable[Egress]]


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
    ) -> None:
        self._image = image
        self._runtime = runtime
        self._directory = directory
        self._owner = owner or process_owner()
        self._owner_alive = owner_alive
        self._mounts = tuple(mounts)
        self._client_factory = client_factory
        self._start_egress = start_egress
        self._client: docker.DockerClient | None = None
        self._rootless = False
        self._connecting = asyncio.Lock()
        self._running: set[ToolhostSandbox] = set()
        self._installs = installs or Installs()
        self._images = Once[Derived]()

    async def probe(self) -> Probe:
        """Start a container, run bash in it, and look for what it wrote on the host.

        Where that works, containers of dead servers are removed too (`reap`).
        """
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._try()
                await self.reap()
        except engine.Unusable as error:
            return Probe(self.kind, False, error.reason, error.remedy)
        except SandboxError as error:
            return Probe(self.kind, False, str(error), "")
        except TimeoutError:
            return Probe(self.kind, False, f"No answer within {PROBE_SECONDS:g} s.", engine.START_IT)
        return Probe(self.kind, True, f"A container of {self._image} ran a command.")

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Start a container. Raises `SandboxUnavailable` with what to do."""
        client = await self._connect()
        derived = await self._with_packages(client, spec) if spec.packages else None
        uid, gid = self._identity(spec)
        directory = Path(tempfile.mkdtemp(prefix=f"jupyter-agents-{os.getpid()}-", dir=self._directory))
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(asyncio.to_thread, shutil.rmtree, directory, True)
            network = None
            if spec.network is not None:
                egress = await self._start_egress(spec, spec.network, directory / "network", uid)
                undo.push_async_callback(egress.close)
                network = egress.socket
            mounts = await asyncio.to_thread(lay_out, spec)
            cover, notes = await asyncio.to_thread(find_cover, spec)
            request = create_request(
                client.api,
                spec,
                image=derived.name if derived else spec.image or self._image,
                user=f"{uid}:{gid}",
                owner=self._owner,
                toolhost=write_zipapp(directory),
                network=network,
                mounts=[*self._mounts, *mounts],
                cover=cover,
                runtime=self._runtime,
            )
            name = request["name"]

            async def explain(stderr: str) -> str:
                memory = size_text(spec.limits.memory)
                return await asyncio.to_thread(engine.why_ended, client, name, memory, stderr)

            async def add(mount: Mount) -> None:
                with engine.in_words():
                    await asyncio.to_thread(add_file, client, name, spec, mount)

            async def freeze(stop: bool) -> None:
                await asyncio.to_thread(engine.freeze, client, name, stop)

            undo.push_async_callback(asyncio.to_thread, engine.remove, client, name)
            await _settled(engine.create, client, request)
            where, version = engine.endpoint(client), client.api.api_version
            channel = await AttachChannel.open(where, version, name, explain)
            undo.push_async_callback(channel.close)
            pid = await _settled(engine.start, client, name)
            undone = undo.pop_all()

        counters = LimitWatch(pid, spec.limits)

        def limit_hit() -> str | None:
            return counters.hit() or disk.limit_hit()

        async def clean_up() -> None:
            self._running.discard(sandbox)
            await disk.close()
            await undone.aclose()

        sandbox = ToolhostSandbox(
            channel,
            kind=self.kind,
            notes=notes,
            image=derived.digest if derived else None,
            limits=spec.limits,
            limit_hit=limit_hit,
            add_file=add,
            freeze=freeze,
            memory=partial(asyncio.to_thread, engine.memory, client, name),
            on_close=clean_up,
        )
        disk = Watchdog(
            pid,
            spec.limits,
            spec.workspace,
            keepers=0,
            processes=False,
            busy=lambda: sandbox.busy,
            stop=sandbox.cancel,
        )
        self._running.add(sandbox)
        await sandbox.start()
        return sandbox

    async def image_problem(self, image: str) -> str | None:
        """Why no container can be made of `image`; see `base.ImageProvider`."""
        try:
            client = await self._connect()
            await asyncio.to_thread(engine.find_image, client, image)
        except engine.Unusable as error:
            return None if error.remedy == engine.START_IT else str(error)
        except SandboxError as error:
            return str(error)
        return None

    async def reap(self) -> int:
        """Remove the containers whose server is dead; returns how many there were."""
        client = await self._connect()
        return await asyncio.to_thread(engine.reap, client, self._owner, self._owner_alive)

    async def prune(self, wanted: Collection[str]) -> list[tuple[str, int]]:
        """Remove the images with packages that nobody wants; see `derive.prune`."""
        client = await self._connect()
        return await asyncio.to_thread(prune, client, self._installs.store, wanted)

    async def close(self) -> None:
        """End all sandboxes of this provider."""
        await self._images.close()
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._running)))
        if self._client is not None:
            await asyncio.to_thread(self._client.close)
            self._client = None

    async def _with_packages(self, client: docker.DockerClient, spec: SandboxSpec) -> Derived:
        base = spec.image or self._image
        deriver = await asyncio.to_thread(Deriver, client, base, spec, self._installs, os.environ)
        found = await asyncio.to_thread(deriver.find)
        return found or await self._images.get(deriver.key, deriver.build, spec.told)

    def _identity(self, spec: SandboxSpec) -> tuple[int, int]:
        if self._rootless:
            return 0, 0
        return (spec.uid, spec.uid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())

    async def _connect(self) -> docker.DockerClient:
        async with self._connecting:
            if self._client is None:
                self._client, self._rootless = await asyncio.to_thread(engine.connect, self._client_factory)
            return self._client

    async def _try(self) -> None:
        with tempfile.TemporaryDirectory(
            prefix="jupyter-agents-probe-", dir=self._directory, ignore_cleanup_errors=True
        ) as name:
            root = Path(name)
            uploads = root / "uploads"
            uploads.mkdir()
            spec = SandboxSpec("sesn_probe0", make_workspace(root, root / "work"), uploads)
            make_workspace(root, spec.workspace, uid=spec.uid)
            sandbox = await self.start(spec)
            try:
                result = await sandbox.call("bash", {"command": "echo ready > /workspace/probe"})
            finally:
                await sandbox.close()
            if result.is_error or not (spec.workspace / "probe").exists():
                raise engine.Unusable(
                    "What a container writes to its workspace does not arrive on this machine.",
                    "The engine must run on this machine and see the directory "
                    f"{self._directory or tempfile.gettempdir()}.",
                )


async def _settled(function: Callable[..., T], *arguments: object) -> T:
    """Run in a thread; when cancelled, wait for its end first, so that it can be undone."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
