"""What a tool prints and displays goes to its call in the cell, and to no other output.

The context decides: what other threads and tasks print meanwhile goes where it always went.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from jupyter_agents.kernel.images import SIGNATURE

LONGEST_TEXT = 20_000
MOST_BLOCKS = 20
LARGEST_IMAGE = 1_000_000

Block = dict[str, Any]


class Captured:
    """What one call showed. The text is cut in the middle of nothing: its beginning is kept."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._length = 0

    def write(self, text: str) -> None:
        """Take printed text."""
        room = max(0, LONGEST_TEXT - self._length)
        self._length += len(text)
        if room and self._blocks and self._blocks[-1]["type"] == "text":
            self._blocks[-1]["text"] += text[:room]
        elif room:
            self._add({"type": "text", "text": text[:room]})

    def display(self, data: Any) -> None:
        """Take a displayed MIME bundle: its image, or its text."""
        if not isinstance(data, dict):
            return
        image = data.get("image/png")
        if isinstance(image, bytes) and image.startswith(SIGNATURE):
            from base64 import b64encode

            image = b64encode(image).decode()
        if isinstance(image, str) and len(image) <= LARGEST_IMAGE:
            source = {"type": "base64", "media_type": "image/png", "data": image.replace("\n", "")}
            self._add({"type": "image", "source": source})
        else:
            self.write(f"{data.get('text/markdown') or data.get('text/plain') or ''}\n")

    def blocks(self) -> list[Block]:
        """The content blocks that it makes."""
        made = [block for block in self._blocks if block["type"] != "text" or block["text"].strip()]
        if self._length > LONGEST_TEXT:
            note = f"[... {self._length - LONGEST_TEXT:,} characters more were printed]"
            made.append({"type": "text", "text": note})
        return made

    def _add(self, block: Block) -> None:
        if len(self._blocks) < MOST_BLOCKS:
            self._blocks.append(block)


_target: ContextVar[Captured | None] = ContextVar("jupyter_agents_captured", default=None)
_lock = threading.Lock()
_users = 0
_restore: list[Any] = []


@contextmanager
def captured() -> Iterator[Captured]:
    """Take what this context prints and displays."""
    taken = Captured()
    _install()
    token = _target.set(taken)
    try:
        yield taken
    finally:
        _target.reset(token)
        _uninstall()


class _Stream(io.TextIOBase):
    """Standard output of whoever asks: the call's, or the ordinary one."""

    def __init__(self, ordinary: TextIO) -> None:
        self._ordinary = ordinary

    def write(self, text: str) -> int:
        taken = _target.get()
        if taken is None:
            return self._ordinary.write(text)
        taken.write(str(text))
        return len(text)

    def flush(self) -> None:
        if _target.get() is None:
            self._ordinary.flush()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ordinary, name)


class _Publisher(DisplayPublisher):
    """The shell's displays of whoever asks."""

    ordinary: Any = None

    def publish(self, data: Any, *arguments: Any, **options: Any) -> None:
        taken = _target.get()
        if taken is None:
            self.ordinary.publish(data, *arguments, **options)
        else:
            taken.display(data)

    def clear_output(self, wait: bool = False) -> None:
        if _target.get() is None:
            self.ordinary.clear_output(wait)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ordinary, name)


def _install() -> None:
    global _users
    with _lock:
        _users += 1
        if _users > 1:
            return
        out, error = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(out), _Stream(error)
        shell: Any = InteractiveShell.instance() if InteractiveShell.initialized() else None
        publisher = shell.display_pub if shell is not None else None
        if shell is not None:
            make: Any = _Publisher
            shell.display_pub = make(parent=shell)
            shell.display_pub.ordinary = publisher
        _restore[:] = [out, error, shell, publisher]


def _uninstall() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users:
            return
        sys.stdout, sys.stderr, shell, publisher = _restore
        if shell is not None:
            shell.display_pub = publisher
