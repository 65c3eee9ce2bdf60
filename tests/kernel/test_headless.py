"""Cells run by nbclient, where nobody can answer: nothing hangs, and outputs end whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say

LOAD = "%load_ext jupyter_agents"


def execute(environment: dict[str, str], folder: Path, *cells: str) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (LOAD, *cells)])
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}})
    return client.execute(env=environment)


def record(cell: Any) -> Any:
    (shown,) = [output for output in cell.outputs if MIME in output.get("data", {})]
    return shown["data"][MIME]


def test_variables_asking_and_the_background(
    environment: dict[str, str], workspace: Path, model: ScriptedModel
) -> None:
    model.script[:] = [[call("bash", command="cat /workspace/x.json")], [say("Then not.")], [say("Done.")]]
    notebook = execute(
        environment,
        workspace,
        "x = [1, 2]",
        "%%agent --new -i x --ask bash\nLook",
        "%%agent --background -o run\nMore",
        "run.wait(30).text",
    )
    asked, behind, waited = notebook.cells[2:]
    steps = record(asked)["transcript"]["steps"]
    assert [step["status"] for step in steps if step["kind"] == "tool"] == ["denied"]
    assert "x: list, 2 entries -> /workspace/x.json" in asked.outputs[0]["text"]
    assert waited.outputs[0]["data"]["text/plain"] == "'Done.'"
    assert (record(behind)["live"], record(behind)["transcript"]["status"]) == (False, "done")


def test_a_timeout_fails_the_cell(environment: dict[str, str], workspace: Path, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="sleep 60")]]
    with pytest.raises(CellExecutionError, match="after 1 s"):
        execute(environment, workspace, "%%agent --new --timeout 1\nSleep")
