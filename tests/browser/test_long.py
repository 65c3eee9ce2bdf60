"""Hundreds of calls in one cell: the page stays small, and what is not in it is a key away."""

from __future__ import annotations

from typing import Any

from jupyter_agents.testing import Reply, call, say
from tests.browser.lab import Place, open_notebook
from tests.browser.sessions import Mouth, Session

CALLS = 240
AT_ONCE = 40


def calls(count: int) -> list[Any]:
    """Answers with `count` calls in all."""
    made = [call("bash", command=f"echo {number}") for number in range(count)]
    return [made[start : start + AT_ONCE] for start in range(0, count, AT_ONCE)]


def test_hundreds_of_calls_leave_fifty_steps_in_the_page(place: Place, page: Any) -> None:
    page.set_default_timeout(120_000)
    mouth, session = Mouth(), Session(place)
    turn = session.begin(*calls(CALLS), Reply([mouth.block]))
    open_notebook(page, session.notebook(turn))
    page.locator(".ja-line", has_text=f"echo {CALLS - 1}").wait_for()
    mouth.say("It is ")
    page.locator(".ja-text.ja-partial").wait_for()
    assert page.locator(".ja-step").count() == 50
    assert page.locator(".ja-run *").count() < 2000
    button = page.get_by_role("button", name=f"Show 50 earlier steps of {CALLS + 1 - 50}")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator(".ja-step").count() == 100
    assert page.evaluate("document.activeElement.className") == "ja-earlier"
    mouth.say("done.")
    mouth.close()
    page.locator(".ja-turn-done").wait_for()
    assert page.evaluate("document.activeElement.className") == "ja-earlier"


def test_long_output_is_folded_until_it_is_asked_for(place: Place, page: Any) -> None:
    session = Session(place)
    turn = session.begin(
        [call("bash", command="for n in $(seq 0 59); do echo line $n; done")], [say("Done.")]
    )
    session.until("session.status_idle")
    open_notebook(page, session.notebook(turn))
    page.locator(".ja-summary").click()
    output = page.locator(".ja-output pre")
    assert "line 15" in output.inner_text() and "line 16" not in output.inner_text()
    page.get_by_role("button", name="Show all 60 lines").press("Enter")
    assert "line 59" in output.inner_text()
    page.get_by_role("button", name="Show less").wait_for()
