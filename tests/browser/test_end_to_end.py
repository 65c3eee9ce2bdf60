"""The whole chain in JupyterLab: cell, server, scripted model, sandbox, and the browser that draws it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.browser.lab import MIME, Lab, open_with_kernel, started

SOURCE = """%load_ext jupyter_agents"""
CELL = """%%agent
Make a file."""
COMMAND = "mkdir -p outputs && sleep 2 && echo forty-two > outputs/answer.txt && cat outputs/answer.txt"


@contextmanager
def real_lab(home: Path, model: ScriptedModel) -> Iterator[Lab]:
    environment = {"ANTHROPIC_BASE_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
    with started(home, {"jupyter_agents": True}, **environment) as lab:
        yield lab


def test_a_cell_runs_an_agent_and_its_output_lives(page: Any, tmp_path: Path) -> None:
    answer = Reply([say("The answer is in **outputs/answer.txt**.")], chunk=5, delay=0.3)
    with ScriptedModel([[call("bash", command=COMMAND)], answer]) as model, real_lab(tmp_path, model) as lab:
        cells = [nbformat.v4.new_code_cell(source) for source in (SOURCE, CELL)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.root / "agent.ipynb")
        open_with_kernel(page, lab.page_url("agent.ipynb"))
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")

        shown = page.locator(".ja-run")
        shown.locator(".ja-card[data-status=running]").wait_for()
        shown.locator(".ja-card[data-status=ok]").wait_for()
        shown.locator(".ja-text.ja-partial").wait_for()
        shown.locator(".ja-turn-done").wait_for()
        shown.locator(".ja-text strong", has_text="outputs/answer.txt").wait_for()
        shown.locator(".ja-summary").click()
        assert shown.locator(".ja-output pre").inner_text() == "forty-two\n"
        shown.locator("a.ja-file-name", has_text="outputs/answer.txt").click()
        page.locator(".jp-FileEditor .cm-content", has_text="forty-two").wait_for()

        page.locator(".lm-TabBar-tab", has_text="agent.ipynb").first.click()
        page.keyboard.press("Control+s")
        page.locator(".jp-mod-dirty").wait_for(state="detached")
        saved = nbformat.read(lab.root / "agent.ipynb", as_version=4)
        payload = saved.cells[1].outputs[0].data[MIME]
        assert payload["live"] is False
        assert payload["transcript"]["status"] == "done"
        assert page.locator(".ja-run").count() == 1
