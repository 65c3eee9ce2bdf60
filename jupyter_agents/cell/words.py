"""How a transcript's parts are said in one line, the same in HTML, markdown and text."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

MARKS = {
    "running": "…",
    "waiting": "?",
    "ok": "✓",
    "error": "✗",
    "denied": "⊘",
    "interrupted": "■",
}
STATUS = {
    "running": "running",
    "retrying": "trying again",
    "waiting": "waiting for you",
    "done": "done",
    "interrupted": "interrupted",
    "failed": "failed",
    "refused": "refused",
    "budget_reached": "budget reached",
}
KEYS = {
    "bash": "command",
    "read": "file_path",
    "write": "file_path",
    "edit": "file_path",
    "glob": "pattern",
    "grep": "pattern",
    "web_fetch": "url",
    "web_search": "query",
}

SHOWN = "Printed here, not sent to the agent:"
HOW_TO_ANSWER = "Waits for your answer: %agent approve lets it run, %agent deny REASON does not."

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WEB = re.compile(r"https?://[!#-;=?-~]+", re.IGNORECASE)
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Control characters but tab and newline, and whatever reorders or hides the text around it."""

Json = Mapping[str, Any]


def visible(text: str) -> str:
    """`text` without terminal colours, each hidden character as its code, a return as a new line."""
    lines = COLOUR.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", lines)


def prose(text: str) -> str:
    """What an agent wrote, without control characters."""
    return CONTROL.sub("", text.replace("\r\n", "\n"))


def tool_title(step: Json) -> str:
    """The tool's name, after its MCP server's, or after ``kernel`` for a function of this notebook."""
    place = step.get("server") or step.get("place")
    return visible(f"{place} · {step['name']}" if place else str(step["name"]))


def tool_summary(step: Json, limit: int = 100) -> str:
    """What the call is about, in one line: a command, a path, a pattern."""
    given = step.get("input") or {}
    key = KEYS.get(str(step["name"]), "")
    found = given.get(key)
    if not isinstance(found, str):
        found = json.dumps(given, ensure_ascii=False) if given else ""
    line = visible(" ".join(found.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def tool_input(step: Json) -> str:
    """The whole input as a person reads it, an edit as a diff; empty if the summary has it all."""
    return visible(_input(step))


def tool_diff(step: Json) -> list[str] | None:
    """An edit as the lines of a diff, each with its mark; None for every other call."""
    given = step.get("input") or {}
    if step["name"] != "edit" or step.get("server") or not isinstance(given.get("old_string"), str):
        return None
    return visible(_diff(str(given["old_string"]), str(given.get("new_string", "")))).split("\n")


def _input(step: Json) -> str:
    given = dict(step.get("input") or {})
    match step["name"]:
        case "bash" if isinstance(given.get("command"), str) and len(given) == 1:
            command = str(given["command"])
            return command if tool_summary(step) != command else ""
        case "write" if isinstance(given.get("content"), str):
            return str(given["content"])
        case "edit" if isinstance(given.get("old_string"), str):
            return _diff(str(given["old_string"]), str(given.get("new_string", "")))
    if len(given) == 1 and KEYS.get(str(step["name"])) in given:
        return ""
    return json.dumps(given, ensure_ascii=False, indent=2) if given else ""


def tool_state(step: Json) -> str:
    """The call's mark, and its time once it has one."""
    mark = MARKS.get(str(step["status"]), "")
    seconds = step.get("seconds")
    word = "" if step["status"] == "ok" else f" {step['status']}"
    return f"{mark}{word}" if seconds is None else f"{mark}{word} {duration(seconds)}"


def output_text(step: Json) -> str:
    """The text of a tool's output; other blocks are named in brackets."""
    return "\n".join(block_text(block) for block in step.get("output") or ())


def block_text(block: Json) -> str:
    """A content block as text; a search result is its title, its address and what was found there."""
    match block.get("type"):
        case "text":
            return visible(str(block.get("text", "")))
        case "search_result":
            return "\n".join(
                [visible(str(block.get("title"))), visible(str(block.get("source"))), found(block)]
            )
        case _:
            return block_name(block)


def found(block: Json) -> str:
    """The text of a search result."""
    content = block.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(visible(str(part.get("text", ""))) for part in parts if isinstance(part, Mapping))


def web_address(block: Json) -> str | None:
    """Where a search result was found, if that is a plain http(s) address that may become a link."""
    source = str(block.get("source", ""))
    return source if WEB.fullmatch(source) else None


def shown_text(step: Json) -> str:
    """What a function of this notebook printed and displayed, in words."""
    return output_text({"output": step.get("shown") or ()})


def block_name(block: Json) -> str:
    """What a content block is, in brackets: ``[image/png]``."""
    source = block.get("source")
    kind = source.get("media_type") if isinstance(source, Mapping) else None
    return visible(f"[{kind or block.get('title') or block.get('type')}]")


def duration(seconds: float) -> str:
    """``12 ms``, ``0.3 s``, ``2 min 5 s``."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def size(count: int | None) -> str:
    """``12 B``, ``3.4 kB``, ``1.2 MB``."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def cost(dollars: float) -> str:
    """``$0.12``; the server counts whole cents."""
    return f"${dollars:.2f}" if dollars >= 0.01 else "<$0.01"


def footer(transcript: Json) -> list[str]:
    """The footer's parts: status, model, turn, tokens, cost, sandbox, time, replay."""
    foot = transcript["footer"]
    read = sum(
        foot.get(name) or 0
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    parts = [STATUS.get(str(transcript["status"]), str(transcript["status"]))]
    parts += [str(foot["model"])] if foot.get("model") else []
    parts += [f"turn {foot['turn']}"] if foot.get("turn") else []
    written = foot.get("output_tokens") or 0
    parts += [f"{read:,} in, {written:,} out tokens"] if read or written else []
    priced = foot.get("cost_usd") is not None and read > 0
    parts += [cost(foot["cost_usd"])] if priced else []
    parts += [str(foot["sandbox"])] if foot.get("sandbox") else []
    parts += [duration(foot["seconds"])] if foot.get("seconds") else []
    parts += ["replayed from a recording"] if foot.get("replayed") else []
    return [visible(part) for part in parts]


def sandbox(kind: str | None) -> str | None:
    """A kind of sandbox as a user reads it: one that isolates nothing says so."""
    return "unsafe (no isolation)" if kind == "unsafe" else kind


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return "\n".join(list(lines)[3:])
