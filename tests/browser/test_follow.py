"""An output that goes on when what is around it breaks: kernel, server, network, another tab, the session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat

from jupyter_agents.testing import ScriptedModel, call, say
from tests.browser.lab import Lab, free_port, open_notebook, open_with_kernel, started
from tests.browser.test_live import (
    ANSWER,
    IDLE,
    PROMPT,
    RESULT,
    USE,
    live_run,
    session_id,
    wait_for,
)

__all__ = ["session_id"]

START = "%load_ext jupyter_agents\nimport os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))"
SLOW = "echo begun > begun; while [ ! -e go ]; do sleep 0.1; done; echo forty-two"


@contextmanager
def real(home: Path, model: ScriptedModel, port: int) -> Iterator[Lab]:
    environment = {"ANTHROPIC_BASE_URL": model.url, "JUPYTER_AGENTS_DATA_DIR": str(home / "agents")}
    with started(home, {"jupyter_agents": True}, port=port, **environment) as lab:
        yield lab


def begin(page: Any, lab: Lab) -> Path:
    """Run a cell whose call waits for a file named ``go``; the workspace that it waits in."""
    cells = [nbformat.v4.new_code_cell(source) for source in (START, "%%agent\nGo.")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.root / "agent.ipynb")
    open_with_kernel(page, lab.page_url("agent.ipynb"))
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.locator(".ja-card[data-status=running]").wait_for()
    for _ in range(300):
        if found := list(lab.root.glob("agents/*/begun")):
            return found[0].parent
        page.wait_for_timeout(100)
    raise AssertionError("the call did not begin")


def test_the_turns_end_is_drawn_though_the_kernel_is_dead(page: Any, tmp_path: Path) -> None:
    script = [[call("bash", command=SLOW)], [say("It is **done**.")]]
    with ScriptedModel(script) as model, real(tmp_path, model, free_port()) as lab:
        workspace = begin(page, lab)
        os.kill(int((lab.root / "pid").read_text()), signal.SIGKILL)
        (workspace / "go").touch()
        shown = page.locator(".ja-run")
        shown.locator(".ja-turn-done").wait_for()
        assert shown.locator(".ja-card[data-status=ok]").count() == 1
        shown.locator(".ja-text strong", has_text="done").wait_for()
        assert shown.locator(".ja-text").count() == 1


def test_a_server_that_is_started_again_in_mid_run_is_followed_again(page: Any, tmp_path: Path) -> None:
    port = free_port()
    with (
        ScriptedModel([[call("bash", command=SLOW)], [say("It is **done**.")]]) as model,
        ExitStack() as first,
    ):
        lab = first.enter_context(real(tmp_path, model, port))
        begin(page, lab)
        first.close()
        with real(tmp_path, model, port):
            shown = page.locator(".ja-run")
            shown.locator(".ja-turn-done").wait_for()
            assert shown.locator(".ja-card").count() == 1, "nothing twice"
            shown.locator(".ja-text strong", has_text="done").wait_for()
        assert shown.locator(".ja-text").count() == 1


def test_two_tabs_follow_the_same_turn(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE)
    url = lab.notebook("tabs.ipynb", live_run(session_id))
    other = page.context.new_page()
    for tab in (page, other):
        open_notebook(tab, url)
    wait_for(lab, session_id, open=2)
    lab.send(session_id, RESULT, ANSWER, IDLE)
    for tab in (page, other):
        tab.locator(".ja-turn-done").wait_for()
        assert tab.locator(".ja-step").count() == 2
    wait_for(lab, session_id, open=0)


def test_a_machine_that_was_asleep_catches_up(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE)
    open_notebook(page, lab.notebook("asleep.ipynb", live_run(session_id)))
    wait_for(lab, session_id, open=1)
    page.context.set_offline(True)
    lab.send(session_id, cut=True)
    wait_for(lab, session_id, open=0)
    lab.send(session_id, RESULT, ANSWER, IDLE)
    page.wait_for_timeout(3000)
    assert page.locator(".ja-turn-running").count() == 1
    page.context.set_offline(False)
    page.locator(".ja-turn-done").wait_for(timeout=5000)
    assert page.locator(".ja-step").count() == 2


def test_a_deleted_session_leaves_what_was_seen_and_says_so(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE, RESULT)
    open_notebook(page, lab.notebook("deleted.ipynb", live_run(session_id)))
    wait_for(lab, session_id, open=1)
    lab.send(session_id, delete=True)
    page.locator(".ja-notice", has_text="nothing newer can be had").wait_for(timeout=15_000)
    assert page.locator(".ja-card[data-status=ok]").count() == 1


def test_files_of_a_turn_that_only_the_page_saw_are_shown(lab: Lab, page: Any, session_id: str) -> None:
    folder = lab.root / "agents" / "coder-abc123"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text("name,n\nfirst,1\n")
    (folder / "plot.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
    )
    files = [{"path": name, "kind": "created", "size": 100} for name in ("rows.csv", "plot.svg", "gone.png")]
    lab.send(session_id, PROMPT, USE, RESULT, ANSWER, IDLE, files=files)
    open_notebook(page, lab.notebook("shown.ipynb", live_run(session_id)))
    page.locator(".ja-table td", has_text="first").wait_for()
    picture = page.locator(".ja-figure img")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 40
    assert page.locator(".ja-figure").count() == 2
    assert page.locator("a.ja-file-name").count() == 3
