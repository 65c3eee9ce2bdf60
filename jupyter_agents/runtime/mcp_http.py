"""The HTTP client of an MCP connection: nothing of ours is sent along, nothing large is held.

An answer is cut off at `LARGEST_ANSWER` bytes before it is parsed, an event stream at
`LARGEST_STREAM`; compressed ones are refused, because their size is unknown. Redirects that leave
the server's origin are not followed (the ``mcp`` package sees to it). Source: docs/mcp.md "Limits".
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import NoReturn
from urllib.request import getproxies, proxy_bypass

import httpx2

from jupyter_agents.runtime.mcp_bounds import MOST_VALUES, Values
from jupyter_agents.sandbox.hosts import address_refusal, literal_address

LARGEST_ANSWER = 8 * 1024 * 1024
LARGEST_STREAM = 64 * 1024 * 1024
CLIENT_ERRORS = range(400, 500)
DENIED = (401, 403)


class Refused(httpx2.StreamError):
    """An answer that is not taken, or an address that is not called."""


class Bounded(httpx2.AsyncBaseTransport):
    """Counts what comes in and remembers how the server refused.

    Parameters
    ----------
    inner:
        Does the sending.
    private_hosts:
        Whether the server may be at an address that is not public.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, *, private_hosts: bool, proxied: bool) -> None:
        self._inner = inner
        self._private_hosts = private_hosts
        self._proxied = proxied
        self.refused_with: int | None = None
        """The status of the newest answer, where it is 400 to 499."""
        self.refusal: str | None = None
        """Why the newest answer was not taken, where it was not."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises `Refused` for an address that is not allowed; reading a body that is not taken raises it."""
        self.refusal = None
        if not self._private_hosts:
            await self._pin(request)
        response = await self._inner.handle_async_request(request)
        self.refused_with = response.status_code if response.status_code in CLIENT_ERRORS else None
        compressed = response.headers.pop("content-encoding", "identity").lower() != "identity"
        streamed = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        most = LARGEST_STREAM if streamed else LARGEST_ANSWER
        reason = f"the answer is larger than {most // 1024**2} MiB"
        if compressed:
            most, reason = 0, "the answer is compressed, which was not asked for"
        response.stream = _Counted(response.stream, most, reason, self._refuse)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    def _refuse(self, reason: str) -> NoReturn:
        self.refusal = reason
        raise Refused(reason)

    async def _pin(self, request: httpx2.Request) -> None:
        """Look the host up once and call the address that was checked."""
        host = request.url.host
        literal = literal_address(host)
        if literal is not None:
            addresses = [str(literal)]
        elif self._proxied:
            return
        else:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, request.url.port or 0, type=socket.SOCK_STREAM)
            addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if address_refusal(ip_address(address)) is not None:
                self._refuse("it is not at a public address, and this Jupyter server allows no other")
        request.url = request.url.copy_with(host=addresses[0])
        request.extensions = {**request.extensions, "sni_hostname": host}


class _Counted(httpx2.AsyncByteStream):
    def __init__(
        self, inner: httpx2.AsyncByteStream, most: int, reason: str, refuse: Callable[[str], NoReturn]
    ) -> None:
        self._inner = inner
        self._left = most
        self._reason = reason
        self._refuse = refuse
        self._values = Values()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                self._refuse(self._reason)
            self._values.feed(chunk)
            if self._values.count > MOST_VALUES:
                self._refuse(f"the answer holds more than {MOST_VALUES} values")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@functools.cache
def tls() -> ssl.SSLContext:
    """The trusted roots, loaded once; blocks the first time."""
    return httpx2.create_ssl_context()


def bounded(url: str, *, private_hosts: bool) -> Bounded:
    """The transport to the server at `url`, through the host's own proxy where there is one. Blocks."""
    parts = httpx2.URL(url)
    proxy = None if _is_local(parts.host) or proxy_bypass(parts.host) else getproxies().get(parts.scheme)
    inner = httpx2.AsyncHTTPTransport(verify=tls(), trust_env=False, proxy=proxy)
    return Bounded(inner, private_hosts=private_hosts, proxied=proxy is not None)


def client(transport: Bounded, seconds: float) -> httpx2.AsyncClient:
    """A client with no ``.netrc`` and no proxy of its own; `seconds` of silence are too long."""
    return httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        timeout=httpx2.Timeout(seconds),
        headers={"accept-encoding": "identity", "user-agent": "jupyter-agents"},
    )


def _is_local(host: str) -> bool:
    literal = literal_address(host)
    return host == "localhost" or (literal is not None and literal.is_loopback)
