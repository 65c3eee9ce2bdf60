from __future__ import annotations

import copy
from typing import Any

import pytest

from jupyter_agents import wire
from jupyter_agents.domain import session_update
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import CUSTOM, TOOLSET, Talk, text

Doc = dict[str, Any]

MCP: Doc = {"type": "url", "name": "docs", "url": "https://a.example"}
METADATA: Doc = {"k": "v", "jupyter-agents/notebook": "a/b.ipynb"}


def cap(amount: str) -> Doc:
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}


def changes(talk: Talk, *, running: bool = False, **body: Any) -> Doc:
    return session_update.changes(talk.state, body, running=running)


def update(talk: Talk, **body: Any) -> Doc:
    """Update, as the runner does; the event."""
    changed = changes(talk, **body)
    talk.event(session_update.updated(changed), changed)
    return talk.records[-1].event


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"title": "N"}, {"title": "N"}),
        ({"title": None}, {"title": None}),
        ({"metadata": {"new": "x"}}, {"metadata": METADATA | {"new": "x"}}),
        ({"metadata": {"k": None}}, {"metadata": {"jupyter-agents/notebook": "a/b.ipynb"}}),
        ({"budget": cap("50")}, {"budget": cap("50")}),
        ({"budget": None}, {"budget": None}),
        ({"title": "N", "budget": cap("9")}, {"title": "N"}),
    ],
)
def test_an_event_shows_what_changed_only(body: Doc, shown: Doc) -> None:
    talk = Talk(title="T", metadata=METADATA, budget=cap("9"))
    event = update(talk, **body)
    assert {k: v for k, v in event.items() if k not in ("id", "type", "processed_at")} == shown
    wire.event_adapter().validate_python(event)
    assert talk.state.session | shown == talk.state.session


def test_metadata_that_was_cleared_is_not_shown_and_is_gone() -> None:
    talk = Talk(metadata={"k": "v"})
    assert "metadata" not in update(talk, metadata={"k": None})
    assert talk.state.session["metadata"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "T"},
        {"metadata": None},
        {"metadata": {"k": "v", "absent": None}},
        {"agent": {}},
        {"agent": {"tools": [TOOLSET, CUSTOM], "mcp_servers": []}},
        {"budget": cap("9")},
    ],
)
def test_what_changes_nothing(body: Doc) -> None:
    assert changes(Talk(title="T", metadata={"k": "v"}, budget=cap("9")), **body) == {}


def test_a_budget_that_is_not_there_is_removed_in_vain() -> None:
    assert changes(Talk(), budget=None) == {}


def test_tools_are_replaced_as_a_whole_with_their_defaults_and_nothing_else_changes() -> None:
    talk = Talk(agent={"system": "s"})
    before = copy.deepcopy(talk.state.session["agent"])
    shown = update(talk, agent={"tools": [TOOLSET | {"configs": [{"name": "bash", "enabled": False}]}]})
    (toolset,) = shown["agent"]["tools"]
    assert toolset["default_config"] == {"enabled": True, "permission_policy": {"type": "always_allow"}}
    assert toolset["configs"][0]["type"] == "bash"
    assert shown["agent"] | {"tools": before["tools"]} == before
    assert update(talk, agent={"tools": []})["agent"]["tools"] == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"vault_ids": []}, "vault_ids"),
        ({"title": "x" * 257}, "title"),
        ({"metadata": {"k": "x" * 513}}, "metadata.k"),
        ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata: 1[89] pairs"),
        ({"metadata": {"jupyter-agents/notebook": "c.ipynb"}}, "jupyter-agents/notebook: .*stays"),
        ({"metadata": {"jupyter-agents/notebook": None}}, "jupyter-agents/notebook: .*stays"),
        ({"metadata": {"jupyter-agents/workspace": "w"}}, "jupyter-agents/workspace: .*stays"),
        ({"agent": {"mcp_servers": [MCP]}}, "needs an mcp_toolset"),
        ({"agent": {"tools": [{"type": "mcp_toolset", "mcp_server_name": "docs"}]}}, "needs an entry"),
        ({"agent": {"tools": [CUSTOM, CUSTOM]}}, "used twice"),
    ],
)
def test_what_cannot_be_changed(body: Doc, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        changes(Talk(metadata=METADATA), **body)


def test_a_running_session_keeps_its_tools_and_takes_all_else() -> None:
    talk = Talk(budget=cap("9"))
    talk.turn()
    assert changes(talk, running=True, title="N", budget=cap("20"), metadata={"a": "b"})
    with pytest.raises(InvalidRequest, match=r"running.*user\.interrupt"):
        changes(talk, running=True, agent={"tools": []})


def test_an_archived_session_stays_as_it_is() -> None:
    talk = Talk()
    talk.event({"type": "session.status_terminated"})
    with pytest.raises(InvalidRequest, match="archived"):
        changes(talk, title="N")


def test_the_workspace_is_named_after_the_first_title() -> None:
    talk = Talk(title="One")
    update(talk, title="Two")
    update(talk, title="Three")
    assert talk.state.session["workspace_title"] == "One"
    untitled = Talk()
    update(untitled, title="Two")
    assert untitled.state.session["workspace_title"] == "coder"


def test_new_tools_apply_from_the_next_turn() -> None:
    talk = Talk()
    talk.turn()
    (asked,) = talk.calls("ask")
    talk.idle("requires_action", event_ids=[asked])
    before = talk.state.session["agent"]
    update(talk, agent={"tools": []})
    assert talk.state.session["agent"] == before
    assert changes(talk, agent={"tools": []}) == {}
    talk.process(talk.confirm(asked))
    talk.running()
    talk.result(asked)
    talk.ask()
    talk.answer(text("Done."))
    assert talk.state.session["agent"] == before
    talk.idle()
    assert talk.state.session["agent"]["tools"] == []
    again = State()
    for record in talk.records:
        apply(again, record)
    assert again == talk.state


def test_the_last_of_two_updates_in_a_pause_counts() -> None:
    talk = Talk()
    talk.turn()
    (asked,) = talk.calls("ask")
    talk.idle("requires_action", event_ids=[asked])
    update(talk, agent={"tools": []})
    update(talk, agent={"tools": [CUSTOM]})
    talk.idle()
    assert [tool["type"] for tool in talk.state.session["agent"]["tools"]] == ["custom"]
