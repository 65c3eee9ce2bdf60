from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from jupyter_agents.errors import SandboxUnavailable
from jupyter_agents.sandbox import egress as egress_module
from jupyter_agents.sandbox import relay
from jupyter_agents.sandbox.base import Network, Refusal
from jupyter_agents.sandbox.dial import Stream
from jupyter_agents.sandbox.egress import Egress, start_egress

PUBLIC = "93.184.216.34"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Start = Callable[..., Awaitable[Egress]]


@contextlib.asynccontextmanager
async def origin(handler: Handler) -> AsyncIterator[int]:
    """A server on loopback that closes every connection after `handler`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class World:
    """A fake internet: names lead to addresses, every address is a port on loopback."""

    def __init__(self, port: int = 0) -> None:
        self.names: dict[str, list[str]] = {}
        self.port = port
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError("unknown")
        return self.names[host]

    async def connect(self, address: str, port: int) -> Stream:
        self.connected.append((address, port))
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    running: list[Egress] = []

    async def go(hosts: tuple[str, ...] | None, world: World, **more: object) -> Egress:
        more.setdefault("environ", {})
        made = await start_egress(
            Network(hosts, more.pop("trusted", ()), more.pop("told", None)),  # type: ignore[arg-type]
            tmp_path / "run",
            resolve=world.resolve,
            connect=world.connect,
            **more,  # type: ignore[arg-type]
        )
        running.append(made)
        return made

    yield go
    for made in running:
        await made.close()


async def ask(egress: Egress, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(egress.socket))
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def get(url: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {url} HTTP/1.1", "Host: ignored.example", *headers, "", ""]).encode()


async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    body = b"saw " + head
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: keep-alive, X-Hop\r\n"
        b"X-Hop: 1\r\nX-Kept: 2\r\n\r\n%s" % (len(body), body)
    )
    await writer.drain()


async def test_a_plain_request_reaches_the_origin(start: Start) -> None:
    async with origin(hello) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        answer = await ask(
            egress,
            get("http://example.com/a?b=c", "Proxy-Connection: x", "Connection: X-Gone", "X-Gone: 1"),
        )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-kept: 2" in head and b"x-hop" not in head and b"connection: close" in head
    assert body.startswith(b"saw GET /a?b=c HTTP/1.1\r\n")
    assert b"host: example.com\r\n" in body.lower() and b"ignored.example" not in body
    assert b"gone" not in body.lower() and b"proxy-connection" not in body.lower()
    assert world.connected == [(PUBLIC, 80)]


async def test_the_query_of_an_address_without_a_path(start: Start) -> None:
    async with origin(hello) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        answer = await ask(egress, get("http://example.com:8080?q=1"))
    assert b"saw GET /?q=1 HTTP/1.1" in answer and b"example.com:8080" in answer
    assert world.connected == [(PUBLIC, 8080)]


async def test_a_tunnel_carries_bytes_both_ways_until_both_ends_close(start: Start) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data.upper())
            await writer.drain()

    async with origin(upper) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(("example.com",), world)
        reader, writer = await asyncio.open_unix_connection(str(egress.socket))
        writer.write(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\nearly ")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"late")
        writer.write_eof()
        assert await reader.read() == b"EARLY LATE"
        writer.close()
    assert world.connected == [(PUBLIC, 443)]


async def test_a_body_is_passed_on_and_only_the_checked_request(start: Start) -> None:
    seen: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        seen.append(await reader.readexactly(5))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        seen.append(await reader.read())
        collected.set()

    collected = asyncio.Event()
    smuggled = b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    async with origin(collect) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(("example.com",), world)
        answer = await ask(
            egress,
            b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\n"
            b"hello" + smuggled,
        )
        await asyncio.wait_for(collected.wait(), 5)
    assert b" 201 " in answer
    assert seen[1:] == [b"hello", b""]


async def test_two_framings_in_one_request_leave_one(start: Start) -> None:
    seen: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with origin(collect) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        answer = await ask(
            egress,
            b"POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )
    assert b" 200 " in answer
    assert b"content-length" not in seen[0].lower() and b"hello" in seen[0]


async def test_expect_continue_is_answered_at_once(start: Start) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"expect" not in head.lower()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + await reader.readexactly(2))

    async with origin(echo) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        reader, writer = await asyncio.open_unix_connection(str(egress.socket))
        writer.write(
            b"PUT http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert b" 100 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.write(b"ok")
        assert b"ok" in await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_host_that_is_not_listed_is_refused_before_any_look_up(start: Start) -> None:
    world = World()
    told: list[Refusal] = []
    egress = await start(("packages.example",), world, told=told.append)
    answer = await ask(egress, get("http://evil.example/"))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"evil.example was refused: the environment's network allows packages.example only." in answer
    assert b" 403 " in await ask(egress, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: e\r\n\r\n")
    assert [(r.host, r.port) for r in told] == [("evil.example", 80), ("evil.example", 443)]
    assert world.asked == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inside_is_refused(start: Start, address: str) -> None:
    world = World()
    world.names["rebound.example"] = [address]
    egress = await start(("rebound.example",), world)
    answer = await ask(egress, b"CONNECT rebound.example:443 HTTP/1.1\r\nHost: r\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ") and b"rebound.example leads to " in answer
    assert world.connected == []


async def test_a_name_is_looked_up_once_and_only_its_public_address_used(start: Start) -> None:
    async with origin(hello) as port:
        world = World(port)
        world.names["mixed.example"] = ["127.0.0.1", PUBLIC]
        egress = await start(None, world)
        assert b" 200 " in await ask(egress, get("http://mixed.example/"))
    assert world.asked == ["mixed.example"] and world.connected == [(PUBLIC, 80)]


async def test_a_trusted_mirror_may_be_at_a_private_address(start: Start) -> None:
    async with origin(hello) as port:
        world = World(port)
        world.names["mirror.corp"] = ["10.0.0.8"]
        egress = await start(None, world, trusted=("mirror.corp:80",))
        assert b" 200 " in await ask(egress, get("http://mirror.corp/simple/"))
        assert b" 403 " in await ask(egress, get("http://mirror.corp:8080/"))
        limited = await start(("a.example",), world, trusted=("mirror.corp",))
        assert b"allows a.example only" in await ask(limited, get("http://mirror.corp/"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "metadata.google.internal"]
)
async def test_literal_and_local_addresses_are_refused(start: Start, host: str) -> None:
    world = World()
    world.names.update({"2130706433": [PUBLIC], "localhost": [PUBLIC]})
    egress = await start(None, world)
    assert b" 403 " in await ask(egress, get(f"http://{host}/"))
    assert world.connected == []


async def test_ports_that_are_not_for_the_web_are_refused(start: Start) -> None:
    world = World()
    world.names["example.com"] = [PUBLIC]
    egress = await start(None, world)
    for port in (22, 25, 465):
        answer = await ask(egress, f"CONNECT example.com:{port} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
        assert b" 403 " in answer and b"not a web port" in answer


async def test_what_cannot_be_reached_is_a_502(start: Start) -> None:
    world = World(1)
    world.names["down.example"] = [PUBLIC]
    told: list[Refusal] = []
    egress = await start(None, world, told=told.append)
    assert b"absent.example has no address" in await ask(egress, get("http://absent.example/"))
    answer = await ask(egress, get("http://down.example/"))
    assert b" 502 " in answer and b"down.example:80 cannot be reached" in answer
    assert not told


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"\r\n" * 40_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET https://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET ftp://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://user:secret@example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://example.com:0/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://example.com:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://exa mple.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://\xe9xample.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT http://example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost : x\r\n\r\n",
    ],
)
async def test_what_is_not_a_proxy_request_is_a_client_error(start: Start, data: bytes) -> None:
    world = World()
    world.names["example.com"] = [PUBLIC]
    egress = await start(None, world)
    answer = await ask(egress, data)
    assert answer.startswith(b"HTTP/1.1 4") or (b"Length" in data and b" 502 " in answer)
    assert b"secret" not in answer and world.connected == []


async def test_a_head_that_is_too_long_is_refused(start: Start) -> None:
    egress = await start(None, World())
    answer = await ask(egress, get("http://example.com/", *[f"X-{n}: {'y' * 900}" for n in range(80)]))
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_slow_head_is_cut(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_module, "HEAD_SECONDS", 0.1)
    egress = await start(None, World())
    assert (await ask(egress, b"GET http://exam")).startswith(b"HTTP/1.1 408 ")


async def test_an_idle_tunnel_is_cut(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with origin(silent) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        answer = await ask(egress, b"CONNECT example.com:443 HTTP/1.1\r\nHost: e\r\n\r\n")
    assert b" 200 " in answer


async def test_too_many_connections_are_told_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_module, "_CONNECTIONS", 3)
    egress = await start((), World())
    kept = [await asyncio.open_unix_connection(str(egress.socket)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert (await ask(egress, b"")).startswith(b"HTTP/1.1 503 ")
    for _, writer in kept:
        writer.close()
    await asyncio.sleep(0.05)
    assert b" 403 " in await ask(egress, get("http://example.com/"))


async def test_an_upload_beyond_the_limit_is_cut(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BODY_BYTES", 100_000)

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with origin(sink) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        head = b"PUT http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
        assert b" 413 " in await ask(egress, head + b"x" * 150_000)


async def test_an_answer_that_is_not_http_is_a_502(start: Start) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    async with origin(nonsense) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        assert b" 502 " in await ask(egress, get("http://example.com/"))


async def test_a_large_download_arrives_whole(start: Start) -> None:
    size = 20_000_000

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(size // 100_000):
            writer.write(b"z" * 100_000)
            await writer.drain()

    async with origin(large) as port:
        world = World(port)
        world.names["example.com"] = [PUBLIC]
        egress = await start(None, world)
        answer = await ask(
            egress, b"GET http://example.com/ HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
    assert answer.count(b"z") == size


async def test_the_hosts_own_proxy_is_used_and_its_login_stays_here(start: Start) -> None:
    heads: list[bytes] = []

    async def parent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        if head.startswith(b"CONNECT ok"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nfrom the origin")
        elif head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=corp\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with origin(parent) as port:
        url = f"http://me:s%40cret@127.0.0.1:{port}"
        environ = {"http_proxy": url, "HTTPS_PROXY": url, "no_proxy": "direct.example"}
        world = World(port)
        world.names["direct.example"] = ["10.0.0.1"]
        egress = await start(None, world, environ=environ)
        plain = await ask(egress, get("http://example.com/x"))
        tunnel = await ask(egress, b"CONNECT ok.example:443 HTTP/1.1\r\nHost: o\r\n\r\n")
        refused = await ask(egress, b"CONNECT no.example:443 HTTP/1.1\r\nHost: n\r\n\r\n")
        inside = await ask(egress, get("http://10.0.0.1/"))
        direct = await ask(egress, get("http://direct.example/"))
    login = b"Basic " + base64.b64encode(b"me:s@cret")
    assert plain.endswith(b"hi") and heads[0].startswith(b"GET http://example.com/x HTTP/1.1\r\n")
    assert login in heads[0] and login in heads[1]
    assert tunnel.endswith(b"from the origin")
    assert b" 502 " in refused and b"answered 407 for no.example:443" in refused
    assert b" 403 " in inside and b" 403 " in direct
    for answer in (plain, tunnel, refused):
        assert b"cret" not in answer and b"corp" not in answer
    assert world.asked == ["direct.example"] and len(heads) == 3


async def test_a_proxy_variable_that_is_no_address_is_said(start: Start) -> None:
    egress = await start(None, World(), environ={"https_proxy": "socks5://127.0.0.1:1"})
    answer = await ask(egress, b"CONNECT example.com:443 HTTP/1.1\r\nHost: e\r\n\r\n")
    assert b" 502 " in answer and b"https_proxy" in answer


async def test_by_default_this_machine_itself_is_out_of_reach(tmp_path: Path) -> None:
    async with origin(hello) as port:

        async def resolve(host: str, asked: int) -> Sequence[str]:
            return ["127.0.0.1"]

        answers = []
        for trusted in ("me.example", f"me.example:{port}"):
            network = Network(None, (trusted,))
            egress = await start_egress(network, tmp_path, resolve=resolve, environ={})
            answers.append(await ask(egress, get(f"http://me.example:{port}/")))
            await egress.close()
    assert b" 502 " in answers[0] and b"this machine itself" in answers[0]
    assert b" 200 " in answers[1]


async def test_close_cuts_connections_and_removes_the_socket(start: Start) -> None:
    egress = await start((), World())
    reader, writer = await asyncio.open_unix_connection(str(egress.socket))
    await asyncio.sleep(0.02)
    await egress.close()
    await egress.close()
    assert await asyncio.wait_for(reader.read(), 2) == b""
    assert not egress.socket.exists()
    writer.close()


async def test_only_the_owner_can_use_the_socket(start: Start) -> None:
    egress = await start((), World(), uid=65532)
    found = egress.socket.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == (65532 if os.geteuid() == 0 else os.geteuid())


async def test_a_long_directory_name_is_no_trouble(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    egress = await start_egress(Network(()), directory)
    assert stat.S_ISSOCK(egress.socket.stat().st_mode)
    await egress.close()
    assert not egress.socket.exists()


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailable, match="network socket cannot be made"):
        await start_egress(Network(()), tmp_path / "file")
