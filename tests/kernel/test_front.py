"""A page of ours has announced itself: the cell waits, and goes on when someone answers anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel
from tests.kernel.test_conduct import ASKING, script, tool

ID = "0123abcd-browser"
PAGE = f"""
import os
from IPython import get_ipython
from jupyter_agents.kernel import front, notebook
_parent = get_ipython().kernel.parent
_true_file = _parent.connection_file
_parent.connection_file = os.path.join(os.path.dirname(_true_file), "kernel-{ID}.json")
_connection = notebook.current().connect()
_found = _connection.local("POST", "front-ends/{ID}", {{"version": "0.1.0", "notebook": "here.ipynb"}})
"""
PARENT = """
import dataclasses
_kept = _connection.address
_connection.address = dataclasses.replace(_kept, parent=True)
"""
LEAVE = "_parent.connection_file = _true_file"
ANSWER = """
import threading, time
def _answer(event):
    beta = notebook.current().connect().client.beta.sessions
    while True:
        for session in beta.list(limit=1).data:
            last = [getattr(event, "stop_reason", None) for event in beta.events.list(session.id)][-1:]
            if last and getattr(last[0], "type", "") == "requires_action":
                answer = event | {"tool_use_id": last[0].event_ids[0]}
                beta.events.send(session.id, events=[answer])
                return
        time.sleep(0.05)
"""
ALLOW = """
_yes = {"type": "user.tool_confirmation", "result": "allow"}
threading.Thread(target=_answer, args=(_yes,), daemon=True).start()
"""


@pytest.fixture
def watched(kernel: Kernel) -> Iterator[Kernel]:
    """A kernel that a page shows, with an agent that asks."""
    assert kernel.run(ASKING).status == "ok"
    assert kernel.run(PAGE).status == "ok"
    assert kernel.run(ANSWER).status == "ok"
    yield kernel
    kernel.run(LEAVE)


def test_the_cell_waits_until_someone_answers(watched: Kernel, model: ScriptedModel) -> None:
    script(model)
    watched.run(ALLOW)
    answer = watched.run("%%agent careful\nHi", stdin="")
    assert answer.status == "ok", answer.errors
    assert (answer.transcript["status"], tool(answer)["status"]) == ("done", "ok")
    assert answer.bundle[MIME]["live"] is False
    tied = watched.run("print(_run.session.resource.metadata['jupyter-agents/notebook'])")
    assert tied.printed.strip().endswith("/here.ipynb")


def test_a_wait_can_be_interrupted(watched: Kernel, model: ScriptedModel) -> None:
    script(model)
    answer = watched.run("%%agent careful\nHi", stdin="", interrupt=["%agent approve"])
    assert answer.status == "error" and "Stopped while bash waited for an answer." in answer.errors[0]
    assert answer.transcript["status"] == "interrupted"


def test_a_call_that_only_a_program_can_answer_ends_the_cell(watched: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("lookup")]]
    answer = watched.run("%%agent careful\nHi", stdin="")
    assert answer.transcript["status"] == "waiting" and "%agent deny" in answer.printed


def test_without_input_nothing_waits_whatever_a_page_says(watched: Kernel, model: ScriptedModel) -> None:
    script(model)
    answer = watched.run("%%agent careful\nHi")
    assert (answer.transcript["status"], tool(answer)["status"]) == ("done", "denied")


def test_approve_always_asks_no_more(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    script(model)
    first = kernel.run("%%agent careful\nHi", stdin="")
    hint = "%agent approve lets it run"
    for kind in ("text/html", "text/markdown", "text/plain"):
        assert hint in first.bundle[kind]
    id = str(tool(first)["id"])
    assert kernel.run("%agent approve sevt_other", stdin="").status == "error"
    second = kernel.run(f"%agent approve {id} --always", stdin="")
    assert second.transcript["status"] == "done" and hint not in second.bundle["text/plain"]
    model.script[:] = [[call("bash", command="echo again")], [say("Done.")]]
    third = kernel.run("%%agent careful\nMore", stdin="")
    assert (third.transcript["status"], tool(third)["status"]) == ("done", "ok")


def test_a_page_that_is_none_of_ours_is_told_of(watched: Kernel) -> None:
    watched.run(PARENT)
    try:
        assert "page" not in watched.run("%agent", stdin="").results[0]["text/plain"]
        watched.run(LEAVE)
        watched.run(
            "_parent.connection_file = os.path.join(os.path.dirname(_true_file), 'kernel-none-of-ours.json')"
        )
        for line in ("%agent", "%agent doctor"):
            assert "reload the page" in watched.run(line, stdin="").results[0]["text/plain"]
        assert "page" not in watched.run("%agent").results[0]["text/plain"]
    finally:
        watched.run("_connection.address = _kept")
