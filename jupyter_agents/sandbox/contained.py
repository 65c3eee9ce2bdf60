"""A sandbox that was made elsewhere: whatever it raises becomes what the contract allows."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from ..errors import SandboxUnavailable
from .base import Mount, Sandbox, ToolResult

T = TypeVar("T")

_log = logging.getLogger(__name__)


def failure(kind: str, error: Exception) -> SandboxUnavailable:
    """What is said of a provider that broke the contract; the server's log has the rest."""
    _log.error("the sandbox provider %s failed", kind, exc_info=error)
    return SandboxUnavailable(f"The sandbox provider {kind} failed with {type(error).__name__}.")


class Contained:
    """A `Sandbox` around another.

    Parameters
    ----------
    inner:
        What a provider from elsewhere started.
    kind:
        Names it in errors.
    """

    def __init__(self, inner: Sandbox, kind: str) -> None:
        self.kind = kind
        self.notes = tuple(inner.notes)
        self.image = getattr(inner, "image", None)
        self._inner = inner

    @property
    def alive(self) -> bool:
        return self._inner.alive

    async def call(self, name: str, input: Mapping[str, Any]) -> ToolResult:
        return await self._kept(self._inner.call(name, input))

    async def cancel(self) -> None:
        await self._kept(self._inner.cancel())

    async def add_file(self, mount: Mount) -> None:
        await self._kept(self._inner.add_file(mount))

    async def pause(self) -> bool:
        return await self._kept(self._inner.pause())

    async def resume(self) -> None:
        await self._kept(self._inner.resume())

    async def memory(self) -> int | None:
        try:
            return await self._inner.memory()
        except Exception as error:
            failure(self.kind, error)
            return None

    async def close(self) -> None:
        try:
            await self._inner.close()
        except Exception as error:
            failure(self.kind, error)

    async def _kept(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except SandboxUnavailable:
            raise
        except Exception as error:
            raise failure(self.kind, error) from error
