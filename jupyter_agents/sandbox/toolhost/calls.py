"""Calls of the file tools: each in a thread of its own, answered once, early when cancelled."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial

from . import files, search
from .answers import Answers, Content, ToolError
from .paths import Roots
from .processes import Children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_PROCESS = 0


class FileCalls:
    """The open calls. Any thread may answer one; whoever takes it out of the table does."""

    def __init__(
        self, roots: Roots, answers: Answers, children: Children, environment: dict[str, str]
    ) -> None:
        self._answers = answers
        self._children = children
        self._lock = threading.Lock()
        self._open: dict[int, str] = {}
        self._processes: dict[int, int] = {}
        self._tools: dict[str, Callable[[int, dict[str, Any]], Content]] = {
            "read": lambda _, arguments: files.read(roots, arguments),
            "write": lambda _, arguments: files.write(roots, arguments),
            "edit": lambda _, arguments: files.edit(roots, arguments),
            "glob": lambda _, arguments: search.glob(roots, arguments),
            "grep": lambda number, arguments: search.grep(
                roots, arguments, children, environment, partial(self._started, number)
            ),
        }

    def call(self, number: int, name: str, arguments: dict[str, Any]) -> None:
        """Begin a call. Raises `ToolError` for a name that is no tool."""
        if name not in self._tools:
            raise ToolError(f"{name}: there is no such tool")
        with self._lock:
            self._open[number] = name
        threading.Thread(target=self._run, args=(number, name, arguments), daemon=True).start()

    def cancel(self, numbers: list[int] | None) -> None:
        """Answer the calls `numbers`, or all, as interrupted."""
        with self._lock:
            chosen = [n for n in self._open if numbers is None or n in numbers]
        for number in chosen:
            name = self._close(number)
            if name is not None:
                self._answers.send_text(number, f"{name}: interrupted", is_error=True)

    def _run(self, number: int, name: str, arguments: dict[str, Any]) -> None:
        is_error = False
        try:
            content = self._tools[name](number, arguments)
        except ToolError as e:
            content, is_error = str(e), True
        except (OSError, MemoryError, RecursionError, ValueError) as e:
            content, is_error = f"{name}: {e or type(e).__name__}", True
        if self._close(number) is None:
            return
        if isinstance(content, str):
            self._answers.send_text(number, content, is_error)
        else:
            self._answers.send(number, [content], is_error)

    def _started(self, number: int, pid: int) -> None:
        with self._lock:
            self._processes[number] = pid
            gone = number not in self._open
        if gone:
            self._children.kill(pid)

    def _close(self, number: int) -> str | None:
        with self._lock:
            name = self._open.pop(number, None)
            pid = self._processes.pop(number, NO_PROCESS)
        if pid != NO_PROCESS:
            self._children.kill(pid)
        return name


def tool_environment(given: dict[str, str]) -> dict[str, str]:
    """What the tools see: the toolhost's own environment, then `given`, then a dumb terminal."""
    return {**os.environ, **given, "PS1": "", "PS2": "", "TERM": "dumb"}
