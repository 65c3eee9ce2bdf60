"""What is counted, and under which labels."""

from __future__ import annotations

import importlib
from typing import Any

import prometheus_client
import pytest

from jupyter_agents.domain.state import Call
from jupyter_agents.runtime import metrics
from jupyter_agents.sandbox.base import ToolResult
from jupyter_agents.testing import Fault, call, say
from tests.runtime.conftest import CUSTOM, Runtime, only

Doc = dict[str, Any]


def value(name: str, **labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value(f"jupyter_agents_{name}", labels) or 0.0


def made(name: str, kind: Any = "tool") -> Call:
    return Call("sevt_1", "toolu_1", name, {}, kind, "allow")


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (made("bash"), "bash"),
        (made("web_fetch"), "web_fetch"),
        (made("rm -rf /"), "unknown"),
        (made("secret_name", "mcp"), "mcp"),
        (made("weather", "custom"), "custom"),
    ],
)
def test_no_label_holds_what_somebody_wrote(found: Call, label: str) -> None:
    assert metrics.tool_label(found) == label


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (ToolResult.text("a"), "ok"),
        (ToolResult.text("a", is_error=True), "error"),
        (ToolResult.text("a").beyond("out of memory (1 GiB)"), "limit"),
    ],
)
def test_outcomes_are_told_apart(result: ToolResult, outcome: str) -> None:
    before = value("tool_calls_total", tool="grep", outcome=outcome)
    metrics.answered(made("grep"), result)
    assert value("tool_calls_total", tool="grep", outcome=outcome) == before + 1


async def test_a_turn_is_counted(runtime: Runtime) -> None:
    pairs: list[tuple[str, dict[str, str]]] = [
        ("model_requests_total", {"outcome": "ok"}),
        ("tool_calls_total", {"tool": "bash", "outcome": "error"}),
        ("sandbox_start_seconds_count", {"kind": "bubblewrap"}),
    ]
    before = [value(name, **given) for name, given in pairs]
    tokens = value("model_tokens_total", kind="output")
    session = await runtime.session(script=[[call("bash", command="false")], [say("Done.")]])
    await runtime.turn(session, "go")
    assert [value(name, **given) - was for (name, given), was in zip(pairs, before, strict=True)] == [2, 1, 1]
    assert value("model_tokens_total", kind="output") > tokens


async def test_clients_tools_failed_requests_and_missing_sandboxes_are_counted(bare: Runtime) -> None:
    before = value("tool_calls_total", tool="custom", outcome="ok")
    failed = value("model_requests_total", outcome="error")
    session = await bare.session(CUSTOM, script=[[call("weather")], [say("Sunny.")], Fault(400, "no")])
    asked = only(await bare.turn(session, "go"), "agent.custom_tool_use")["id"]
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": asked, "content": []}
    await bare.turn(session, answer)
    assert value("tool_calls_total", tool="custom", outcome="ok") == before + 1
    await bare.turn(session, "more")
    assert value("model_requests_total", outcome="error") == failed + 1
    lost = value("tool_calls_total", tool="bash", outcome="provider")
    await bare.turn(await bare.session(script=[[call("bash", command="true")]]), "go")
    assert value("tool_calls_total", tool="bash", outcome="provider") == lost + 1


async def test_gauges_add_up_the_runtimes_of_a_process(runtime: Runtime, bare: Runtime) -> None:
    session = await runtime.session(script=[[call("bash", command="true")], [say("Done.")]])
    await runtime.turn(session, "go")
    assert value("sandboxes", kind="bubblewrap", state="running") == 1
    assert value("sessions", status="idle") == 2
    await runtime.context.manager.archive(session)
    assert value("sandboxes", kind="bubblewrap", state="running") == 0
    assert (value("sessions", status="idle"), value("sessions", status="terminated")) == (0, 2)


def test_the_module_is_loaded_once_in_a_process() -> None:
    assert importlib.import_module("jupyter_agents.runtime.metrics") is metrics
