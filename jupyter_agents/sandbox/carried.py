"""A sandbox whose engine cannot see this machine's files: the workspace goes in and out with each call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from ..errors import SandboxUnavailable
from .base import Limits, SandboxSpec, ToolResult
from .cargo import Cargo
from .carriage import Carriage
from .channel import Channel
from .frames import BadFrame
from .listing import Listing
from .tools import ToolhostSandbox

REQUEST_SECONDS = 60.0
CLOSE_SECONDS = 30.0
LOOK_SECONDS = 1.0


class CarriedSandbox(ToolhostSandbox):
    """As `ToolhostSandbox`; each call carries in what the user changed and out what the agent did.

    Parameters
    ----------
    cargo:
        What the container was given.
    loaded:
        The workspace as `Cargo.load` found it.
    """

    def __init__(
        self,
        channel: Channel,
        spec: SandboxSpec,
        cargo: Cargo,
        loaded: Listing,
        *,
        limits: Limits,
        **more: Any,
    ) -> None:
        super().__init__(channel, limits=limits, **more)
        self._cargo = cargo
        self._loaded = loaded
        self._carriage = Carriage(spec.workspace, self._request, limits)
        self._turn = asyncio.Lock()
        self._late: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def start(self, seconds: float = 20.0) -> None:
        await super().start(seconds)
        try:
            await self._carriage.begin(self._loaded)
        except BadFrame as error:
            await self.close()
            raise SandboxUnavailable(f"The sandbox was ended: {error}.") from None
        except BaseException:
            await self.close()
            raise
        self._watch = asyncio.create_task(self._watch_disk())

    async def call(self, name: str, input: Mapping[str, Any], session: str = "") -> ToolResult:
        await self.resume()
        await asyncio.shield(self._task(self._bring()))
        try:
            result = await super().call(name, input, session)
        except asyncio.CancelledError:
            self._task(self._fetch())
            raise
        said, hit = await asyncio.shield(self._task(self._fetch()))
        for line in said:
            result = result.saying(line)
        return result if hit is None else result.beyond(hit)

    async def pause(self) -> bool:
        if self.alive and not self.busy and not self._pausing.paused:
            await self._fetch()
        return await super().pause()

    async def close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait([watch])
            with contextlib.suppress(SandboxUnavailable, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._last_fetch()
        await super().close()
        if self._late:
            await asyncio.wait(self._late)

    async def _last_fetch(self) -> None:
        """What jobs wrote since the last call."""
        if self.alive:
            await self.resume()
            await self._fetch()

    async def _bring(self) -> None:
        async with self._turn, self._trusted():
            await asyncio.to_thread(self._cargo.refresh)
            await self._carriage.bring()

    async def _fetch(self) -> tuple[list[str], str | None]:
        async with self._turn, self._trusted():
            return await self._carriage.fetch()

    @contextlib.asynccontextmanager
    async def _trusted(self) -> Any:
        """End a sandbox that answers what no honest one does."""
        try:
            yield
        except BadFrame as error:
            await self._end(f"The sandbox was ended: {error}.")
            raise SandboxUnavailable(self._ended or "") from None
        except OSError as error:
            raise SandboxUnavailable(f"The workspace cannot be carried: {error.strerror or error}.") from None

    async def _request(self, frame: dict[str, Any]) -> ToolResult:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self.ask(frame)
        except TimeoutError:
            await self._end("The sandbox did not answer in time and was ended.")
            raise SandboxUnavailable(self._ended or "") from None

    async def _watch_disk(self) -> None:
        with contextlib.suppress(SandboxUnavailable, BadFrame):
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                if self.busy and await self._carriage.overfull():
                    await self.cancel()

    def _task(self, work: Any) -> asyncio.Task[Any]:
        """Goes on when the call is cancelled, so that no file stays half-way."""
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()
