"""A turn in the background: the cell comes back, the output goes on, other cells steer and attach."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import FORGET, Kernel

SLOW = "sleep 4; echo rested"
WAIT = "import time; begin = time.monotonic(); run.wait(); print(time.monotonic() - begin > 1)"


def start(kernel: Kernel, model: ScriptedModel, *then: Any, options: str = "") -> Any:
    model.script[:] = [[call("bash", command=SLOW)], *(then or [[say("Done.")]])]
    begin = time.monotonic()
    answer = kernel.run(f"%%agent --new --background -o run {options}\nRest")
    assert answer.status == "ok", answer.errors
    assert time.monotonic() - begin < 4
    return answer


def last_update(kernel: Kernel, display_id: str) -> dict[str, Any]:
    """What the output became, by the updates that came after its cell."""
    found: dict[str, Any] = {}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (not found or found[MIME]["live"]):
        try:
            message = kernel.client.get_iopub_msg(timeout=0.5)
        except Empty:
            continue
        content = message["content"]
        if content.get("transient", {}).get("display_id") == display_id:
            assert message["msg_type"] == "update_display_data"
            found = content["data"]
    return found


def test_the_cell_comes_back_and_its_output_goes_on(kernel: Kernel, model: ScriptedModel) -> None:
    answer = start(kernel, model)
    (display_id,) = answer.displays
    assert answer.bundle[MIME]["live"]
    assert answer.bundle[MIME]["first_event_id"]
    assert last_update(kernel, display_id)[MIME]["transcript"]["status"] == "done"
    assert kernel.run("run.wait(5).text").results[0]["text/plain"] == "'Done.'"


def test_wait_waits_and_the_run_fills(kernel: Kernel, model: ScriptedModel) -> None:
    start(kernel, model)
    assert kernel.run("run.status").results[0]["text/plain"] == "'running'"
    assert "The run goes on after 0.1 s" in kernel.run("run.wait(0.1)").errors[0]
    assert kernel.run(WAIT).printed == "True\n"
    done = kernel.run("[run.status, run.text, len(run.events) > 5]")
    assert done.results[0]["text/plain"] == "['done', 'Done.', True]"
    assert kernel.run("%%agent\nMore").bundle[MIME]["turn"] == 2


def test_a_cell_that_comes_meanwhile_steers(kernel: Kernel, model: ScriptedModel) -> None:
    started = start(kernel, model, [say("As you wish.")])
    answer = kernel.run("%%agent\nBe brief")
    assert answer.status == "ok", answer.errors
    assert "default is at work: this message steers turn 1" in answer.printed
    assert (answer.transcript["status"], answer.bundle[MIME]["turn"]) == ("done", 1)
    assert answer.bundle[MIME]["session_id"] == started.bundle[MIME]["session_id"]
    assert answer.transcript["steps"][-1]["markdown"] == "As you wish."
    assert "Be brief" in str(model.requests[-1]["messages"][-1])
    kernel.run("run.wait()")
    assert "steer" in kernel.run("str(run.transcript.to_dict()['steps'])").results[0]["text/plain"]


def test_attach_after_a_restart_shows_all_of_it_and_nothing_twice(
    kernel: Kernel, model: ScriptedModel
) -> None:
    started = start(kernel, model)
    kernel.run(FORGET)
    answer = kernel.run("%agent attach")
    assert answer.bundle[MIME]["session_id"] == started.bundle[MIME]["session_id"]
    assert answer.bundle[MIME]["first_event_id"] == started.bundle[MIME]["first_event_id"]
    assert answer.transcript["status"] == "done"
    assert [step["kind"] for step in answer.transcript["steps"]] == ["tool", "text"]


def test_a_timeout_stops_it(kernel: Kernel, model: ScriptedModel) -> None:
    start(kernel, model, options="--timeout 1")
    error = kernel.run("run.wait(20)").errors[0]
    assert "Stopped while running bash after 1 s (--timeout)." in error
    assert kernel.run("run.status").results[0]["text/plain"] == "'interrupted'"


def test_a_message_that_cannot_be_sent_fails_the_cell(kernel: Kernel) -> None:
    answer = kernel.run("%%agent --background --session sesn_nothere\nHi")
    assert answer.status == "error"


def test_in_python(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command=SLOW)], [say("Done.")]]
    answer = kernel.run(
        "import jupyter_agents.kernel.api as ja\n"
        "made = ja.run('Rest', new=True, background=True)\n"
        "print(made.status)\n"
        "print(made.wait().text)"
    )
    assert answer.printed == "running\nDone.\n", answer.errors
