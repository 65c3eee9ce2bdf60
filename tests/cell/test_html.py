"""The HTML form: self-contained, escaped, and whole inside a markdown file."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_agents.cell import html
from tests.kernel.samples import said, search_result, tool, transcript, transcripts

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


class Tags(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def image(media_type: str, data: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {**tool(), "output": [{"type": "image", "source": source}]}


def hostile() -> dict[str, Any]:
    made = transcript(
        said(EVIL),
        tool(EVIL, EVIL, command=EVIL),
        tool("edit", EVIL, file_path=EVIL, old_string=EVIL, new_string=EVIL + EVIL),
        {"kind": "steer", "id": "1", "text": EVIL},
        {"kind": "notice", "id": "2", "level": EVIL, "text": EVIL},
        {**tool(), "server": EVIL, "status": EVIL},
        image("image/svg+xml", base64.b64encode(EVIL.encode()).decode()),
        image("image/png", EVIL),
        {"kind": EVIL},
        model=EVIL,
        sandbox=EVIL,
    )
    made["files"] = [{"path": EVIL, "size": 1, "file_id": None, "url": EVIL}]
    return made


def test_hostile_transcript_is_inert() -> None:
    drawn = html.render(hostile(), {EVIL: f"ws/{EVIL}"})
    for tag, attributes in Tags(drawn).found:
        assert tag not in ("script", "img", "iframe", "style", "svg")
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("made", transcripts())
def test_every_example_is_drawn_without_scripts_and_empty_lines(made: dict[str, Any]) -> None:
    drawn = html.render(made)
    assert "<script" not in drawn
    assert all(line.strip() for line in drawn.split("\n"))


def test_code_keeps_its_newlines_in_one_line_of_source() -> None:
    drawn = html.render(transcript(said("```\na\n\nb\n```"), tool(output="1\n\n2\n", command="x")))
    assert "a&#10;&#10;b" in drawn
    assert "1&#10;&#10;2" in drawn
    assert "\n\n" not in drawn


def test_an_image_of_a_known_kind_is_inline_and_others_are_named() -> None:
    assert f"data:image/png;base64,{PNG}" in html.render(transcript(image("image/png", PNG)))
    assert "[image/svg+xml]" in html.render(transcript(image("image/svg+xml", PNG)))


def test_a_search_result_is_a_link_with_its_text() -> None:
    drawn = html.render(transcript(search_result("https://a.example/?x=1&y=2", "<b>T</b>")))
    assert '<a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer nofollow">' in drawn
    assert "&lt;b&gt;T&lt;/b&gt;</a>" in drawn and "Some words." in drawn


@pytest.mark.parametrize(
    "source", ["javascript:alert(1)", "data:text/html,x", "https://a b", 'https://"x', "/x"]
)
def test_a_search_result_from_elsewhere_is_no_link(source: str) -> None:
    assert "<a " not in html.render(transcript(search_result(source)))


def test_a_hostile_search_result_is_inert() -> None:
    drawn = html.render(transcript(search_result(f"https://a.example/{EVIL}", EVIL, EVIL)))
    assert {tag for tag, _ in Tags(drawn).found}.isdisjoint({"script", "img"})


def test_a_file_with_a_link_is_a_link() -> None:
    made = transcript()
    made["files"] = [{"path": "a b.txt", "size": 3, "file_id": None, "url": None}]
    assert '<a href="agents/a%20b.txt">a b.txt</a>' in html.render(made, {"a b.txt": "agents/a b.txt"})
    assert "<a " not in html.render(made)


def test_calls_that_need_a_look_are_open() -> None:
    states = {"ok": False, "running": True, "waiting": True, "error": True, "denied": False}
    for status, is_open in states.items():
        drawn = html.render(transcript(tool(status=status)))
        assert ("<details open" in drawn) is is_open


def test_a_turn_without_steps_shows_that_it_works() -> None:
    assert "Working" in html.render(transcript(status="running"))


def test_an_edit_is_a_diff_with_marks() -> None:
    edit = tool("edit", file_path="/a", old_string="same\n<old>", new_string="same\nnew")
    drawn = html.render(transcript(edit))
    assert ">-&lt;old&gt;</del>" in drawn
    assert ">+new</ins>" in drawn


def with_file(preview: dict[str, Any], path: str = "rows.csv") -> dict[str, Any]:
    made = transcript()
    made["files"] = [{"path": path, "size": 3, "file_id": None, "url": None, "preview": preview}]
    return made


def test_a_table_has_scopes_and_says_that_it_goes_on() -> None:
    preview = {"type": "table", "columns": ["a", EVIL], "rows": [["1", EVIL]], "more": True}
    drawn = html.render(with_file(preview))
    assert '<th scope="col">a</th>' in drawn
    assert "rows.csv, its beginning</caption>" in drawn
    assert not {"script", "img"} & {tag for tag, _ in Tags(drawn).found}


def test_a_picture_is_a_figure_and_a_forged_one_is_none() -> None:
    preview = {"type": "image", "media_type": "image/png", "data": PNG}
    drawn = html.render(with_file(preview, "plot.png"))
    assert "<figure" in drawn and "<figcaption" in drawn
    assert ("img", {"alt": "plot.png", "style": html.IMAGE, "src": f"data:image/png;base64,{PNG}"}) in Tags(
        drawn
    ).found
    for forged in ({"data": EVIL}, {"media_type": "text/html"}):
        assert "<img" not in html.render(with_file({**preview, **forged}))
