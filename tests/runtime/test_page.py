"""What a fetched page becomes for the model."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import psutil
import pytest

from jupyter_agents.runtime import page as module
from jupyter_agents.runtime.fetch import FetchFailed, Page
from jupyter_agents.runtime.page import blocks, decoded, start

PNG = b"\x89PNG\r\n\x1a\n rest"
PDF = b"%PDF-1.7\n rest"


def page(body: bytes | str, kind: str = "text/html", *, cut: bool = False, path: str = "/p") -> Page:
    raw = body.encode() if isinstance(body, str) else body
    return Page(f"http://site.example{path}", 200, "OK", kind, raw, cut)


async def text(found: Page, most_tokens: int = 1000) -> str:
    (block,) = await blocks(found, most_tokens)
    assert block["type"] == "text"
    return str(block["text"])


async def test_html_keeps_its_title_and_says_where_it_was_found() -> None:
    found = await text(page("<title>T</title><h2>Head</h2><a href=/x>more</a>"))
    assert found == "Title: T\nURL: http://site.example/p\n\n## Head\n\n[more](http://site.example/x)"


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "text/csv", "TEXT/X-Whatever; a=b", "application/json", "application/ld+json"),
        *("application/xml", "application/atom+xml", "image/svg+xml", "application/javascript", ""),
    ],
)
async def test_text_is_kept_as_it_is(kind: str) -> None:
    assert await text(page("<a>{1}", kind)) == "<a>{1}"


async def test_a_page_without_a_type_is_html_if_it_says_so() -> None:
    assert await text(page("<!DOCTYPE html><p>hi", "")) == "URL: http://site.example/p\n\nhi"


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        ("é".encode(), "text/plain", "é"),
        ("é".encode("latin-1"), "text/plain; charset=ISO-8859-1", "é"),
        ("€".encode("cp1252"), 'text/plain; charset="iso-8859-1"', "€"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本"),
        (b'<meta charset="euc-jp">' + "日本".encode("euc-jp"), "text/html", '<meta charset="euc-jp">日本'),
        (b"\xef\xbb\xbfa", "text/plain; charset=latin-1", "a"),
        ("é".encode("utf-16"), "text/plain", "é"),
        ("é".encode("latin-1"), "text/plain; charset=utf-8", "\ufffd"),
        ("é".encode(), "text/plain; charset=nonsense", "é"),
        (b"+AGE-", "text/plain; charset=utf-7", "+AGE-"),
        (b"aGk=", "text/plain; charset=base64", "aGk="),
        (b"uryyb", "text/plain; charset=rot13", "uryyb"),
        (b"\\x41", "text/plain; charset=unicode_escape", "\\x41"),
        (b"xn--a", "text/plain; charset=idna", "xn--a"),
    ],
)
def test_charsets(raw: bytes, kind: str, expected: str) -> None:
    assert decoded(page(raw, kind)) == expected


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "application/octet-stream", ""])
async def test_an_image_is_what_its_first_bytes_say(kind: str) -> None:
    (block,) = await blocks(page(PNG, kind), 10)
    data = base64.b64encode(PNG).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert block == {"type": "image", "source": source}


async def test_a_pdf_is_a_document_with_its_name() -> None:
    (block,) = await blocks(page(PDF, "application/pdf", path="/a/report.pdf?x=1"), 10)
    assert (block["type"], block["title"]) == ("document", "report.pdf")
    assert base64.b64decode(block["source"]["data"]) == PDF


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (page(b"PK\x03\x04", "application/zip"), "of the type 'application/zip'"),
        (page(b"not really", "image/png"), "of the type 'image/png'"),
        (page(b"not really", "application/pdf"), "of the type 'application/pdf'"),
        (page(b"\0\1", ""), "of the type 'unknown'"),
        (page(PDF, "application/pdf", cut=True), "larger than"),
        (page(PNG + b"x" * module.LARGEST_IMAGE, "image/png"), "an image of"),
    ],
)
async def test_what_cannot_be_read_says_why(found: Page, why: str) -> None:
    with pytest.raises(FetchFailed, match=why):
        await blocks(found, 10)


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
async def test_text_is_cut_at_the_tokens_that_are_allowed(kind: str) -> None:
    found = await text(page("x" * 100, kind), 10)
    assert found.endswith("x" * 40 + "\n[cut after 10 tokens]") and "x" * 41 not in found


async def test_a_page_that_was_cut_says_so() -> None:
    assert "[cut: the page is larger than" in await text(page("abc", "text/plain", cut=True))


async def test_of_very_long_html_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_HTML", 20)
    found = await text(page("<p>seen</p>" + " " * 20 + "<p>not seen</p>"))
    assert "seen" in found and "not seen" not in found and "only the first 20 characters" in found


def readers() -> list[Any]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "html_text" in " ".join(child.cmdline())]


async def test_html_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READING_SECONDS", 0.01)
    with pytest.raises(FetchFailed, match="cannot be read within"):
        await blocks(page("<p>a</p>" * 10000), 10)
    assert readers() == []


async def test_html_that_breaks_the_reader_is_an_error() -> None:
    with pytest.raises(FetchFailed, match="cannot be read"):
        await blocks(page("<div>" * 5000), 10)


async def test_reading_ends_when_it_is_cancelled() -> None:
    task = asyncio.create_task(blocks(page("<p>a</p>" * 100000), 10))
    async with asyncio.timeout(10):
        while not readers():
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert readers() == []


async def test_the_reader_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    task = asyncio.create_task(blocks(page("<p>a</p>" * 100000), 10))
    async with asyncio.timeout(10):
        while not readers():
            await asyncio.sleep(0.005)
    environment = readers()[0].environ()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "ANTHROPIC_API_KEY" not in environment


async def test_the_start_of_an_error_page() -> None:
    assert (
        await start(page("<title>Oh</title><p>Not   here</p>"), 200)
        == "Title: Oh URL: http://site.example/p Not here"
    )
    assert await start(page(PNG), 100) != "" and await start(page(b"\0", "application/zip"), 10) == ""
