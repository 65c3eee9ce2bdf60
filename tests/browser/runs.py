"""Saved runs to look at."""

from __future__ import annotations

from typing import Any

SESSION_ID = "sesn_01Browser1111111111111111"
FIRST_EVENT_ID = "sevt_01Browser1111111111111111"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

Json = dict[str, Any]


def run(*steps: Json, live: bool = False, **transcript: Any) -> Json:
    """A payload of our MIME type."""
    footer = {
        "model": "claude-opus-4-7",
        "turn": 1,
        "input_tokens": 1200,
        "output_tokens": 850,
        "cache_read_input_tokens": 45_000,
        "cache_creation_input_tokens": 300,
        "cost_usd": 0.0423,
        "sandbox": "bubblewrap",
        "seconds": 12.3,
        "replayed": False,
    }
    whole = {"status": "done", "prompt": "Do it.", "files": [], "footer": footer, "steps": steps}
    return {
        "schema": 1,
        "session_id": SESSION_ID,
        "turn": 1,
        "first_event_id": FIRST_EVENT_ID,
        "live": live,
        "transcript": {**whole, **transcript},
    }


def text(markdown: str, id: str = "t1", partial: bool = False) -> Json:
    return {"kind": "text", "id": id, "markdown": markdown, "partial": partial}


def tool(id: str = "c1", **fields: Any) -> Json:
    step: Json = {
        "kind": "tool",
        "id": id,
        "name": "bash",
        "server": None,
        "input": {"command": "ls"},
        "status": "ok",
        "output": [{"type": "text", "text": "a.txt\n"}],
        "seconds": 0.3,
    }
    return {**step, **fields}


def image(data: str = PIXEL, media_type: str = "image/png") -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def notice(level: str, words: str, id: str = "n1") -> Json:
    return {"kind": "notice", "id": id, "level": level, "text": words}


def steer(words: str, id: str = "s1") -> Json:
    return {"kind": "steer", "id": id, "text": words}
