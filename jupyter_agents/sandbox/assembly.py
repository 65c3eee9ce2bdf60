"""One container with its toolhost and its proxy: put together, watched, taken apart.

Source: docs/architecture.md (sandbox), docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from docker import DockerClient

from . import engine
from .attach import AttachChannel
from .base import Mount, Network, Refusal, SandboxSpec
from .beside import Cover
from .cargo import Cargo
from .carried import CarriedSandbox
from .container import container_name, create_request
from .counters import LimitWatch, size_text
from .egress import Egress
from .embedded import find_cover
from .listing import Listing
from .mounts import add_file, lay_out
from .remains import Remains
from .tools import ToolhostSandbox, write_zipapp
from .watchdog import Watchdog

T = TypeVar("T")
StartEgress = Callable[[SandboxSpec, Network, Path, int], Awaitable[Egress]]
Undo = Callable[[], None]


@dataclass(frozen=True)
class Workshop:
    """What all containers of a provider are made with; see `docker.DockerProvider`.

    rootless: whether the engine runs without root. running: the sandboxes that have not ended. carried:
    whether the engine sees no file of this machine.
    """

    client: DockerClient
    rootless: bool
    remains: Remains
    owner: str
    mounts: tuple[Mount, ...]
    runtime: str | None
    directory: Path | None
    start_egress: StartEgress
    running: set[ToolhostSandbox] = field(default_factory=set)
    carried: bool = False

    def user(self, spec: SandboxSpec) -> tuple[int, int]:
        """The uid and gid inside."""
        if self.rootless:
            return 0, 0
        return (spec.uid, spec.uid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


class Container:
    """A container whose toolhost answers; make one with `Container.start`.

    spec: of the session that has it.
    """

    kind = "docker"

    def __init__(self, workshop: Workshop, spec: SandboxSpec) -> None:
        self.spec = spec
        self.cover: Cover | None = None
        self.sandbox: ToolhostSandbox
        self._workshop = workshop
        self._id = ""
        self._pid = 0
        self._counters: LimitWatch
        self._cargo: Cargo | None = None
        self._loaded = Listing()
        self._disk: Watchdog | None = None
        self._settling: asyncio.Task[None] | None = None
        self._parts = contextlib.AsyncExitStack()

    @classmethod
    async def start(
        cls, workshop: Workshop, spec: SandboxSpec, image: str, digest: str | None = None, *undo: Undo
    ) -> Container:
        """Start a container of `image`. Raises `SandboxError`, with nothing left behind.

        digest: of an image that was made for the spec's packages. undo: called in a thread when the
        container is gone.
        """
        one = cls(workshop, spec)
        async with contextlib.AsyncExitStack() as parts:
            for function in undo:
                parts.push_async_callback(asyncio.to_thread, function)
            channel, notes = await one._assemble(image, parts)
            one._parts = parts.pop_all()
        one._counters = LimitWatch(0 if workshop.carried else one._pid, spec.limits)
        more: dict[str, Any] = {
            "kind": cls.kind,
            "notes": notes,
            "image": digest,
            "limits": spec.limits,
            "limit_hit": one._limit_hit,
            "add_file": one._add_file,
            "freeze": one._freeze,
            "memory": partial(asyncio.to_thread, engine.memory, workshop.client, one._id),
            "on_close": one._clean_up,
        }
        if one._cargo is None:
            one.sandbox = ToolhostSandbox(channel, **more)
        else:
            more["notes"] = (*notes, *one._cargo.notes)
            one.sandbox = CarriedSandbox(channel, spec, one._cargo, one._loaded, **more)
        workshop.running.add(one.sandbox)
        await one.sandbox.start()
        return one

    def adopt(self, spec: SandboxSpec, tidy: Callable[[SandboxSpec], None]) -> None:
        """Be that session's from now on; its folders are here already.

        The container gets a name with the session's id, for who lists containers; a label cannot change.
        tidy: called in a thread, meanwhile.
        """
        self.spec = spec
        self.watch()

        def settle_in() -> None:
            tidy(spec)
            engine.rename(self._workshop.client, self._id, container_name(spec.session_id))

        self._settling = asyncio.create_task(asyncio.to_thread(settle_in))

    def watch(self) -> None:
        """Watch the size of the session's workspace from now on; one that is carried looks itself."""
        if self._cargo is not None:
            return
        self._disk = Watchdog(
            self._pid,
            self.spec.limits,
            self.spec.workspace,
            keepers=0,
            processes=False,
            busy=lambda: self.sandbox.busy,
            stop=self.sandbox.cancel,
        )

    async def _assemble(
        self, image: str, parts: contextlib.AsyncExitStack
    ) -> tuple[AttachChannel, tuple[str, ...]]:
        shop, spec = self._workshop, self.spec
        uid, gid = shop.user(spec)
        prefix = f"jupyter-agents-{os.getpid()}-"
        directory = Path(tempfile.mkdtemp(prefix=prefix, dir=shop.directory))
        parts.push_async_callback(asyncio.to_thread, shutil.rmtree, directory, True)
        network = None
        if spec.network is not None and not shop.carried:
            telling = replace(spec.network, told=self._told)
            egress = await shop.start_egress(spec, telling, directory / "network", uid)
            parts.push_async_callback(egress.close)
            network = egress.socket
        mounts = await asyncio.to_thread(lay_out, spec)
        self.cover, notes = await asyncio.to_thread(find_cover, spec)
        toolhost = write_zipapp(directory)
        request = create_request(
            shop.client.api,
            spec,
            image=image,
            user=f"{uid}:{gid}",
            owner=shop.owner,
            toolhost=toolhost,
            network=network,
            mounts=shop.mounts if shop.carried else [*shop.mounts, *mounts],
            cover=self.cover,
            runtime=shop.runtime,
            carried=shop.carried,
        )
        self._id = request["name"]
        shop.remains.add(self._id)
        parts.push_async_callback(self._remove)
        self._id = await settled(engine.create, shop.client, request)
        shop.remains.rename(request["name"], self._id)
        if shop.carried:
            self._cargo = Cargo(
                shop.client,
                self._id,
                spec,
                user=(uid, gid),
                toolhost=toolhost,
                mounts=mounts,
                cover=self.cover,
            )
            self._loaded = await settled(self._cargo.load)
        where, version = engine.endpoint(shop.client), shop.client.api.api_version
        channel = await AttachChannel.open(where, version, self._id, self._explain)
        parts.push_async_callback(channel.close)
        self._pid = await settled(engine.start, shop.client, self._id)
        return channel, notes

    async def _explain(self, stderr: str) -> str:
        memory = size_text(self.spec.limits.memory)
        return await asyncio.to_thread(engine.why_ended, self._workshop.client, self._id, memory, stderr)

    async def _add_file(self, mount: Mount) -> None:
        with engine.in_words():
            await asyncio.to_thread(add_file, self._workshop.client, self._id, self.spec, mount)

    async def _remove(self) -> None:
        await asyncio.to_thread(self._workshop.remains.remove, self._id)

    async def _freeze(self, stop: bool) -> None:
        await asyncio.to_thread(engine.freeze, self._workshop.client, self._id, stop)

    def _told(self, refusal: Refusal) -> None:
        network = self.spec.network
        if network is not None and network.told is not None:
            network.told(refusal)

    def _limit_hit(self) -> str | None:
        return self._counters.hit() or (None if self._disk is None else self._disk.limit_hit())

    async def _clean_up(self) -> None:
        if self._disk is not None:
            await self._disk.close()
        if self._settling is not None:
            await asyncio.wait([self._settling])
        await self._parts.aclose()
        self._workshop.running.discard(self.sandbox)


async def settled(function: Callable[..., T], *arguments: object) -> T:
    """Run in a thread; when cancelled, wait for its end first, so that it can be undone."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
