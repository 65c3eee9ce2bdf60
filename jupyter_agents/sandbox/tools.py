"""The host's end of the toolhost: `ToolhostSandbox`, and the zipapp that a provider ships.

How a provider uses it::

    options = ToolhostOptions(env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"}, limits=spec.limits)
    path = write_zipapp(directory)
    argv = ["python3", *options.arguments("/inside/toolhost.pyz")]
    sandbox = ToolhostSandbox(channel, kind="docker", limits=spec.limits, on_close=...)
    await sandbox.start()

`ToolhostOptions` says what the toolhost does inside: which directories the file tools may reach,
the egress proxy's socket that it forwards ``127.0.0.1:3128`` to, which uid it takes on when it is
started as root.

Source: docs/architecture.md (sandbox), spec section 8.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ..errors import SandboxUnavailable
from .base import SANDBOX_TOOLS, Limits, Mount, ToolResult
from .channel import Channel
from .frames import (
    BadFrame,
    FrameBuffer,
    call_id,
    check_hello,
    decode_frame,
    encode_frame,
    tool_result,
)
from .options import STANDARD_ROOTS, Root, ToolhostOptions
from .pausing import Pausing
from .signs import limit_met
from .zipapp import toolhost_zipapp, write_zipapp

__all__ = [
    "Channel",
    "Root",
    "ToolhostOptions",
    "ToolhostSandbox",
    "toolhost_zipapp",
    "write_zipapp",
]

LARGE_FRAME = 512 * 1024
CANCEL_SECONDS = 0.45
ANSWER_SECONDS = 2.0
SPARE_ANSWERS = 16

_log = logging.getLogger(__name__)


class ToolhostSandbox:
    """One running toolhost as a `Sandbox` (see `base.Sandbox` for what the methods promise).

    Parameters
    ----------
    channel:
        A stream to a toolhost that was just started; this object owns it from now on.
    kind, notes:
        What `Sandbox.kind` and `Sandbox.notes` say.
    image:
        What `Sandbox.image` says.
    limits:
        ``call_seconds`` is enforced here too, should the toolhost not do it.
    limit_hit:
        Asked after every call: a sentence such as ``out of memory (1 GiB)`` when a limit was hit
        since it was last asked, else None. Must not block.
    add_file:
        What `Sandbox.add_file` does; without it, that raises `SandboxUnavailable`.
    freeze:
        Called with True to let nothing in the sandbox run, with False to go on; raises
        `SandboxUnavailable`. Without it the toolhost stops the processes below it.
    memory:
        What `Sandbox.memory` says.
    on_close:
        Awaited once, after the channel was closed: removes what the provider made.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        kind: str,
        notes: Sequence[str] = (),
        image: str | None = None,
        limits: Limits | None = None,
        limit_hit: Callable[[], str | None] | None = None,
        add_file: Callable[[Mount], Awaitable[None]] | None = None,
        freeze: Callable[[bool], Awaitable[None]] | None = None,
        memory: Callable[[], Awaitable[int | None]] | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.kind = kind
        self.notes = tuple(notes)
        self.image = image
        self._channel = channel
        self._limits = limits or Limits()
        self._limit_hit = limit_hit
        self._add_file = add_file
        self._memory = memory
        self._on_close = on_close
        self._pausing = Pausing(freeze or self._stop_below, lambda: self.busy)
        self._open: dict[int, asyncio.Future[ToolResult]] = {}
        self._asked: dict[int, asyncio.Future[ToolResult]] = {}
        self._last = 0
        self._answers = 0
        self._sending = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._hello: asyncio.Future[None] | None = None
        self._ended: str | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._reader is not None and self._ended is None

    @property
    def busy(self) -> bool:
        """Whether a call is open."""
        return bool(self._open)

    def takes_files(self, add_file: Callable[[Mount], Awaitable[None]]) -> None:
        """Set what `add_file` does, for a provider whose hook needs this object."""
        self._add_file = add_file

    async def start(self, seconds: float = 20.0) -> None:
        """Wait for the toolhost's hello.

        seconds: how long at most. Raises `SandboxUnavailable`; the channel is closed then.
        """
        self._hello = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait_for(asyncio.shield(self._hello), seconds)
        except TimeoutError as e:
            await self.close()
            raise SandboxUnavailable(f"The sandbox did not start within {seconds:g} s.") from e
        except BaseException:
            await self.close()
            raise

    async def call(self, name: str, input: Mapping[str, Any], session: str = "") -> ToolResult:
        """See `Sandbox.call`; `session` is for one of several that share it (`sharing.Member`)."""
        if name not in SANDBOX_TOOLS:
            return ToolResult.text(f"{name}: there is no such tool", is_error=True)
        await self.resume()
        answer, number = self._expect(self._open)
        frame = {"id": number, "op": "call", "name": name, "input": dict(input)}
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                await self._send(frame | {"session": session} if session else frame)
                result = await asyncio.shield(answer)
        except TimeoutError:
            result = await self._overdue(name, number, answer)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop_call(number))
            raise
        finally:
            self._open.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()
        return self._with_limit(result)

    async def ping(self) -> None:
        """One round trip to the toolhost. Raises `SandboxUnavailable`."""
        await self.ask({"op": "ping"})

    async def pause(self) -> bool:
        return await self._pausing.pause()

    async def resume(self) -> None:
        await self._pausing.resume()

    async def cancel(self) -> None:
        waiting = [answer for answer in self._open.values() if not answer.done()]
        if not waiting:
            return
        sending = asyncio.create_task(self._try_send({"op": "cancel"}))
        _, stuck = await asyncio.wait(waiting, timeout=CANCEL_SECONDS)
        await sending
        if not stuck:
            return
        for answer in stuck:
            if not answer.done():
                answer.set_result(ToolResult.text("interrupted", is_error=True))
        await self._end("The sandbox did not stop its calls and was ended.")

    async def leave(self, session: str) -> None:
        """End what one of several sessions runs here."""
        with contextlib.suppress(SandboxUnavailable):
            await self.resume()
            await self._send({"op": "leave", "session": session})

    async def add_file(self, mount: Mount) -> None:
        if self._ended is not None:
            raise SandboxUnavailable(self._ended)
        if self._add_file is None:
            raise SandboxUnavailable(f"{self.kind} takes no files while it runs.")
        await self.resume()
        await self._add_file(mount)
        if not mount.target.startswith(tuple(f"{root.virtual}/" for root in STANDARD_ROOTS)):
            await self.add_root(Root(mount.target))

    async def add_root(self, root: Root) -> None:
        """Let the file tools read one more place, at once. bash does not see it."""
        real = root.real or root.virtual
        await self.resume()
        await self._send({"op": "root", "virtual": root.virtual, "real": real})

    async def memory(self) -> int | None:
        return await self._memory() if self._memory is not None and self.alive else None

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def ask(self, frame: dict[str, Any]) -> ToolResult:
        """The toolhost's answer to a request that is no call. Raises `SandboxUnavailable`."""
        answer, number = self._expect(self._asked)
        try:
            await self._send({"id": number} | frame)
            return await answer
        finally:
            self._asked.pop(number, None)

    def _expect(
        self, waiting: dict[int, asyncio.Future[ToolResult]]
    ) -> tuple[asyncio.Future[ToolResult], int]:
        if self._ended is not None or self._reader is None:
            raise SandboxUnavailable(self._ended or "The sandbox was not started.")
        self._last += 1
        answer = asyncio.get_running_loop().create_future()
        waiting[self._last] = answer
        return answer, self._last

    async def _stop_below(self, stop: bool) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.ask({"op": "pause"} if stop else {"op": "resume"})
        except TimeoutError:
            await self._end("The sandbox did not answer in time and was ended.")
            raise SandboxUnavailable(self._ended or "") from None

    async def _send(self, frame: dict[str, Any]) -> None:
        data = encode_frame(frame)
        try:
            async with self._sending:
                await self._channel.send(data)
        except SandboxUnavailable:
            raise
        except Exception as e:
            raise SandboxUnavailable(self._ended or "The sandbox has ended.") from e

    async def _try_send(self, frame: dict[str, Any]) -> None:
        """Send to a far end that may be gone, or may not read."""
        with contextlib.suppress(SandboxUnavailable, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._send(frame)

    async def _stop_call(self, number: int) -> None:
        await self._try_send({"op": "cancel", "ids": [number]})

    async def _overdue(self, name: str, number: int, answer: asyncio.Future[ToolResult]) -> ToolResult:
        await self._stop_call(number)
        await asyncio.wait([answer], timeout=ANSWER_SECONDS)
        if not answer.done():
            await self._end("The sandbox did not answer in time and was ended.")
        seconds = self._limits.call_seconds
        said = f"{name}: stopped after {seconds:g} s, the longest that one call may take"
        return ToolResult([{"type": "text", "text": said}], is_error=True, limit=True)

    def _with_limit(self, result: ToolResult) -> ToolResult:
        hit = self._limit_hit() if self._limit_hit is not None else None
        hit = hit or limit_met(result, self._limits)
        return result if hit is None else result.beyond(hit)

    async def _read(self) -> None:
        buffer = FrameBuffer()
        try:
            while data := await self._channel.receive():
                for line in buffer.feed(data):
                    await self._take(line)
            why = "The sandbox has ended."
        except BadFrame as e:
            why = f"The sandbox was ended: {e}."
        except (OSError, SandboxUnavailable) as e:
            why = str(e) or "The sandbox has ended."
        except Exception as e:
            _log.exception("the channel to a sandbox of the kind %s failed", self.kind)
            why = f"The channel to the sandbox failed with {type(e).__name__}."
        await self._end(why)
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())

    async def _take(self, line: bytes) -> None:
        large = len(line) > LARGE_FRAME
        frame = await asyncio.to_thread(decode_frame, line) if large else decode_frame(line)
        if self._hello is not None and not self._hello.done():
            check_hello(frame)
            self._hello.set_result(None)
            return
        self._answers += 1
        if self._answers > self._last + SPARE_ANSWERS:
            raise BadFrame("there are more answers than calls")
        number = call_id(frame, self._last)
        answer = self._open.get(number) or self._asked.get(number)
        result = await asyncio.to_thread(tool_result, frame) if large else tool_result(frame)
        if answer is not None and not answer.done():
            answer.set_result(result)

    async def _end(self, why: str) -> None:
        if self._ended is None:
            hit = self._limit_hit() if self._limit_hit is not None else None
            self._ended = f"{why} {hit}" if hit else why
        waiting: list[asyncio.Future[Any]] = [*self._open.values(), *self._asked.values()]
        if self._hello is not None:
            waiting.append(self._hello)
        for answer in waiting:
            if not answer.done():
                answer.set_exception(SandboxUnavailable(self._ended))
                answer.exception()
        await self._channel.close()

    async def _close(self) -> None:
        await self._end("The sandbox was closed.")
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._on_close is not None:
            await self._on_close()
