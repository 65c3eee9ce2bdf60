"""One-line forms of calls, sizes, times and the footer."""

from __future__ import annotations

from jupyter_agents.cell import html, markdown, plain, words
from tests.kernel.samples import said, search_result, tool, transcript


def test_summary_is_the_command_the_path_or_the_input() -> None:
    assert words.tool_summary(tool(command="echo  a\nb")) == "echo a b"
    assert words.tool_summary(tool("write", file_path="/a", content="x")) == "/a"
    assert words.tool_summary(tool("lookup", id=3)) == '{"id": 3}'
    assert words.tool_summary(tool("lookup")) == ""
    assert len(words.tool_summary(tool(command="x" * 500))) == 100


def test_input_is_shown_where_the_summary_is_not_all() -> None:
    assert words.tool_input(tool(command="ls")) == ""
    assert words.tool_input(tool(command="a\nb")) == "a\nb"
    assert words.tool_input(tool("write", file_path="/a", content="x\n")) == "x\n"
    edit = tool("edit", file_path="/a", old_string="a\nb", new_string="a\nc")
    assert words.tool_input(edit) == " a\n-b\n+c"
    assert '"restart": true' in words.tool_input(tool(command="ls", restart=True))


def test_footer_leaves_out_what_is_not_known() -> None:
    assert words.footer(transcript()) == ["done", "1 in, 2 out tokens", "1.5 s"]
    full = transcript(model="m", turn=2, cost_usd=0.0, sandbox="docker", replayed=True)
    assert words.footer(full) == [
        *("done", "m", "turn 2", "1 in, 2 out tokens", "<$0.01", "docker", "1.5 s"),
        "replayed from a recording",
    ]


def test_sizes_and_times() -> None:
    assert [words.size(n) for n in (None, 12, 3400, 1_200_000)] == ["", "12 B", "3.4 kB", "1.2 MB"]
    assert [words.duration(s) for s in (0.0123, 0.31, 125)] == ["12 ms", "0.3 s", "2 min 5 s"]


def test_hidden_characters_are_seen_and_colours_go() -> None:
    assert words.visible("a\tb\r\nc é 👩 ß") == "a\tb\nc é 👩 ß"
    assert words.visible("10%\r100%\n\x1b[1;31mred\x1b[0m") == "10%\n100%\nred"
    assert words.visible("rm \u202e txt.a \x07\x1b[2J") == "rm \\u202e txt.a \\u0007\\u001b[2J"
    assert words.tool_summary(tool(command="rm \u202e txt.a \x07")) == "rm \\u202e txt.a \\u0007"
    assert words.prose("\x1b[2Jhi \u200d\x00") == "[2Jhi \u200d"


def test_no_form_has_a_control_character() -> None:
    evil = "a\x00b\x1b[2Jc\x9b31md"
    made = transcript(
        said(evil),
        tool(evil, evil, command=evil),
        tool("write", evil, file_path=evil, content=evil),
        {"kind": "steer", "id": "s", "text": evil},
        {"kind": "notice", "id": "n", "level": "error", "text": evil},
        model=evil,
    )
    made["files"] = [{"path": evil, "size": 1, "file_id": None, "url": None}]
    for render in (html.render, markdown.render, plain.render):
        assert not words.CONTROL.search(render(made)), render


def test_a_search_result_is_its_title_address_and_text() -> None:
    step = search_result("https://a.example/")
    assert words.output_text(step) == "A title\nhttps://a.example/\nSome words."
    assert "  https://a.example/\n" in plain.render(transcript(step))
    assert "- [`A title`](<https://a.example/>)" in markdown.render(transcript(step))
    assert "](<" not in markdown.render(transcript(search_result("https://a.example/>) [x](http://b")))
