"""One connection to one MCP server, kept by a task of its own.

The ``mcp`` package's contexts must be left by the task that entered them; calls come from others. It
is imported at the first connection, in a thread. Source: spec section 17.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
from pydantic import ValidationError

from jupyter_agents._version import __version__
from jupyter_agents.domain.mcp_listing import Listing
from jupyter_agents.errors import JupyterAgentsError
from jupyter_agents.runtime import mcp_content
from jupyter_agents.runtime.mcp_bounds import Pruned
from jupyter_agents.runtime.mcp_config import McpConfig
from jupyter_agents.runtime.mcp_transport import Mode, Transport, Unusable
from jupyter_agents.sandbox.base import ToolResult

if TYPE_CHECKING:
    from mcp import Client

Doc = dict[str, Any]
T = TypeVar("T")

CLOSE_SECONDS = 3.0
PROGRAM_CLOSE_SECONDS = 8.0
MOST_PAGES = 50
LONGEST_MESSAGE = 500
UNAUTHENTICATED = "mcp_authentication_failed_error"
CONNECTION_CLOSED = -32000
"""The ``mcp`` package's code for a request that lost its connection; servers use it for other things too."""
UNREACHABLE = "mcp_connection_failed_error"

log = logging.getLogger(__name__)


class McpFailure(JupyterAgentsError):
    """A server that cannot be used. type: of the ``session.error`` (spec section 4.5)."""

    def __init__(self, message: str, type: str = UNREACHABLE) -> None:
        super().__init__(message)
        self.message = message
        self.type = type


