"""A run that goes on: the output follows the server by itself, or the kernel where there is none."""

from __future__ import annotations

import json
from typing import Any

from jupyter_agents.testing import Reply, call, say
from tests.browser.lab import MIME, Place, open_notebook, open_with_kernel
from tests.browser.relay import relayed
from tests.browser.runs import run, text, tool
from tests.browser.sessions import WAIT, Mouth, Session, Streams


def test_the_output_follows_the_server_to_the_turns_end(place: Place, page: Any) -> None:
    streams, mouth, session = Streams(page), Mouth(), Session(place)
    session.begin([say("An earlier turn.")])
    session.until("session.status_idle")
    turn = session.begin([call("bash", command=f"echo 12 > plot.txt; {WAIT}")], Reply([mouth.block]))
    session.until("agent.tool_use")
    open_notebook(page, session.notebook(turn))
    shown = page.locator(".ja-run")
    shown.locator(".ja-card[data-status=running]").wait_for()
    assert "earlier turn" not in shown.inner_text()
    streams.wait(1)

    session.go()
    shown.locator(".ja-card[data-status=ok]").wait_for()
    assert shown.locator(".ja-seconds").inner_text().endswith(("ms", "s"))

    shown.locator(".ja-summary").click()
    mouth.say("It is ", "**do", "ne**")
    shown.locator(".ja-partial strong", has_text="done").wait_for()
    mouth.say(".")
    mouth.close()
    shown.locator(".ja-turn-done").wait_for()
    shown.locator(".ja-text:not(.ja-partial)").wait_for()
    assert shown.locator(".ja-card[open]").count() == 1, "an open card stays open"
    assert shown.locator(".ja-text").inner_text().strip() == "It is done."
    assert shown.locator("[aria-live=polite]").text_content() == "It is **done**. Done"
    streams.wait(0)
    assert streams.opened == 1

    link = shown.locator("a.ja-file-name", has_text="plot.txt")
    link.wait_for()
    assert "/files/agents/" in link.get_attribute("href")
    assert shown.locator(".ja-card[open]").count() == 1, "and when the end is kept"


def test_a_broken_stream_is_taken_up_again_and_nothing_is_lost(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place)
    turn = session.calls()
    session.notebook(turn)
    with relayed(session.lab) as (lab, relay):
        open_notebook(page, lab.page_url(session.name))
        streams.wait(1)
        relay.cut()
        streams.wait(0)
        session.go()
        session.until("session.status_idle")
        relay.mend()
        page.locator(".ja-card[data-status=ok]").wait_for()
        page.locator(".ja-turn-done").wait_for()
        assert page.locator(".ja-step").count() == 2


def test_a_reloaded_page_follows_again(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place)
    turn = session.calls()
    url = session.notebook(turn)
    open_notebook(page, url)
    streams.wait(1)
    open_notebook(page, url)
    streams.wait(1)
    assert streams.opened == 2
    session.go()
    page.locator(".ja-turn-done").wait_for()


def test_a_closed_notebook_stops_following(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place)
    turn = session.calls()
    open_notebook(page, session.notebook(turn))
    streams.wait(1)
    page.locator(".lm-TabBar-tab", has_text=session.name).locator(".lm-TabBar-tabCloseIcon").first.click()
    discard = page.locator(".jp-Dialog button", has_text="Discard")
    if discard.count():
        discard.click()
    streams.wait(0)
    session.go()


def test_a_finished_turn_is_read_without_any_stream(place: Place, page: Any) -> None:
    streams, session = Streams(page), Session(place)
    turn = session.begin([say("It is done.")])
    session.until("session.status_idle")
    open_notebook(page, session.notebook(turn))
    page.locator(".ja-turn-done").wait_for()
    assert streams.opened == 0


def test_many_live_outputs_leave_connections_for_lab(place: Place, page: Any) -> None:
    streams, mouths = Streams(page), [Mouth() for _ in range(6)]
    sessions = [Session(place, "many.ipynb", tools=[]) for _ in mouths]
    saved = []
    for session, mouth in zip(sessions, mouths, strict=True):
        turn = session.begin(Reply([mouth.block]))
        session.until("span.model_request_start")
        mouth.say("Hello")
        saved.append(session.saved(turn, text("Begun.")))
    open_notebook(page, place[0].notebook("many.ipynb", *saved))
    page.locator(".ja-turn-running").nth(5).wait_for()
    streams.wait(3)
    page.wait_for_timeout(500)
    assert streams.open == 3
    for mouth in mouths:
        mouth.close()
    page.locator(".ja-turn-done").nth(5).wait_for()


def test_without_a_session_the_output_follows_the_kernel(place: Place, page: Any) -> None:
    lab, _ = place
    begin = text("Old snapshot.", id="old")
    first = run(begin, live=True, status="running")
    second = run(begin, tool(status="running", output=[]), live=True, status="running")
    third = run(begin, tool(), text("The end."))
    source = f"""
import json
from IPython.display import display
def show(payload, **kwargs):
    display({{"{MIME}": json.loads(payload), "text/plain": "x"}}, raw=True, **kwargs)
show({json.dumps(json.dumps(first))}, display_id="run")
input("one")
show({json.dumps(json.dumps(second))}, display_id="run", update=True)
input("two")
show({json.dumps(json.dumps(third))}, display_id="run", update=True)
"""
    open_with_kernel(page, lab.notebook("kernel.ipynb", source=source))
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    shown = page.locator(".ja-run")
    shown.locator(".ja-text", has_text="Old snapshot").wait_for()
    node = shown.element_handle()
    page.locator("pre", has_text="one").locator(".jp-Stdin-input").press("Enter")
    shown.locator(".ja-card[data-status=running]").wait_for()
    shown.locator(".ja-summary").click()
    page.locator("pre", has_text="two").locator(".jp-Stdin-input").press("Enter")
    shown.locator(".ja-text", has_text="The end.").wait_for()
    assert shown.locator(".ja-turn-done").count() == 1
    assert shown.locator(".ja-card[open]").count() == 1, "an open card stays open"
    assert node.evaluate("node => node.isConnected"), "the output was updated in place"
