from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import pytest

from jupyter_agents.sandbox import dial
from jupyter_agents.sandbox.dial import Dialer, Proxy, Refused, Stream, Unreachable
from jupyter_agents.sandbox.hosts import Hosts

made: list[Dialer] = []


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    while made:
        made.pop().close()


def dialer(
    environ: Mapping[str, str] | None = None,
    addresses: Sequence[str] = ("1.1.1.1",),
    connected: list[str] | None = None,
) -> Dialer:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    async def connect(address: str, port: int) -> Stream:
        if connected is not None:
            connected.append(address)
        raise OSError(111, "Connection refused")

    made.append(Dialer(Hosts(None), resolve=resolve, connect=connect, environ=environ or {}))
    return made[-1]


async def test_only_public_addresses_are_given() -> None:
    found = ("10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111")
    assert await dialer(addresses=found).addresses("a.example", 443) == ["1.1.1.1", "2606:4700::1111"]
    with pytest.raises(Refused, match=r"10\.0\.0\.1, not a public address"):
        await dialer(addresses=["10.0.0.1"]).addresses("a.example", 443)
    with pytest.raises(Refused, match="not a public host name"):
        await dialer().addresses("localhost", 80)


def test_this_machines_addresses_are_known() -> None:
    assert dial.is_own_address("127.0.0.1") and not dial.is_own_address("192.0.2.1")
    assert not dial.is_own_address("nonsense")


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://p:3128"}, Proxy("p", 3128, False, None)),
        ({"HTTPS_PROXY": "p:3128"}, Proxy("p", 3128, False, None)),
        ({"ALL_PROXY": "https://p"}, Proxy("p", 443, True, None)),
        ({"https_proxy": "http://p", "http_proxy": "http://q"}, Proxy("p", 80, False, None)),
        ({"http_proxy": "http://q"}, None),
        ({"https_proxy": "http://p", "no_proxy": "example.com"}, None),
        ({"https_proxy": "http://p", "NO_PROXY": ".example.com"}, None),
        ({"https_proxy": "http://p", "no_proxy": "*"}, None),
        ({"https_proxy": "http://p", "no_proxy": "other.com"}, Proxy("p", 80, False, None)),
        ({"https_proxy": "http://u:p%40@p:1"}, Proxy("p", 1, False, "Basic dTpwQA==")),
    ],
)
def test_the_servers_own_proxy(environ: dict[str, str], proxy: Proxy | None) -> None:
    assert dialer(environ).proxy_for("https", "www.example.com") == proxy


@pytest.mark.parametrize("url", ["socks5://p:1", "http://", "http://p:port", "http://[::1", "ftp://p"])
def test_a_proxy_that_is_no_http_proxy_is_said_without_its_login(url: str) -> None:
    with pytest.raises(Unreachable, match="https_proxy is not an http"):
        dialer({"https_proxy": url}).proxy_for("https", "example.com")


async def test_each_public_address_is_tried_in_turn() -> None:
    connected: list[str] = []
    dialing = dialer(addresses=["1.1.1.1", "10.0.0.1", "2606:4700::1111"], connected=connected)
    with pytest.raises(Unreachable, match=r"example\.com:443 cannot be reached: Connection refused"):
        await dialing.open("example.com", 443, None, tunnel=True)
    assert connected == ["1.1.1.1", "2606:4700::1111"]


async def test_a_name_without_any_public_address_is_refused() -> None:
    with pytest.raises(Refused, match=r"example.com leads to 127.0.0.1, not a public address"):
        await dialer(addresses=["127.0.0.1"]).open("example.com", 443, None, tunnel=True)
    with pytest.raises(Unreachable, match="has no address"):
        await dialer(addresses=[]).open("example.com", 443, None, tunnel=True)


@pytest.mark.parametrize("port", [1, 22, 25, 1023])
async def test_ports_below_1024_are_for_the_web_only(port: int) -> None:
    with pytest.raises(Refused, match="not a web port"):
        await dialer().open("example.com", port, None, tunnel=True)


async def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(dial, "CONNECT_SECONDS", 0.05)
    made.append(Dialer(Hosts(None), resolve=resolve, connect=None, environ={}))
    with pytest.raises(Unreachable, match="did not answer"):
        await made[-1].open("example.com", 443, None, tunnel=True)


async def test_the_systems_resolver_is_asked_by_default() -> None:
    made.append(Dialer(Hosts(None, trusted=("localhost",)), resolve=None, connect=None, environ={}))
    with pytest.raises(Unreachable, match="cannot be reached"):
        await made[-1].open("localhost", 1024, None, tunnel=True)


async def test_a_proxy_that_breaks_off_or_is_not_there() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nonsense\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1], False, None)
        with pytest.raises(Unreachable, match="broke off"):
            await dialer().open("example.com", 443, proxy, tunnel=True)
    with pytest.raises(Unreachable, match="does not answer"):
        await dialer().open("example.com", 443, Proxy("127.0.0.1", 1, False, None), tunnel=True)
