"""A fetched page as content blocks for the model: text, a PDF or an image. Source: spec section 8.1."""

from __future__ import annotations

import asyncio
import base64
import codecs
import json
import os
import re
import sys
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from jupyter_agents.runtime.fetch import LARGEST, FetchFailed, Page

Doc = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
LARGEST_IMAGE = 5 * 1024 * 1024 * 3 // 4
LONGEST_HTML = 1_000_000
READING_SECONDS = 15.0
HTML = ("text/html", "application/xhtml+xml")
TEXT = ("json", "xml", "javascript", "x-ndjson", "yaml", "x-yaml", "toml", "x-sh")
CHARSETS = (
    "utf",
    "iso8859",
    "latin",
    "cp",
    "windows",
    "ascii",
    "koi8",
    "mac",
    "big5",
    "gb",
    "euc",
    "shift",
    "iso2022",
)
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL", "SYSTEMROOT")
READ = "pages, text, JSON, XML, PDF files and png, jpeg, gif or webp images"

_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.I
)


async def blocks(page: Page, most_tokens: int) -> list[Doc]:
    """The content of a tool result; text is cut after `most_tokens`. Raises `FetchFailed`."""
    kind = await asyncio.to_thread(_kind, page)
    if kind == "html":
        return [_text(await _html(page, most_tokens))]
    if kind == "text":
        return [_text(await asyncio.to_thread(_plain, page, most_tokens))]
    if page.cut:
        raise FetchFailed(f"{page.url} is larger than {LARGEST} bytes")
    return [await asyncio.to_thread(_bytes, page, kind)]


async def start(page: Page, characters: int) -> str:
    """The beginning of a page's text on one line, "" where it has none; for a page that tells of an error."""
    try:
        (block,) = await blocks(page, LARGEST)
    except FetchFailed:
        return ""
    return " ".join(str(block.get("text", "")).split())[:characters]


def _kind(page: Page) -> str:
    """``html``, ``text``, or the media type of a PDF or an image by its first bytes."""
    given = page.content_type.partition(";")[0].strip().lower()
    found = _signature(page.body)
    if given in HTML:
        return "html"
    if given.startswith("text/") or re.split(r"[/+]", given)[-1] in TEXT:
        return "text"
    if found is not None:
        return found
    if not given and b"\0" not in page.body:
        return (
            "html" if page.body[:1000].lstrip().lower().startswith((b"<!doctype html", b"<html")) else "text"
        )
    raise FetchFailed(f"{page.url} is of the type {given[:100] or 'unknown'!r}; what can be read are {READ}")


def _signature(body: bytes) -> str | None:
    if b"%PDF-" in body[:1024]:
        return "application/pdf"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if body[:4] == b"RIFF" and body[8:12] == b"WEBP" else None


def _bytes(page: Page, media_type: str) -> Doc:
    image = media_type.startswith("image/")
    if image and len(page.body) > LARGEST_IMAGE:
        raise FetchFailed(
            f"{page.url} is an image of {len(page.body)} bytes, at most {LARGEST_IMAGE} are read"
        )
    source = {
        "type": "base64",
        "media_type": media_type,
        "data": base64.b64encode(page.body).decode("ascii"),
    }
    if image:
        return {"type": "image", "source": source}
    name = PurePosixPath(urlsplit(page.url).path).name
    return {"type": "document", "source": source, "title": name[:200] or None}


def _text(text: str) -> Doc:
    return {"type": "text", "text": text or "(no output)"}


def _plain(page: Page, most_tokens: int) -> str:
    text = decoded(page)
    return _cut(text[: most_tokens * CHARACTERS_PER_TOKEN], len(text), most_tokens, page.cut)


def _cut(text: str, whole: int, most_tokens: int, more: bool) -> str:
    if whole > len(text):
        return f"{text}\n[cut after {most_tokens} tokens]"
    return f"{text}\n[cut: the page is larger than {LARGEST} bytes]" if more else text


async def _html(page: Page, most_tokens: int) -> str:
    source = await asyncio.to_thread(decoded, page)
    limit = most_tokens * CHARACTERS_PER_TOKEN
    given = {"html": source[:LONGEST_HTML], "url": page.url, "limit": limit}
    read = await _read_html(page.url, json.dumps(given).encode())
    text = _cut(read["text"], limit + 1 if read["cut"] else 0, most_tokens, page.cut)
    if len(source) > LONGEST_HTML:
        text += f"\n[cut: only the first {LONGEST_HTML} characters of the page's HTML were read]"
    title = f"Title: {read['title']}\n" if read["title"] else ""
    return f"{title}URL: {page.url}\n\n{text}"


async def _read_html(url: str, given: bytes) -> Doc:
    """See `jupyter_agents.runtime.html_text`; the process ends with this call, however that ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "jupyter_agents.runtime.html_text"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
    )
    try:
        async with asyncio.timeout(READING_SECONDS):
            out, _ = await process.communicate(given)
        found: Doc = json.loads(out)
        return found
    except TimeoutError:
        raise FetchFailed(f"{url} is HTML that cannot be read within {READING_SECONDS:.0f} s") from None
    except ValueError:
        raise FetchFailed(f"{url} is HTML that cannot be read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def decoded(page: Page) -> str:
    """The text of a page, by its byte order mark, its declared charset, else as UTF-8; never fails."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if page.body.startswith(mark):
            return page.body.decode(name, "replace").removeprefix("\ufeff")
    header = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", page.content_type, re.I)
    inside = _DECLARED.search(page.body[:2048])
    declared = header[1] if header else inside[1].decode("ascii") if inside else "utf-8"
    return page.body.decode(_charset(declared), "replace")


def _charset(declared: str) -> str:
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return "utf-8"
    if name in ("iso8859-1", "ascii"):
        return "cp1252"
    return name if name.startswith(CHARSETS) and name != "utf-7" else "utf-8"
