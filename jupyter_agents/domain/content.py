"""Content blocks that clients send, and what the model is given for them. Source: spec section 4.6."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

IMAGES = ("image/gif", "image/jpeg", "image/png", "image/webp")
PDF = "application/pdf"
WITH_SOURCE = ("image", "document")
LONGEST_URL = 8192


def check(where: str, content: Sequence[Doc]) -> None:
    """Raises `InvalidRequest` for a block that no model would take.

    where: the path of `content` in the request, for the message.
    """
    for position, block in enumerate(content):
        place = f"{where}.{position}"
        if block["type"] == "redacted":
            raise InvalidRequest(f"{place}: redacted blocks cannot be sent.")
        if block["type"] == "text" and not block["text"].strip():
            raise InvalidRequest(f"{place}.text: must not be empty.")
        if block["type"] == "search_result":
            check(f"{place}.content", block["content"])
        if block["type"] in WITH_SOURCE:
            _check_source(f"{place}.source", block["type"], block["source"])


def _check_source(where: str, kind: str, source: Doc) -> None:
    match source["type"]:
        case "base64":
            check_media_type(f"{where}.media_type", kind, source["media_type"], inline=True)
            if not source["data"]:
                raise InvalidRequest(f"{where}.data: must not be empty.")
        case "text":
            if not source["data"].strip():
                raise InvalidRequest(f"{where}.data: must not be empty.")
        case "url":
            if not source["url"].startswith(("https://", "http://")):
                raise InvalidRequest(f"{where}.url: expected an http(s) address.")
            if len(source["url"]) > LONGEST_URL:
                raise InvalidRequest(f"{where}.url: at most {LONGEST_URL} characters are allowed.")


def check_bytes(where: str, content: Sequence[Doc]) -> None:
    """Raises `InvalidRequest` for a block whose base64 is none. It takes some 7 ms a megabyte."""
    for position, block in enumerate(content):
        if block["type"] in WITH_SOURCE and block["source"]["type"] == "base64":
            try:
                base64.b64decode(block["source"]["data"], validate=True)
            except (binascii.Error, ValueError):
                raise InvalidRequest(f"{where}.{position}.source.data: this is not base64.") from None


def check_media_type(where: str, kind: str, media_type: str, *, inline: bool = False) -> None:
    """Whether an ``image`` or ``document`` block can carry `media_type`; text only from a file."""
    if kind == "image":
        if media_type not in IMAGES:
            raise InvalidRequest(f"{where}: {media_type[:100]!r} is no image; give {', '.join(IMAGES)}.")
    elif media_type != PDF and (inline or not media_type.startswith("text/")):
        wanted = PDF if inline else f"{PDF} or text"
        raise InvalidRequest(f"{where}: {media_type[:100]!r} is no document; give {wanted}.")


def files(content: Sequence[Doc]) -> Iterator[tuple[int, Doc]]:
    """The blocks of `content` that name a file, with their positions."""
    for position, block in enumerate(content):
        if block["type"] in WITH_SOURCE and block["source"]["type"] == "file":
            yield position, block


def with_bytes(block: Mapping[str, Any], media_type: str, data: bytes) -> Doc:
    """`block` with the file's bytes in place of its id."""
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    if media_type.startswith("text/"):
        text = data.decode("utf-8", "replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
    return dict(block) | {"source": source}


def without_file(file_id: str) -> Doc:
    """What stands where a file was that is gone."""
    return {"type": "text", "text": f"[The file {file_id} that was given here is no longer there.]"}
