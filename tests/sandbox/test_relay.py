from __future__ import annotations

import asyncio
import socket
import time

import pytest

from jupyter_agents.sandbox import relay
from jupyter_agents.sandbox.relay import end_to_end, shut


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ([(b"accept", b"*/*"), (b"host", b"x"), (b"te", b"trailers")], [b"accept"]),
        ([(b"connection", b"close, X-One ,x-two"), (b"x-one", b"1"), (b"x-two", b"2")], []),
        ([(b"proxy-authorization", b"Basic x"), (b"authorization", b"y")], [b"authorization"]),
        ([(b"content-length", b"3"), (b"transfer-encoding", b"chunked")], [b"transfer-encoding"]),
        ([(b"connection", b"content-length"), (b"content-length", b"3")], [b"content-length"]),
        ([(b"set-cookie", b"a"), (b"set-cookie", b"b")], [b"set-cookie", b"set-cookie"]),
    ],
)
def test_only_end_to_end_headers_are_passed_on(headers: list[tuple[bytes, bytes]], kept: list[bytes]) -> None:
    assert [name for name, _ in end_to_end(headers)] == kept


async def test_a_peer_that_never_reads_does_not_keep_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "_CLOSE_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    writer.write(b"x" * 10_000_000)
    begin = time.monotonic()
    await shut(writer)
    assert time.monotonic() - begin < 2 and writer.transport.is_closing()
    theirs.close()


async def test_what_is_buffered_leaves_before_a_connection_is_shut() -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _, writer = await asyncio.open_connection(sock=ours)
    reader, other = await asyncio.open_connection(sock=theirs)
    writer.write(b"x" * 1_000_000)
    received, _ = await asyncio.gather(reader.read(-1), shut(writer))
    assert len(received) == 1_000_000
    other.close()
