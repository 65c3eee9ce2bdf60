"""Functions of the notebook as tools, end to end: a real kernel, a real server, a scripted model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Answer, Kernel

SALES = """
import jupyter_agents as ja

@ja.tool
def sales(region: str, year: int = 2024) -> dict:
    '''Sales of a region.

    Parameters
    ----------
    region:
        Its name.
    '''
    print("looking up", region)
    return {"region": region, "total": 1000 + year}
"""


def tools(answer: Answer) -> list[dict[str, Any]]:
    return [step for step in answer.transcript["steps"] if step["kind"] == "tool"]


def result(model: ScriptedModel, index: int = 0) -> dict[str, Any]:
    """A tool's result, as the model's last request has it."""
    found: dict[str, Any] = [
        block for block in model.requests[-1]["messages"][-1]["content"] if block["type"] == "tool_result"
    ][index]
    return found


def said(model: ScriptedModel, index: int = 0) -> str:
    content = result(model, index)["content"]
    return "".join(block.get("text", "") for block in content)


def ran(answer: Answer) -> None:
    assert answer.status == "ok", answer.errors
    assert answer.transcript["status"] == "done"


def test_an_agent_calls_a_function_of_the_notebook(kernel: Kernel, model: ScriptedModel) -> None:
    assert kernel.run(SALES).status == "ok"
    model.script[:] = [[call("sales", region="north")], [say("It is 3024.")]]
    answer = kernel.run("%%agent --tool sales\nHow much?")
    ran(answer)
    offered = {tool["name"]: tool for tool in model.requests[0]["tools"]}
    assert offered["sales"]["description"] == "Sales of a region."
    assert offered["sales"]["input_schema"]["required"] == ["region"]
    assert "bash" in offered
    assert json.loads(said(model)) == {"region": "north", "total": 3024}
    (step,) = tools(answer)
    assert (step["place"], step["status"]) == ("kernel", "ok")
    assert step["shown"] == [{"type": "text", "text": "looking up north\n"}]
    assert "looking up" not in str(model.requests) and "looking up" not in answer.printed
    for form in ("text/html", "text/markdown", "text/plain"):
        assert "kernel · sales" in answer.bundle[form]
        assert "looking up north" in answer.bundle[form]


SLOW = """
import time
import jupyter_agents as ja

@ja.tool
def slow(n: int) -> int:
    "Slow."
    time.sleep(0.3)
    return n
"""


def test_a_person_is_not_asked_about_calls_that_are_being_answered(
    kernel: Kernel, model: ScriptedModel
) -> None:
    """The session says again, after each answer, which calls still wait: these are on their way."""
    assert kernel.run(SLOW).status == "ok"
    for options in ("", "--on-ask wait", "--on-ask return"):
        model.script[:] = [[call("slow", n=n) for n in range(4)], [say("All four.")]]
        answer = kernel.run(f"%%agent --new --tool slow {options}\nGo", stdin="")
        ran(answer)
        assert [tool["status"] for tool in tools(answer)] == ["ok"] * 4
        assert "waits for your answer" not in answer.printed


def test_the_stored_agent_stays_as_it_is(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(SALES)
    model.script[:] = [[say("Hm.")]]
    ran(kernel.run("%%agent --tool sales -o run\nHi"))
    code = """
import jupyter_agents.kernel.notebook as notebook
agents = notebook.current().connect().client.beta.agents
own = [a for a in agents.list() if a.name == "default"][0]
[[t.type for t in own.tools], own.version, [t.type for t in run.session.resource.agent.tools]]"""
    (shown,) = kernel.run(code).results
    assert eval(shown["text/plain"]) == [
        ["agent_toolset_20260401"],
        1,
        ["agent_toolset_20260401", "custom"],
    ]


WRONG = """
import jupyter_agents as ja, time, sys

@ja.tool
def broken(x: int) -> None:
    raise ValueError("no such region")

@ja.tool
def leaves() -> None:
    sys.exit(3)

@ja.tool(timeout=0.5)
def stuck() -> None:
    while True:
        try:
            time.sleep(30)
        except Exception:
            pass

@ja.tool(timeout=0.5)
async def stuck_loop() -> None:
    time.sleep(7)

@ja.tool
async def leaves_loop() -> None:
    sys.exit(3)

@ja.tool
def loud() -> str:
    print("x" * 10_000_000)
    return "done"

@ja.tool
def lazy() -> object:
    return (n for n in range(3))

@ja.tool
def greedy(items: list[int]) -> int:
    items.clear()
    return 1

@ja.tool
async def friendly() -> str:
    import asyncio
    await asyncio.sleep(0.01)
    print("awaited")
    return "hello"
