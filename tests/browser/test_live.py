"""A run that goes on: the output follows the server by itself, or the kernel where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lab import MIME, Lab, open_notebook, open_with_kernel
from tests.browser.runs import FIRST_EVENT_ID, run, text, tool


@pytest.fixture
def session_id() -> Iterator[str]:
    yield f"sesn_01{time.time_ns():022d}"


def event(type: str, id: str, second: float, **fields: Any) -> dict[str, Any]:
    stamp = f"2026-10-01T09:00:{second:09.6f}Z"
    return {"id": f"sevt_01{id:1<24}", "type": type, "processed_at": stamp, **fields}


def words(value: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": value}]


PROMPT = event("user.message", "", 1, content=words("Do it."))
PROMPT["id"] = FIRST_EVENT_ID
USE = event("agent.tool_use", "use", 2, name="bash", input={"command": "echo live"})
RESULT = event("agent.tool_result", "res", 3.5, tool_use_id=USE["id"], content=words("live\n"))
IDLE = event("session.status_idle", "idle", 9, stop_reason={"type": "end_turn"})
ANSWER = event("agent.message", "msg", 8, content=words("It is **done**."))


def live_run(session_id: str, *steps: dict[str, Any]) -> dict[str, Any]:
    payload = run(*steps, live=True, status="running")
    return {**payload, "session_id": session_id}


def wait_for(lab: Lab, session_id: str, **counts: int) -> None:
    deadline = time.monotonic() + 15
    while counts.items() - lab.streams(session_id).items():
        assert time.monotonic() < deadline, (counts, lab.streams(session_id))
        time.sleep(0.05)


def test_the_output_follows_the_server_to_the_turns_end(lab: Lab, page: Any, session_id: str) -> None:
    earlier = event("agent.message", "before", 0, content=words("An earlier turn."))
    lab.send(session_id, earlier, PROMPT, USE)
    open_notebook(page, lab.notebook("live.ipynb", live_run(session_id)))
    shown = page.locator(".ja-run")
    shown.locator(".ja-card[data-status=running]").wait_for()
    assert "earlier turn" not in shown.inner_text()
    wait_for(lab, session_id, open=1)

    lab.send(session_id, RESULT)
    shown.locator(".ja-card[data-status=ok]").wait_for()
    assert shown.locator(".ja-seconds").inner_text() == "1.5 s"

    shown.locator(".ja-summary").click()
    start = {"type": "event_start", "event": {"type": "agent.message", "id": ANSWER["id"]}}
    lab.send(session_id, start)
    for piece in ("It is ", "**do", "ne**"):
        content = {"type": "text", "text": piece}
        delta = {"type": "content_delta", "index": 0, "content": content}
        lab.send(session_id, {"type": "event_delta", "event_id": ANSWER["id"], "delta": delta})
    shown.locator(".ja-partial strong", has_text="done").wait_for()
    lab.send(session_id, ANSWER, IDLE)
    shown.locator(".ja-turn-done").wait_for()
    shown.locator(".ja-text:not(.ja-partial)").wait_for()
    assert shown.locator(".ja-card[open]").count() == 1, "an open card stays open"
    assert shown.locator(".ja-text").inner_text().strip() == "It is done."
    assert shown.locator("[aria-live=polite]").text_content() == "It is **done**. Done"
    wait_for(lab, session_id, open=0, opened=1)

    link = shown.locator("a.ja-file-name")
    link.wait_for()
    assert link.get_attribute("href").endswith("/agents/coder-abc123/outputs/plot.txt")


def test_a_broken_stream_is_taken_up_again_and_nothing_is_lost(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE)
    open_notebook(page, lab.notebook("broken.ipynb", live_run(session_id)))
    wait_for(lab, session_id, open=1)
    lab.send(session_id, cut=True)
    wait_for(lab, session_id, open=0)
    lab.send(session_id, RESULT)
    page.locator(".ja-card[data-status=ok]").wait_for()
    wait_for(lab, session_id, open=1, opened=2)
    lab.send(session_id, ANSWER, IDLE)
    page.locator(".ja-turn-done").wait_for()
    assert page.locator(".ja-step").count() == 2


def test_a_reloaded_page_follows_again(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE)
    url = lab.notebook("reload.ipynb", live_run(session_id))
    open_notebook(page, url)
    wait_for(lab, session_id, open=1)
    open_notebook(page, url)
    wait_for(lab, session_id, open=1, opened=2)
    lab.send(session_id, RESULT, ANSWER, IDLE)
    page.locator(".ja-turn-done").wait_for()


def test_a_closed_notebook_stops_following(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE)
    open_notebook(page, lab.notebook("closed.ipynb", live_run(session_id)))
    wait_for(lab, session_id, open=1)
    page.locator(".lm-TabBar-tab", has_text="closed.ipynb").locator(".lm-TabBar-tabCloseIcon").first.click()
    discard = page.locator(".jp-Dialog button", has_text="Discard")
    if discard.count():
        discard.click()
    wait_for(lab, session_id, open=0)


def test_a_finished_turn_is_read_without_any_stream(lab: Lab, page: Any, session_id: str) -> None:
    lab.send(session_id, PROMPT, USE, RESULT, ANSWER, IDLE)
    open_notebook(page, lab.notebook("finished.ipynb", live_run(session_id)))
    page.locator(".ja-turn-done").wait_for()
    assert lab.streams(session_id) == {"open": 0, "opened": 0}


def test_many_live_outputs_leave_connections_for_lab(lab: Lab, page: Any, session_id: str) -> None:
    ids = [session_id[:-1] + str(n) for n in range(6)]
    for one in ids:
        lab.send(one, PROMPT, USE)
    open_notebook(page, lab.notebook("many.ipynb", *map(live_run, ids)))
    page.locator(".ja-card[data-status=running]").nth(5).wait_for()
    page.wait_for_timeout(500)
    assert sum(lab.streams(one)["open"] for one in ids) == 3
    for one in ids:
        lab.send(one, RESULT, ANSWER, IDLE)
    page.locator(".ja-turn-done").nth(5).wait_for()


def test_without_a_server_the_output_follows_the_kernel(lab: Lab, page: Any, session_id: str) -> None:
    begin = text("Old snapshot.", id="old")
    first = live_run(session_id, begin)
    second = live_run(session_id, begin, tool(status="running", output=[]))
    third = {**run(begin, tool(), text("The end.")), "session_id": session_id}
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
