"""A network between a page and its server, which can be cut and mended."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from tests.browser.lab import Lab

CHUNK = 65_536


class Relay:
    """Passes bytes on between its own port and another one, as long as it is whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = True
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let none through."""
        self._whole = False
        for one in list(self._sockets):
            _end(one)

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        self.cut()
        _end(self._listener)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
        for one in (source, target):
            _end(one)
            self._sockets.discard(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def relayed(lab: Lab) -> Iterator[tuple[Lab, Relay]]:
    """`lab` as a page reaches it through a relay."""
    port = int(lab.url.split(":")[2].split("/")[0])
    relay = Relay(port)
    try:
        yield replace(lab, url=lab.url.replace(f":{port}/", f":{relay.port}/")), relay
    finally:
        relay.close()
