"""Which of the limits that no counter tells of a failed call met: the kernel's words for it in its output.

A program may say the same words for another reason, so what is added is true in any case: the limit and
its value. Source: ``errno(3)`` (EMFILE, EFBIG), ``signal(7)`` (SIGXFSZ).
"""

from __future__ import annotations

from collections.abc import Callable

from .base import Limits, ToolResult
from .counters import size_text

TAIL = 4000
SIGNS: tuple[tuple[str, Callable[[Limits], str]], ...] = (
    ("too many open files", lambda limits: f"limit: {limits.open_files} open files in a process"),
    ("file size limit exceeded", lambda limits: f"limit: {size_text(limits.file_size)} in one file"),
    ("file too large", lambda limits: f"limit: {size_text(limits.file_size)} in one file"),
)


def limit_met(result: ToolResult, limits: Limits) -> str | None:
    """The limit that a failed call seems to have met, in words; None where it met none."""
    last = result.content[-1]
    if not result.is_error or last["type"] != "text":
        return None
    tail = last["text"][-TAIL:].lower()
    return next((say(limits) for sign, say in SIGNS if sign in tail), None)
