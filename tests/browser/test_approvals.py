"""Calls that wait are answered in the page, in JupyterLab and in Notebook, while their cell runs or after."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_agents.testing import call, say
from tests.browser.lab import Lab, Place, in_lab, open_in_notebook, open_notebook
from tests.browser.runs import run, tool

AGENT = """%load_ext jupyter_agents
import os, pathlib
_size = pathlib.Path("pid").write_text(str(os.getpid()))
from jupyter_agents.kernel.notebook import current
_ask = {"enabled": True, "permission_policy": {"type": "always_ask"}}
_tools = [{"type": "agent_toolset_20260401", "default_config": _ask}]
_made = current().connect().client.beta.agents.create(name=NAME, model="claude-opus-4-7", tools=_tools)"""
COMMAND = "echo forty-two | tee answer.txt"
NUMBERS = itertools.count(1)
UNKNOWN = "sesn_01Nobody11111111111111111"


def asked(
    page: Any, place: Place, *steps: Any, show: Callable[[Any, Lab, str], None] = in_lab
) -> tuple[str, Any]:
    """A notebook whose cell runs, and waits for an answer; its name, and its run."""
    lab, model = place
    number = next(NUMBERS)
    model.requests.clear()
    model.script[:] = list(steps) or [[call("bash", command=COMMAND)], [say("All right.")]]
    setup = AGENT.replace("NAME", f"'careful{number}'")
    cells = [nbformat.v4.new_code_cell(source) for source in (setup, f"%%agent careful{number}\nGo on.")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    name = f"ask{number}.ipynb"
    nbformat.write(notebook, lab.root / name)
    show(page, lab, name)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    shown = page.locator(".ja-run")
    shown.get_by_role("button", name="Approve bash", exact=True).wait_for()
    return name, shown


def finished(shown: Any) -> None:
    shown.locator(".ja-turn-done").wait_for()


def busy(page: Any) -> bool:
    return "*" in page.locator(".jp-CodeCell .jp-InputPrompt").nth(1).inner_text()


def session_of(lab: Lab) -> str:
    return str(lab.request("jupyter-agents/v1/sessions?limit=1")["data"][0]["id"])


@pytest.mark.parametrize("show", [in_lab, open_in_notebook], ids=["lab", "notebook"])
def test_a_call_is_approved_while_its_cell_runs(page: Any, place: Place, show: Any) -> None:
    _, shown = asked(page, place, show=show)
    assert busy(page)
    assert shown.locator(".ja-body pre").inner_text() == COMMAND
    shown.get_by_role("button", name="Approve bash", exact=True).click()
    finished(shown)
    assert shown.locator(".ja-answered").inner_text().startswith("Approved by ")
    assert shown.locator(".ja-approval button").count() == 0
    page.wait_for_function("() => !document.querySelectorAll('.jp-InputPrompt')[1].innerText.includes('*')")
    assert "forty-two" in str(place[1].requests[-1]["messages"][-1])


def test_a_call_is_denied_with_a_reason(page: Any, place: Place) -> None:
    _, shown = asked(page, place)
    shown.get_by_role("button", name="Deny bash").click()
    page.get_by_label("Reason for the agent").fill("Not on a Friday.")
    shown.get_by_role("button", name="Deny", exact=True).click()
    finished(shown)
    assert "Not on a Friday." in shown.locator(".ja-answered").inner_text()
    assert shown.locator(".ja-card[data-status=denied]").count() == 1
    assert "The user says: Not on a Friday." in str(place[1].requests[-1]["messages"][-1])


def test_a_tool_is_always_allowed_in_the_session(page: Any, place: Place) -> None:
    twice = [[call("bash", command="echo one")], [call("bash", command="echo two")], [say("Done.")]]
    _, shown = asked(page, place, *twice)
    shown.get_by_role("button", name="Approve bash always in this session").click()
    finished(shown)
    assert shown.locator(".ja-card[data-status=ok]").count() == 2
    rules = place[0].request(f"jupyter-agents/local/sessions/{session_of(place[0])}/rules")["data"]
    assert [rule["tool"] for rule in rules] == ["bash"]


def test_an_input_is_edited_and_run(page: Any, place: Place) -> None:
    _, shown = asked(page, place, [call("bash", command="rm -rf build", timeout_ms=9000)], [say("Done.")])
    shown.get_by_role("button", name="Edit input").click()
    field = page.get_by_label("Input (JSON)")
    field.fill('{"command": ')
    shown.get_by_role("button", name="Run with this input").click()
    assert "not a JSON object" in shown.get_by_role("alert").inner_text()
    field.fill('{"command": 5}')
    shown.get_by_role("button", name="Run with this input").click()
    shown.get_by_role("alert").filter(has_text="input.command: expected a string").wait_for()
    field.fill('{"command": "echo only looked"}')
    shown.get_by_role("button", name="Run with this input").click()
    finished(shown)
    assert "echo only looked" in shown.locator(".ja-answered pre").inner_text()
    told = str(place[1].requests[-1]["messages"][-1])
    assert "The user changed the input" in told and "only looked" in told


@pytest.mark.parametrize("show", [in_lab, open_in_notebook], ids=["lab", "notebook"])
def test_everything_goes_by_keyboard(page: Any, place: Place, show: Any) -> None:
    _, shown = asked(page, place, show=show)
    focused = "() => document.activeElement.innerText"
    before = page.locator(".jp-InputArea-editor").all_inner_texts()
    shown.locator(".ja-summary").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "Approve":
            break
    assert page.evaluate(focused) == "Approve"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Deny…"
    page.keyboard.press("Enter")
    page.keyboard.type("add xdd bb")
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "Deny…"
    for key in "ddbax":
        page.keyboard.press(key)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    finished(shown)
    assert shown.locator(".ja-answered").inner_text().startswith("Approved by ")
    assert page.evaluate("() => document.activeElement.className") == "ja-answered"
    after = page.locator(".jp-InputArea-editor").all_inner_texts()
    assert after == before, "no key was a shortcut of the notebook"


def test_two_tabs_agree(page: Any, place: Place) -> None:
    name, shown = asked(page, place)
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").first.wait_for(state="detached")
    other = page.context.new_page()
    other.goto(place[0].page_url(name))
    there = other.locator(".ja-run")
    there.get_by_role("button", name="Approve bash", exact=True).click()
    finished(there)
    finished(shown)
    said = there.locator(".ja-answered").inner_text()
    assert said.startswith("Approved by ") and shown.locator(".ja-answered").inner_text() == said


def test_a_late_answer_is_said_kindly(page: Any, place: Place) -> None:
    _, shown = asked(page, place)
    lab = place[0]
    session = session_of(lab)
    (waiting,) = lab.request(f"jupyter-agents/local/sessions/{session}/approvals")["waiting"]
    no = {"type": "user.tool_confirmation", "tool_use_id": waiting["id"], "result": "deny"}

    def first(route: Any) -> None:
        lab.request(f"jupyter-agents/v1/sessions/{session}/events", {"events": [no]})
        route.continue_()

    page.route(f"**/v1/sessions/{session}/events", first)
    shown.get_by_role("button", name="Approve bash", exact=True).click()
    shown.locator(".ja-approval [role=alert]").filter(has_text=waiting["id"]).wait_for()
    finished(shown)
    assert shown.locator(".ja-answered").inner_text().startswith("Denied by ")


def test_a_call_is_approved_when_its_kernel_has_died(page: Any, place: Place) -> None:
    _, shown = asked(page, place)
    lab = place[0]
    os.kill(int((lab.root / "pid").read_text()), signal.SIGKILL)
    page.locator(".jp-Dialog", has_text="appears to have died").locator("button").last.click()
    shown.get_by_role("button", name="Approve bash", exact=True).click()
    finished(shown)
    assert shown.locator(".ja-answered").inner_text().startswith("Approved by ")


def test_a_strangers_notebook_gets_no_buttons(page: Any, place: Place) -> None:
    lab = place[0]
    name, shown = asked(page, place)
    session = session_of(lab)
    (waiting,) = lab.request(f"jupyter-agents/local/sessions/{session}/approvals")["waiting"]
    calls = [
        {**run(tool(waiting["id"], status="waiting", output=[]), status="waiting"), "session_id": id}
        for id in (session, UNKNOWN, f"{session}/../../v1/files", "sesn_<b>")
    ]
    asks: list[str] = []
    stranger = page.context.new_page()
    stranger.on("request", lambda r: asks.append(r.url) if "jupyter-agents/" in r.url else None)
    open_notebook(stranger, lab.notebook("stranger.ipynb", *calls))
    link = stranger.locator(".ja-approval a")
    link.wait_for()
    assert link.inner_text() == name
    assert stranger.locator(".ja-approval button").count() == 0
    assert stranger.locator(".ja-approval").count() == 1
    asked_for = {url.split("jupyter-agents/")[1].split("?")[0] for url in asks if "static" not in url}
    assert asked_for <= {f"local/sessions/{id}/approvals" for id in (session, UNKNOWN)}
    assert all(url.startswith(lab.url) for url in asks)
    shown.get_by_role("button", name="Approve bash", exact=True).click()
    finished(shown)


def picture(page: Any, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder, f"approvals-{name}.png")))


def test_how_it_looks(page: Any, place: Place) -> None:
    edit = call(
        "edit", file_path="/workspace/app.py", old_string="debug = True\n", new_string="debug = False\n"
    )
    number = [[call("bash", command=COMMAND), edit], [say("Done.")]]
    _, shown = asked(page, place, *number)
    assert shown.locator(".ja-approval").count() == 2
    picture(page, "light")
    shown.get_by_role("button", name="Edit input").first.click()
    page.get_by_role("textbox", name="Command").wait_for()
    page.keyboard.press("Control+b")
    picture(page, "edit")
    page.evaluate("() => document.activeElement.blur()")
    page.locator(".jp-MenuBar-item, .lm-MenuBar-item", has_text="Settings").click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text="JupyterLab Dark").first.click()
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    picture(page, "dark")
    shown.get_by_role("button", name="Cancel").click()
    page.set_viewport_size({"width": 480, "height": 800})
    page.keyboard.press("Control+b")
    shown.get_by_role("button", name="Approve bash", exact=True).scroll_into_view_if_needed()
    picture(page, "narrow")
    overflow = "run => run.scrollWidth - run.clientWidth"
    assert page.locator(".ja-renderer").evaluate(overflow) == 0
    approve = shown.get_by_role("button", name="Approve bash", exact=True).bounding_box()
    assert approve["height"] >= 24 and approve["width"] >= 24
    for name in ("bash", "edit"):
        shown.get_by_role("button", name=f"Approve {name}", exact=True).click()
    finished(shown)
