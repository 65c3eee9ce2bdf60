"""A transcript as markdown, for GitHub and for exports.

The agent's own markdown stays markdown, with raw HTML and images made inert outside code blocks;
tool calls are a line and a fenced block. A fence is longer than any run of backticks inside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jupyter_agents.kernel import words
from jupyter_agents.kernel.sanitize import parser

Json = Mapping[str, Any]


def render(transcript: Json, links: Mapping[str, str] | None = None) -> str:
    """The transcript of docs/transcript.md as markdown; `links` as in the HTML form."""
    parts = [_step(step) for step in transcript["steps"]]
    if transcript["files"]:
        parts.append("\n".join(_file(file, links or {}) for file in transcript["files"]))
    parts.append(f"*{inert(' · '.join(words.footer(transcript)))}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def inert(markdown: str) -> str:
    """`markdown` without live HTML and images; fenced and indented code stays as it is."""
    lines = markdown.split("\n")
    code: set[int] = set()
    for token in parser().parse(markdown):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
    return "\n".join(
        line if index in code else line.replace("<", "&lt;").replace("![", "&#33;[")
        for index, line in enumerate(lines)
    )


def fence(text: str) -> str:
    """`text` as a code block."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text.rstrip(chr(10))}\n{ticks}"


def code(text: str) -> str:
    """`text` as a code span on one line."""
    line = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if longest else f"`{line}`"


def _step(step: Json) -> str:
    match step["kind"]:
        case "text":
            return inert(words.prose(str(step["markdown"]))).strip()
        case "tool":
            return _tool(step)
        case "steer":
            return "\n".join(f"> {line}" for line in inert(words.visible(step["text"])).split("\n"))
        case "notice":
            return f"**{step['level'].capitalize()}:** {inert(words.visible(step['text']))}"
        case _:
            return ""


def _tool(step: Json) -> str:
    summary = words.tool_summary(step)
    head = f"**{inert(words.tool_title(step))}**"
    head += f" {code(summary)}" if summary else ""
    blocks = [words.tool_input(step), words.output_text(step)]
    lines = [f"{head} — {words.tool_state(step)}", *(fence(block) for block in blocks if block.strip())]
    if step["status"] == "waiting":
        lines.append(words.HOW_TO_ANSWER)
    return "\n\n".join(lines)


def _file(file: Json, links: Mapping[str, str]) -> str:
    link = links.get(file["path"])
    name = code(words.visible(file["path"]))
    size = words.size(file.get("size"))
    return f"- [{name}]({quote(link)}) {size}" if link else f"- {name} {size}"
