"""Transcripts to draw: those of the shared examples, and builders for others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXAMPLES = sorted((Path(__file__).parents[1] / "transcripts").glob("*.json"))


def transcripts() -> list[dict[str, Any]]:
    """Every transcript of the shared examples."""
    return [json.loads(path.read_text())["transcript"] for path in EXAMPLES]


def transcript(*steps: dict[str, Any], status: str = "done", **footer: Any) -> dict[str, Any]:
    """A transcript of these steps."""
    return {
        "status": status,
        "prompt": "Do it",
        "steps": list(steps),
        "files": [],
        "footer": {"input_tokens": 1, "output_tokens": 2, "seconds": 1.5, **footer},
    }


def said(markdown: str, *, partial: bool = False) -> dict[str, Any]:
    """A text step."""
    return {"kind": "text", "id": "sevt_t", "markdown": markdown, "partial": partial}


def tool(
    name: str = "bash", output: str | None = "out\n", status: str = "ok", **given: Any
) -> dict[str, Any]:
    """A tool step."""
    blocks = [] if output is None else [{"type": "text", "text": output}]
    return {
        "kind": "tool",
        "id": "sevt_u",
        "name": name,
        "server": None,
        "input": given,
        "status": status,
        "output": blocks,
        "seconds": None if status == "running" else 0.25,
    }


def search_result(source: str, title: str = "A title", words: str = "Some words.") -> dict[str, Any]:
    """A step that searched and found this."""
    content = [{"type": "text", "text": words}]
    block = {"type": "search_result", "source": source, "title": title, "content": content}
    return {**tool("web_search", query="q"), "output": [block | {"citations": {"enabled": True}}]}


def record(made: dict[str, Any]) -> dict[str, Any]:
    """The JSON of docs/transcript.md around a transcript."""
    return {
        "schema": 1,
        "session_id": "sesn_011111111111111111111111",
        "turn": 1,
        "first_event_id": "sevt_1",
        "live": False,
        "transcript": made,
    }
