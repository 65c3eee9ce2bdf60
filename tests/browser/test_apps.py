"""A cell in JupyterLab and in Notebook: it lives, is stopped, is reloaded in mid-run and opened again."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any

import nbformat
import pytest
from nbformat.reader import NotJSONError

from jupyter_agents.testing import call, say
from tests.browser.lab import MIME, Lab, Place, in_lab, open_in_notebook

NUMBERS = itertools.count(1)
WAIT = "until [ -e go ]; do sleep 0.05; done; echo went on"

both = pytest.mark.parametrize("show", [in_lab, open_in_notebook], ids=["lab", "notebook"])


def running(page: Any, place: Place, show: Any) -> tuple[str, Any]:
    """A notebook whose cell runs a command that waits for the file ``go``; its name, and its run."""
    lab, model = place
    model.script[:] = [[call("bash", command=WAIT)], [say("It **went** on.")]]
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext jupyter_agents", "%%agent\nGo on.")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    name = f"app{next(NUMBERS)}.ipynb"
    nbformat.write(notebook, lab.root / name)
    show(page, lab, name)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    shown = page.locator(".ja-run")
    shown.locator(".ja-card[data-status=running]").wait_for()
    return name, shown


def let_go(lab: Lab) -> None:
    """Give the newest session's command what it waits for."""
    id = lab.request("jupyter-agents/v1/sessions?limit=1")["data"][0]["id"]
    place = lab.request(f"jupyter-agents/local/sessions/{id}/sandbox")["path"]
    (lab.root / place / "go").touch()


@both
def test_a_page_that_is_reloaded_follows_and_opened_again_it_reads(
    page: Any, place: Place, show: Any
) -> None:
    lab, _ = place
    name, shown = running(page, place, show)
    page.keyboard.press("Control+s")
    until_saved(lab, name, "running")
    page.reload()
    shown.locator(".ja-card[data-status=running]").wait_for()
    let_go(lab)
    shown.locator(".ja-card[data-status=ok]").wait_for()
    shown.locator(".ja-turn-done").wait_for()
    assert shown.locator(".ja-markdown strong").inner_text() == "went"
    assert shown.locator(".ja-card").count() == 1, "nothing is there twice"

    show(page, lab, name)
    shown.locator(".ja-turn-done").wait_for()
    assert shown.locator(".ja-card[open]").count() == 0
    shown.locator(".ja-summary").click()
    shown.locator(".ja-body pre", has_text="went on").last.wait_for()


@both
def test_the_interrupt_button_stops_the_tool_and_says_so(page: Any, place: Place, show: Any) -> None:
    _, shown = running(page, place, show)
    page.locator(
        '[data-command="notebook:interrupt-kernel"], [data-jp-item-name="interrupt"] button'
    ).first.click()
    page.locator(".jp-OutputArea", has_text="Stopped while running bash").first.wait_for()
    shown.locator(".ja-turn-interrupted").wait_for()
    place[1].script[:] = [[say("Here again.")]]
    cells = page.locator(".jp-CodeCell .cm-content")
    cells.nth(1).click()
    page.keyboard.press("Shift+Enter")
    shown.locator(".ja-markdown", has_text="Here again.").wait_for()


def until_saved(lab: Lab, name: str, status: str) -> None:
    """Wait until the notebook on disk holds a run with this status; one that is being written is none."""
    for _ in range(300):
        with contextlib.suppress(NotJSONError):
            cells = nbformat.read(lab.root / name, 4).cells
            outputs = [o for cell in cells for o in cell.get("outputs", ())]
            runs = [o["data"][MIME]["transcript"] for o in outputs if MIME in o.get("data", {})]
            if any(run["status"] == status for run in runs):
                return
        time.sleep(0.1)
    pytest.fail(f"the notebook was not saved with a run that is {status}")
