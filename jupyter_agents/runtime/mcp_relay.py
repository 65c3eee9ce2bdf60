"""Stands between the server and an MCP program, and ends both at a message that is too large.

Run as a script: ``mcp_relay.py <command> ...``. Standard input and error are the program's own; its
standard output is passed on line by line. The ``mcp`` package itself would hold a line of any size.
Source: docs/mcp.md "Limits".
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LARGEST_LINE = 8 * 1024 * 1024
CHUNK = 64 * 1024
TOO_LARGE = 3


class Line:
    """The line that is arriving: its size, and what it holds."""

    def __init__(self, values: Callable[[], Any], most: int, most_values: int) -> None:
        self._new = values
        self._most = most
        self._most_values = most_values
        self._begin()

    def _begin(self) -> None:
        self._size = 0
        self._values = self._new()

    def takes(self, chunk: bytes) -> bool:
        """Whether the lines of `chunk`, which follows what came before, are within the limits."""
        for number, part in enumerate(chunk.split(b"\n")):
            if number:
                self._begin()
            self._size += len(part)
            self._values.feed(part)
            if self._size > self._most or self._values.count > self._most_values:
                return False
        return True


def relay(command: Sequence[str]) -> int:
    """Run `command` to its end, also when asked to end; its exit status, or `TOO_LARGE`."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    bounds = runpy.run_path(str(Path(__file__).with_name("mcp_bounds.py")))
    line = Line(bounds["Values"], LARGEST_LINE, bounds["MOST_VALUES"])
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while chunk := os.read(child.stdout.fileno(), CHUNK):
            if not line.takes(chunk):
                sys.stderr.write(f"{command[0]}: a message was too large, the program was ended\n")
                child.kill()
                return TOO_LARGE
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    return child.returncode


if __name__ == "__main__":
    try:
        sys.exit(relay(sys.argv[1:]))
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror}")
