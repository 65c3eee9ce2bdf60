"""What an agent says can do nothing to the reader."""

from __future__ import annotations

import pytest

from jupyter_agents.cell.sanitize import markdown_to_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/x.png)",
    "![x](data:image/svg+xml;base64,AAAA)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,AAAA)",
    "[x](vbscript:x)",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=//evil.example></iframe>",
    "<style>body{display:none}</style>",
    "<form action=//evil.example><input></form>",
    '[x](https://a.example "onmouseover=alert(1)")',
    "[x](/api/shutdown)",
    "<svg/onload=alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_hostile_markdown_is_inert(markdown: str) -> None:
    html = markdown_to_html(markdown).lower()
    for tag in ("<script", "<img", "<iframe", "<style", "<form", "<input", "<svg"):
        assert tag not in html
    for address in ('href="javascript', 'href="data', 'href="vbscript', 'href="/'):
        assert address not in html
    assert " onmouseover=" not in html


def test_ordinary_markdown_is_kept() -> None:
    html = markdown_to_html("# T\n\n**b** `c` ~~s~~ [l](https://a.example)\n\n|a|\n|-|\n|1|\n")
    for part in ("<h1>T</h1>", "<strong>b</strong>", "<code>c</code>", "<s>s</s>", "<td>1</td>"):
        assert part in html
    assert '<a href="https://a.example" rel="noopener noreferrer nofollow">l</a>' in html
