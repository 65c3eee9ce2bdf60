"""The containers that this server made, until each is known to be gone.

An engine that is away removes nothing: what is left then is removed when it answers again, before the
next container starts. A server that ends without closing its sandboxes, as by Ctrl-C where it has no
terminal, removes them as the interpreter exits; one that is killed leaves them to `reaper`.
"""

from __future__ import annotations

import atexit

from docker import DockerClient

from . import engine


class Remains:
    """Of one engine. The methods block, except `add` and `rename`."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._there: set[str] = set()
        self._left: set[str] = set()
        atexit.register(self._remove_all)

    def add(self, name: str) -> None:
        """A container of this name is about to be made."""
        self._there.add(name)

    def rename(self, name: str, identity: str) -> None:
        """The container was made, and is called by its id from now on."""
        self._there.add(identity)
        self._there.discard(name)

    def remove(self, name: str) -> None:
        """Remove a container, now or when the engine answers again. Never raises."""
        if engine.remove(self._client, name):
            self._there.discard(name)
            self._left.discard(name)
        else:
            self._left.add(name)

    def clear(self) -> None:
        """Remove what could not be removed before. Never raises."""
        for name in tuple(self._left):
            self.remove(name)

    def close(self) -> None:
        """`clear` for the last time."""
        self.clear()
        atexit.unregister(self._remove_all)

    def _remove_all(self) -> None:
        for name in tuple(self._there):
            engine.remove(self._client, name)
