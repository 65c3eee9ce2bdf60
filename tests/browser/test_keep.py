"""The end of a run is in the notebook's file though its kernel did not say it: once, whoever looks on."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_agents.testing import ScriptedModel, call, say
from tests.browser.lab import MIME, Lab, Place, free_port, in_lab, open_in_notebook
from tests.browser.sessions import Session
from tests.browser.test_apps import let_go, running, until_saved
from tests.browser.test_follow import SLOW, begin, real

both = pytest.mark.parametrize("show", [in_lab, open_in_notebook], ids=["lab", "notebook"])
FORMS = {MIME, "text/html", "text/markdown", "text/plain"}
DIRTY = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
MODEL = """mime => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells
  .flatMap(cell => cell.outputs ?? []).map(output => output.data?.[mime]).filter(run => run)"""
GRACE_MS = 5_000


def save(page: Any) -> None:
    page.keyboard.press("Control+s")
    page.wait_for_function(f"() => !({DIRTY})()")


def outputs(lab: Lab, name: str) -> list[Any]:
    """What the notebook's file has as outputs with a run in them."""
    cells = nbformat.read(lab.root / name, 4).cells
    found = [output for cell in cells for output in cell.get("outputs", ())]
    return [output for output in found if MIME in output.get("data", {})]


def check_end(lab: Lab, name: str, count: int = 1) -> None:
    """The file has the end, in every form, with what it cost."""
    found = outputs(lab, name)
    assert len(found) == count
    for output in found:
        data = output["data"]
        assert data.keys() == FORMS
        assert (data[MIME]["live"], data[MIME]["transcript"]["status"]) == (False, "done")
        assert data[MIME]["transcript"]["footer"]["cost_usd"] > 0
        assert len([step for step in data[MIME]["transcript"]["steps"] if step["kind"] == "tool"]) == 1
        for form in FORMS - {MIME}:
            assert "$" in data[form] or "&lt;$" in data[form]
            assert "done" in data[form]
        assert "<strong>bash</strong>" in data["text/html"]


def snapshots(page: Any) -> list[str]:
    """The questions of a page for a turn as the server draws it, as they come."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/snapshot" in request.url else None)
    return asked


@both
def test_after_a_reload_in_mid_run_the_file_has_the_end(page: Any, place: Place, show: Any) -> None:
    lab, _ = place
    name, shown = running(page, place, show)
    page.keyboard.press("Control+s")
    until_saved(lab, name, "running")
    page.reload()
    shown.locator(".ja-card[data-status=running]").wait_for()
    assert not page.evaluate(DIRTY)
    let_go(lab)
    shown.locator(".ja-turn-done").wait_for()
    shown.locator(".ja-fact", has_text="$").wait_for()
    page.wait_for_function(DIRTY)
    save(page)
    check_end(lab, name)

    asked = snapshots(page)
    show(page, lab, name)
    shown.locator(".ja-turn-done").wait_for()
    page.wait_for_timeout(GRACE_MS)
    assert not page.evaluate(DIRTY), "looking at a whole notebook does not change it"
    assert asked == []


@both
def test_a_notebook_that_is_opened_later_gets_the_end_and_then_no_more(
    page: Any, place: Place, show: Any
) -> None:
    asked, session = snapshots(page), Session(place)
    turn = session.calls()
    session.notebook(turn, kernel=True)
    show(page, session.lab, session.name)
    page.locator(".ja-card[data-status=running]").wait_for()
    save(page)  # The kernel has told its language.
    page.wait_for_timeout(GRACE_MS)
    assert not page.evaluate(DIRTY), "what goes on is no change"
    assert asked == []
    session.go()
    page.wait_for_function(DIRTY)
    page.locator(".ja-fact", has_text="$").wait_for()
    save(page)
    check_end(session.lab, session.name)
    page.wait_for_timeout(GRACE_MS)
    assert not page.evaluate(DIRTY)
    assert len(asked) == 1


@both
def test_of_two_tabs_one_saves_and_both_have_the_end(page: Any, place: Place, show: Any) -> None:
    session = Session(place)
    turn = session.calls()
    session.notebook(turn, kernel=True)
    other = page.context.new_page()
    show(page, session.lab, session.name)
    page.locator(".ja-card[data-status=running]").wait_for()
    save(page)  # The kernel has told its language.
    other.goto(page.url)
    other.locator(".ja-card[data-status=running]").wait_for()
    session.go()
    for tab in (page, other):
        tab.locator(".ja-turn-done").wait_for()
        tab.locator(".ja-fact", has_text="$").wait_for()
        assert tab.locator(".ja-step").count() == 2
    page.wait_for_timeout(GRACE_MS)
    assert sorted(tab.evaluate(DIRTY) for tab in (page, other)) == [False, True]
    assert page.evaluate(MODEL, MIME) == other.evaluate(MODEL, MIME)
    save(page if page.evaluate(DIRTY) else other)
    check_end(session.lab, session.name)


@both
def test_the_kernel_says_the_end_itself_where_it_can(page: Any, place: Place, show: Any) -> None:
    asked = snapshots(page)
    name, shown = running(page, place, show)
    let_go(place[0])
    shown.locator(".ja-fact", has_text="$").wait_for()
    page.wait_for_timeout(GRACE_MS)
    save(page)
    check_end(place[0], name)
    assert asked == []


def kernel_pid(lab: Lab, name: str) -> int:
    """The process of a notebook's kernel, by its connection file."""
    (id,) = [one["kernel"]["id"] for one in lab.request("api/sessions") if one["path"] == name]
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            try:
                with open(f"/proc/{folder}/cmdline", "rb") as file:
                    if f"kernel-{id}.json".encode() in file.read():
                        return int(folder)
            except OSError:
                continue
    raise AssertionError("the kernel has no process")


