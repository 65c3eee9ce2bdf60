"""A buffer that stops what is written to it from growing too large."""

from __future__ import annotations

import io
from typing import Any


class Full(Exception):
    """More was written than the buffer may hold."""


class Bounded(io.BytesIO):
    """A buffer of at most `most` bytes; raises `Full` beyond."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self._most = most

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > self._most:
            raise Full
        return super().write(data)

    def clear(self) -> None:
        """Forget what was written."""
        self.seek(0)
        self.truncate()
