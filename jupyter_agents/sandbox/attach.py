"""The channel to a container's main process: the engine's attach stream, taken apart.

Without a terminal the engine puts eight bytes before each piece of output: one for the stream
(1 is stdout, 2 is stderr), three zeros, four for the length. Pieces are read as they come, so that
a length of four gigabytes costs nothing.

Source: Docker Engine API, ``POST /containers/{id}/attach`` (stream format).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from ..errors import SandboxUnavailable

CHUNK = 256 * 1024
STDERR_KEPT = 4096

Explain = Callable[[str], Awaitable[str]]
"""Takes the last line of stderr; one sentence on why the container ended."""
Endpoint = str | tuple[str, int] | tuple[str, int, ssl.SSLContext]
"""A unix socket's path, or host and port, with TLS where there is a context."""

ATTACH_SECONDS = 20.0

_HEADER = 8
_STDERR = 2


class AttachChannel:
    """Bytes to and from an attached container; a `channel.Channel`.

    Parameters
    ----------
    explain:
        Awaited when the stream ends by itself.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        explain: Explain,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._explain = explain
        self._left = 0
        self._stream = 0
        self._stderr = bytearray()
        self._closed = False

    @classmethod
    async def open(cls, endpoint: Endpoint, version: str, container: str, explain: Explain) -> AttachChannel:
        """Attach to `container`, which was created and not started.

        endpoint: where the engine listens. version: of its API, such as ``1.41``. Raises
        `SandboxUnavailable`.
        """
        request = (
            f"POST /v{version}/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1 "
            "HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        writer = None
        try:
            async with asyncio.timeout(ATTACH_SECONDS):
                if isinstance(endpoint, str):
                    reader, writer = await asyncio.open_unix_connection(endpoint, limit=CHUNK)
                else:
                    host, port, *secure = endpoint
                    reader, writer = await asyncio.open_connection(
                        host, port, limit=CHUNK, ssl=secure[0] if secure else None
                    )
                writer.write(request.encode())
                status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
                if status not in (b"101", b"200"):
                    raise OSError(f"status {status[:3].decode('ascii', 'replace')}")
        except (OSError, EOFError, IndexError, asyncio.LimitOverrunError) as error:
            if writer is not None:
                writer.transport.abort()
            raise SandboxUnavailable(f"The engine does not attach a container: {error}") from None
        return cls(reader, writer, explain)

    async def send(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError when the container is gone."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """The next bytes of stdout. Raises `SandboxUnavailable` when the container is gone."""
        while True:
            try:
                if self._left == 0:
                    await self._read_header()
                data = await self._reader.read(min(self._left, CHUNK)) if self._left else b""
            except (OSError, EOFError):
                return await self._ended()
            if not data and self._left:
                return await self._ended()
            self._left -= len(data)
            if self._stream == _STDERR:
                self._stderr += data
                del self._stderr[:-STDERR_KEPT]
            elif data:
                return data

    async def close(self) -> None:
        """Let go of the stream; the container is the provider's to end. Never raises."""
        self._closed = True
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read_header(self) -> None:
        header = await self._reader.readexactly(_HEADER)
        if header[0] > _STDERR or any(header[1:4]):
            raise SandboxUnavailable("The engine sent what is not an attached stream.")
        self._stream = header[0]
        self._left = int.from_bytes(header[4:], "big")

    async def _ended(self) -> bytes:
        if self._closed:
            return b""
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        raise SandboxUnavailable(await self._explain(lines[-1][:300] if lines else ""))
