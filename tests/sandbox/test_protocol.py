"""docs/toolhost.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jupyter_agents.sandbox import carriage, frames, tools
from jupyter_agents.sandbox.base import SANDBOX_TOOLS
from jupyter_agents.sandbox.options import ToolhostOptions
from jupyter_agents.sandbox.toolhost import main, shell

PAGE = (Path(__file__).parents[2] / "docs/toolhost.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> set[str]:
    """The names in the first column of a section's table."""
    cells = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_version_is_that_of_both_ends() -> None:
    assert f"**protocol {frames.PROTOCOL}**" in PAGE
    hello = {"hello": "toolhost", "protocol": frames.PROTOCOL}
    assert f"`{json.dumps(hello)}`" in PAGE
    said = Path(main.__file__).with_name("answers.py").read_text("utf-8")
    assert f'"protocol": {frames.PROTOCOL}}}' in said


def test_the_operations_are_those_of_both_ends() -> None:
    shown = first_column("From the server") - {"op"}
    taken = set(re.findall(r'operation == "(\w+)"', Path(main.__file__).read_text("utf-8")))
    senders = "".join(Path(one.__file__).read_text("utf-8") for one in (tools, carriage))
    sent = set(re.findall(r'"op": "(\w+)"', senders))
    assert shown == taken == sent


def test_the_tools_are_all_named() -> None:
    assert set(re.findall(r"`(\w+)`", section("From the server"))) >= set(SANDBOX_TOOLS)


def test_the_limits_are_those_of_the_code() -> None:
    shown = [int(number) for number in re.findall(r"\| (\d+) \|", section("Limits"))]
    assert shown == [
        frames.MAX_FRAME,
        frames.MAX_PARTS,
        frames.MAX_BLOCKS,
        frames.MAX_TEXT,
        tools.SPARE_ANSWERS,
        shell.OUTPUT_LIMIT,
    ]


def test_every_option_is_there() -> None:
    given = json.loads(ToolhostOptions().arguments("toolhost.pyz")[-1])
    assert first_column("Options") == set(given)
