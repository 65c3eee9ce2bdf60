"""A thousand events in one cell: the page stays small, and what is not in it is a key away."""

from __future__ import annotations

from typing import Any

from tests.browser.lab import Lab, open_notebook
from tests.browser.test_live import ANSWER, IDLE, PROMPT, event, live_run, session_id, wait_for, words

__all__ = ["session_id"]

CALLS = 500


def calls(count: int) -> list[dict[str, Any]]:
    """`count` calls and their results."""
    made = []
    for number in range(count):
        use = event("agent.tool_use", f"u{number}u", 2, name="bash", input={"command": f"echo {number}"})
        content = words("\n".join(f"line {line}" for line in range(60)))
        made += [use, event("agent.tool_result", f"r{number}r", 3, tool_use_id=use["id"], content=content)]
    return made


def test_a_thousand_events_leave_fifty_steps_in_the_page(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, page=1000)
    open_notebook(page, lab.notebook("thousand.ipynb", live_run(session_id)))
    wait_for(lab, session_id, open=1)
    events = calls(CALLS)
    for start in range(0, len(events), 50):
        lab.send(session_id, *events[start : start + 50])
    page.locator(".ja-line", has_text=f"echo {CALLS - 1}").wait_for()
    assert page.locator(".ja-step").count() == 50
    assert page.locator(".ja-run *").count() < 2000
    button = page.get_by_role("button", name=f"Show 50 earlier steps of {CALLS - 50}")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator(".ja-step").count() == 100
    assert page.evaluate("document.activeElement.className") == "ja-earlier"
    lab.send(session_id, ANSWER, IDLE)
    page.locator(".ja-turn-done").wait_for()
    assert page.evaluate("document.activeElement.className") == "ja-earlier"


def test_long_output_is_folded_until_it_is_asked_for(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, *calls(1), ANSWER, IDLE)
    open_notebook(page, lab.notebook("folded.ipynb", live_run(session_id)))
    page.locator(".ja-summary").click()
    output = page.locator(".ja-output pre")
    assert "line 15" in output.inner_text() and "line 16" not in output.inner_text()
    page.get_by_role("button", name="Show all 60 lines").press("Enter")
    assert "line 59" in output.inner_text()
    page.get_by_role("button", name="Show less").wait_for()