"""
ALL = ["broken", "leaves", "stuck", "stuck_loop", "leaves_loop", "loud", "lazy", "greedy", "friendly"]


def test_whatever_a_function_does_is_an_answer(kernel: Kernel, model: ScriptedModel) -> None:
    assert kernel.run(WRONG).status == "ok"
    calls = [call(name) for name in ALL]
    calls[0]["input"], calls[7]["input"] = {"x": 1}, {"items": [1, 2]}
    model.script[:] = [[*calls, call("broken", x="seven")], [say("Oh.")]]
    answer = kernel.run("%%agent " + " ".join(f"--tool {name}" for name in ALL) + "\nTry all")
    ran(answer)
    given = {name: (said(model, index), result(model, index)["is_error"]) for index, name in enumerate(ALL)}
    assert given["broken"][0].startswith("ValueError: no such region")
    assert 'File "cell", line 5, in broken\n    raise ValueError' in given["broken"][0]
    assert "calls.py" not in given["broken"][0]
    assert given["leaves"] == ("SystemExit: 3\n" + given["leaves"][0].partition("\n")[2], True)
    for name in ("stuck", "stuck_loop"):
        assert given[name][0].startswith(f"{name} did not end within 0.5 seconds")
    assert given["leaves_loop"][0].startswith("SystemExit: 3")
    assert given["loud"] == ("done", False)
    assert "return a list" in given["lazy"][0]
    assert given["greedy"] == ("1", False) and given["friendly"] == ("hello", False)
    assert {given[name][1] for name in ALL[:5]} == {True}
    assert "x: Input should be a valid integer" in said(model, 9)
    steps = {step["name"]: step for step in tools(answer)}
    assert steps["greedy"]["input"] == {"items": [1, 2]}
    assert steps["friendly"]["shown"] == [{"type": "text", "text": "awaited\n"}]
    assert "characters more were printed" in steps["loud"]["shown"][-1]["text"]


def test_a_function_that_is_defined_anew_is_used(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(SALES)
    model.script[:] = [[say("Hi.")], [call("sales", town="Ulm")], [say("Fine.")]]
    first = kernel.run("%%agent --tool sales -o run\nHi")
    ran(first)
    kernel.run("@ja.tool\ndef sales(town: str) -> str:\n    return town.upper()")
    second = kernel.run("%%agent -o again\nGo on")
    ran(second)
    assert said(model) == "ULM"
    assert list(model.requests[1]["tools"][-1]["input_schema"]["properties"]) == ["town"]
    assert kernel.run("run.session.id == again.session.id").results[0]["text/plain"] == "True"


def test_stop_stops_the_function_and_the_turn(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run("import jupyter_agents as ja, time\n@ja.tool\ndef nap() -> None:\n    time.sleep(50)")
    model.script[:] = [[call("nap")], [say("Awake.")]]
    answer = kernel.run("%%agent --tool nap\nSleep", interrupt=["kernel · nap"])
    assert answer.status == "error" and answer.errors[0].startswith("Stopped while running nap.")
    assert [step["status"] for step in tools(answer)] != ["ok"]
    assert answer.transcript["status"] == "interrupted"
    ran(kernel.run("%%agent\nGo on"))


SPACE = """
import jupyter_agents as ja
class Toolkit:
    def __init__(self): self.calls = 0
    @ja.tool
    def count(self, by: int) -> int:
        self.calls += by
        return self.calls
    @ja.tool
    def _hidden(self) -> None: pass
kit = Toolkit()
"""


def test_a_namespace_asks_before_each_call(kernel: Kernel, model: ScriptedModel) -> None:
    assert kernel.run(SPACE).status == "ok"
    outcomes = []
    for number, (options, stdin) in enumerate([("", None), ("", "y"), ("", "n"), ("--on-ask allow", None)]):
        model.script[:] = [[call("count", by=1 + number)], [say("So.")]]
        answer = kernel.run(f"%%agent --new --tools-from kit {options}\nCount", stdin=stdin)
        ran(answer)
        outcomes.append(said(model))
    assert [tool["name"] for tool in model.requests[0]["tools"]][-1] == "count"
    assert "Nobody is there" in outcomes[0]
    assert outcomes[1] == "2"
    assert "did not allow" in outcomes[2]
    assert outcomes[3] == "6"


NOTE = """
import jupyter_agents as ja
made = []
@ja.tool
def note(text: str) -> str:
    made.append(text)
    return "noted"
"""
LEAVE = """
import jupyter_agents.kernel.notebook as notebook, time
client = notebook.current().connect().client
message = {"type": "user.message", "content": [{"type": "text", "text": "More"}]}
client.beta.sessions.events.send(run.session.id, events=[message])
while client.beta.sessions.retrieve(run.session.id).status != "idle":
    time.sleep(0.05)
