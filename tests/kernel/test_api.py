"""The Python functions, in a kernel."""

from __future__ import annotations

from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say
from tests.kernel.conftest import Kernel

IMPORT = "import jupyter_agents.kernel.api as ja"


def test_run_shows_and_returns_the_run(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[say("Hello.")], [say("Again.")]]
    code = f"""{IMPORT}
agent = ja.Agent("python", model="claude-opus-4-7", system="S", tools=("bash",))
first = ja.run("Hi", agent)
second = ja.run("More", "python", session=first.session.id)
print(first.text, second.text, second.turn, agent.define().version)"""
    answer = kernel.run(code)
    assert answer.status == "ok", answer.errors
    assert "Hello. Again. 2 1" in answer.printed
    assert len(answer.displays) == 2
    assert [tool["name"] for tool in model.requests[0]["tools"]] == ["bash"]


def test_a_failure_is_an_exception_with_one_sentence(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Fault(400, "invalid_request_error", "Asleep.")]
    answer = kernel.run(f"{IMPORT}\nja.run('Hi', new=True)")
    assert answer.status == "error"
    (error,) = answer.errors
    assert "Asleep." in error
    assert "no_such" in kernel.run(f"{IMPORT}\nja.run('Hi', 'no_such')").errors[0]


def test_arun_leaves_the_loop_free(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [Reply([say("word " * 50)], chunk=5, delay=0.01)]
    code = f"""{IMPORT}
import asyncio
ticks = 0
async def tick():
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep(0.01)
ticker = asyncio.create_task(tick())
made = await ja.arun("Hi", new=True)
ticker.cancel()
[made.status, ticks > 10]"""
    answer = kernel.run(code)
    assert answer.status == "ok", answer.errors
    assert answer.results[0]["text/plain"] == "['done', True]"
    assert answer.transcript["status"] == "done"


def test_cancelling_arun_stops_the_turn(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="sleep 60")], [say("Next.")]]
    code = f"""{IMPORT}
import asyncio
try:
    async with asyncio.timeout(2):
        await ja.arun("Hi", new=True)
except TimeoutError:
    print("stopped")"""
    answer = kernel.run(code)
    assert "stopped" in answer.printed, answer.errors
    assert answer.transcript["status"] == "interrupted"
    assert kernel.run(f"{IMPORT}\nja.run('Go on').status").results[0]["text/plain"] == "'done'"
