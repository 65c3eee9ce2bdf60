from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox.attach import AttachChannel

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def explain(stderr: str) -> str:
    return f"explained: {stderr}"


@contextlib.asynccontextmanager
async def engine(directory: Path, answer: bytes, handler: Handler) -> AsyncIterator[str]:
    """An engine that answers an attach request with `answer`."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            with contextlib.suppress(OSError):
                await handler(reader, writer)
        finally:
            writer.close()

    path = str(directory / "engine.sock")
    server = await asyncio.start_unix_server(serve, path)
    async with server:
        yield path
    assert heads[0].startswith(b"POST /v1.41/containers/abc/attach?stream=1&stdin=1&stdout=1&stderr=1 ")


def piece(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


async def sends(directory: Path, data: bytes) -> list[bytes]:
    """What a channel receives when the engine sends `data` and ends."""

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(data), 7):
            writer.write(data[start : start + 7])
            await writer.drain()

    async with engine(directory, UPGRADED, send) as path:
        channel = await AttachChannel.open(path, "1.41", "abc", explain)
        received = []
        try:
            while True:
                received.append(await channel.receive())
        except SandboxUnavailable as error:
            received.append(str(error).encode())
        await channel.close()
        return received


async def test_stdout_is_received_and_stderr_kept_for_the_end(tmp_path: Path) -> None:
    data = piece(1, b"one") + piece(2, b"first\nlast words\n") + piece(1, b"") + piece(1, b"two")
    *received, end = await sends(tmp_path, data)
    assert b"".join(received) == b"onetwo" and end == b"explained: last words"


@pytest.mark.parametrize("cut", [0, 3, 8, 9])
async def test_a_stream_that_breaks_off_is_an_end(tmp_path: Path, cut: int) -> None:
    *received, end = await sends(tmp_path, piece(1, b"whole") + piece(1, b"broken")[:cut])
    assert b"".join(received).startswith(b"whole") and end == b"explained: "


@pytest.mark.parametrize("header", [b"\x03\0\0\0\0\0\0\1", b"\1\1\0\0\0\0\0\1", b"HTTP/1.1"])
async def test_what_is_no_attached_stream_is_refused(tmp_path: Path, header: bytes) -> None:
    *received, end = await sends(tmp_path, header + b"x")
    assert received == [] and b"not an attached stream" in end


async def test_a_length_of_four_gigabytes_costs_nothing(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    *received, end = await sends(tmp_path, b"\1\0\0\0\xff\xff\xff\xff" + b"x" * 1000)
    assert b"".join(received) == b"x" * 1000 and end == b"explained: "
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


async def test_endless_stderr_is_dropped(tmp_path: Path) -> None:
    *received, end = await sends(tmp_path, piece(2, b"e" * 20_000) * 5 + piece(1, b"ok"))
    assert received == [b"ok"] and len(end) < 400


async def test_what_is_sent_arrives(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(piece(1, data.upper()))
            await writer.drain()

    async with engine(tmp_path, UPGRADED, echo) as path:
        channel = await AttachChannel.open(path, "1.41", "abc", explain)
        await channel.send(b"hello")
        assert await channel.receive() == b"HELLO"
        await channel.close()
        await channel.close()
        assert await channel.receive() == b""


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"", b"x\r\n\r\n", b"y" * 300_000])
async def test_an_engine_that_does_not_attach_is_unavailable(tmp_path: Path, answer: bytes) -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()

    async with engine(tmp_path, answer, end) as path:
        with pytest.raises(SandboxUnavailable, match="does not attach"):
            await AttachChannel.open(path, "1.41", "abc", explain)


async def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="does not attach"):
        await AttachChannel.open(str(tmp_path / "none"), "1.41", "abc", explain)
    with pytest.raises(SandboxUnavailable, match="does not attach"):
        await AttachChannel.open(("127.0.0.1", 1), "1.41", "abc", explain)
