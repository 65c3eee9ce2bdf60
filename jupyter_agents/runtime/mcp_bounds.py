"""Keeps an MCP server's answers cheap to read: the ``mcp`` package reads them on the event loop.

`Values` counts an answer's JSON values while it arrives, before it is parsed. `Pruned` takes out of
a parsed answer what is never used, before the package builds objects of it.
"""

from __future__ import annotations

from typing import Any, Self

Doc = dict[str, Any]

MOST_VALUES = 100_000
MOST_BLOCKS = 100
TOOL_FIELDS = ("name", "description", "inputSchema")


class Values:
    """How many values a JSON text has so far, outside of strings; an upper bound of what parsing costs."""

    def __init__(self) -> None:
        self.count = 0
        self._inside = False
        self._carry = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the text."""
        data = self._carry + chunk
        whole = data.rstrip(b"\\")
        odd = (len(data) - len(whole)) % 2
        data, self._carry = (data[:-1], b"\\") if odd else (data, b"")
        parts = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b" ".join(parts[self._inside :: 2])
        self.count += sum(outside.count(mark) for mark in (b"{", b"[", b","))
        self._inside ^= len(parts) % 2 == 0


class Pruned:
    """A stream of a server's messages, without what is never used of them."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def last_context(self) -> Any:
        """Of the newest message, as the package has it."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        return _pruned(await self._inner.receive())

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return _pruned(await self._inner.__anext__())

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._inner.__aexit__(*error)

    def close(self) -> None:
        """Close the stream at once."""
        self._inner.close()


def _pruned(item: Any) -> Any:
    result = getattr(getattr(item, "message", None), "result", None)
    if isinstance(result, dict):
        prune(result)
    return item


def prune(result: Doc) -> None:
    """Cut the result of ``tools/call`` and of ``tools/list`` down to what is used, in place."""
    content, tools = result.get("content"), result.get("tools")
    if isinstance(content, list):
        if len(content) > MOST_BLOCKS:
            more = {"type": "text", "text": f"[{len(content) - MOST_BLOCKS} more blocks were left out.]"}
            result["content"] = [*content[:MOST_BLOCKS], more]
        if content:
            result.pop("structuredContent", None)
    if isinstance(tools, list):
        result["tools"] = [
            {k: tool[k] for k in TOOL_FIELDS if k in tool} if isinstance(tool, dict) else tool
            for tool in tools
        ]
