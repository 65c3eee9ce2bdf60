"""Servers that do nothing but send: recorded pages, and paced server-sent events. A floor."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{}\r\n"


class Static:
    """pages: bodies by their page, for ``/events``. ``/events/stream`` sends `deltas` at `pace` seconds."""

    def __init__(self, pages: dict[str, bytes], deltas: int = 0, pace: float = 0.05) -> None:
        self._pages = pages
        self._deltas = deltas
        self._pace = pace

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = urlsplit(head.split(b" ", 2)[1].decode())
            if target.path.endswith("/stream"):
                await self._stream(writer)
                return
            body = self._pages[parse_qs(target.query).get("page", ["first"])[0]]
            writer.write(HEAD.format("application/json", f"Content-Length: {len(body)}\r\n").encode() + body)
            await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD.format("text/event-stream", "Connection: close\r\n").encode() + b": connected\n\n")
        begin = time.monotonic()
        for number in range(self._deltas):
            await asyncio.sleep(max(0.0, begin + number * self._pace - time.monotonic()))
            content = {"type": "text", "text": f"{time.time_ns()} "}
            delta = {"type": "content_delta", "index": 0, "content": content}
            data = json.dumps({"type": "event_delta", "event_id": "sevt_1", "delta": delta})
            writer.write(f"event: message\ndata: {data}\n\n".encode())
            await writer.drain()
        idle = {"type": "session.status_idle", "id": "sevt_2", "processed_at": "2026-01-01T00:00:00Z"}
        data = json.dumps(idle | {"stop_reason": {"type": "end_turn"}})
        writer.write(f"event: message\ndata: {data}\n\n".encode())
        await writer.drain()
        writer.close()


async def main(pages: dict[str, bytes], deltas: int) -> None:
    """Serve until standard input ends; the first line of output is the address."""
    static = Static(pages, deltas)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await static.answer(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    place = sys.argv[1]
    if place.isdigit():
        asyncio.run(main({}, int(place)))
    else:
        asyncio.run(main({file.name: file.read_bytes() for file in Path(place).iterdir()}, 0))
