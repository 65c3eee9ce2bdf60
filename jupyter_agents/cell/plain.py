"""A transcript as text that only grows: what is shown once stays, so that a terminal can print the
growth. A step appears when the one before it is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_agents.cell import words

Json = Mapping[str, Any]

OUTPUT_LIMIT = 2000
TOTAL_LIMIT = 30_000
DIFF_LINES = 40
FILES = 50
HINT = f"\n\n{words.HOW_TO_ANSWER}"
CUT = "\n\n[... the rest is in the session]"


def render(transcript: Json) -> str:
    """The transcript of docs/transcript.md as text."""
    over = transcript["status"] not in ("running", "retrying", "waiting")
    parts = list(_steps(transcript["steps"], over))
    text = "\n\n".join(parts)
    if len(text) > TOTAL_LIMIT:
        text = text[:TOTAL_LIMIT] + CUT
    if not over:
        return text
    files = [
        f"  {words.visible(file['path'])}  {words.size(file.get('size'))}".rstrip()
        for file in transcript["files"][:FILES]
    ]
    more = len(transcript["files"]) - FILES
    files += [f"  and {more} more"] if more > 0 else []
    end = ["\n".join(["Files:", *files])] if files else []
    end.append(f"[{' · '.join(words.footer(transcript))}]")
    return "\n\n".join([text, *end] if text else end)


def hint(transcript: Json) -> str:
    """How to answer a call that waits; it goes when the call goes on."""
    return HINT if transcript["status"] == "waiting" else ""


def lasting(text: str) -> str:
    """What stays of a run's text, for a terminal, which takes nothing back."""
    return text.removesuffix(HINT)


def _steps(steps: list[Json], over: bool) -> Iterator[str]:
    for step in steps:
        if not over and step["kind"] == "tool" and step["status"] == "denied" and not step["output"]:
            yield _head(step)
            return
        match step["kind"]:
            case "text":
                if step["markdown"].strip():
                    yield words.prose(step["markdown"]).rstrip()
            case "tool":
                yield _tool(step)
            case "steer":
                yield f"[you] {words.visible(step['text'])}"
            case "notice":
                yield f"[{step['level']}] {words.visible(step['text'])}"
        if step.get("partial") or step.get("status") in ("running", "waiting"):
            return


def _tool(step: Json) -> str:
    if step["status"] in ("running", "waiting"):
        return _head(step)
    shown = words.shown_text(step).rstrip("\n")
    output = words.output_text(step).rstrip("\n")
    output += f"\n{words.SHOWN}\n{shown}" if shown else ""
    if len(output) > OUTPUT_LIMIT:
        output = f"{output[:OUTPUT_LIMIT]}\n[... {len(output) - OUTPUT_LIMIT:,} more characters]"
    lines = [f"  {line}" for line in output.splitlines()]
    return "\n".join([_head(step), *lines, f"  {words.tool_state(step)}"])


def _head(step: Json) -> str:
    head = f"[{words.tool_title(step)}] {words.tool_summary(step)}".rstrip()
    diff = words.tool_diff(step) or []
    more = [f"  [... {len(diff) - DIFF_LINES} more lines]"] if len(diff) > DIFF_LINES else []
    return "\n".join([head, *(f"  {line}" for line in diff[:DIFF_LINES]), *more])
