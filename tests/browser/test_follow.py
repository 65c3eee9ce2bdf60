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
from tests.browser.lab import Lab, Place, free_port, open_notebook, open_with_kernel, started
from tests.browser.relay import relayed
from tests.browser.sessions import Session, Streams

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


ASKING: Any = [
    {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": True, "permission_policy": {"type": "always_ask"}},
    }
]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
FILES = rf"""printf 'name,n\nfirst,1\n' > rows.csv; echo '{SVG}' > plot.svg
echo x > gone.txt; echo y > other.txt; rm gone.txt"""


def test_two_tabs_follow_the_same_turn(place: Place, page: Any) -> None:
    other = page.context.new_page()
    streams, session = [Streams(tab) for tab in (page, other)], Session(place)
    url = session.notebook(session.calls())
    for tab, stream in zip((page, other), streams, strict=True):
        open_notebook(tab, url)
        stream.wait(1)
    session.go()
    for tab, stream in zip((page, other), streams, strict=True):
        tab.locator(".ja-turn-done").wait_for()
        assert tab.locator(".ja-step").count() == 2
        stream.wait(0)


def test_a_machine_that_was_asleep_catches_up(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place)
    session.notebook(session.calls())
    with relayed(session.lab) as (lab, relay):
        open_notebook(page, lab.page_url(session.name))
        streams.wait(1)
        page.context.set_offline(True)
        relay.cut()
        streams.wait(0)
        session.go()
        session.until("session.status_idle")
        page.wait_for_timeout(3000)
        assert page.locator(".ja-turn-running").count() == 1
        relay.mend()
        page.context.set_offline(False)
        page.locator(".ja-turn-done").wait_for(timeout=10_000)
        assert page.locator(".ja-step").count() == 2


def test_a_session_that_is_gone_leaves_what_was_seen_and_says_so(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place, tools=ASKING)
    session.notebook(session.begin([call("bash", command="echo no")]))
    session.until("session.status_idle")
    with relayed(session.lab) as (lab, relay):
        open_notebook(page, lab.page_url(session.name))
        page.get_by_role("button", name="Approve bash", exact=True).wait_for()
        streams.wait(1)
        relay.cut()
        streams.wait(0)
        session.client.sessions.delete(session.id)
        relay.mend()
        page.locator(".ja-notice", has_text="nothing newer can be had").wait_for()
    assert page.locator(".ja-card").count() == 1


def test_files_of_a_turn_that_only_the_page_saw_are_shown(place: Place, page: Any) -> None:
    session = Session(place)
    turn = session.begin([call("bash", command=FILES)], [say("Made.")])
    session.until("session.status_idle")
    open_notebook(page, session.notebook(turn))
    page.locator(".ja-table td", has_text="first").wait_for()
    picture = page.locator(".ja-figure img")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 40
    assert page.locator(".ja-figure").count() == 2
    assert page.locator("a.ja-file-name").all_inner_texts() == ["other.txt", "plot.svg", "rows.csv"]