@both
def test_when_the_kernel_dies_the_file_has_the_end(page: Any, place: Place, show: Any) -> None:
    lab, _ = place
    name, shown = running(page, place, show)
    os.kill(kernel_pid(lab, name), signal.SIGKILL)
    page.locator(".jp-Dialog", has_text="appears to have died").locator("button").last.click()
    let_go(lab)
    shown.locator(".ja-fact", has_text="$").wait_for()
    save(page)
    check_end(lab, name)


@both
def test_a_restarted_kernel_attaches_to_what_went_on(page: Any, place: Place, show: Any) -> None:
    lab, _ = place
    name, shown = running(page, place, show)
    (id,) = [one["kernel"]["id"] for one in lab.request("api/sessions") if one["path"] == name]
    session = lab.request("jupyter-agents/v1/sessions?limit=1")["data"][0]["id"]
    lab.request(f"api/kernels/{id}/restart", {})
    page.locator(".jp-OutputArea", has_text="the turn goes on without it").first.wait_for()
    let_go(lab)
    shown.locator(".ja-fact", has_text="$").wait_for()
    page.evaluate(
        """text => {
          const panel = window.jupyterapp.shell.currentWidget;
          panel.content.activeCellIndex = 0;
          panel.content.activeCell.model.sharedModel.setSource(text);
        }""",
        f"%load_ext jupyter_agents\n%agent attach {session}",
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    shown.nth(1).locator(".ja-turn-done").wait_for()
    assert shown.count() == 2
    for one in shown.all():
        assert one.locator(".ja-card").count() == 1
        assert one.locator(".ja-text").inner_text().strip() == "It went on."
    page.wait_for_timeout(GRACE_MS)
    save(page)
    check_end(lab, name, count=2)


@pytest.mark.timeout(300)
def test_a_server_that_is_started_again_leaves_one_whole_run(page: Any, tmp_path: Path) -> None:
    port = free_port()
    script = [[call("bash", command=SLOW)], [say("It is **done**.")]]
    with ScriptedModel(script) as model, ExitStack() as first:
        lab = first.enter_context(real(tmp_path, model, port))
        begin(page, lab)
        first.close()
        with real(tmp_path, model, port):
            shown = page.locator(".ja-run")
            shown.locator(".ja-turn-done").wait_for()
            shown.locator(".ja-fact", has_text="$").wait_for()
            page.wait_for_timeout(GRACE_MS)
            save(page)
            check_end(lab, "agent.ipynb")
