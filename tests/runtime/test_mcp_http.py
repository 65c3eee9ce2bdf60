from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest

from jupyter_agents.runtime import mcp_http
from jupyter_agents.runtime.mcp_http import Bounded, Refused, bounded, client


class Chunks(httpx2.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.left = list(chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            yield self.left.pop(0)


class Answering(httpx2.AsyncBaseTransport):
    """Answers each request with the same; keeps the requests."""

    def __init__(self, *chunks: bytes, status: int = 200, **headers: str) -> None:
        self.stream = Chunks(chunks)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status, headers=self.headers, stream=self.stream)


def transport(inner: Answering, *, private_hosts: bool = True, proxied: bool = False) -> Bounded:
    return Bounded(inner, private_hosts=private_hosts, proxied=proxied)


@pytest.mark.parametrize(
    ("kind", "megabytes", "taken"),
    [
        ("application/json", 8, True),
        ("application/json", 9, False),
        ("text/event-stream", 60, True),
        ("text/event-stream", 70, False),
    ],
)
async def test_an_answer_is_read_up_to_its_limit(kind: str, megabytes: int, taken: bool) -> None:
    inner = Answering(*[b"x" * 1024**2] * megabytes, content_type=kind)
    under = transport(inner)
    async with client(under, 1) as http:
        if taken:
            assert len((await http.get("http://a.example")).content) == megabytes * 1024**2
            assert under.refusal is None
            return
        with pytest.raises(Refused, match="larger than"):
            await http.get("http://a.example")
    assert "larger than" in str(under.refusal) and inner.stream.left is not None


async def test_an_answer_of_too_many_values_is_not_parsed() -> None:
    async with client(
        transport(Answering(*[b"[]," * 10_000] * 10, content_type="application/json")), 1
    ) as http:
        with pytest.raises(Refused, match="more than 100000 values"):
            await http.get("http://a.example")


async def test_a_compressed_answer_is_refused() -> None:
    async with client(transport(Answering(b"x", content_encoding="gzip")), 1) as http:
        with pytest.raises(Refused, match="compressed"):
            await http.get("http://a.example")


@pytest.mark.parametrize(("status", "kept"), [(200, None), (401, 401), (404, 404), (500, None)])
async def test_the_status_of_a_refusal_is_kept(status: int, kept: int | None) -> None:
    under = transport(Answering(status=status))
    async with client(under, 1) as http:
        await http.get("http://a.example")
    assert under.refused_with == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://0x7f.1/",
    ],
)
async def test_addresses_that_are_not_public_can_be_forbidden(url: str) -> None:
    inner = Answering()
    async with client(transport(inner, private_hosts=False), 1) as http:
        with pytest.raises(Refused, match="public address"):
            await http.get(url)
    assert inner.requests == []


async def test_what_was_checked_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once; the certificate is still checked against it."""
    import asyncio

    async def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("93.184.216.34", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    inner = Answering()
    async with client(transport(inner, private_hosts=False), 1) as http:
        await http.get("https://mcp.example.com/x")
    (request,) = inner.requests
    assert request.url.host == "93.184.216.34"
    assert request.headers["host"] == "mcp.example.com"
    assert request.extensions["sni_hostname"] == "mcp.example.com"


async def test_the_hosts_proxy_is_used_except_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    asked: list[object] = []
    monkeypatch.setattr(
        mcp_http.httpx2, "AsyncHTTPTransport", lambda **options: asked.append(options["proxy"]) or Answering()
    )
    for url in ("http://a.example", "http://127.0.0.1:1", "http://localhost:1"):
        bounded(url, private_hosts=True)
    assert asked == ["http://127.0.0.1:9", None, None]
