from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.runtime.mcp_config import Program, programs


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["npx", "-y", "x"], Program(("npx", "-y", "x"))),
        ({"command": ["x"]}, Program(("x",))),
        ({"command": ["x"], "env": {"A": "b"}}, Program(("x",), {"A": "b"})),
    ],
)
def test_programs(value: Any, found: Program) -> None:
    assert programs({"files": value}) == {"files": found}


@pytest.mark.parametrize(
    "value",
    [
        "x -y",
        [],
        [""],
        [1],
        None,
        {},
        {"command": "x"},
        {"command": ["x"], "env": {"A": 1}},
        {"command": ["x"], "cwd": "/"},
    ],
)
def test_what_is_no_command_line_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match="'files' needs a command line"):
        programs({"files": value})
