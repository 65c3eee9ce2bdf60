"""A program of its own: HTML on standard input becomes markdown on standard output.

``python -m jupyter_agents.runtime.html_text`` reads ``{"html", "url", "limit"}`` and writes ``{"title",
"text", "cut"}``, both as JSON; limit is in characters. It is a process so that whoever starts it can end
it: a page may be made to be slow to read. Scripts, and what a reader of the page would not see, are
left out.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

UNREAD = [
    *("script", "style", "template", "noscript", "iframe", "object", "svg"),
    *("head", "title", "select", "textarea"),
]
CLOSES = {
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tr": {"tr", "td", "th"},
}
"""Elements that end an open one of these kinds, where its end was not written."""

LONGEST_TITLE = 300
MEMORY = 512 * 1024**2
_UNSEEN = re.compile(r"display:none|visibility:hidden|opacity:0(?![.\d])|font-size:0(?![.\d])")


def read(html: str, url: str) -> tuple[str, str]:
    """The title and the markdown of a page that was found at `url`."""
    soup = BeautifulSoup(html, "html.parser")
    title = " ".join(soup.title.get_text().split())[:LONGEST_TITLE] if soup.title else ""
    for element in [*soup.find_all(UNREAD), *soup.find_all(_is_unseen)]:
        if not element.decomposed:
            element.decompose()
    for element in soup.find_all(list(CLOSES)):
        while element.parent is not None and element.parent.name in CLOSES[element.name]:
            element.parent.insert_after(element)
    for image in soup.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    for link in soup.find_all("a", href=True):
        _make_whole(link, url)
    converter = MarkdownConverter(
        heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False, escape_misc=False
    )
    text = "\n".join(line.rstrip() for line in converter.convert_soup(soup).split("\n"))
    return title, re.sub(r"\n{3,}", "\n\n", text).strip()


def _is_unseen(element: Tag) -> bool:
    style = re.sub(r"\s", "", str(element.get("style") or "")).lower()
    hidden = element.has_attr("hidden") or element.get("aria-hidden") == "true"
    return hidden or bool(_UNSEEN.search(style))


def _make_whole(link: Tag, url: str) -> None:
    """A link with its whole address, or without one where it does not lead to the web."""
    try:
        link["href"] = urljoin(url, str(link["href"]).strip())
    except ValueError:
        link["href"] = ""
    if not str(link["href"]).lower().startswith(("http://", "https://")):
        del link["href"]


def main() -> None:
    """See this module's docstring."""
    _bound_memory()
    warnings.simplefilter("ignore")
    given = json.load(sys.stdin)
    title, text = read(given["html"], given["url"])
    limit = given["limit"]
    json.dump({"title": title, "text": text[:limit], "cut": len(text) > limit}, sys.stdout)


def _bound_memory() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
