"""A notebook that nbclient ran shows the whole run in exports, and stops where a run failed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_agents.cell import snapshot
from jupyter_agents.testing import Fault, ScriptedModel, call, say
from tests.kernel.samples import record, said, tool, transcript

formats: Any = nbformat
exporters: Any = nbconvert

CELLS = (
    "%load_ext jupyter_agents",
    "%agent define coder --model claude-opus-4-7",
    "%%agent coder\nMake a file",
)
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def notebook(*cells: str) -> Any:
    made = formats.v4.new_notebook(cells=[formats.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python",
        "language": "python",
    }
    return made


def execute(made: Any, environment: dict[str, str], folder: Path) -> None:
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(made, timeout=60, resources=resources).execute(env=environment)


def test_exports_show_the_whole_run(
    environment: dict[str, str], workspace: Path, model: ScriptedModel
) -> None:
    model.script[:] = [
        [
            say("First\n\n```python\na\n\nb\n```"),
            call("bash", command="printf '1\\n\\n2\\n' > f; cat f"),
        ],
        [say("| a | b |\n|---|---|\n| 1 | 2 |")],
    ]
    made = notebook(*CELLS)
    execute(made, environment, workspace)
    html, _ = exporters.HTMLExporter().from_notebook_node(made)
    for part in ("First", "<table>", "<strong>bash</strong>", "1\n\n2", "Files:"):
        assert part in html
    markdown, _ = exporters.MarkdownExporter().from_notebook_node(made)
    section = re.search(r"<article.*?</article>", markdown, re.DOTALL)
    assert section is not None
    assert "1&#10;&#10;2" in section.group()
    assert all(line.strip() for line in section.group().split("\n"))
    assert len(formats.writes(made)) < 30_000


def test_run_all_stops_at_a_failed_run(
    environment: dict[str, str], workspace: Path, model: ScriptedModel
) -> None:
    model.script[:] = [Fault(400, "invalid_request_error", "Asleep.")]
    made = notebook(*CELLS, "after = 1")
    with pytest.raises(CellExecutionError, match=r"Asleep\."):
        execute(made, environment, workspace)
    assert made.cells[3].execution_count is None
    display, error = made.cells[2].outputs
    assert "Asleep." in display.data["text/plain"]
    assert error.ename == "RunFailed"


def test_a_hostile_run_is_inert_in_an_html_export() -> None:
    evil = transcript(said(EVIL), tool(EVIL, EVIL, command=EVIL), model=EVIL)
    made = notebook("%%agent")
    data = snapshot.bundle(record(evil), {EVIL: EVIL})
    made.cells[0].outputs = [formats.v4.new_output("display_data", data=data)]
    html, _ = exporters.HTMLExporter().from_notebook_node(made)
    assert "<script>alert(1)" not in html
    assert "<img src=x" not in html
