"""What a tool gives back, and the error that a tool raises."""

from __future__ import annotations

import json
import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Content: TypeAlias = "str | dict[str, Any]"


class ToolError(Exception):
    """The call failed in a way that the model should read."""


class Answers:
    """Writes frames to one descriptor, whole, from any thread."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._lock = threading.Lock()

    def hello(self) -> None:
        self._write({"hello": "toolhost", "protocol": 2})

    def send(self, number: int, content: list[dict[str, Any]], is_error: bool) -> None:
        self._write({"id": number, "content": content, "is_error": is_error})

    def send_text(self, number: int, text: str, is_error: bool = False) -> None:
        self.send(number, [{"type": "text", "text": text or "(no output)"}], is_error)

    def forward(self, line: bytes) -> None:
        """Pass on a frame that another toolhost wrote."""
        self._write_all(line + b"\n")

    def _write(self, frame: dict[str, Any]) -> None:
        self._write_all(json.dumps(frame, separators=(",", ":")).encode("ascii") + b"\n")

    def _write_all(self, line: bytes) -> None:
        data = memoryview(line)
        with self._lock:
            while data:
                data = data[os.write(self.fd, data) :]


def text_argument(tool: str, arguments: dict[str, Any], name: str) -> str:
    """The required string `name` of a call's input."""
    value = arguments.get(name)
    if value is None:
        raise ToolError(f"{tool}: {name} is required")
    if not isinstance(value, str):
        raise ToolError(f"{tool}: {name} must be a string")
    if "\0" in value and name != "content":
        raise ToolError(f"{tool}: {name} must not contain a NUL character")
    return value


def optional_text(tool: str, arguments: dict[str, Any], name: str) -> str:
    """The optional string `name`, "" where it is absent or null."""
    return text_argument(tool, arguments, name) if arguments.get(name) is not None else ""


def flag(tool: str, arguments: dict[str, Any], name: str) -> bool:
    """The optional boolean `name`."""
    value = arguments.get(name)
    if value is not None and not isinstance(value, bool):
        raise ToolError(f"{tool}: {name} must be true or false")
    return bool(value)
