"""The only way out of a sandbox: an HTTP proxy on a unix socket that the host serves.

It takes CONNECT and plain HTTP with absolute URIs, and nothing else: raw TCP and UDP are not
served. One request per connection.

Trust model. Every byte from the socket is hostile: heads, bodies, connections and waiting times
are capped, requests are framed anew. A tunnel is not looked into: of a server that hosts both an
allowed and another site, either can be asked for.

Source: spec section 2.2 (networking), docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h11

from jupyter_agents.errors import SandboxUnavailable

from .base import Network, Refusal
from .dial import Connect, Dialer, Refused, Resolve, Unreachable
from .hosts import Hosts, normalise
from .relay import HEAD_SECONDS, Header, Side, exchange, shut, tunnel

SOCKET_NAME = "egress.sock"

_CONNECTIONS = 128
_LONGEST_PATH = 100
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_ABSOLUTE = re.compile(r"[hH][tT][tT][pP]://(?P<authority>[^/?#]+)(?P<path>[/?][^#]*)?")
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\ntoo many connections\n"


@dataclass(frozen=True)
class _Target:
    host: str
    port: int
    path: str | None
    """What follows the authority of an http:// address; `None` for CONNECT."""

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == 80 else f"{name}:{self.port}"


class Egress:
    """A running proxy. `socket` is where it listens."""

    def __init__(self, path: Path, dialer: Dialer, told: Callable[[Refusal], None] | None) -> None:
        self.socket = path
        self._dialer = dialer
        self._told = told
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop listening and cut every connection. Idempotent; never raises."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._dialer.close()
        with contextlib.suppress(OSError):
            self.socket.unlink(missing_ok=True)

    async def listen(self, listening: socket.socket) -> None:
        """Serve connections to `listening`, a bound socket."""
        self._server = await asyncio.start_unix_server(self._accept, sock=listening)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _CONNECTIONS:
            writer.write(_FULL)
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Side(h11.SERVER, (reader, writer))
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                request = await client.next()
            if isinstance(request, h11.Request):
                await self._route(client, request)
        except TimeoutError:
            await client.answer(408, "the connection was idle for too long")
        except h11.RemoteProtocolError as error:
            await client.answer(error.error_status_hint, "this is not a valid HTTP request")
        except (h11.ProtocolError, OSError):
            return
        finally:
            await shut(writer)

    async def _route(self, client: Side, request: h11.Request) -> None:
        target = _target(request)
        if target is None:
            return await client.answer(
                400, "this proxy takes CONNECT host:port and requests for http:// addresses"
            )
        tunnelled = target.path is None
        try:
            proxy = self._dialer.proxy_for("https" if tunnelled else "http", target.host)
            stream = await self._dialer.open(target.host, target.port, proxy, tunnel=tunnelled)
        except Refused as error:
            if self._told is not None:
                self._told(Refusal(target.host, target.port, str(error)))
            return await client.answer(403, f"{target.authority} was refused: {error}")
        except Unreachable as error:
            return await client.answer(502, str(error))
        try:
            if target.path is None:
                return await tunnel(client, stream)
            headers: list[Header] = [(b"host", target.authority.encode())]
            if proxy is not None and proxy.authorization:
                headers.append((b"proxy-authorization", proxy.authorization.encode()))
            form = target.path if proxy is None else f"http://{target.authority}{target.path}"
            await exchange(client, request, stream, form, headers)
        finally:
            await shut(stream[1])


async def start_egress(
    network: Network,
    directory: Path,
    *,
    uid: int | None = None,
    resolve: Resolve | None = None,
    connect: Connect | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Egress:
    """Serve `network` on a new unix socket, ``egress.sock`` in `directory`.

    Parameters
    ----------
    network:
        Which hosts are allowed, and who is told of refusals.
    directory:
        Is made if it is missing; bind it into the sandbox, read-only.
    uid:
        The user id inside the sandbox. The socket is made over to it when the server runs as root.
    resolve, connect, environ:
        Replaced by tests: name resolution, connections, and the variables that name a proxy.

    Raises
    ------
    SandboxUnavailable
        The socket cannot be made there.
    """
    path = directory / SOCKET_NAME
    try:
        listening = _bind(path, uid)
    except OSError as error:
        raise SandboxUnavailable(
            f"The network socket cannot be made in {directory}: {error.strerror}."
        ) from None
    hosts = Hosts(network.allowed_hosts, network.trusted)
    dialer = Dialer(hosts, resolve=resolve, connect=connect, environ=environ)
    egress = Egress(path, dialer, network.told)
    await egress.listen(listening)
    return egress


def _target(request: h11.Request) -> _Target | None:
    text = request.target.decode("ascii", "replace")
    path: str | None = None
    if request.method != b"CONNECT":
        absolute = _ABSOLUTE.fullmatch(text)
        if absolute is None:
            return None
        text, path = absolute["authority"], absolute["path"] or "/"
        path = path if path.startswith("/") else f"/{path}"
    authority = _AUTHORITY.fullmatch(text)
    if authority is None or (path is None and authority["port"] is None):
        return None
    host, port = normalise(authority["host"]), int(authority["port"] or 80)
    return _Target(host, port, path) if host is not None and 0 < port < 65536 else None


def _bind(path: Path, uid: int | None) -> socket.socket:
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = len(os.fsencode(path)) <= _LONGEST_PATH
        listening.bind(str(path) if short else f"/proc/self/fd/{directory}/{path.name}")
        path.chmod(0o600)
        if uid is not None and os.geteuid() == 0:
            os.chown(path, uid, -1)
    except OSError:
        listening.close()
        raise
    finally:
        os.close(directory)
    return listening
