"""A byte stream to a toolhost: the protocol, and the one over a child process's pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Protocol

from ..errors import SandboxUnavailable

CHUNK = 256 * 1024
STDERR_KEPT = 4096


class Channel(Protocol):
    """Bytes to and from one running toolhost. One reader, one writer at a time."""

    async def send(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError or `SandboxUnavailable` when the far end is gone."""

    async def receive(self) -> bytes:
        """The next bytes, of any length; ``b""`` at the end of the stream.

        May raise `SandboxUnavailable` instead, with a sentence that says why the stream ended.
        """

    async def close(self) -> None:
        """End the far end and whatever runs below it. Idempotent; never raises."""


class ProcessChannel:
    """The channel over stdin and stdout of a child process that this server started.

    Parameters
    ----------
    process:
        Started with pipes for stdin, stdout and stderr.
    what:
        What the process is called in messages, such as ``bubblewrap``.
    grace:
        Seconds between SIGTERM and SIGKILL at `close`; 0 is SIGKILL at once.
    terminate:
        Whether SIGTERM is sent; without it, the end of its input is what the process has `grace` for.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, what: str, grace: float, terminate: bool = True
    ) -> None:
        self.pid = process.pid
        self._handle = _handle_of(process.pid)
        self._process = process
        self._what = what
        self._grace = grace
        self._terminate = terminate
        self._errors = bytearray()
        self._closing: asyncio.Task[None] | None = None
        self._listener = asyncio.create_task(self._collect_errors())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        what: str,
        grace: float = 0.0,
        terminate: bool = True,
        pass_fds: Sequence[int] = (),
    ) -> ProcessChannel:
        """Start `argv` with an empty environment, in a session of its own.
        Raises `SandboxUnavailable` when the program cannot be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                limit=4 * CHUNK,
            )
        except OSError as e:
            raise SandboxUnavailable(f"{what} could not be started: {e.strerror or e}.") from e
        return cls(process, what, grace, terminate)

    async def send(self, data: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(data)
        await stdin.drain()

    async def receive(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        data = await stdout.read(CHUNK)
        if not data and self._closing is None:
            await self._explain()
        return data

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._end())
        await asyncio.shield(self._closing)

    async def _end(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.close()
        if self._grace:
            if self._terminate:
                self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._grace)
        self._signal(signal.SIGKILL)
        await self._process.wait()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listener), 1.0)
        self._listener.cancel()
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
        with contextlib.suppress(OSError):
            await stdin.wait_closed()

    def _signal(self, number: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def _collect_errors(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while data := await stderr.read(STDERR_KEPT):
            self._errors += data
            del self._errors[:-STDERR_KEPT]

    async def _explain(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listener), 0.5)
        said = self._errors.decode("utf-8", "replace").strip().splitlines()
        if said:
            raise SandboxUnavailable(f"{self._what} ended: {said[-1][:300]}")


def _handle_of(pid: int) -> int | None:
    """A descriptor that names the process for good; None for one that has ended already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
