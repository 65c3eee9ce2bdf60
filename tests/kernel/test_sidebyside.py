"""Two texts beside each other."""

from __future__ import annotations

from jupyter_agents.kernel.sidebyside import MOST_LINES, SideBySide

BEFORE = "".join(f"line {n}\n" for n in range(20))
TITLES = ("coder, version 1", "coder, version 2")


def test_a_changed_line_is_marked_on_both_sides() -> None:
    found = SideBySide(TITLES, BEFORE, BEFORE.replace("line 9\n", "line <b>\nnew\n"))
    rows = list(found.pairs())
    assert ("changed", "line 9", "line <b>") in rows
    assert ("changed", None, "new") in rows
    assert rows[0] == rows[-1] == ("gap", "…", "…")
    assert len(rows) == 2 + 6 + 2
    page = found._repr_html_()
    assert "- line 9</del>" in page and "+ line &lt;b&gt;</ins>" in page
    assert all(f'left">{title}</th>' in page for title in TITLES)
    text = repr(found)
    assert "-line 9\n+line <b>\n+new" in text
    assert found._repr_markdown_() == f"```diff\n{text}\n```"


def test_the_same_text() -> None:
    found = SideBySide(TITLES, BEFORE, BEFORE)
    assert found.same
    for form in (repr(found), found._repr_html_(), found._repr_markdown_()):
        assert "coder, version 1 and coder, version 2 are the same." in form


def test_a_fence_in_the_text_does_not_end_the_block() -> None:
    found = SideBySide(TITLES, "a", "```\nb")
    assert found._repr_markdown_().startswith("````diff")


def test_very_long_texts_are_cut_and_say_so() -> None:
    found = SideBySide(TITLES, "", "x\n" * (MOST_LINES + 5))
    assert "[... 5 more lines ...]" in repr(found)
