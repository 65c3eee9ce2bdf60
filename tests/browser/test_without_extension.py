"""Hosts without our front end, or without our server: the kernel keeps the output current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.browser.lab import MIME, Lab, open_notebook, open_with_kernel, started

OWN_SERVER = "%load_ext jupyter_agents"
NO_SERVER = "import os\ndel os.environ['JPY_PARENT_PID']\n%load_ext jupyter_agents"
CELL = "%%agent\nMake a file."
COMMAND = "sleep 2; echo forty-two | tee answer.txt"
TALK = "I count the rows, one after the other, and write **what I found** to a file."
GROWTH = """() => {
  const shown = document.querySelector('.jupyter-agents-run');
  const busy = document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[1].innerText.includes('*');
  return [busy, shown ? shown.innerText : ''];
}"""


def write(lab: Lab, *sources: str) -> str:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.root / "agent.ipynb")
    return lab.page_url("agent.ipynb")


def run_both(page: Any) -> None:
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")


def save(page: Any) -> None:
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached")


def watched(page: Any) -> list[str]:
    """The different texts that the output had while its cell ran."""
    seen: list[str] = []
    busy = True
    while busy or not seen:
        busy, text = page.evaluate(GROWTH)
        if busy and text and text not in seen:
            seen.append(text)
        page.wait_for_timeout(50)
    return seen


def script() -> ScriptedModel:
    talk = Reply([say(TALK), call("bash", command=COMMAND)], chunk=8, delay=0.2)
    return ScriptedModel([talk, [say("| rows |\n|---|\n| 42 |")]])


@pytest.mark.parametrize(
    ("first", "has_extension"),
    [(OWN_SERVER, True), (NO_SERVER, False)],
    ids=["own server", "embedded server"],
)
def test_the_html_lives_while_the_cell_runs(
    page: Any, tmp_path: Path, first: str, has_extension: bool
) -> None:
    with script() as model:
        environment = {"JUPYTER_AGENTS_MODEL_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": f"{tmp_path}/agents"}
        extensions = {"jupyter_agents": has_extension}
        with started(tmp_path, extensions, front_end=False, **environment) as lab:
            open_with_kernel(page, write(lab, first, CELL))
            run_both(page)
            texts = watched(page)
            spoken = [text.partition("\n")[0] for text in texts if text.startswith("I count")]
            assert len(set(spoken)) > 5
            assert all(TALK.replace("*", "").startswith(words.replace("*", "")) for words in spoken)
            assert any("running" in text and "sleep 2" in text for text in texts)

            shown = page.locator(".jupyter-agents-run")
            assert page.locator(".ja-run").count() == 0
            shown.locator("summary", has_text="bash").wait_for()
            assert shown.locator("strong", has_text="what I found").count() == 1
            assert "✓" in shown.locator("summary").inner_text()
            assert shown.locator("details pre").last.text_content() == "forty-two"
            assert shown.locator("td").inner_text() == "42"
            assert "done · claude-opus-4-7 · turn 1" in shown.inner_text()
            link = shown.locator("a", has_text="answer.txt")
            link.click()
            page.locator(".jp-FileEditor .cm-content", has_text="forty-two").wait_for()

            page.locator(".lm-TabBar-tab", has_text="agent.ipynb").first.click()
            save(page)
            saved = nbformat.read(lab.root / "agent.ipynb", as_version=4)
            assert saved.cells[1].outputs[0].data[MIME]["transcript"]["status"] == "done"


def test_a_saved_run_reads_without_kernel_trust_and_extension(page: Any, tmp_path: Path) -> None:
    from jupyter_agents.cell import snapshot
    from tests.kernel.samples import record, said, tool, transcript

    made = transcript(
        said("It is **done**."), tool(output="42\n", command="wc -l rows.csv"), model="m", turn=1
    )
    made["files"] = [{"path": "answer.txt", "size": 3, "file_id": None, "url": None}]
    output = nbformat.v4.new_output(
        "display_data", data=snapshot.bundle(record(made), {"answer.txt": "a/answer.txt"})
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL, outputs=[output])])
    with started(tmp_path, {"jupyter_agents": False}, front_end=False) as lab:
        nbformat.write(notebook, lab.root / "saved.ipynb")
        open_notebook(page, lab.page_url("saved.ipynb"))
        shown = page.locator(".jp-RenderedHTML")
        assert shown.locator("strong", has_text="done").count() == 1
        shown.locator("summary", has_text="wc -l rows.csv").click()
        assert shown.locator("details pre").last.inner_text().strip() == "42"
        assert "done · m · turn 1" in shown.inner_text()


def test_our_output_follows_the_kernel_where_the_page_has_no_such_server(page: Any, tmp_path: Path) -> None:
    with script() as model:
        environment = {"JUPYTER_AGENTS_MODEL_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": f"{tmp_path}/agents"}
        with started(tmp_path, {"jupyter_agents": False}, **environment) as lab:
            open_with_kernel(page, write(lab, NO_SERVER, CELL))
            run_both(page)
            shown = page.locator(".ja-run")
            shown.locator(".ja-text.ja-partial").wait_for()
            shown.locator(".ja-card[data-status=running]").wait_for()
            shown.locator(".ja-turn-done").wait_for()
            assert shown.locator("td").inner_text() == "42"
            assert "nothing newer" not in shown.inner_text()
