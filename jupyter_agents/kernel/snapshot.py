"""A run as a MIME bundle of bounded size: what a cell shows and a notebook saves.

At most 200 kB in all. Long texts are cut first, then images go, then the earliest steps; each cut
says what is missing. The whole run stays in the session and its run file.

Source: docs/transcript.md "The MIME bundle", docs/decisions.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_agents.kernel import html, markdown, plain, words

MIME = "application/vnd.jupyter-agents.run+json"
LIMIT = 200_000
STEPS = 50
FILES = 50


@dataclass(frozen=True)
class Caps:
    """Characters of one text, of one image's base64, and the number of steps that are kept."""

    text: int
    image: int
    steps: int


LEVELS = (
    Caps(8_000, 40_000, 200),
    Caps(4_000, 20_000, STEPS),
    Caps(1_500, 0, STEPS),
    Caps(400, 0, STEPS),
    Caps(150, 0, 20),
)


def bundle(record: Mapping[str, Any], links: Mapping[str, str]) -> dict[str, Any]:
    """The MIME bundle of `record`, the JSON of docs/transcript.md; `links` by a file's path."""
    made: dict[str, Any] = {}
    for caps in LEVELS:
        transcript = shrink(record["transcript"], caps)
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


def shrink(transcript: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    """`transcript` within `caps`."""
    steps = transcript["steps"]
    left_out = len(steps) - caps.steps
    kept = [_step(step, caps) for step in (steps[-caps.steps :] if left_out > 0 else steps)]
    if left_out > 0:
        text = f"{left_out} earlier steps are left out here; the session has them all."
        kept.insert(0, {"kind": "notice", "id": "", "level": "info", "text": text})
    files = transcript["files"][:FILES]
    if len(transcript["files"]) > FILES:
        text = f"{len(transcript['files'])} files were made; {FILES} are named here."
        kept.append({"kind": "notice", "id": "", "level": "info", "text": text})
    return {
        **transcript,
        "prompt": cut_text(transcript["prompt"], caps.text),
        "steps": kept,
        "files": files,
    }


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
            output = [_block(block, caps) for block in step["output"][:20]]
            return {**step, "input": _value(step["input"], caps.text), "output": output}
        case "steer" | "notice":
            return {**step, "text": cut_text(step["text"], caps.text)}
        case _:
            return dict(step)


def _block(block: Mapping[str, Any], caps: Caps) -> dict[str, Any]:
    if block.get("type") == "text":
        return {**block, "text": cut_text(str(block.get("text", "")), caps.text)}
    length = len(json.dumps(block))
    if length <= caps.image:
        return dict(block)
    note = f"{words.block_name(block)} {words.size(length * 3 // 4)}, not saved in the notebook"
    return {"type": "text", "text": note}


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
