"""A table that a subcommand shows: HTML, markdown and text with the same content.

Everything in it is untrusted: it is escaped, and characters that hide or reorder text are written out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from jupyter_agents.cell.words import visible

WIDEST = 60
LONGEST = 2_000
MONO = 'style="font-family:monospace;white-space:pre-wrap"'


@dataclass(frozen=True)
class Link:
    """A cell that leads to a file: `path` is relative to the notebook."""

    text: str
    path: str


Cell = str | Link


class Sheet:
    """Rows below a heading.

    columns: the headings, or none for a card whose first column says what each row is. numbers: the
    columns that are set right. note: a line below. block: a text below, as it stands.
    """

    def __init__(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        numbers: Sequence[int] = (),
        note: str = "",
        block: str = "",
    ) -> None:
        self.title = title
        self.columns = tuple(columns)
        self.rows = tuple(tuple(row) for row in rows)
        self.note = note
        self.block = block
        self._numbers = frozenset(numbers)

    def __repr__(self) -> str:
        table = [row for row in (self.columns, *self.rows) if row]
        texts = [[_short(cell) for cell in row] for row in table]
        widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))] if texts else []
        lines = [_shown(self.title)]
        for row in texts:
            cells = [
                cell.rjust(width) if i in self._numbers else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *self._below()])

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col"{self._side(i)}>{escape(c)}</th>' for i, c in enumerate(self.columns))
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self.rows)
        made = f'<div style="overflow-x:auto"><table>{caption(_shown(self.title))}'
        made += f"<thead><tr>{head}</tr></thead>" if head else ""
        made += f"<tbody>{body}</tbody></table></div>"
        made += f"<p>{escape(_shown(self.note))}</p>" if self.note else ""
        return made + (f"<pre {MONO}>{escape(visible(self.block))}</pre>" if self.block else "")

    def _repr_markdown_(self) -> str:
        columns = self.columns or ("", "")
        lines = [f"**{plain(self.title)}**", ""]
        marks = ["--:" if i in self._numbers else "---" for i in range(len(columns))]
        lines += [f"| {' | '.join(columns)} |", f"|{'|'.join(marks)}|"]
        for row in self.rows:
            lines.append(f"| {' | '.join(_marked(cell) for cell in row)} |")
        if self.note:
            lines += ["", plain(self.note)]
        if self.block:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", self.block)), default=0))
            lines += ["", f"{fence}yaml", visible(self.block).rstrip("\n"), fence]
        return "\n".join(lines)

    def _below(self) -> list[str]:
        note = ["", _shown(self.note)] if self.note else []
        return note + (["", visible(self.block).rstrip("\n")] if self.block else [])

    def _row(self, row: Sequence[Cell]) -> str:
        return "".join(
            f'<th scope="row" style="text-align:left">{_html(cell)}</th>'
            if i == 0 and not self.columns
            else f"<td{self._side(i)}>{_html(cell)}</td>"
            for i, cell in enumerate(row)
        )

    def _side(self, column: int) -> str:
        return f' style="text-align:{"right" if column in self._numbers else "left"}"'


def caption(text: str) -> str:
    """A table's heading."""
    return f'<caption style="text-align:left;font-weight:bold">{escape(text)}</caption>'


def _text(cell: Cell) -> str:
    return cell.text if isinstance(cell, Link) else cell


def _shown(text: str) -> str:
    """`text` in one line, without what hides, at most `LONGEST` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _short(cell: Cell) -> str:
    line = _shown(_text(cell))
    return line if len(line) <= WIDEST or isinstance(cell, Link) else f"{line[: WIDEST - 1]}…"


def _address(link: Link) -> str:
    return quote(link.path if link.path.startswith(".") else f"./{link.path}")


def _html(cell: Cell) -> str:
    text = escape(_shown(_text(cell)))
    return f'<a href="{escape(_address(cell))}">{text}</a>' if isinstance(cell, Link) else text


def plain(text: str) -> str:
    """`text` in one line of markdown that means itself."""
    return re.sub(r"([\\`*_\[\]<>|&$!#~])", r"\\\1", _shown(text))


def _marked(cell: Cell) -> str:
    text = plain(_text(cell))
    return f"[{text}]({_address(cell)})" if isinstance(cell, Link) else text
