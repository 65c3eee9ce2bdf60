"""A transcript as markdown, for GitHub and for exports.

The agent's own markdown stays markdown, with raw HTML and images made inert outside code blocks;
tool calls are a line and a fenced block. A fence is longer than any run of backticks inside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jupyter_agents.cell import words
from jupyter_agents.cell.sanitize import parser

Json = Mapping[str, Any]
PUNCTUATION = re.compile(r"[\\`*_{}\[\]<>()#!|~&$]|\n")
"""What would be markdown, HTML or maths inside a table's cell."""


def render(transcript: Json, links: Mapping[str, str] | None = None) -> str:
    """The transcript of docs/transcript.md as markdown; `links` as in the HTML form."""
    parts = [_step(step) for step in transcript["steps"]]
    if transcript["files"]:
        parts.append("\n".join(_file(file, links or {}) for file in transcript["files"]))
        parts += [_table(file) for file in transcript["files"] if _is_table(file)]
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


def fence(text: str, language: str = "") -> str:
    """`text` as a code block."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip(chr(10))}\n{ticks}"


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
    given, output = words.tool_input(step), words.output_text(step)
    parts = [f"{head} — {words.tool_state(step)}"]
    parts += [fence(given, "diff" if words.tool_diff(step) else "")] if given.strip() else []
    parts += [fence(output)] if output.strip() else []
    parts += _links(step)
    parts += [words.HOW_TO_ANSWER] if step["status"] == "waiting" else []
    shown = words.shown_text(step)
    return "\n\n".join([*parts, words.SHOWN, fence(shown)] if shown.strip() else parts)


def _links(step: Json) -> list[str]:
    """The search results among a tool's output, as one list of links."""
    results = [block for block in step.get("output") or () if block.get("type") == "search_result"]
    links = [
        f"- [{code(words.visible(str(block.get('title'))))}](<{address}>)"
        for block in results
        if (address := words.web_address(block))
    ]
    return ["\n".join(links)] if links else []


def _file(file: Json, links: Mapping[str, str]) -> str:
    link = links.get(file["path"])
    name = code(words.visible(file["path"]))
    size = words.size(file.get("size"))
    return f"- [{name}]({quote(link)}) {size}".rstrip() if link else f"- {name} {size}".rstrip()


def _is_table(file: Json) -> bool:
    return bool(file.get("preview")) and file["preview"]["type"] == "table"


def _table(file: Json) -> str:
    """A table's first rows as a table of markdown."""
    preview = file["preview"]
    width = len(preview["columns"])
    rows = [_row(preview["columns"], width), "|" + " --- |" * width]
    rows += [_row(row, width) for row in preview["rows"]]
    what = ", its beginning" if preview["more"] else ""
    return f"{code(words.visible(file['path']))}{what}:\n\n" + "\n".join(rows)


def _row(values: list[str], width: int) -> str:
    cells = [PUNCTUATION.sub(_entity, words.visible(value)) for value in values[:width]]
    cells += [""] * (width - len(cells))
    return "| " + " | ".join(cells) + " |"


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found.group())};"
