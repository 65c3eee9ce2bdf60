"""The way out: connections to ``127.0.0.1:3128`` go to the egress proxy's unix socket.

The proxy on the host decides what is allowed; this only carries bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

PORT = 3128
CHUNK = 64 * 1024
LOOPBACK = "localhost,127.0.0.1,::1"


def proxy_environment() -> dict[str, str]:
    """The variables that send HTTP clients to the forwarder."""
    proxy = f"http://127.0.0.1:{PORT}"
    variables = {}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        variables[name] = variables[name.upper()] = proxy
    variables["no_proxy"] = variables["NO_PROXY"] = LOOPBACK
    return variables


def start_forwarding(path: str, port: int = PORT) -> int:
    """Listen on the loopback interface and forward to the socket at `path`; returns the port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    _start(_accept, listener, path)
    return int(listener.getsockname()[1])


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        inner, _ = listener.accept()
        outer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            outer.connect(path)
        except OSError:
            inner.close()
            outer.close()
            continue
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _start(_carry, inner, outer)


def _carry(inner: socket.socket, outer: socket.socket) -> None:
    """Carry one connection both ways until both directions have ended."""
    with inner, outer:
        back = _start(_pump, outer, inner)
        _pump(inner, outer)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while True:
            data = source.recv(CHUNK)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _start(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
