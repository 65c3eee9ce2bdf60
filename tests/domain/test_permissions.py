from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import permissions, tools
from jupyter_agents.domain.agents import create_agent
from jupyter_agents.domain.permissions import judge
from tests.domain.talk import CUSTOM, NOW, TOOLSET

Doc = dict[str, Any]

ASK = {"type": "always_ask"}


def agent(*found: Doc) -> Doc:
    return create_agent({"name": "a", "model": "m", "tools": list(found)}, "agent_1", NOW)


@pytest.mark.parametrize(
    ("tool", "name", "permission", "evaluation"),
    [
        (TOOLSET, "bash", "allow", {"type": "always_allow"}),
        (TOOLSET | {"default_config": {"permission_policy": ASK}}, "bash", "ask", ASK),
        (
            TOOLSET | {"configs": [{"name": "bash", "permission_policy": ASK}]},
            "read",
            "allow",
            {"type": "always_allow"},
        ),
        (TOOLSET | {"configs": [{"name": "bash", "enabled": False}]}, "bash", "deny", None),
        (TOOLSET, "web_search", "allow", {"type": "always_allow"}),
        (TOOLSET, "nonsense", "deny", None),
        (CUSTOM, "bash", "deny", None),
    ],
)
def test_the_verdict_over_a_call(tool: Doc, name: str, permission: str, evaluation: Any) -> None:
    verdict = judge(agent(tool), name, tools.OFFERED, {})
    assert (verdict.permission, verdict.evaluation) == (permission, evaluation)
    assert bool(verdict.reason) == (permission == "deny")


def test_the_model_is_shown_what_is_enabled_and_run_here() -> None:
    found = agent(TOOLSET | {"configs": [{"name": "bash", "enabled": False}]})
    assert permissions.enabled_tools(found, tools.SANDBOX) == ["edit", "glob", "grep", "read", "write"]
    assert permissions.enabled_tools(found, tools.WEB) == ["web_fetch", "web_search"]


@pytest.mark.parametrize(
    ("name", "given", "permission", "more"),
    [
        ("bash", {"command": "ls"}, "allow", {}),
        ("bash", {"command": "pip install x"}, "ask", {"reason_code": "indeterminate"}),
        ("bash", {"command": "rm -rf /"}, "deny", {"reason_code": "high_risk"}),
        ("write", {"file_path": ".bashrc", "content": ""}, "deny", {"reason_code": "high_risk"}),
    ],
)
def test_the_verdict_under_auto(name: str, given: Doc, permission: str, more: Doc) -> None:
    found = agent(TOOLSET | {"default_config": {"permission_policy": {"type": "auto"}}})
    verdict = judge(found, name, tools.OFFERED, given)
    evaluation = {"type": "auto", "evaluated_permission": {"type": permission, **more}}
    assert verdict == permissions.Verdict(permission, evaluation)  # type: ignore[arg-type]


def test_an_mcp_tool_under_auto_is_asked() -> None:
    verdict = permissions.by_policy({"permission_policy": {"type": "auto"}}, "read", {}, server="files")
    ask = {"type": "ask", "reason_code": "indeterminate"}
    assert verdict.evaluation == {"type": "auto", "evaluated_permission": ask}


@pytest.mark.parametrize(
    ("tools_", "judged"),
    [
        ([TOOLSET], False),
        ([TOOLSET | {"default_config": {"permission_policy": {"type": "auto"}}}], True),
        ([TOOLSET | {"configs": [{"name": "bash", "permission_policy": {"type": "auto"}}]}], True),
    ],
)
def test_an_agent_has_a_judge_where_any_tool_is_under_auto(tools_: list[Doc], judged: bool) -> None:
    assert permissions.has_judge(agent(*tools_)) is judged
