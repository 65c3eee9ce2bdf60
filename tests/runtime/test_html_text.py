"""Hostile and broken HTML as markdown."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jupyter_agents.runtime.html_text import read

URL = "http://site.example/docs/page.html"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Head</h1><p>One <b>two</b></p>", "# Head\n\nOne **two**"),
        ("<a href='/x'>a</a>", "[a](http://site.example/x)"),
        ("<a href='other.html#p'>a</a>", "[a](http://site.example/docs/other.html#p)"),
        ("<a href='javascript:alert(1)'>a</a>", "a"),
        ("<a href='http://[bad'>a</a>", "a"),
        ("a<script>evil()</script>b", "ab"),
        ("a<style>p{}</style><template>t</template><noscript>n</noscript><svg><text>s</text></svg>b", "ab"),
        ("a<!-- comment -->b", "ab"),
        ("a<p hidden>unseen</p>", "a"),
        ("a<p style='DISPLAY : none'>unseen <b>too</b></p>", "a"),
        ("a<p style='visibility:hidden;color:red'>unseen</p>", "a"),
        ("a<p style='font-size:0'>unseen</p><i style='font-size:0.9em'>seen</i>", "a*seen*"),
        ("a<span aria-hidden=true>unseen</span>", "a"),
        ("a<div hidden><div hidden>unseen</div></div>", "a"),
        ("<img src='data:image/png;base64,AAAA' alt='a chart'>", "a chart"),
        ("<ul><li>one<li>two<ul><li>deep</ul><li>three</ul>", "- one\n- two\n  - deep\n- three"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<p>unclosed <b>bold", "unclosed **bold**"),
        ("</div></p>text<", "text<"),
        ("a &amp; b &lt;script&gt; 5 &euro;", "a & b <script> 5 €"),
        ("snake_case and a*b*c", "snake_case and a*b*c"),
        ("", ""),
    ],
)
def test_a_page_as_markdown(html: str, text: str) -> None:
    assert read(html, URL)[1] == text


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title> A \n b &amp; c </title>", "A b & c"),
        ("<head><title></title></head>", ""),
        ("no title", ""),
        (f"<title>{'x' * 1000}</title>", "x" * 300),
    ],
)
def test_the_title_is_one_line(html: str, title: str) -> None:
    assert read(html, URL)[0] == title


def test_as_a_program_it_reads_and_writes_json() -> None:
    given = json.dumps({"html": "<title>T</title><p>" + "long " * 100, "url": URL, "limit": 9})
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_agents.runtime.html_text"],
        input=given,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {"title": "T", "text": "long long", "cut": True}
