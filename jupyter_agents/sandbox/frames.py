"""What a toolhost sends, checked and rebuilt: nothing of a frame is used before it passed here.

Trust model. A process inside the sandbox may be able to kill or imitate the toolhost. Frames are
bytes from a stranger: of any size, any nesting, with any id. What passes is a `ToolResult` made of
fresh text, image and document blocks with valid Unicode and valid base64, and nothing else.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from .base import ToolResult

PROTOCOL = 2
MAX_FRAME = 32 * 1024 * 1024
MAX_PARTS = 1_000_000
MAX_BLOCKS = 16
MAX_TEXT = 2 * 1024 * 1024
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class BadFrame(ValueError):
    """A frame that no honest toolhost sends; the channel cannot be trusted further."""


class FrameBuffer:
    """Cuts a byte stream into lines of at most `MAX_FRAME` bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and take out the lines that are complete. Raises `BadFrame` on a huge one."""
        self._buffer += data
        lines = []
        while (end := self._buffer.find(b"\n", self._scanned)) >= 0:
            lines.append(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
            self._scanned = 0
        self._scanned = len(self._buffer)
        if self._scanned > MAX_FRAME:
            raise BadFrame("a frame is too large")
        return lines


def encode_frame(frame: dict[str, Any]) -> bytes:
    """One frame for the toolhost, newline included."""
    return json.dumps(frame, separators=(",", ":")).encode("ascii") + b"\n"


def decode_frame(line: bytes) -> dict[str, Any]:
    """The JSON object in `line`, which becomes a small multiple of its size. Raises `BadFrame`."""
    if not line.isascii():
        raise BadFrame("a frame is not ASCII")
    if len(line) > MAX_PARTS and sum(line.count(sign) for sign in (b"[", b"{", b",")) > MAX_PARTS:
        raise BadFrame("a frame has too many parts")
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise BadFrame("a frame is not JSON") from e
    if not isinstance(frame, dict):
        raise BadFrame("a frame is not an object")
    return frame


def check_hello(frame: dict[str, Any]) -> None:
    """Raises `BadFrame` unless `frame` opens a conversation in our protocol version."""
    if frame.get("hello") != "toolhost" or frame.get("protocol") != PROTOCOL:
        raise BadFrame("the toolhost does not speak this protocol version")


def call_id(frame: dict[str, Any], last: int) -> int:
    """The id that `frame` answers: one that was given out, so 1 to `last`. Raises `BadFrame`."""
    number = frame.get("id")
    if type(number) is not int or not 1 <= number <= last:
        raise BadFrame("a frame answers a call that was never made")
    return number


def tool_result(frame: dict[str, Any]) -> ToolResult:
    """The answer in `frame`, rebuilt block by block. Raises `BadFrame`."""
    blocks, is_error = frame.get("content"), frame.get("is_error")
    if not isinstance(blocks, list) or type(is_error) is not bool:
        raise BadFrame("an answer has no content or no verdict")
    if len(blocks) > MAX_BLOCKS:
        raise BadFrame("an answer has too many blocks")
    content = [_block(block) for block in blocks]
    return ToolResult(content, is_error) if content else ToolResult.text("", is_error=is_error)


def valid_text(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced: encodable as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _block(block: object) -> dict[str, Any]:
    if not isinstance(block, dict):
        raise BadFrame("a block is not an object")
    kind = block.get("type")
    if kind == "text":
        text = block.get("text")
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise BadFrame("a text block has no text or too much")
        return {"type": "text", "text": valid_text(text) or "(no output)"}
    if kind not in ("image", "document"):
        raise BadFrame("a block is of an unknown type")
    source = block.get("source")
    if not isinstance(source, dict) or source.get("type") != "base64":
        raise BadFrame("a block has no base64 source")
    media_type, data = source.get("media_type"), source.get("data")
    allowed = IMAGE_TYPES if kind == "image" else ("application/pdf",)
    if media_type not in allowed or not isinstance(data, str):
        raise BadFrame("a block has a media type that is not allowed")
    try:
        base64.b64decode(data, validate=True)
    except ValueError as e:
        raise BadFrame("a block is not base64") from e
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}
