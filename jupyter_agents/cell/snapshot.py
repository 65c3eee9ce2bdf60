"""A run as a MIME bundle of bounded size: what a cell shows and a notebook saves.

At most 200 kB in all. What is too much is reduced in this order: pictures are scaled, then only named
or linked, then texts are cut and the middle steps left out. Each cut says what is missing and where it is.

Source: docs/transcript.md "The MIME bundle", docs/decisions.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_agents.cell import html, markdown, pictures, plain, words

MIME = "application/vnd.jupyter-agents.run+json"
LIMIT = 200_000
STEPS = 50
PICTURES = 12
FILES = 50


@dataclass(frozen=True)
class Caps:
    """Characters of one text, of one image's base64; how many steps, blocks and table rows are kept."""

    text: int
    image: int
    steps: int
    blocks: int = 20
    rows: int = 10


LEVELS = (
    Caps(8_000, 60_000, 200),
    Caps(8_000, 20_000, 200),
    Caps(8_000, 6_000, 200),
    Caps(8_000, 0, 200),
    Caps(4_000, 0, STEPS, rows=5),
    Caps(1_500, 0, STEPS, rows=5),
    Caps(400, 0, STEPS, 5, 0),
    Caps(150, 0, 20, 2, 0),
)


def bundle(record: Mapping[str, Any], links: Mapping[str, str]) -> dict[str, Any]:
    """The MIME bundle of `record`, the JSON of docs/transcript.md; `links` by a file's path."""
    made: dict[str, Any] = {}
    transcript: dict[str, Any] = {}
    for caps in LEVELS:
        before, transcript = transcript, shrink(record["transcript"], caps, record["session_id"])
        if transcript == before or (size(transcript) > LIMIT // 2 and caps is not LEVELS[-1]):
            # The other forms say the same once more: all of them together cannot fit.
            continue
        made = {
            MIME: {**record, "transcript": transcript},
            "text/html": html.render(transcript, links),
            "text/markdown": markdown.render(transcript, links),
            "text/plain": plain.render(record["transcript"]) + plain.hint(record["transcript"]),
        }
        if size(made) <= LIMIT:
            break
    return made


def size(made: Mapping[str, Any]) -> int:
    """The bytes that a bundle takes in a notebook."""
    return len(json.dumps(made, ensure_ascii=False).encode())


def shrink(transcript: Mapping[str, Any], caps: Caps, session_id: str) -> dict[str, Any]:
    """`transcript` within `caps`; what is missing is to be had from the session `session_id`."""
    steps = _with_few_pictures(transcript["steps"])
    kept = _kept(steps, caps, session_id)
    files = [_file(file, caps) for file in transcript["files"][:FILES]]
    if len(transcript["files"]) > FILES:
        text = f"{len(transcript['files'])} files were made; {FILES} are named here."
        kept.append({"kind": "notice", "id": "", "level": "info", "text": text})
    return {
        **transcript,
        "prompt": cut_text(transcript["prompt"], caps.text),
        "steps": kept,
        "files": files,
    }


def _with_few_pictures(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The steps with the last twelve pictures of tools; earlier ones are only named."""
    left = PICTURES
    made: list[Mapping[str, Any]] = []
    for step in reversed(steps):
        output = step.get("output") or ()
        pictures_here = sum(block.get("type") == "image" for block in output)
        left -= pictures_here
        if pictures_here and left < 0:
            step = {**step, "output": [_named(b) if b.get("type") == "image" else b for b in output]}
        made.append(step)
    return made[::-1]


def _named(block: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the place of a block that is not saved."""
    size = words.size(len(json.dumps(block)) * 3 // 4)
    return {"type": "text", "text": f"{words.block_name(block)} {size}, not saved in the notebook"}


def _kept(steps: Sequence[Mapping[str, Any]], caps: Caps, session_id: str) -> list[dict[str, Any]]:
    """The steps, less the middle ones where there are too many: how it began and how it ended stay."""
    missing = len(steps) - caps.steps
    if missing <= 0:
        return [_step(step, caps) for step in steps]
    begin = caps.steps // 5
    text = (
        f"{missing} steps are left out here. The session's run file has them all: "
        f"%agent attach {session_id} shows them."
    )
    return [
        *(_step(step, caps) for step in steps[:begin]),
        {"kind": "notice", "id": "left-out", "level": "info", "text": text},
        *(_step(step, caps) for step in steps[begin + missing :]),
    ]


def _file(file: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    """A file's entry with a preview that fits, or with none: its link is always there."""
    preview = file.get("preview")
    kept = {key: value for key, value in file.items() if key != "preview"}
    if preview is None:
        return kept
    if preview["type"] == "image":
        found = pictures.fitted(preview["data"], caps.image)
        return kept if found is None else {**kept, "preview": _image(*found)}
    if not caps.rows:
        return kept
    more = preview["more"] or len(preview["rows"]) > caps.rows
    return {**kept, "preview": {**preview, "rows": preview["rows"][: caps.rows], "more": more}}


def _image(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "image", "media_type": media_type, "data": data}


def cut_text(text: str, limit: int) -> str:
    """The beginning and the end of a long text, with a note between them."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    missing = len(text) - limit
    return f"{text[: limit - tail]}\n[... {missing:,} characters left out ...]\n{text[-tail:]}"


def _step(step: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    match step["kind"]:
        case "text":
            return {**step, "markdown": cut_text(step["markdown"], 2 * caps.text)}
        case "tool":
            output = [_block(block, caps) for block in step["output"][: caps.blocks]]
            shown = [_block(block, caps) for block in step.get("shown", ())[: caps.blocks]]
            kept = {"shown": shown} if "shown" in step else {}
            return {**step, "input": _value(step["input"], caps.text), "output": output, **kept}
        case "steer" | "notice":
            return {**step, "text": cut_text(step["text"], caps.text)}
        case _:
            return dict(step)


def _block(block: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    if block.get("type") == "text":
        return {**block, "text": cut_text(str(block.get("text", "")), caps.text)}
    if block.get("type") == "search_result":
        return _search_result(block, caps)
    source = block.get("source")
    if block.get("type") == "image" and isinstance(source, Mapping):
        found = pictures.fitted(str(source.get("data", "")), caps.image)
        if found is not None and found[0] != pictures.SVG:
            kind, data = found
            return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}
    length = len(json.dumps(block))
    if length <= caps.text and block.get("type") != "image":
        return dict(block)
    return _named(block)


def _search_result(block: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    title, source = (str(block.get(key, "")) for key in ("title", "source"))
    return {
        **block,
        "title": cut_text(title, caps.text // 4),
        "source": cut_text(source, min(2048, 4 * caps.text)),
        "content": [{"type": "text", "text": cut_text(words.found(block), caps.text // 4)}],
    }


def _value(value: Any, limit: int) -> Any:
    """A tool's input with its strings cut; a huge structure becomes its text, cut."""
    if isinstance(value, str):
        return cut_text(value, limit)
    if isinstance(value, dict):
        cut = {key: _value(item, limit) for key, item in list(value.items())[:50]}
        text = json.dumps(cut, ensure_ascii=False)
        return cut if len(text) <= 4 * limit else {"...": cut_text(text, limit)}
    if isinstance(value, list):
        return [_value(item, limit) for item in value[:50]]
    return value
