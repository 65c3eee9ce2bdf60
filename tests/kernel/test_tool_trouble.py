"""Tools that go wrong: an error result for the agent, a card that says so, and the session goes on."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.cell.snapshot import LIMIT, size
from jupyter_agents.testing import ScriptedModel, call, say
from tests.kernel.conftest import Answer, Kernel


def card(answer: Answer) -> dict[str, Any]:
    """The one tool's step."""
    (found,) = [step for step in answer.transcript["steps"] if step["kind"] == "tool"]
    return dict(found)


def told(model: ScriptedModel) -> dict[str, Any]:
    """The tool result in the latest request to the model."""
    (block,) = model.requests[-1]["messages"][-1]["content"]
    return dict(block)


@pytest.mark.parametrize(
    ("tool", "given", "says"),
    [
        ("bash", {"command": "echo before; exit 3"}, "before"),
        ("bash", {"command": "echo before; sleep 60", "timeout_ms": 500}, "time"),
        ("bash", {"command": "kill -9 $$"}, "The shell ended (signal 9)"),
        ("read", {"file_path": "/workspace/nothing.txt"}, "nothing.txt"),
        ("edit", {"file_path": "/workspace/x", "old_string": "a", "new_string": "b"}, "x"),
        ("nothing", {"a": 1}, "no tool named"),
    ],
    ids=["fails", "times out", "kills its shell", "file is missing", "edit of nothing", "unknown tool"],
)
def test_a_failing_tool_is_an_error_result_and_the_session_goes_on(
    kernel: Kernel, model: ScriptedModel, tool: str, given: dict[str, Any], says: str
) -> None:
    model.script[:] = [
        [call(tool, **given)],
        [say("I see.")],
        [call("bash", command="echo alive")],
        [say("Yes.")],
    ]
    answer = kernel.run("%%agent --new\nTry it")
    assert answer.status == "ok", answer.errors
    assert answer.transcript["status"] == "done"
    assert told(model)["is_error"] is True
    assert says in str(told(model)["content"])
    assert card(answer)["status"] in ("error", "denied")
    after = kernel.run("%%agent\nAre you there?")
    assert card(after)["output"] == [{"type": "text", "text": "alive\n"}]


def test_two_hundred_megabytes_are_cut(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [
        [call("bash", command="yes 0123456789abcdef | head -c 200000000; echo end")],
        [say("Long.")],
    ]
    answer = kernel.run("%%agent --new\nPrint")
    assert answer.status == "ok", answer.errors
    assert len(str(told(model)["content"])) < 150_000
    assert size(answer.bundle) <= LIMIT
    assert "0123456789abcdef" in card(answer)["output"][0]["text"]


def test_binary_output_is_text_that_can_be_saved(kernel: Kernel, model: ScriptedModel) -> None:
    model.script[:] = [
        [call("bash", command="head -c 20000 /dev/urandom; printf '\\0\\033[2J'")],
        [say("Noise.")],
    ]
    answer = kernel.run("%%agent --new\nPrint")
    assert answer.status == "ok", answer.errors
    assert card(answer)["status"] == "ok"
    for form in answer.bundle.values():
        str(form).encode("utf-8")
    assert "\x00" not in answer.bundle["text/html"]
    assert "\x1b" not in answer.bundle["text/html"]
