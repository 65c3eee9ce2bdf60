"""A web site on loopback, one function per path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def body(data: bytes | str, kind: str = "text/html", status: int = 200, **headers: str) -> Answer:
    """A whole answer; underscores in the names of headers are hyphens."""
    raw = data.encode() if isinstance(data, str) else data

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        if kind:
            request.send_header("content-type", kind)
        request.send_header("content-length", str(len(raw)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(raw)

    return answer


def redirect(location: str, status: int = 302) -> Answer:
    """A redirect."""
    return body(b"", status=status, location=location)


class Site:
    """What the site was asked. `url` is its address by number, `port` its port."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port: int = server.server_address[1]
        self.url = f"http://{server.server_address[0]}:{self.port}"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.leaving = threading.Event()
        self.asked_slow = threading.Event()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no fault."""


@contextmanager
def site(pages: Mapping[str, Answer], address: str = "127.0.0.1") -> Iterator[Site]:
    """Serve `pages`; what is none of them is a 404. ``/slow`` sends a head and then nothing more.

    address: on loopback.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            found.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            if self.path == "/slow":
                self.send_response(200)
                self.send_header("content-length", "10")
                self.end_headers()
                found.asked_slow.set()
                found.leaving.wait(30)
                return
            pages.get(self.path.partition("?")[0], body("<p>No such page</p>", status=404))(self)

    server = _Server((address, 0), Handler)
    found = Site(server)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield found
    finally:
        found.leaving.set()
        server.shutdown()
        server.server_close()
