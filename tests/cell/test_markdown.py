"""The markdown form reads on GitHub and carries nothing live."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from jupyter_agents.cell import markdown, words
from tests.kernel.samples import said, tool, transcript, transcripts

EVIL = "<script>alert(1)</script> ![x](https://evil.example/x.png)"


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        f"\\`{EVIL}`",
        f"```\n{EVIL}",
        f"```\nx\n```\n{EVIL}",
        f"~~~\nx\n```\n~~~\n{EVIL}",
        f"- a\n\n      {EVIL}\n{EVIL}",
        f"> ```\n{EVIL}",
    ],
)
def test_what_an_agent_says_is_inert(text: str) -> None:
    drawn = markdown.render(transcript(said(text), tool(output=text, command=text)))
    html = MarkdownIt("commonmark", {"html": True}).render(drawn)
    assert "<script" not in html
    assert "<img" not in html


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert markdown.fence("```\nx\n```").startswith("````\n")


def test_a_call_is_a_line_and_its_output() -> None:
    drawn = markdown.render(transcript(tool(output="hi\n", command="echo hi")))
    assert drawn.startswith("**bash** `echo hi` — ✓ 0.2 s\n\n```\nhi\n```\n")


@pytest.mark.parametrize("made", transcripts())
def test_every_example_ends_with_its_footer(made: dict[str, Any]) -> None:
    assert markdown.render(made).endswith(f"{words.footer(made)[-1]}*\n")


def test_an_edit_is_a_diff() -> None:
    edit = tool("edit", file_path="/a", old_string="old", new_string="new")
    assert "```diff\n-old\n+new\n```" in markdown.render(transcript(edit))


def test_a_table_is_a_table_and_its_cells_are_words() -> None:
    made = transcript()
    preview = {"type": "table", "columns": ["a|b", "c"], "rows": [[EVIL, "*x*"], ["1"]], "more": True}
    made["files"] = [{"path": "r.csv", "size": 1, "file_id": None, "url": None, "preview": preview}]
    drawn = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown.render(made))
    assert drawn.count("<td>") == 4
    assert "<th>a|b</th>" in drawn and "<td>*x*</td>" in drawn
    assert "<script" not in drawn and "<img" not in drawn
