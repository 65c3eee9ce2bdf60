"""A transcript as self-contained HTML: the saved form of a cell's output and, in hosts without the
extension (VS Code, Colab), the live view.

No scripts and no style sheet: inline styles that inherit the host's colours, so that dark and light
both read, and semantic tags that read by themselves in hosts that strip the styles. There is no empty
line and no newline inside ``pre``, so that the HTML survives in a markdown export. Every value is
escaped; only the agent's markdown becomes tags, through `jupyter_agents.cell.sanitize`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from jupyter_agents.cell import pictures, words
from jupyter_agents.cell.sanitize import markdown_to_html

LINE = "rgba(128,128,128,.35)"
BOX = f"border:1px solid {LINE};border-radius:4px;margin:6px 0"
MONO = (
    "font-family:var(--jp-code-font-family,monospace);white-space:pre-wrap;"
    "overflow-wrap:anywhere;max-height:22em;overflow:auto;"
    "margin:0;padding:6px 10px;background:none;color:inherit"
)
FAINT = "opacity:.7;font-size:.9em"
COLOURS = {
    "error": "var(--jp-error-color1,var(--vscode-errorForeground,#c62828))",
    "denied": "var(--jp-error-color1,var(--vscode-errorForeground,#c62828))",
    "warning": "var(--jp-warn-color0,#b26a00)",
    "waiting": "var(--jp-warn-color0,#b26a00)",
    "ok": "var(--jp-success-color1,#2e7d32)",
}
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
IMAGE = "max-width:100%;max-height:480px;background:#fff"
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
CHANGED = {"-": ("del", "rgba(211,47,47,.16)"), "+": ("ins", "rgba(56,142,60,.16)")}

Json = Mapping[str, Any]


def render(transcript: Json, links: Mapping[str, str] | None = None) -> str:
    """The transcript of docs/transcript.md as HTML.

    Parameters
    ----------
    links:
        Where each file's link goes, by the file's path; a file without one is only named.
    """
    parts = [_step(step) for step in transcript["steps"]]
    if not parts and transcript["status"] == "running":
        parts.append(f'<p style="{FAINT}">Working…</p>')
    parts.append(_files(transcript["files"], links or {}))
    parts.append(_footer(transcript))
    body = "\n".join(part for part in parts if part)
    return f'<article class="jupyter-agents-run" aria-label="Agent run">\n{body}\n</article>'


def pre(text: str, style: str = MONO) -> str:
    """Preformatted text on one line of source."""
    lines = escape(text.rstrip("\n")).replace("\n", "&#10;")
    return f'<pre style="{style}">{lines}</pre>'


def _step(step: Json) -> str:
    match step["kind"]:
        case "text":
            return f"<div>{_one_block(markdown_to_html(words.prose(step['markdown'])))}</div>"
        case "thinking":
            return f'<p style="{FAINT}"><em>Thinking…</em></p>' if step["partial"] else ""
        case "tool":
            return _tool(step)
        case "steer":
            style = f"margin:6px 0;padding:2px 10px;border-left:3px solid {LINE}"
            return f'<blockquote style="{style}">{_lines(step["text"])}</blockquote>'
        case "notice":
            colour = COLOURS.get(step["level"], "inherit")
            style = f"margin:6px 0;padding:2px 10px;border-left:3px solid {colour}"
            return f'<p style="{style}">{_lines(step["text"])}</p>'
        case _:
            return ""


def _tool(step: Json) -> str:
    state = escape(words.tool_state(step))
    colour = COLOURS.get(step["status"], "inherit")
    summary = (
        f'<summary style="cursor:pointer;padding:4px 10px">'
        f"<strong>{escape(words.tool_title(step))}</strong> "
        f'<code style="background:none;color:inherit">'
        f"{escape(words.tool_summary(step))}</code> "
        f'<span style="color:{colour};white-space:nowrap">{state}</span></summary>'
    )
    given = words.tool_input(step)
    diff = words.tool_diff(step)
    parts = [_diff(diff)] if diff else [pre(given)] if given else []
    parts += [_block(block, step) for block in step["output"]]
    shown = step.get("shown") or ()
    parts += [f'<div style="{FAINT};padding:4px 10px 0">{words.SHOWN}</div>'] if shown else []
    parts += [_block(block, step) for block in shown]
    if step["status"] == "waiting":
        parts.append(f'<p style="margin:0;padding:6px 10px">{escape(words.HOW_TO_ANSWER)}</p>')
    inner = "".join(f'<div style="border-top:1px solid {LINE}">{part}</div>' for part in parts)
    is_open = " open" if step["status"] in ("running", "waiting", "error") else ""
    return f'<details{is_open} style="{BOX}">{summary}{inner}</details>'


def _block(block: Json, step: Json) -> str:
    if block.get("type") == "text":
        return pre(words.visible(str(block.get("text", ""))))
    if block.get("type") == "search_result":
        return _search_result(block)
    image = data_uri(block)
    if image is None:
        return pre(words.block_name(block))
    return _figure(f'<img alt="Image from {escape(words.tool_title(step))}" style="{IMAGE}" src="{image}">')


def _figure(shown: str, caption: str = "") -> str:
    below = f'<figcaption style="{FAINT}">{caption}</figcaption>' if caption else ""
    return f'<figure style="margin:6px 0;padding:0 6px">{shown}{below}</figure>'


def _diff(lines: list[str]) -> str:
    """Removed and added lines; each keeps its mark, for readers without colours."""
    return f'<pre style="{MONO}">{"&#10;".join(_changed(line) for line in lines)}</pre>'


def _changed(line: str) -> str:
    if line[:1] not in CHANGED:
        return escape(line)
    tag, colour = CHANGED[line[:1]]
    return f'<{tag} style="text-decoration:none;background:{colour}">{escape(line)}</{tag}>'


def _search_result(block: Json) -> str:
    title = escape(words.visible(str(block.get("title", ""))))
    address = words.web_address(block)
    if address is not None:
        title = f'<a href="{escape(address)}" rel="noopener noreferrer nofollow">{title}</a>'
    return f'<div style="padding:6px 10px 0">{title}</div>{pre(words.found(block))}'


def data_uri(block: Json) -> str | None:
    """An inline image's ``data:`` address, rebuilt from checked parts; None for anything else."""
    source = block.get("source")
    if block.get("type") != "image" or not isinstance(source, Mapping):
        return None
    if source.get("type") != "base64" or source.get("media_type") not in IMAGES:
        return None
    try:
        data = base64.b64decode(str(source.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"data:{source['media_type']};base64,{base64.b64encode(data).decode()}"


def _files(files: list[Json], links: Mapping[str, str]) -> str:
    if not files:
        return ""
    items = "".join(f"<li>{_file(file, links.get(file['path']))}</li>" for file in files)
    shown = "".join(_preview(file) for file in files if file.get("preview"))
    return f'<div>Files:<ul style="margin:2px 0">{items}</ul>{shown}</div>'


def _preview(file: Json) -> str:
    preview, name = file["preview"], escape(words.visible(file["path"]))
    if preview["type"] == "table":
        return _figure(_table(preview, name))
    known = preview["media_type"] in (*IMAGES, pictures.SVG) and BASE64.fullmatch(preview["data"])
    source = f"data:{preview['media_type']};base64,{preview['data']}"
    return _figure(f'<img alt="{name}" style="{IMAGE}" src="{source}">', name) if known else ""


def _table(preview: Json, name: str) -> str:
    head = "".join(f'<th scope="col">{_lines(column)}</th>' for column in preview["columns"])
    rows = "".join(
        f"<tr>{''.join(f'<td>{_lines(value)}</td>' for value in row)}</tr>"
        for row in (row + [""] * (len(preview["columns"]) - len(row)) for row in preview["rows"])
    )
    what = f"{name}, its beginning" if preview["more"] else name
    caption = f'<caption style="{FAINT};text-align:left">{what}</caption>'
    table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div style="overflow-x:auto">{table}</div>'


def _file(file: Json, link: str | None) -> str:
    name = escape(words.visible(file["path"]))
    size = f' <span style="{FAINT}">{words.size(file.get("size"))}</span>'
    return (f'<a href="{escape(quote(link))}">{name}</a>' if link else name) + size


def _footer(transcript: Json) -> str:
    text = " · ".join(words.footer(transcript))
    style = f"{FAINT};border-top:1px solid {LINE};margin-top:6px;padding-top:4px"
    return f'<footer style="{style}">{escape(text)}</footer>'


def _lines(text: str) -> str:
    return escape(words.visible(text)).replace("\n", "<br>")


def _one_block(html: str) -> str:
    """Code keeps its newlines as entities; so no line of the HTML is empty."""
    head, *rest = html.split("<pre>")
    parts = [_scoped(head)]
    for part in rest:
        code, _, after = part.partition("</pre>")
        shown = code.rstrip("\n").replace("\n", "&#10;")
        parts.append(f'<pre style="{MONO};{BOX}">{shown}</pre>{_scoped(after)}')
    return "".join(parts).strip()


def _scoped(html: str) -> str:
    """HTML without code, on one line; a table's head says that it heads columns."""
    return html.replace("\n", " ").replace("<th>", '<th scope="col">')
