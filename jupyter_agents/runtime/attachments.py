"""Files that content blocks name: checked when they are sent, put in when the model is asked.

Source: spec section 4.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from jupyter_agents.domain import content
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.runtime.files import Files

Doc = dict[str, Any]


class Attachments:
    """Finds the files of content blocks among the uploaded ones."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def check(self, where: str, events: Sequence[Doc]) -> None:
        """Raises `InvalidRequest` for a file that is not there or that no block can carry, or for bytes
        that are not base64."""
        given = [(f"{where}.{i}.content", event.get("content") or []) for i, event in enumerate(events)]
        if any("data" in block.get("source", ()) for _, blocks in given for block in blocks):
            await asyncio.to_thread(_check_bytes, given)
        for number, event in enumerate(events):
            for position, block in content.files(event.get("content") or []):
                place = f"{where}.{number}.content.{position}.source.file_id"
                try:
                    doc = self._files.fresh(block["source"]["file_id"])
                except NotFound as error:
                    raise InvalidRequest(f"{place}: {error.message}") from None
                content.check_media_type(place, block["type"], doc["mime_type"])

    async def resolve(self, request: Doc) -> Doc:
        """The Messages request with the bytes of its files in place of their ids."""
        messages = [
            m | {"content": await self._blocks(m["content"])} if _names_file(m["content"]) else m
            for m in request["messages"]
        ]
        return request | {"messages": messages}

    async def _blocks(self, blocks: Sequence[Doc]) -> list[Doc]:
        named = dict(content.files(blocks))
        return [
            await self._block(block)
            if position in named
            else block | {"content": await self._blocks(block["content"])}
            if block["type"] == "tool_result"
            else block
            for position, block in enumerate(blocks)
        ]

    async def _block(self, block: Doc) -> Doc:
        file_id = block["source"]["file_id"]
        try:
            doc, data = await asyncio.to_thread(self._files.bytes_of, file_id)
        except (NotFound, OSError):
            return content.without_file(file_id)
        return content.with_bytes(block, doc["mime_type"], data)


def _check_bytes(given: Sequence[tuple[str, Sequence[Doc]]]) -> None:
    for where, blocks in given:
        content.check_bytes(where, blocks)


def _names_file(blocks: Sequence[Doc]) -> bool:
    return any(content.files(blocks)) or any(
        any(content.files(block["content"])) for block in blocks if block["type"] == "tool_result"
    )
