from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import approvals, mcp, permissions
from jupyter_agents.domain.sessions import fold
from jupyter_agents.errors import Conflict, InvalidRequest, NotFound
from tests.domain.talk import CUSTOM, TOOLSET, Talk

Doc = dict[str, Any]

ASK = {"permission_policy": {"type": "always_ask"}}
SERVER = {"type": "url", "name": "tea", "url": "http://127.0.0.1:9/mcp"}


def talk() -> Talk:
    asks = TOOLSET | {"configs": [{"name": "bash", **ASK}, {"name": "edit", **ASK}]}
    tools = [asks, CUSTOM, {"type": "mcp_toolset", "mcp_server_name": "tea"}]
    return Talk(agent={"tools": tools, "mcp_servers": [SERVER]})


def waiting() -> tuple[Talk, str]:
    """A talk in which one bash call waits."""
    found = talk()
    found.turn()
    (call,) = found.calls("ask")
    return found, call


def test_a_rule_holds_for_its_tool_until_it_is_taken_back() -> None:
    found = talk()
    rule = approvals.new_rule(found.state, {"tool": "bash"})
    assert rule == {"tool": "bash", "server": None, "url": None}
    found.private(approvals.RULE, rule | {"by": "Ada", "at": "now"})
    (id,) = found.state.rules
    assert approvals.ruled(found.state, "bash", None) == id
    assert approvals.ruled(found.state, "edit", None) is None
    assert approvals.new_rule(found.state, {"tool": "bash", "server": None}) is None
    found.private(approvals.RULE_GONE, {"rule_id": id, "by": "Ada"})
    assert approvals.ruled(found.state, "bash", None) is None
    with pytest.raises(NotFound):
        approvals.known_rule(found.state, id)


def test_a_rule_of_an_mcp_tool_holds_for_the_servers_address() -> None:
    found = talk()
    rule = approvals.new_rule(found.state, {"tool": "brew", "server": "tea"})
    assert rule is not None and rule["url"] == SERVER["url"]
    found.private(approvals.RULE, rule)
    target = mcp.Target("tea", SERVER["url"], "brew")
    assert approvals.ruled(found.state, "mcp__tea__brew", target)
    moved = mcp.Target("tea", "http://127.0.0.1:10/mcp", "brew")
    assert approvals.ruled(found.state, "mcp__tea__brew", moved) is None
    assert approvals.ruled(found.state, "brew", None) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expected"),
        ({"tool": 5}, "expected"),
        ({"tool": ""}, "expected"),
        ({"tool": "bash", "server": 1}, "expected"),
        ({"tool": "bash", "more": 1}, "expected"),
        ({"tool": "x" * 129}, "expected"),
        ({"tool": "weather"}, "no tool"),
        ({"tool": "nonsense"}, "no tool"),
        ({"tool": "nothing"}, "no tool"),
        ({"tool": "brew", "server": "coffee"}, "no tool"),
        ({"tool": "read"}, "without asking"),
    ],
)
def test_what_is_no_rule(body: Doc, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        approvals.new_rule(talk().state, body)


def test_a_session_has_so_many_rules() -> None:
    found = talk()
    for n in range(approvals.MOST_RULES):
        found.private(approvals.RULE, {"tool": f"t{n}", "server": None, "url": None})
    with pytest.raises(InvalidRequest, match="at most"):
        approvals.new_rule(found.state, {"tool": "bash"})


def test_a_session_that_is_over_takes_nothing() -> None:
    found = talk()
    found.event({"type": "session.status_terminated"})
    with pytest.raises(Conflict):
        approvals.new_rule(found.state, {"tool": "bash"})
    with pytest.raises(Conflict):
        approvals.new_input(found.state, "sevt_1", {"input": {}})


@pytest.mark.parametrize("permission", ["allow", "ask", "deny"])
def test_a_rule_allows_only_what_asks(permission: Any) -> None:
    verdict = permissions.allowed_always(permissions.Verdict(permission, None))
    assert verdict.permission == {"ask": "allow"}.get(permission, permission)


def test_a_changed_input_is_what_runs_and_the_result_says_so() -> None:
    found, id = waiting()
    call = found.state.calls[id]
    call.input = {"command": "rm -rf build", "timeout_ms": 5}
    assert approvals.said(call) == []
    new = approvals.new_input(found.state, id, {"input": {"command": "ls build"}})
    found.private(approvals.INPUT, {"call_id": id, "input": new, "by": "Ada"})
    assert call.input == {"command": "ls build"}
    (block,) = approvals.said(call)
    assert "The user changed the input" in block["text"]
    assert '{"command": "ls build"}' in block["text"] and "Left out: timeout_ms." in block["text"]


def test_an_input_that_comes_after_the_answer_changes_nothing() -> None:
    found, id = waiting()
    found.process(found.confirm(id))
    found.private(approvals.INPUT, {"call_id": id, "input": {"command": "late"}, "by": "Ada"})
    assert found.state.calls[id].input == {} and found.state.calls[id].original is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expected"),
        ({"input": []}, "expected"),
        ({"input": {"command": "x"}, "more": 1}, "expected"),
        ({"input": {"command": "x" * approvals.MOST_INPUT}}, "larger"),
        ({"input": {"comand": "x"}}, "no such field"),
        ({"input": {"command": 5}}, "input.command: expected a string"),
        ({"input": {"command": "x", "timeout_ms": True}}, "expected an integer"),
    ],
)
def test_what_is_no_input(body: Doc, words: str) -> None:
    found, id = waiting()
    with pytest.raises(InvalidRequest, match=words):
        approvals.new_input(found.state, id, body)


def test_who_said_what_is_read_from_the_records() -> None:
    found, id = waiting()
    found.private(approvals.INPUT, {"call_id": id, "input": {"command": "ls"}, "by": "Ada"})
    body = {"type": "user.tool_confirmation", "tool_use_id": id, "result": "allow"}
    found._take(found.stamp.queued(body, "Ada"))
    assert approvals.asked(found.state) == []
    (one,) = approvals.history(found.records)
    at = one.pop("at")
    assert at.startswith("2026-11-21T12:00:00")
    assert one == {"call_id": id, "result": "allow", "reason": None, "by": "Ada", "input": {"command": "ls"}}
    assert fold(found.records).calls[id].input == {"command": "ls"}
