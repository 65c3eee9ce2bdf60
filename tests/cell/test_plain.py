"""The text form only grows, so that a terminal can print the growth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_agents.cell import plain
from jupyter_agents.cell.fold import fold
from jupyter_agents.cell.transcript import Transcript
from tests.kernel.samples import EXAMPLES, said, tool, transcript


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_text_only_grows(path: Path) -> None:
    made, shown = Transcript(), ""
    for event in json.loads(path.read_text())["events"]:
        made = fold(made, event)
        text = plain.render(made.to_dict())
        assert text.startswith(shown)
        shown = text


def test_a_call_hides_what_follows_until_it_is_complete() -> None:
    text = plain.render(transcript(tool(status="running", command="make"), said("later"), status="running"))
    assert text == "[bash] make"


def test_long_output_and_long_runs_are_cut() -> None:
    made = transcript(*[tool(output="x" * 50_000, command="c") for _ in range(100)])
    text = plain.render(made)
    assert "more characters" in text
    assert len(text) < plain.TOTAL_LIMIT + 1000
    assert text.rstrip().endswith("]")


def test_an_edit_is_shown_as_a_diff() -> None:
    edit = tool("edit", "done", file_path="/a", old_string="old", new_string="new")
    assert plain.render(transcript(edit)).startswith("[edit] /a\n  -old\n  +new\n  done\n")
