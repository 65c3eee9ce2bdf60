"""Two texts beside each other, with the lines that differ marked; unified in markdown and text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from html import escape

from jupyter_agents.cell.words import visible
from jupyter_agents.kernel.sheet import caption

CONTEXT = 3
MOST_LINES = 2_000
GONE = "background:rgba(255,80,80,.18)"
NEW = "background:rgba(60,180,75,.18)"

Pair = tuple[str, str | None, str | None]
"""``same``, ``changed`` or ``gap``; the line before and the line after, None where there is none."""


class SideBySide:
    """What changed from `before` to `after`; their titles stand above them."""

    def __init__(self, titles: tuple[str, str], before: str, after: str) -> None:
        self.titles = titles
        self.before = _lines(before)
        self.after = _lines(after)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.before == self.after

    def pairs(self) -> Iterator[Pair]:
        """The rows, with `CONTEXT` lines around each difference."""
        matcher = difflib.SequenceMatcher(None, self.before, self.after, autojunk=False)
        end = 0
        for group in matcher.get_grouped_opcodes(CONTEXT):
            if group[0][1] > end:
                yield ("gap", "…", "…")
            end = group[-1][2]
            for tag, a, b, c, d in group:
                old, new = self.before[a:b], self.after[c:d]
                for i in range(max(len(old), len(new))):
                    left = old[i] if i < len(old) else None
                    right = new[i] if i < len(new) else None
                    yield ("same" if tag == "equal" else "changed", left, right)
        if 0 < end < len(self.before):
            yield ("gap", "…", "…")

    def __repr__(self) -> str:
        if self.same:
            return f"{self.titles[0]} and {self.titles[1]} are the same."
        lines = difflib.unified_diff(self.before, self.after, *self.titles, lineterm="", n=CONTEXT)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self.same:
            return f"<p>{escape(repr(self))}</p>"
        heads = "".join(f'<th scope="col" style="text-align:left">{escape(t)}</th>' for t in self.titles)
        rows = "".join(_row(*pair) for pair in self.pairs())
        return (
            '<table style="width:100%;table-layout:fixed">'
            f"{caption('What changed')}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _repr_markdown_(self) -> str:
        if self.same:
            return repr(self)
        text = repr(self)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        return f"{fence}diff\n{text}\n{fence}"


def _lines(text: str) -> list[str]:
    """The lines of `text`; of a very long one the first, and how many more there are."""
    lines = visible(text).splitlines()
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"[... {more} more lines ...]"]


def _row(kind: str, left: str | None, right: str | None) -> str:
    old = _cell(left, GONE if kind == "changed" else "", "del")
    new = _cell(right, NEW if kind == "changed" else "", "ins")
    return f"<tr>{old}{new}</tr>"


def _cell(line: str | None, colour: str, mark: str) -> str:
    style = (
        "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace"
    )
    if line is None:
        return f'<td style="{style}"></td>'
    text = f"  {escape(line)}"
    if colour:
        text = f'<{mark} style="text-decoration:none">{"-" if mark == "del" else "+"}{text[1:]}</{mark}>'
    return f'<td style="{style};{colour}">{text}</td>'
