"""Opens the connections that leave a sandbox: resolve once, check, connect to what was checked.

Where the server's own environment names an HTTP proxy (``http_proxy``, ``https_proxy``,
``no_proxy``), that proxy resolves names and connects; literal private addresses and local names
are refused before it is asked. Its credentials stay here: they are never part of an error text.

Source: docs/decisions.md (sandbox and network); RFC 9110 section 9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from jupyter_agents.errors import SandboxError

from .hosts import Hosts, address_refusal

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a host name and a port and returns addresses; raises OSError when there are none."""
Connect = Callable[[str, int], Awaitable[Stream]]
"""Takes an address and a port; raises OSError."""

CONNECT_SECONDS = 15.0
RESOLVER_THREADS = 4
WEB_PORTS = (80, 443)


class Refused(SandboxError):
    """The network's rules do not allow the connection."""


class Unreachable(SandboxError):
    """The connection is allowed and could not be made."""


@dataclass(frozen=True)
class Proxy:
    """The HTTP proxy that the server itself has to use."""

    host: str
    port: int
    tls: bool
    authorization: str | None


class Dialer:
    """Connects to the hosts that `hosts` lets through.

    Parameters
    ----------
    hosts:
        The rules.
    resolve, connect:
        How names become addresses and addresses become streams; tests give their own.
    environ:
        The server's environment, read for its proxy variables.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        resolve: Resolve | None,
        connect: Connect | None,
        environ: Mapping[str, str],
    ) -> None:
        self._hosts = hosts
        self._pool = ThreadPoolExecutor(RESOLVER_THREADS, "jupyter-agents-resolve")
        self._resolve = resolve or functools.partial(_resolve, self._pool)
        self._connect = connect
        self._environ = environ

    def close(self) -> None:
        """Let go of the resolver's threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """The proxy of the server's environment for `host`; raises `Unreachable` if unusable."""
        url = self._variable(f"{scheme}_proxy") or self._variable("all_proxy")
        if not url or proxy_bypass_environment(host, {"no": self._variable("no_proxy")}):
            return None
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(f"the server's {scheme}_proxy is not an http:// or https:// address")
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        tls = parts.scheme == "https"
        return Proxy(parts.hostname, port or (443 if tls else 80), tls, authorization)

    async def open(self, host: str, port: int, proxy: Proxy | None, *, tunnel: bool) -> Stream:
        """A stream to `host`, or to `proxy` on the way to it (`tunnel`: through it).

        Raises
        ------
        Refused
            The host, its address or the port is not allowed.
        Unreachable
            It did not resolve, or nothing answered.
        """
        if reason := self._hosts.refusal(host, port):
            raise Refused(reason)
        if port not in WEB_PORTS and port < 1024:
            raise Refused(f"port {port} is not a web port (80, 443 or 1024 and above)")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if proxy is None:
                    return await self._open_direct(host, port)
                stream = await _open_proxy(proxy)
                if tunnel:
                    await _ask_for_tunnel(stream, proxy, host, port)
                return stream
        except TimeoutError:
            raise Unreachable(f"{host}:{port} did not answer in {CONNECT_SECONDS:.0f} s") from None

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to: public ones, and none of this machine.

        A trusted host's are returned as they are. Raises `Refused` where `host` has no such address,
        `Unreachable` where it has none at all.
        """
        if reason := self._hosts.refusal(host, port):
            raise Refused(reason)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Unreachable(f"{host} has no address") from None
        if self._hosts.trusts(host, port):
            return list(found)
        public = [a for a in found if not address_refusal(ip_address(a)) and not is_own_address(a)]
        if found and not public:
            raise Refused(f"{host} leads to {found[0]}, not a public address")
        return public

    async def _open_direct(self, host: str, port: int) -> Stream:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Unreachable(f"{host} has no address") from None
        failure: SandboxError = Unreachable(f"{host} has no address")
        here = self._hosts.trusts_here(host, port)
        connect = self._connect or (asyncio.open_connection if here else _connect)
        for text in addresses:
            reason = None if self._hosts.trusts(host, port) else address_refusal(ip_address(text))
            if reason:
                failure = Refused(f"{host} leads to {reason.replace(' is not', ', not', 1)}")
                continue
            try:
                return await connect(text, port)
            except OSError as error:
                why = error.strerror or "no connection"
                failure = Unreachable(f"{host}:{port} cannot be reached: {why}")
        raise failure

    def _variable(self, name: str) -> str:
        return self._environ.get(name) or self._environ.get(name.upper()) or ""


def is_own_address(address: str) -> bool:
    """Whether `address` is this machine's: the way to it would begin there. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, WEB_PORTS[0]))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False


async def _resolve(pool: ThreadPoolExecutor, host: str, port: int) -> Sequence[str]:
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(pool, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _connect(address: str, port: int) -> Stream:
    reader, writer = await asyncio.open_connection(address, port)
    if writer.get_extra_info("peername")[0] == writer.get_extra_info("sockname")[0]:
        writer.close()
        raise OSError(None, "it is this machine itself")
    return reader, writer


async def _open_proxy(proxy: Proxy) -> Stream:
    context = ssl.create_default_context() if proxy.tls else None
    try:
        return await asyncio.open_connection(proxy.host, proxy.port, ssl=context)
    except OSError:
        raise Unreachable("the server's own HTTP proxy does not answer") from None


async def _ask_for_tunnel(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    reader, writer = stream
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    status = ""
    with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1][:3].decode("ascii")
    if not status.startswith("2"):
        writer.close()
        answer = f"answered {status}" if status.isdigit() else "broke off"
        raise Unreachable(f"the server's own HTTP proxy {answer} for {target}")
