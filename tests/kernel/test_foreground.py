"""The interrupt button stops the turn, always gives the cell back, and the session goes on."""

from __future__ import annotations

import time

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import Reply, ScriptedModel, call, say
from tests.kernel.conftest import Answer, Kernel


def stopped(answer: Answer, doing: str) -> None:
    assert answer.status == "error"
    assert answer.errors == [f"Stopped while {doing}. The session goes on with the next cell."]
    assert answer.bundle[MIME]["live"] is False
    assert answer.transcript["status"] == "interrupted"


def test_interrupt_while_a_tool_runs(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="echo begun; sleep 60")], [say("Next.")]]
    answer = kernel.run("%%agent --new\nSleep", interrupt=["sleep 60"])
    assert answer.seconds_to_stop < 5
    stopped(answer, "running bash")
    tool, notice = answer.transcript["steps"]
    assert (tool["status"], notice["text"]) == ("interrupted", "Stopped while running bash.")
    for form in ("text/html", "text/markdown", "text/plain"):
        assert "Stopped while running bash." in answer.bundle[form]
    after = kernel.run("%%agent\nGo on")
    assert after.transcript["status"] == "done"
    assert after.bundle[MIME]["session_id"] == answer.bundle[MIME]["session_id"]
    assert after.bundle[MIME]["turn"] == 2


def test_interrupt_while_the_model_speaks(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Reply([say("word " * 2000)], chunk=5, delay=0.05), [say("Next.")]]
    answer = kernel.run("%%agent --new -o run\nTalk", interrupt=["word word"])
    stopped(answer, "the model was at work")
    assert answer.seconds_to_stop < 5
    assert kernel.run("run.status").results[0]["text/plain"] == "'interrupted'"
    assert kernel.run("%%agent\nGo on").transcript["status"] == "done"


def test_a_timeout_stops_like_an_interrupt(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="sleep 60")], [say("Next.")]]
    begin = time.monotonic()
    answer = kernel.run("%%agent --new --timeout 2\nSleep")
    assert 2 < time.monotonic() - begin < 15
    stopped(answer, "running bash after 2 s (--timeout)")
    assert kernel.run("%%agent --timeout 60\nGo on").transcript["status"] == "done"


def test_a_timeout_in_asyncio(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="sleep 60")], [say("Next.")]]
    answer = kernel.run("import jupyter_agents.kernel.api as ja\nawait ja.arun('Sleep', new=True, timeout=2)")
    assert "Stopped while running bash after 2 s (timeout)." in answer.errors[0]
    assert kernel.run("(await ja.arun('Go on')).status").results[0]["text/plain"] == "'done'"


def test_a_second_interrupt_always_returns(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(
        "import asyncio, jupyter_agents.kernel.session as s\n"
        "async def deaf(self): await asyncio.sleep(60)\n"
        "hearing, s.AgentSession.interrupt = s.AgentSession.interrupt, deaf"
    )
    model.script[:] = [[call("bash", command="sleep 5")], [say("Late.")]]
    begin = time.monotonic()
    answer = kernel.run("%%agent --new\nSleep", interrupt=["sleep 5", 3.0])
    assert time.monotonic() - begin < 10
    kernel.run("s.AgentSession.interrupt = hearing")
    stopped(answer, "running bash")


def test_updates_are_few_and_the_last_one_is_whole(kernel: Kernel, model: ScriptedModel) -> None:
    text = "0123456789" * 200
    model.script[:] = [Reply([say(text)], chunk=4, delay=0.002)]
    begin = time.monotonic()
    answer = kernel.run("%%agent --new\nTalk")
    seconds = time.monotonic() - begin
    assert 3 <= answer.updates <= 10 * seconds + 3
    assert answer.transcript["steps"][-1]["markdown"] == text
