"""Tables: three forms, one content, nothing of it believed."""

from __future__ import annotations

from markdown_it import MarkdownIt

from jupyter_agents.kernel.sheet import Link, Sheet


def forms(sheet: Sheet) -> tuple[str, str, str]:
    return sheet._repr_html_(), sheet._repr_markdown_(), repr(sheet)


def test_three_forms_say_the_same() -> None:
    sheet = Sheet(
        "Files", ("file", "size"), [(Link("a b.txt", "x/a b.txt"), "3 B")], numbers=(1,), note="All."
    )
    page, marked, text = forms(sheet)
    assert '<a href="./x/a%20b.txt">a b.txt</a>' in page
    assert "[a b.txt](./x/a%20b.txt)" in marked
    assert text == "Files\nfile     size\na b.txt   3 B\n\nAll."
    assert '<th scope="col"' in page and ">Files</caption>" in page
    for form in (page, marked, text):
        assert "All." in form and "3 B" in form


def test_hostile_text_is_text() -> None:
    bad = "<script>alert(1)</script>|\n# x\u202e[a](javascript:x)"
    page, marked, text = forms(Sheet(bad, ("n",), [(bad,)], note=bad, block=f"```\n{bad}"))
    assert "<script>" not in page
    drawn = MarkdownIt("commonmark").enable("table").render(marked)
    assert "<a" not in drawn and "<script" not in drawn
    assert "\\|" in marked and marked.count("````") == 2
    assert "\u202e" not in page + marked + text


def test_a_link_is_never_absolute() -> None:
    page, marked, _ = forms(Sheet("t", ("n",), [(Link("x", "javascript:alert(1)"),)]))
    assert 'href="./javascript%3Aalert%281%29"' in page
    assert "(./javascript%3Aalert%281%29)" in marked


def test_a_card_names_its_rows() -> None:
    page, marked, text = forms(Sheet("Agent", (), [("id", "x")], block="a: 1\n"))
    assert '<th scope="row" style="text-align:left">id</th>' in page and ">a: 1\n</pre>" in page
    assert "| id | x |" in marked and "```yaml\na: 1\n```" in marked
    assert text == "Agent\nid  x\n\na: 1"


def test_nothing_to_show() -> None:
    page, marked, text = forms(Sheet("Agents", ("name",), [], note="None."))
    assert "<tbody></tbody>" in page and "None." in marked and text.endswith("None.")
