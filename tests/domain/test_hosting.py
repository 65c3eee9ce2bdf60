from __future__ import annotations

import pytest

from jupyter_agents.domain.hosting import PATTERNS, Due, Life, due

TIMES = (0.0, 599.9, 600.0, 3599.9, 3600.0, 86400.0)
LASTING: tuple[Due, ...] = ("keep", "keep", "pause", "pause", "stop", "stop")
BRIEF: tuple[Due, ...] = ("end", "end", "end", "end", "stop", "stop")
WAITING: tuple[Due, ...] = ("keep", "keep", "stop", "stop", "stop", "stop")


@pytest.mark.parametrize(
    ("pattern", "sandbox", "over", "expected"),
    [
        ("long-running", True, True, LASTING),
        ("long-running", True, False, LASTING),
        ("shared", True, True, LASTING),
        ("ephemeral", True, True, BRIEF),
        ("hybrid", True, True, BRIEF),
        ("ephemeral", True, False, WAITING),
        ("hybrid", True, False, WAITING),
        *((pattern, False, True, WAITING) for pattern in PATTERNS),
    ],
)
def test_what_is_due_as_time_goes_by(
    pattern: str, sandbox: bool, over: bool, expected: tuple[Due, ...]
) -> None:
    life = Life(pattern)
    assert tuple(due(life, idle, sandbox=sandbox, over=over) for idle in TIMES) == expected


def test_who_is_stopped_before_it_would_be_paused_is_never_paused() -> None:
    life = Life("long-running", pause_after=100, stop_after=50)
    found = {due(life, idle, sandbox=True, over=True) for idle in range(0, 200, 10)}
    assert found == {"keep", "stop"}
