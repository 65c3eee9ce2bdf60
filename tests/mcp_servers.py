"""MCP servers on loopback: real ones, written with the ``mcp`` package, and raw ones that misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn
from mcp import types
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

Doc = dict[str, Any]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ASK: Doc = {"type": "always_ask"}
ALLOW: Doc = {"type": "always_allow"}


def agent(url: str, *, name: str = "shop", policy: Doc = ALLOW, configs: Any = (), **more: Any) -> Doc:
    """What an agent's body says of one MCP server."""
    toolset = {
        "type": "mcp_toolset",
        "mcp_server_name": name,
        "default_config": {"permission_policy": policy, **more},
        "configs": list(configs),
    }
    return {"mcp_servers": [{"type": "url", "name": name, "url": url}], "tools": [toolset]}


@dataclass
class Shop:
    """A real server with some tools; it counts what it is asked."""

    calls: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    headers: list[Doc] = field(default_factory=list)

    def server(self) -> MCPServer:
        server = MCPServer("shop", log_level="ERROR")

        @server.tool()
        def price(item: str) -> str:
            """Tells a price."""
            self.calls.append(item)
            return f"{item} costs 3"

        @server.tool()
        async def slow() -> str:
            """Waits until it is let go."""
            self.calls.append("slow")
            self.started.set()
            while not self.gate.is_set():
                await asyncio.sleep(0.01)
            return "late"

        @server.tool()
        def fails() -> str:
            """Fails."""
            raise ToolError("no such item")

        @server.tool(structured_output=False)
        def everything() -> list[Any]:
            """Gives every kind of content."""
            data = base64.b64encode(PNG).decode()
            return [
                types.TextContent(type="text", text="words"),
                types.ImageContent(type="image", data=data, mime_type="image/png"),
                types.AudioContent(type="audio", data=data, mime_type="audio/wav"),
                types.ResourceLink(type="resource_link", uri="file:///a.txt", name="a.txt"),
                types.EmbeddedResource(
                    type="resource",
                    resource=types.TextResourceContents(
                        uri="file:///b.txt", text="inside", mime_type="text/plain"
                    ),
                ),
            ]

        @server.tool(structured_output=False)
        def long(characters: int) -> str:
            """Gives a long text."""
            return "x" * characters

        @server.tool()
        async def grow(ctx: Context) -> str:
            """Adds a tool and tells so."""
            server.add_tool(lambda: "new", name="grown", description="New.")
            await ctx.session.send_tool_list_changed()
            return "grown"

        return server


class _Recording:
    """ASGI middleware that keeps the headers of each request."""

    def __init__(self, app: Any, kept: list[Doc]) -> None:
        self._app = app
        self._kept = kept

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._kept.append({k.decode(): v.decode() for k, v in scope["headers"]})
        await self._app(scope, receive, send)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """An ASGI application on a port of its own; its address."""
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def shop(*, sse: bool = False) -> Iterator[tuple[Shop, str]]:
    """A `Shop` by streamable HTTP, or by the older event stream only; it and its address."""
    made = Shop()
    server = made.server()
    app = server.sse_app() if sse else server.streamable_http_app()
    with running(_Recording(app, made.headers)) as url:
        yield made, f"{url}/{'sse' if sse else 'mcp'}"


def program(folder: Path) -> list[str]:
    """The command line of a server that speaks over its pipes; its tool shows its variables."""
    path = folder / "program.py"
    path.write_text(
        "import os\n"
        "from mcp.server import MCPServer\n"
        "server = MCPServer('env', log_level='ERROR')\n"
        "@server.tool()\n"
        "def variables() -> str:\n"
        "    'Lists the environment.'\n"
        "    return ' '.join(sorted(f'{k}={v}' for k, v in os.environ.items()))\n"
        "@server.tool()\n"
        "def die() -> str:\n"
        "    'Ends at once.'\n"
        "    os._exit(1)\n"
        "server.run('stdio')\n"
    )
    return [sys.executable, str(path)]


Answer = Callable[[Doc], Any]


@dataclass
class Raw:
    """A hand-written server: what it answers by method, and what it was asked."""

    answers: dict[str, Any]
    asked: list[Doc] = field(default_factory=list)
    url: str = ""


INITIALIZED: Doc = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "raw", "version": "1"},
}


def tool(name: str, schema: Any = None, description: str = "d") -> Doc:
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}


@contextmanager
def raw(**answers: Any) -> Iterator[Raw]:
    """A server whose answers are given: ``tools_list`` and ``tools_call`` as a result, an HTTP status,
    raw bytes, or a function from the handler and the request that does the answering."""
    made = Raw({"initialize": INITIALIZED, "tools_list": {"tools": [tool("look")]}, **answers})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.asked.append(body)
            if "id" not in body:
                return self.reply(202, b"")
            answer = made.answers.get(body["method"].replace("/", "_"))
            if callable(answer):
                answer = answer(self, body)
            if answer is None and body["method"] in ("server/discover",):
                return self.reply(200, self.rpc(body, error={"code": -32601, "message": "no such method"}))
            if isinstance(answer, int):
                return self.reply(answer, b"{}")
            if isinstance(answer, bytes):
                return self.reply(200, answer)
            if answer is not None:
                self.reply(200, self.rpc(body, result=answer))

        def do_GET(self) -> None:
            self.reply(405, b"")

        do_DELETE = do_GET

        def rpc(self, body: Doc, **more: Any) -> bytes:
            return json.dumps({"jsonrpc": "2.0", "id": body["id"], **more}).encode()

        def reply(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}/mcp"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
