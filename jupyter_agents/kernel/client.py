"""Find the server of this kernel, and a connection to it.

In this order, the first that applies; no token is ever tried on another server:

1. the `url` and `token` that `connect` is given;
2. ``JUPYTER_AGENTS_URL`` and ``JUPYTER_AGENTS_TOKEN``;
3. the Jupyter server that started this kernel (its process id is ``JPY_PARENT_PID``);
4. the hub's ``JUPYTERHUB_SERVICE_URL`` and ``JUPYTERHUB_API_TOKEN``;
5. an embedded server that ends with this kernel.

Source: docs/decisions.md "Processes", "Model endpoint".
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from jupyter_agents.errors import UserError
from jupyter_agents.kernel import embedded

if TYPE_CHECKING:
    import anthropic

PREFIX = "jupyter-agents"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ANY = ("", "*", "0.0.0.0", "::")


@dataclass(frozen=True)
class Address:
    """Where a server is, without the extension's own path, and how it was found."""

    url: str
    token: str
    origin: str
    parent: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return self.parent or urlsplit(self.url).hostname in LOOPBACK


class Connection:
    """A server, and SDK clients bound to it.

    `client` is the official SDK's, for code at the notebook; `sdk` is its async twin, which this
    package itself uses on its worker's loop.
    """

    def __init__(self, address: Address, server: embedded.EmbeddedServer | None = None) -> None:
        self.address = address
        self.server = server

    def __repr__(self) -> str:
        return f"<Connection to {self.base_url} ({self.address.origin})>"

    @property
    def base_url(self) -> str:
        """The SDK's ``base_url``."""
        return f"{self.address.url.rstrip('/')}/{PREFIX}"

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, so that files need no download."""
        return self.address.is_local

    @cached_property
    def client(self) -> anthropic.Anthropic:
        """The SDK's client; traffic to this machine passes no HTTP proxy."""
        import anthropic
        import httpx2

        direct: Any = {"trust_env": False, "transport": httpx2.HTTPTransport(**self._direct())}
        return anthropic.Anthropic(
            base_url=self.base_url,
            auth_token=self.address.token,
            http_client=anthropic.DefaultHttpxClient(**(direct if self.is_local else {})),
        )

    @cached_property
    def sdk(self) -> anthropic.AsyncAnthropic:
        """The SDK's async client; use it on one loop only."""
        import anthropic
        import httpx2

        direct: Any = {"trust_env": False, "transport": httpx2.AsyncHTTPTransport(**self._direct())}
        return anthropic.AsyncAnthropic(
            base_url=self.base_url,
            auth_token=self.address.token,
            http_client=anthropic.DefaultAsyncHttpxClient(**(direct if self.is_local else {})),
        )

    def _direct(self) -> dict[str, Any]:
        """What a transport to this machine is made with: certificates are read where they are needed."""
        if urlsplit(self.address.url).scheme == "https":
            return {"trust_env": False}
        return {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}

    def local(self, method: str, path: str, body: object = None) -> Any:
        """Ask a local route, such as ``local("GET", "status")``, and wait for its JSON."""
        if method == "GET":
            return self.client.get(f"/local/{path}", cast_to=object)
        return self.client.post(f"/local/{path}", body=body, cast_to=object, options={"max_retries": 0})

    async def get(self, path: str) -> Any:
        """The JSON of a local route such as ``status`` (docs/local-api.md)."""
        return await self.sdk.get(f"/local/{path}", cast_to=object)

    async def get_bytes(self, path: str) -> bytes:
        """The body of a local route."""
        import httpx2

        answer = await self.sdk.get(f"/local/{path}", cast_to=httpx2.Response)
        return answer.content

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post JSON to a local route, once."""
        return await self.sdk.post(f"/local/{path}", body=body, cast_to=object, options={"max_retries": 0})

    async def post_bytes(self, path: str, content: bytes, kind: str) -> Any:
        """Post bytes of media type `kind` to a local route, once."""
        headers = {"Content-Type": kind}
        return await self.sdk.post(
            f"/local/{path}",
            content=content,
            cast_to=object,
            options={"max_retries": 0, "headers": headers},
        )


_embedded: embedded.EmbeddedServer | None = None
_lock = threading.Lock()


def connect(url: str | None = None, token: str | None = None) -> Connection:
    """A connection to this kernel's server; where there is none, one is started.

    Parameters
    ----------
    url:
        A Jupyter server's address, such as ``http://127.0.0.1:8888``, with or without the
        extension's path ``/jupyter-agents``.
    token:
        Its token.

    Raises
    ------
    UserError
        An address without a token, or the embedded server did not start.
    """
    if url is not None:
        return Connection(Address(_root(url), token or _token(), "given"))
    found = find()
    if found is not None:
        return Connection(found)
    server = _embed()
    return Connection(Address(_root(server.url), server.token, "embedded"), server)


def find() -> Address | None:
    """The server of this kernel that is already there, if any; nothing is asked of it."""
    environment = os.environ
    if url := environment.get("JUPYTER_AGENTS_URL"):
        return Address(_root(url), _token(), "JUPYTER_AGENTS_URL")
    if parent := _parent():
        return parent
    hub = environment.get("JUPYTERHUB_SERVICE_URL")
    if hub and (token := environment.get("JUPYTERHUB_API_TOKEN")):
        return Address(_root(hub), token, "JupyterHub")
    return None


def missing_extension(connection: Connection) -> UserError:
    """What to say where a server is there and answers 404 to this package's routes."""
    return UserError(
        f"The Jupyter server at {connection.address.url} does not have jupyter-agents. If it was installed "
        "while Jupyter was running, restart Jupyter to load the jupyter-agents server extension (not only "
        "the kernel). If Jupyter runs in another Python environment than this kernel "
        f"({sys.prefix}), install jupyter-agents there too."
    )


def begin_embedded() -> None:
    """Where this kernel has no server, let one begin, so that the first cell waits for less of it."""
    if find() is None:
        with _lock:
            _begun()


def _embed() -> embedded.EmbeddedServer:
    global _embedded
    with _lock:
        server = _begun()
        try:
            server.wait()
        except BaseException:
            _embedded = None
            server.close()
            raise
        return server


def _begun() -> embedded.EmbeddedServer:
    global _embedded
    root = Path.cwd()
    if _embedded is not None and not (_embedded.alive and _embedded.fits(root)):
        _embedded.close()
        _embedded = None
    if _embedded is None:
        _embedded = embedded.EmbeddedServer(root)
    return _embedded


def _token() -> str:
    token = os.environ.get("JUPYTER_AGENTS_TOKEN")
    if not token:
        raise UserError("The server's address is given but no token: set JUPYTER_AGENTS_TOKEN.")
    return token


def _parent() -> Address | None:
    """The server whose process started this kernel, from the file that it keeps about itself."""
    pid = os.environ.get("JPY_PARENT_PID", "")
    if not pid.isdigit():
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        info = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").read_text())
    except (OSError, ValueError):
        return None
    if info.get("pid") != int(pid) or info.get("sock"):
        return None
    url = urlsplit(str(info["url"]))
    if info.get("hostname") in ANY:
        url = url._replace(netloc=f"127.0.0.1:{info['port']}")
    token = str(info.get("token") or "none")
    return Address(_root(url.geturl()), token, "this Jupyter server", parent=True)


def _root(url: str) -> str:
    """`url` without the extension's path; an any-address is this machine."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.netloc.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
    path = parts.path.rstrip("/").removesuffix(f"/{PREFIX}")
    return urlunsplit((parts.scheme, host, f"{path}/", "", ""))
