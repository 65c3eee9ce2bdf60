"""What readers of an exported notebook get: the saved forms through nbconvert, as files to look at.

After a wanted change: ``GOLDEN=write pytest tests/kernel/test_golden.py``, then read the difference.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import pytest

from jupyter_agents.cell import snapshot
from tests.kernel.samples import record, said, tool, transcript

FOLDER = Path(__file__).parent / "golden"
formats: Any = nbformat
exporters: Any = nbconvert
SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>').decode()
RESULT = {
    "type": "search_result",
    "title": "A <page>",
    "source": "https://example.org/a?b=1&c=2",
    "content": [{"type": "text", "text": "What it says."}],
}
FILES = [
    {
        "path": "outputs/plot.svg",
        "size": 1234,
        "preview": {"type": "image", "media_type": "image/svg+xml", "data": SVG},
    },
    {
        "path": "rows.csv",
        "size": 5_600_000,
        "preview": {"type": "table", "columns": ["name", "n"], "rows": [["a|b", "1"], ["é"]], "more": True},
    },
    {"path": "notes.md", "size": None},
]


def bundle() -> dict[str, Any]:
    whole = transcript(
        said(
            "I **count** the rows, $n = 2$:\n\n```python\nlen(rows)\n\nrows\n```\n\n"
            "| a | b |\n|---|---|\n| 1 | 2 |"
        ),
        {"kind": "thinking", "id": "sevt_h", "partial": False},
        tool(command="wc -l\n  rows.csv", output="2 rows.csv\n"),
        tool("edit", "Edited.", file_path="a.py", old_string="x = 1\nold()", new_string="x = 1\nnew(<b>)"),
        {**tool("lookup", "42", id=7), "server": "facts"},
        {**tool("web_search", None, query="pages"), "output": [RESULT]},
        {"kind": "steer", "id": "sevt_s", "text": "In German, please."},
        {"kind": "notice", "id": "sevt_n", "level": "warning", "text": "The model is busy."},
        tool(output="no such file\n", status="error", command="cat x"),
        said("Fertig."),
        model="claude-opus-4-7",
        turn=2,
        sandbox="bubblewrap",
        cost_usd=0.04,
    )
    whole["files"] = [{"file_id": None, "url": None, **file} for file in FILES]
    return snapshot.bundle(record(whole), {"outputs/plot.svg": "agents/c-1/outputs/plot.svg"})


def exported() -> dict[str, str]:
    data = bundle()
    cell = formats.v4.new_code_cell(
        "%%agent\nCount.", outputs=[formats.v4.new_output("display_data", data=data)]
    )
    notebook = formats.v4.new_notebook(cells=[cell])
    html, _ = exporters.HTMLExporter().from_notebook_node(notebook)
    article = re.search(r"<article.*?</article>", html, re.DOTALL)
    assert article is not None
    markdown, _ = exporters.MarkdownExporter().from_notebook_node(notebook)
    return {
        "run.html": article.group() + "\n",
        "run.md": data["text/markdown"],
        "run.txt": data["text/plain"] + "\n",
        "notebook.md": markdown,
    }


@pytest.mark.parametrize("name", ["run.html", "run.md", "run.txt", "notebook.md"])
def test_the_saved_form_is_the_one_that_was_read(name: str) -> None:
    found = exported()[name]
    if os.environ.get("GOLDEN") == "write":
        (FOLDER / name).write_text(found)
    assert found == (FOLDER / name).read_text()
