"""Where a call waits for an answer: nothing hangs, and the answers reach the agent."""

from __future__ import annotations

from jupyter_agents.cell.snapshot import MIME
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Kernel

ASKING = """
import jupyter_agents.kernel.notebook as notebook
_client = notebook.current().connect().client
_policy = {"enabled": True, "permission_policy": {"type": "always_ask"}}
_tools = [{"type": "agent_toolset_20260401", "default_config": _policy}]
_tools += [{"type": "custom", "name": "lookup", "description": "d", "input_schema": {"type": "object"}}]
_client.beta.agents.create(name="careful", model="claude-opus-4-7", tools=_tools).name
"""


def script(model: ScriptedModel) -> None:
    model.script[:] = [[call("bash", command="echo hi")], [say("All right.")]]


def tool(answer: object) -> dict[str, object]:
    steps = answer.transcript["steps"]  # type: ignore[attr-defined]
    found: dict[str, object] = next(step for step in steps if step["kind"] == "tool")
    return found


def test_without_input_the_call_is_denied_and_the_run_goes_on(kernel: Kernel, model: ScriptedModel) -> None:
    assert kernel.run(ASKING).status == "ok"
    script(model)
    answer = kernel.run("%%agent careful\nHi")
    assert answer.status == "ok"
    assert (answer.transcript["status"], tool(answer)["status"]) == ("done", "denied")
    assert "Nobody is there to approve" in str(model.requests[-1]["messages"][-1])


def test_where_someone_can_answer_the_cell_returns_and_says_how(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    script(model)
    answer = kernel.run("%%agent careful\nHi", stdin="")
    assert answer.status == "ok"
    assert (answer.transcript["status"], answer.bundle[MIME]["live"]) == ("waiting", True)
    assert "%agent approve" in answer.printed

    blocked = kernel.run("%%agent careful\nMore", stdin="")
    assert blocked.status == "error"
    assert "waits for your answer to: bash echo hi" in blocked.errors[0]

    approved = kernel.run("%agent approve", stdin="")
    assert (approved.transcript["status"], tool(approved)["status"]) == ("done", "ok")
    assert approved.bundle[MIME]["first_event_id"] == answer.bundle[MIME]["first_event_id"]
    assert kernel.run("%agent approve").status == "error"


def test_deny_tells_the_agent_why(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    script(model)
    kernel.run("%%agent careful\nHi", stdin="")
    denied = kernel.run("%agent deny Not on a Friday.", stdin="")
    assert (denied.transcript["status"], tool(denied)["status"]) == ("done", "denied")
    assert "Not on a Friday." in str(model.requests[-1]["messages"][-1])


def test_a_waiting_call_can_be_interrupted(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    script(model)
    kernel.run("%%agent careful\nHi", stdin="")
    assert kernel.run("%agent interrupt").status == "ok"
    model.script[:] = [[say("Fresh.")]]
    assert kernel.run("%%agent careful\nHi", stdin="").transcript["status"] == "done"


def test_on_ask_allow_and_fail(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    script(model)
    allowed = kernel.run("%%agent careful --on-ask allow\nHi")
    assert tool(allowed)["status"] == "ok"
    script(model)
    failed = kernel.run("%%agent careful --on-ask fail\nHi")
    assert failed.status == "error"
    assert failed.transcript["status"] == "waiting"


def test_a_custom_tool_that_nobody_runs_is_an_error_result(kernel: Kernel, model: ScriptedModel) -> None:
    kernel.run(ASKING)
    model.script[:] = [[call("lookup")], [say("Then not.")]]
    answer = kernel.run("%%agent careful\nHi")
    assert (answer.transcript["status"], tool(answer)["status"]) == ("done", "error")
    assert "does not offer that tool" in str(model.requests[-1]["messages"][-1])
