"""The agent's markdown as HTML that can do nothing.

Trust model: what an agent says is hostile. Raw HTML in it is shown as text, images are links (so
that opening a notebook fetches nothing), and the result passes an allow-list of tags without
scripts, styles, events, forms or ids. Links go to http, https and mailto, without a referrer.
"""

from __future__ import annotations

from functools import cache, lru_cache

import nh3
from markdown_it import MarkdownIt

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"),
    *("ul", "ol", "li", "pre", "code", "em", "strong", "s", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


@lru_cache(maxsize=512)
def markdown_to_html(markdown: str) -> str:
    """Safe HTML of an agent's markdown."""
    return nh3.clean(
        parser().render(markdown),
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        url_relative="deny",
    ).rstrip()


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables and strikethrough, without raw HTML and images."""
    markdown = MarkdownIt("commonmark", {"html": False})
    return markdown.enable(["table", "strikethrough"]).disable("image")
