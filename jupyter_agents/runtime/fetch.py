"""One page of the public web: fetched with GET, every hop checked, everything bounded.

Trust model. The URL is the model's and the answer a stranger's. Names are resolved once, the addresses
checked, and the connection goes to a checked address under the name's certificate; each redirect is
checked as the first URL was. No cookie, credential or earlier connection is used. Where the server's
environment names an HTTP proxy, that proxy resolves names and connects (docs/decisions.md "Sandbox
and network").
"""

from __future__ import annotations

import asyncio
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx2

from jupyter_agents._version import __version__
from jupyter_agents.sandbox.dial import WEB_PORTS, Dialer, Proxy, Refused, Resolve, Unreachable
from jupyter_agents.sandbox.hosts import Hosts, normalise

MOST_REDIRECTS = 10
SECONDS = 30.0
CONNECT_SECONDS = 10.0
LARGEST = 10 * 1024 * 1024
LONGEST_URL = 8192
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {
    "user-agent": f"jupyter-agents/{__version__}",
    "accept": "text/html, text/*;q=0.9, */*;q=0.8",
    "accept-encoding": "gzip",
}
GZIP = 31


class FetchFailed(Exception):
    """Nothing was fetched; one clause why."""


@dataclass(frozen=True)
class Page:
    """What was fetched. url: where it was found, after redirects. cut: whether there was more of it."""

    url: str
    status: int
    reason: str
    content_type: str
    body: bytes
    cut: bool


@dataclass(frozen=True)
class Target:
    """A checked URL. host: lower-case ASCII, without brackets; path: without the query."""

    url: httpx2.URL
    host: str
    port: int
    path: str


Check = Callable[[Target], None]
"""Raises `FetchFailed` for a URL that the caller does not want; asked for every hop."""


class Fetcher:
    """Fetches pages for all sessions of a server.

    Parameters
    ----------
    hosts:
        Names that may be at private addresses and at any port: the trait ``web_hosts``.
    resolve, environ:
        Replaced by tests: name resolution, and the variables that name a proxy.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        resolve: Resolve | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._hosts = Hosts(None, hosts)
        self._dialer = Dialer(self._hosts, resolve=resolve, connect=None, environ=environ)
        self._tls: ssl.SSLContext | None = None

    def close(self) -> None:
        """Let go of the resolver's threads."""
        self._dialer.close()

    async def get(self, url: str, check: Check) -> Page:
        """The page at `url`, at most `LARGEST` bytes of it, in at most `SECONDS`. Raises `FetchFailed`."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx2.create_ssl_context)
        try:
            async with asyncio.timeout(SECONDS):
                return await self._follow(url, check)
        except TimeoutError:
            raise FetchFailed(f"{url} did not answer in full within {SECONDS:.0f} s") from None
        except (Refused, Unreachable) as error:
            raise FetchFailed(str(error)) from None
        except httpx2.TransportError as error:
            detail = str(error)[:200] or type(error).__name__
            raise FetchFailed(f"the connection for {url} failed: {detail}") from None

    async def _follow(self, url: str, check: Check) -> Page:
        for _ in range(MOST_REDIRECTS + 1):
            target = self._target(url)
            check(target)
            async with self._open(target) as response:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or location is None:
                    return await _read(str(target.url), response)
                url = _joined(target.url, location)
        raise FetchFailed(f"there were more than {MOST_REDIRECTS} redirects, the last one to {url[:500]}")

    def _target(self, text: str) -> Target:
        if len(text) > LONGEST_URL:
            raise FetchFailed(f"the url has {len(text)} characters, at most {LONGEST_URL} are allowed")
        url = _parsed(text)
        if url.scheme not in ("http", "https"):
            raise FetchFailed(f"{text[:500]!r} is not an http:// or https:// address")
        if url.userinfo:
            raise FetchFailed("the url names a user or password; give it without")
        raw = url.raw_host.decode("ascii")
        host = normalise(f"[{raw}]" if ":" in raw else raw)
        if host is None:
            raise FetchFailed(f"{raw[:300]!r} is not a host name")
        port = url.port or (443 if url.scheme == "https" else 80)
        if port not in WEB_PORTS and not self._hosts.trusts(host, port):
            raise FetchFailed(f"port {port} is not fetched from, only 80 and 443")
        return Target(url.copy_with(host=host, fragment=None), host, port, url.path)

    @asynccontextmanager
    async def _open(self, target: Target) -> AsyncIterator[httpx2.Response]:
        proxy = self._dialer.proxy_for(target.url.scheme, target.host)
        if proxy is None:
            places = await self._dialer.addresses(target.host, target.port)
        elif reason := self._hosts.refusal(target.host, target.port):
            raise Refused(reason)
        else:
            places = [target.host]
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=0)
        transport = httpx2.AsyncHTTPTransport(
            verify=self._tls or True, trust_env=False, limits=limits, proxy=self._proxy(proxy)
        )
        async with transport:
            response = await _first_answer(transport, target, places)
            try:
                yield response
            finally:
                await response.aclose()

    def _proxy(self, proxy: Proxy | None) -> httpx2.Proxy | None:
        if proxy is None:
            return None
        headers = {"proxy-authorization": proxy.authorization} if proxy.authorization else {}
        url = httpx2.URL(scheme="https" if proxy.tls else "http", host=proxy.host, port=proxy.port)
        return httpx2.Proxy(url, headers=headers, ssl_context=self._tls if proxy.tls else None)


async def _first_answer(
    transport: httpx2.AsyncHTTPTransport, target: Target, places: list[str]
) -> httpx2.Response:
    """From the first of `places` that takes a connection; the name stays that of `target`."""
    failure: Exception = Unreachable(f"{target.host} has no address")
    times = httpx2.Timeout(SECONDS, connect=CONNECT_SECONDS).as_dict()
    for place in places:
        request = httpx2.Request(
            "GET",
            target.url.copy_with(host=place),
            headers=HEADERS | {"host": target.url.netloc.decode("ascii")},
            extensions={"timeout": times, "sni_hostname": target.host},
        )
        try:
            return await transport.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            why = str(error)[:200] or "no connection"
            failure = Unreachable(f"{target.host}:{target.port} cannot be reached: {why}")
    raise failure


async def _read(url: str, response: httpx2.Response) -> Page:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise FetchFailed(f"{url} answered in the encoding {encoding[:100]!r}, which was not asked for")
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > LARGEST:
            break
    page = Page(
        url=url,
        status=response.status_code,
        reason=response.reason_phrase[:100],
        content_type=response.headers.get("content-type", "")[:500],
        body=bytes(raw[:LARGEST]),
        cut=len(raw) > LARGEST,
    )
    return await asyncio.to_thread(_unzipped, page) if "gzip" in encoding else page


def _unzipped(page: Page) -> Page:
    reader = zlib.decompressobj(GZIP)
    try:
        body = reader.decompress(page.body, LARGEST + 1)
    except zlib.error:
        raise FetchFailed(f"{page.url} answered with broken gzip data") from None
    return replace(page, body=body[:LARGEST], cut=page.cut or len(body) > LARGEST)


def _parsed(text: str) -> httpx2.URL:
    try:
        return httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError, UnicodeError):
        raise FetchFailed(f"{text[:500]!r} cannot be read as an address") from None


def _joined(url: httpx2.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx2.InvalidURL, ValueError, UnicodeError):
        raise FetchFailed(f"the redirect to {location[:500]!r} cannot be read") from None
