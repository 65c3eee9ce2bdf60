"""Functions of the notebook in JupyterLab: their cards, what they print, and the question before a call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat

from jupyter_agents.testing import ScriptedModel, call, say
from tests.browser.lab import open_with_kernel
from tests.browser.test_end_to_end import real_lab

DEFINE = """%load_ext jupyter_agents
import time
import jupyter_agents as ja
from matplotlib.figure import Figure

@ja.tool
def plot(region: str) -> object:
    "A plot of a region."
    print("plotting the", region)
    time.sleep(2)
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([1, 3, 2])
    return figure

class Kit:
    @ja.tool
    def forget(self, region: str) -> str:
        "Forget a region."
        return f"{region} is forgotten"

kit = Kit()"""
CELL = """%%agent --tool plot --tools-from kit
Plot the north, then forget it."""


def test_a_function_runs_is_shown_and_asked_for(page: Any, tmp_path: Path) -> None:
    script: list[Any] = [
        [say("First the plot."), call("plot", region="north")],
        [call("forget", region="north")],
        [say("Both are done.")],
    ]
    with ScriptedModel(script) as model, real_lab(tmp_path, model) as lab:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in (DEFINE, CELL)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.root / "tools.ipynb")
        open_with_kernel(page, lab.page_url("tools.ipynb"))
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")

        shown = page.locator(".ja-run")
        first, second = shown.locator(".ja-card").nth(0), shown.locator(".ja-card").nth(1)
        first.locator(".ja-name", has_text="kernel / plot").wait_for()
        shown.locator(".ja-card[data-status=running]").wait_for()
        assert shown.locator(".ja-waiting").count() == 0

        question = page.locator(".jp-Stdin-input")
        question.wait_for()
        assert "The agent calls forget of this notebook" in page.locator(".jp-Stdin").inner_text()
        question.fill("y")
        question.press("Enter")
        shown.locator(".ja-turn-done").wait_for()

        if first.get_attribute("open") is None:
            first.locator(".ja-summary").click()
        first.locator("img").wait_for()
        assert "plotting the north" in first.inner_text()
        assert second.locator(".ja-name").inner_text() == "kernel / forget"
        assert second.get_attribute("data-status") == "ok"
        asked = model.requests[-1]["messages"][-1]["content"][0]["content"]
        assert asked[0]["text"] == "north is forgotten"
        assert "plotting" not in str(model.requests)
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=str(Path(folder, "kernel-tools-light.png")))
            page.set_viewport_size({"width": 480, "height": 900})
            page.screenshot(path=str(Path(folder, "kernel-tools-narrow.png")))