class Connection:
    """A connection to one server. Not usable before `open`, nor after `close`.

    Parameters
    ----------
    name, url:
        As the agent names the server.
    """

    def __init__(self, name: str, url: str, config: McpConfig) -> None:
        self.name = name
        self.url = url
        self._config = config
        self._transport = Transport(url, config)
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._cut: set[asyncio.Task[Any]] = set()
        self._changed = True
        self._told = True
        self.suspect = False
        """Whether a request was given up: the server may hang."""

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._client is not None and self._task is not None and not self._task.done()

    @property
    def may_have_changed(self) -> bool:
        """Whether to list anew: told so, or by a protocol that does not tell without being asked."""
        return self._changed or not self._told

    async def open(self) -> None:
        """Connect. Raises `McpFailure`."""
        opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(opened), name=f"MCP server {self.name}")
        try:
            async with asyncio.timeout(self._config.connect_seconds):
                self._client = await opened
        except TimeoutError:
            self._task.cancel()
            raise McpFailure(
                f"The MCP server {self.name!r} did not answer within {self._config.connect_seconds:g} s."
            ) from None
        except BaseException:
            self._task.cancel()
            raise

    async def listing(self, wanted: Callable[[str], bool]) -> Listing:
        """All pages of the server's tools. Raises `McpFailure`."""
        from mcp import types

        found, cursor = Listing(), None
        self._changed = False
        try:
            async with asyncio.timeout(self._config.connect_seconds):
                for _ in range(MOST_PAGES):
                    params = None if cursor is None else types.PaginatedRequestParams(cursor=cursor)
                    page = await self._ask(self._session.list_tools(params=params))
                    tools = [
                        {"name": t.name, "description": t.description or "", "input_schema": t.input_schema}
                        for t in page.tools
                    ]
                    await asyncio.to_thread(found.take, tools, wanted)
                    cursor = page.next_cursor
                    if cursor is None:
                        return found
        except TimeoutError:
            raise McpFailure(
                f"The MCP server {self.name!r} did not list its tools within "
                f"{self._config.connect_seconds:g} s."
            ) from None
        raise McpFailure(f"The MCP server {self.name!r} lists its tools on more than {MOST_PAGES} pages.")

    async def check(self) -> None:
        """Whether the server still answers. Raises `McpFailure`."""
        changed = self._changed
        await self.listing(lambda tool: False)
        self._changed = changed or self._changed
        self.suspect = False

    async def call(self, tool: str, arguments: Doc) -> ToolResult:
        """Run a tool. Raises `McpFailure`; what the server says went wrong is a result."""
        from mcp import types

        params = types.CallToolRequestParams(name=tool, arguments=arguments)
        # The session's own call_tool also checks the result by a schema of the server's choice.
        request = self._session.send_request(types.CallToolRequest(params=params), types.CallToolResult)
        try:
            async with asyncio.timeout(self._config.call_seconds):
                result = await self._ask(request)
        except TimeoutError:
            raise McpFailure(
                f"The MCP server {self.name!r} did not answer within {self._config.call_seconds:g} s; "
                "the tool may still be running."
            ) from None
        return await asyncio.to_thread(mcp_content.tool_result, result)

    async def close(self) -> None:
        """End the connection; a server that does not let go is left."""
        self._stop.set()
        self._client = None
        tasks = [*self._cut, *([self._task] if self._task else [])]
        if tasks:
            seconds = PROGRAM_CLOSE_SECONDS if self._transport.local else CLOSE_SECONDS
            _, hanging = await asyncio.wait(tasks, timeout=seconds)
            for task in hanging:
                task.cancel()

    @property
    def _session(self) -> Any:
        if self._client is None or not self.alive:
            raise McpFailure(f"The connection to the MCP server {self.name!r} has ended.")
        return self._client.session

    async def _ask(self, request: Coroutine[Any, Any, T]) -> T:
        """The answer to `request`. One that is given up is not waited for."""
        assert self._task is not None
        task = asyncio.create_task(request)
        try:
            await asyncio.wait([task, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                self._give_up(task)
        if not task.done():
            raise McpFailure(f"The connection to the MCP server {self.name!r} ended before it answered.")
        try:
            return task.result()
        except Exception as error:
            self.suspect = self.suspect or getattr(error, "code", None) == CONNECTION_CLOSED
            raise self._failure(error) from None

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        self.suspect = True
        self._cut.add(task)
        task.add_done_callback(self._cut.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.cancel()

    async def _live(self, opened: asyncio.Future[Client]) -> None:
        try:
            await asyncio.to_thread(importlib.import_module, "mcp")
            async with contextlib.AsyncExitStack() as stack:
                client = await self._enter(stack)
                if not opened.done():
                    opened.set_result(client)
                await self._stop.wait()
        except Exception as error:
            if not opened.done():
                opened.set_exception(self._failure(error))
            else:
                log.info("The connection to the MCP server %r ended: %s", self.name, _cause(error))
        finally:
            self._client = None

    async def _enter(self, stack: contextlib.AsyncExitStack) -> Client:
        """Connect by the first way, or where that was refused by the second."""
        first, second = self._transport.ways
        try:
            return await stack.enter_async_context(self._connected(*first))
        except Exception as error:
            if not self._transport.again:
                raise
            refusal = error
        try:
            return await stack.enter_async_context(self._connected(*second))
        except Exception:
            if self._transport.denied:
                raise
            raise refusal from None

    @contextlib.asynccontextmanager
    async def _connected(
        self, way: Callable[[], contextlib.AbstractAsyncContextManager[Any]], mode: Mode
    ) -> AsyncIterator[Client]:
        from mcp import Client, types

        us = types.Implementation(name="jupyter-agents", version=__version__)
        async with Client(
            _pruned(way()), mode=mode, cache=None, client_info=us, message_handler=self._hear
        ) as client:
            self._told = client.session.discover_result is None
            yield client

    async def _hear(self, message: Any) -> None:
        from mcp import types

        if isinstance(message, types.ToolListChangedNotification):
            self._changed = True

    def _failure(self, error: BaseException) -> McpFailure:
        """What went wrong, in one sentence without an address: it may carry a secret."""
        error = _cause(error)
        if isinstance(error, McpFailure):
            return error
        if self._transport.denied:
            status = self._transport.status
            return McpFailure(f"The MCP server {self.name!r} wants a credential ({status}).", UNAUTHENTICATED)
        match error:
            case _ if self._transport.refusal is not None:
                why = self._transport.refusal
            case Unusable():
                why = str(error)
            case ValidationError():
                why = "its answer is not as the protocol has it"
            case httpx2.HTTPStatusError():
                why = f"it answered with status {error.response.status_code}"
            case httpx2.TimeoutException():
                why = "it took too long to answer"
            case httpx2.HTTPError():
                why = "it cannot be reached"
            case OSError():
                why = error.strerror or "it cannot be started or reached"
            case _:
                why = str(error)[:LONGEST_MESSAGE] or type(error).__name__
        return McpFailure(f"The MCP server {self.name!r} failed: {why}.")


@contextlib.asynccontextmanager
async def _pruned(way: contextlib.AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
    async with way as (messages, requests):
        yield Pruned(messages), requests


def _cause(error: BaseException) -> BaseException:
    """The first single error of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