run.session.id"""


def test_a_call_that_waited_for_a_kernel_is_answered_once(
    kernel: Kernel, model: ScriptedModel, environment: dict[str, str], workspace: Path
) -> None:
    kernel.run(NOTE)
    model.script[:] = [[call("note", text="milk")], [say("Noted.")]]
    ran(kernel.run("%%agent --tool note -o run\nHi"))
    model.script[:] = [[call("note", text="eggs")], [say("Noted.")]]
    id = eval(kernel.run(LEAVE).results[0]["text/plain"])
    restarted = Kernel(environment, workspace)
    try:
        restarted.run("%load_ext jupyter_agents")
        restarted.run(NOTE)
        attached = restarted.run(f"%agent attach {id} --tool note")
        ran(attached)
        assert (said(model), tools(attached)[0]["status"]) == ("noted", "ok")
        ran(restarted.run(f"%agent attach {id} --tool note"))
        assert restarted.run("made").results[0]["text/plain"] == "['eggs']"
    finally:
        restarted.close()


def test_the_result_that_came_first_wins(kernel: Kernel, model: ScriptedModel) -> None:
    code = """
import jupyter_agents as ja
import jupyter_agents.kernel.notebook as notebook
@ja.tool
def late() -> str:
    session = notebook.current().latest.id
    client = notebook.current().connect().client
    use = [e for e in client.beta.sessions.events.list(session) if e.type == "agent.custom_tool_use"][-1]
    result = {"type": "user.custom_tool_result", "custom_tool_use_id": use.id}
    content = [{"type": "text", "text": "first"}]
    client.beta.sessions.events.send(session, events=[{**result, "content": content}])
    return "second"
"""
    assert kernel.run(code).status == "ok"
    model.script[:] = [[call("late")], [say("So.")]]
    answer = kernel.run("%%agent --new --tool late\nGo")
    ran(answer)
    assert (said(model), tools(answer)[0]["output"][0]["text"]) == ("first", "first")


def test_other_calls_still_wait_for_the_user(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(SALES)
    kernel.run("""
_policy = {"enabled": True, "permission_policy": {"type": "always_ask"}}
_tools = [{"type": "agent_toolset_20260401", "default_config": _policy}]
notebook.current().connect().client.beta.agents.create(
    name="asking", model="claude-opus-4-7", tools=_tools).name""")
    model.script[:] = [[call("sales", region="a"), call("bash", command="echo hi")], [say("Both.")]]
    answer = kernel.run("%%agent asking --tool sales\nGo", stdin="")
    assert (answer.status, answer.transcript["status"]) == ("ok", "waiting")
    assert [step["status"] for step in tools(answer)] == ["ok", "waiting"]
    approved = kernel.run("%agent approve", stdin="")
    ran(approved)
    assert said(model, 0).startswith("{") and said(model, 1) == "hi\n"


def test_python_takes_functions_too(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(SALES)
    model.script[:] = [[call("sales", region="a")], [say("1")], [call("later")], [say("2")]]
    code = """
import asyncio, threading
place = []
@ja.tool
async def later() -> str:
    place.append(asyncio.get_running_loop() is loop)
    return "x"
loop = asyncio.get_running_loop()
first = ja.run("Hi", ja.Agent("mixed", model="claude-opus-4-7", tools=("bash", sales)))
second = await ja.arun("Hi", new=True, tools=[later])
[first.status, second.status, place]"""
    answer = kernel.run(code)
    assert answer.status == "ok", answer.errors
    assert answer.results[0]["text/plain"] == "['done', 'done', [True]]"
    assert [tool["name"] for tool in model.requests[0]["tools"]] == ["bash", "sales"]
    assert said(model) == "x"


def test_mistakes_are_one_line(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(SALES + "\ndef plain(x): pass\n")
    for line, says in {
        "--tool salles": "There is no 'salles' in this notebook. Did you mean sales",
        "--tool plain": "the parameter 'x' has no annotation; write for example x: str",
        "--tools-from ja": "ja has no public function that is decorated",
        "--tool sales.nothing": "sales.nothing",
    }.items():
        answer = kernel.run(f"%%agent {line}\nHi")
        assert answer.status == "error"
        assert says in answer.errors[0] and "Traceback" not in answer.errors[0]
    failed = kernel.run("@ja.tool\ndef starry(*names: str): pass")
    assert "cannot fill in *names" in failed.errors[0] and "Traceback" not in failed.errors[0]
    assert model.requests == []
