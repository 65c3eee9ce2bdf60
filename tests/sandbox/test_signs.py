from __future__ import annotations

import pytest

from jupyter_agents.sandbox.base import Limits, ToolResult
from jupyter_agents.sandbox.signs import TAIL, limit_met

LIMITS = Limits(open_files=64, file_size=4 * 1024**2)
FILES, SIZE = "limit: 64 open files in a process", "limit: 4 MiB in one file"


@pytest.mark.parametrize(
    ("text", "is_error", "said"),
    [
        ("OSError: [Errno 24] Too many open files: 'x'\n", True, FILES),
        ("bash: line 1: 99 File size limit exceeded(core dumped)\n", True, SIZE),
        ("write: w: file too large", True, SIZE),
        ("OSError: [Errno 24] Too many open files", False, None),
        ("no such file", True, None),
        ("Too many open files" + " " * TAIL, True, None),
    ],
)
def test_the_limit_of_a_failed_call(text: str, is_error: bool, said: str | None) -> None:
    assert limit_met(ToolResult.text(text, is_error=is_error), LIMITS) == said


def test_a_result_that_ends_with_an_image_meets_none() -> None:
    assert limit_met(ToolResult([{"type": "image", "source": {}}], is_error=True), LIMITS) is None
