"""Carries one HTTP exchange, or one tunnel, between a sandbox's client and an origin.

Requests and responses are parsed and framed anew (h11), never passed on as bytes: the origin sees
exactly one request, the one that was checked. What is inside a tunnel is not looked at.

Source: RFC 9110 section 7.6.1 (hop-by-hop fields), RFC 9112 section 6 (framing).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import h11

from .dial import Stream

HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 15.0
IDLE_SECONDS = 300.0
BODY_BYTES = 5 * 1024**3

_CHUNK = 64 * 1024
_CLOSE_SECONDS = 5.0
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer "
    b"upgrade expect host".split()
)

_REASONS = {403: b"Refused by the environment's network", 502: b"Not reached"}

Header = tuple[bytes, bytes]


class Side:
    """One end of an exchange: an h11 connection with its streams."""

    def __init__(self, role: type[h11.CLIENT] | type[h11.SERVER], stream: Stream) -> None:
        self.http = h11.Connection(role, HEAD_BYTES)
        self.reader, self.writer = stream

    async def next(self) -> object:
        """The next h11 event; raises h11.RemoteProtocolError on what is not HTTP."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.reader.read(_CHUNK))
        return event

    async def send(self, event: h11.Event) -> None:
        """Send one h11 event; raises OSError when the peer is gone."""
        if data := self.http.send(event):
            self.writer.write(data)
            await self.writer.drain()

    async def answer(self, status: int, text: str) -> None:
        """Say what was wrong in plain text, if an answer can still be given."""
        body = f"jupyter-agents network: {text}.\n".encode()
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        with contextlib.suppress(h11.ProtocolError, OSError):
            async with asyncio.timeout(HEAD_SECONDS):
                await self.send(
                    h11.Response(status_code=status, headers=headers, reason=_REASONS.get(status, b""))
                )
                await self.send(h11.Data(data=body))
                await self.send(h11.EndOfMessage())


async def tunnel(client: Side, stream: Stream) -> None:
    """Accept the client's CONNECT and pass bytes both ways until both have ended or fell idle."""
    loop = asyncio.get_running_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            idle.reschedule(loop.time() + IDLE_SECONDS)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    while not isinstance(await client.next(), h11.EndOfMessage):
        continue
    established = h11.Response(status_code=200, headers=[], reason=b"Connection established")
    await client.send(established)
    with contextlib.suppress(OSError):
        async with asyncio.timeout(IDLE_SECONDS) as idle:
            stream[1].write(client.http.trailing_data[0])
            await asyncio.gather(pump(client.reader, stream[1]), pump(stream[0], client.writer))


async def exchange(
    client: Side, request: h11.Request, stream: Stream, target: str, headers: list[Header]
) -> None:
    """Send `request` on as `target`, with `headers` before its own, and bring the response back.

    Raises
    ------
    h11.RemoteProtocolError
        The client's body is not valid HTTP, or is larger than 5 GiB.
    OSError
        One of the two is gone, or nothing moved for 300 s (TimeoutError).
    """
    origin = Side(h11.CLIENT, stream)
    loop = asyncio.get_running_loop()

    async def upload() -> None:
        sent = 0
        while True:
            event = await client.next()
            idle.reschedule(loop.time() + IDLE_SECONDS)
            assert isinstance(event, h11.Data | h11.EndOfMessage)
            sent += len(event.data) if isinstance(event, h11.Data) else 0
            if sent > BODY_BYTES:
                raise h11.RemoteProtocolError("the body is too large", 413)
            await origin.send(event)
            if isinstance(event, h11.EndOfMessage):
                return

    async def download() -> None:
        try:
            while (event := await origin.next()) is not h11.PAUSED:
                idle.reschedule(loop.time() + IDLE_SECONDS)
                if isinstance(event, h11.Response):
                    if event.status_code == 407:
                        return await client.answer(502, "the server's own HTTP proxy wants a login")
                    await client.send(_closing(event))
                elif isinstance(event, h11.Data):
                    await client.send(event)
                elif isinstance(event, h11.EndOfMessage):
                    return await client.send(h11.EndOfMessage())
        except h11.RemoteProtocolError:
            await client.answer(502, "the answer is not valid HTTP")

    async with asyncio.timeout(IDLE_SECONDS) as idle:
        sent_headers = [*headers, *end_to_end(request.headers), (b"connection", b"close")]
        await origin.send(h11.Request(method=request.method, target=target, headers=sent_headers))
        if client.http.they_are_waiting_for_100_continue:
            await client.send(h11.InformationalResponse(status_code=100, headers=[]))
        sending, receiving = loop.create_task(upload()), loop.create_task(download())
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_EXCEPTION)
            if not receiving.done():
                await sending
            await receiving
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)


async def shut(writer: asyncio.StreamWriter) -> None:
    """Close `writer` after what is buffered has left it, or after 5 s without."""
    try:
        writer.close()
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
    except (TimeoutError, asyncio.CancelledError) as stop:
        writer.transport.abort()
        if isinstance(stop, asyncio.CancelledError):
            raise
    except OSError:
        return


def end_to_end(headers: Iterable[Header]) -> list[Header]:
    """`headers` without those that concern one hop only, framed one way only."""
    pairs = list(headers)
    dropped = set(_HOP_BY_HOP)
    for name, value in pairs:
        if name == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
    dropped -= {b"transfer-encoding", b"content-length"}
    if any(name == b"transfer-encoding" for name, _ in pairs):
        dropped.add(b"content-length")
    return [(name, value) for name, value in pairs if name not in dropped]


def _closing(response: h11.Response) -> h11.Response:
    headers = [*end_to_end(response.headers), (b"connection", b"close")]
    return h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)
