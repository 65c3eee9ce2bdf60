"""The ways to an MCP server: streamable HTTP, the older event stream, and a program's pipes.

Each is a context that yields the ``mcp`` package's pair of streams. Source: spec section 17.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import httpx2

from jupyter_agents.domain.mcp import url_problem
from jupyter_agents.domain.toolsets import STDIO
from jupyter_agents.runtime import mcp_http, mcp_relay
from jupyter_agents.runtime.mcp_config import McpConfig

Mode = Literal["auto", "legacy"]
Way = tuple[Callable[[], AbstractAsyncContextManager[Any]], Mode]


class Unusable(Exception):
    """An address that leads nowhere: why, after "the MCP server failed"."""


class Transport:
    """How one server is reached.

    Parameters
    ----------
    url:
        ``http(s)://...``, or ``stdio:<name>`` for one of `McpConfig.programs`.
    """

    def __init__(self, url: str, config: McpConfig) -> None:
        self._url = url
        self._config = config
        self._http: mcp_http.Bounded | None = None

    @property
    def local(self) -> bool:
        """Whether the server is a program of this machine."""
        return self._url.startswith(STDIO)

    @property
    def status(self) -> int | None:
        """The status of the newest answer, where it is 400 to 499."""
        return None if self._http is None else self._http.refused_with

    @property
    def refusal(self) -> str | None:
        """Why the newest answer was not taken, where it was not."""
        return None if self._http is None else self._http.refusal

    @property
    def denied(self) -> bool:
        """Whether the server wants a credential."""
        return self.status in mcp_http.DENIED

    @property
    def again(self) -> bool:
        """Whether the second of the `ways` may fare better than the first."""
        return self.local or (self.status is not None and not self.denied)

    @property
    def ways(self) -> tuple[Way, Way]:
        """What to try, in this order: an HTTP server is new or old, a program is old or new."""
        if self.local:
            return (self._program, "legacy"), (self._program, "auto")
        return (self._streamable, "auto"), (self._event_stream, "legacy")

    @contextlib.asynccontextmanager
    async def _streamable(self) -> AsyncIterator[Any]:
        from mcp.client.streamable_http import streamable_http_client

        async with await self._client() as http:
            most = mcp_http.LARGEST_ANSWER
            async with streamable_http_client(
                self._url, http_client=http, max_sse_event_size=most
            ) as streams:
                yield streams

    @contextlib.asynccontextmanager
    async def _event_stream(self) -> AsyncIterator[Any]:
        from mcp.client.sse import sse_client

        http = await self._client()

        def made(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
            return http

        async with sse_client(self._url, httpx_client_factory=made) as streams:
            yield streams

    @contextlib.asynccontextmanager
    async def _program(self) -> AsyncIterator[Any]:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        program = self._config.programs.get(self._url.removeprefix(STDIO))
        if program is None:
            raise Unusable("it is not set up on this Jupyter server")
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-I", mcp_relay.__file__, *program.command],
            env=dict(program.env),
            cwd=self._config.folder,
        )
        async with stdio_client(parameters) as streams:
            yield streams

    async def _client(self) -> httpx2.AsyncClient:
        problem = url_problem(self._url)
        if problem is not None:
            raise Unusable(problem.rstrip("."))
        private = self._config.private_hosts
        self._http = await asyncio.to_thread(mcp_http.bounded, self._url, private_hosts=private)
        return mcp_http.client(self._http, self._config.call_seconds + self._config.connect_seconds)
