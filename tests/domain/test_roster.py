from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain import roster
from jupyter_agents.domain.agents import create_agent, update_agent
from jupyter_agents.errors import InvalidRequest
from tests.domain.talk import NOW

Doc = dict[str, Any]

LATER = "2026-11-21T13:00:00.000000Z"
ON, OFF = {"type": "enabled"}, {"type": "disabled"}
ADVISOR = {"type": "advisor", "model": "claude-opus-5"}
SELF = {"type": "self"}


def agent(id: str, version: int = 1, geo: str | None = None, **more: Any) -> Doc:
    model = {"id": "claude-opus-5", "inference_geo": geo}
    made = create_agent({"name": more.pop("name", id), "model": model}, id, NOW)
    return made | {"version": version} | more


def pin(id: str, version: int = 1) -> Doc:
    return {"type": "agent", "id": id, "version": version}


HELPERS = {f"agent_{name}": agent(f"agent_{name}", 3) for name in "bcd"}
MANY = {f"agent_n{n}": agent(f"agent_n{n}") for n in range(21)}


def known(*more: Doc) -> dict[roster.Reference, Doc]:
    agents = [*HELPERS.values(), *MANY.values(), *more]
    newest: dict[roster.Reference, Doc] = {(a["id"], None): a for a in agents}
    pinned: dict[roster.Reference, Doc] = {(a["id"], a["version"]): a for a in agents}
    older: dict[roster.Reference, Doc] = {(id, 1): a | {"version": 1} for id, a in HELPERS.items()}
    return newest | older | pinned


def made(multiagent: Any, *more: Doc, **body: Any) -> Doc:
    given = {"name": "lead", "model": "claude-opus-5", "multiagent": multiagent, **body}
    return create_agent(given, "agent_a", NOW, known(*more))


def coordinator(*agents: Any) -> Doc:
    return {"type": "coordinator", "agents": list(agents)}


def team(**more: Any) -> Doc:
    return {"type": "multiagent_20261001", **more}


DEFAULT_TEAM = {"type": "enabled", "predefined_agents": [], "inline_agents": ON}
DEFAULT = {
    "type": "multiagent_20261001",
    "subagents": DEFAULT_TEAM,
    "workflows": DEFAULT_TEAM,
    "advisor": OFF,
}


def test_a_coordinators_roster_is_pinned_and_the_advisor_stands_last() -> None:
    given = coordinator(ADVISOR, "agent_b", {"type": "agent", "id": "agent_c", "version": 1}, SELF)
    assert made(given)["multiagent"] == coordinator(
        pin("agent_b", 3), pin("agent_c", 1), pin("agent_a"), ADVISOR
    )


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ({}, {}),
        ({"subagents": None, "workflows": None, "advisor": None}, {}),
        ({"workflows": OFF}, {"workflows": OFF}),
        ({"subagents": ON}, {}),
        ({"subagents": ON | {"predefined_agents": None, "inline_agents": None}}, {}),
        (
            {"subagents": ON | {"predefined_agents": ["agent_b", SELF], "inline_agents": OFF}},
            {
                "subagents": {
                    "type": "enabled",
                    "predefined_agents": [pin("agent_b", 3), pin("agent_a")],
                    "inline_agents": OFF,
                }
            },
        ),
        ({"advisor": ON | {"model": "claude-opus-5"}}, {"advisor": ON | {"model": "claude-opus-5"}}),
    ],
)
def test_the_three_members_have_defaults(given: Doc, whole: Doc) -> None:
    assert made(team(**given))["multiagent"] == DEFAULT | whole


@pytest.mark.parametrize(
    ("multiagent", "where"),
    [
        (coordinator(), "agents"),
        (coordinator(*MANY), "agents"),
        (team(subagents=ON | {"predefined_agents": list(MANY)}), "subagents.predefined_agents"),
        (coordinator("agent_b", "agent_b"), "agents.1"),
        (coordinator("agent_b", {"type": "agent", "id": "agent_b", "version": 1}), "agents.1"),
        (coordinator(SELF, SELF), "agents.1"),
        (coordinator(SELF, "agent_a"), "agents.1"),
        (coordinator(ADVISOR, ADVISOR), "agents.1"),
        (coordinator("agent_none"), "agents.0"),
        (coordinator({"type": "agent", "id": "agent_b", "version": 9}), "agents.0"),
        (coordinator({"type": "agent", "id": "agent_b", "version": 0}), "agents.0.version"),
        (coordinator("agent_old"), "agents.0"),
        (coordinator("agent_lead"), "agents.0"),
        (coordinator({"type": "advisor", "model": ""}), "agents.0.model"),
        (team(advisor=ON | {"model": "x" * 257}), "advisor.model"),
        (team(workflows=ON | {"inline_agents": OFF}), "workflows.predefined_agents"),
        (team(subagents=ON | {"inline_agents": OFF, "predefined_agents": []}), "subagents.predefined_agents"),
        (team(workflows=ON | {"predefined_agents": ["agent_lead"]}), "workflows.predefined_agents.0"),
        (coordinator("agent_b", "agent_twin"), "agents"),
        (coordinator("agent_reserved"), "agents"),
        (coordinator(SELF, "agent_lead_too"), "agents"),
        (coordinator("agent_us", "agent_global"), "agents"),
    ],
)
def test_what_is_refused_by_name(multiagent: Doc, where: str) -> None:
    others = (
        agent("agent_old", archived_at=NOW),
        agent("agent_lead", multiagent=DEFAULT),
        agent("agent_twin", name="agent_b"),
        agent("agent_reserved", name="anthropic.advisor"),
        agent("agent_lead_too", name="lead"),
        agent("agent_us", geo="us"),
        agent("agent_global", geo="global"),
    )
    with pytest.raises(InvalidRequest) as caught:
        made(multiagent, *others)
    assert caught.value.message.startswith(f"multiagent.{where}:")


def test_twenty_are_allowed_and_two_lists_may_share_an_agent() -> None:
    twenty = list(MANY)[:20]
    assert len(made(coordinator(*twenty))["multiagent"]["agents"]) == 20
    both = ON | {"predefined_agents": twenty}
    assert made(team(subagents=both, workflows=both))["multiagent"]["workflows"]["predefined_agents"]


def test_one_geography_or_none() -> None:
    us = agent("agent_us", geo="us")
    assert made(coordinator("agent_us", "agent_b"), us)
    model = {"id": "claude-opus-5", "inference_geo": "global"}
    with pytest.raises(InvalidRequest, match="inference_geo"):
        made(coordinator("agent_us"), us, model=model)
    stored = made(coordinator("agent_us"), us)
    with pytest.raises(InvalidRequest, match="inference_geo"):
        update_agent(stored, {"model": model}, LATER, known(us))


STORED = team(
    subagents=ON | {"predefined_agents": ["agent_b"], "inline_agents": OFF},
    workflows=OFF,
    advisor=ON | {"model": "claude-opus-5"},
)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"subagents": ON}, {}),
        ({"subagents": ON | {"inline_agents": OFF}}, {}),
        (
            {"subagents": ON | {"inline_agents": None}},
            {"subagents": ON | {"predefined_agents": [pin("agent_b", 3)], "inline_agents": ON}},
        ),
        (
            {"subagents": ON | {"predefined_agents": ["agent_c"]}},
            {"subagents": ON | {"predefined_agents": [pin("agent_c", 3)], "inline_agents": OFF}},
        ),
        ({"subagents": None}, {"subagents": DEFAULT_TEAM}),
        ({"subagents": OFF}, {"subagents": OFF}),
        ({"workflows": ON}, {"workflows": DEFAULT_TEAM}),
        ({"workflows": None}, {"workflows": DEFAULT_TEAM}),
        ({"advisor": None}, {"advisor": OFF}),
        ({"advisor": ON | {"model": "claude-opus-4-8"}}, {"advisor": ON | {"model": "claude-opus-4-8"}}),
    ],
)
def test_an_update_is_merged_level_by_level(given: Doc, changes: Doc) -> None:
    stored = made(STORED)
    new = update_agent(stored, {"multiagent": team(**given)}, LATER, known())
    assert new["multiagent"] == stored["multiagent"] | changes
    assert new["version"] == (2 if changes else 1)


def test_what_was_off_starts_from_its_defaults() -> None:
    stored = made(STORED)
    off = update_agent(stored, {"multiagent": team(subagents=OFF)}, LATER, known())
    on = update_agent(off, {"multiagent": team(subagents=ON)}, LATER, known())
    assert on["multiagent"]["subagents"] == DEFAULT_TEAM


def test_another_type_replaces_the_whole_and_so_does_a_coordinator() -> None:
    stored = made(coordinator("agent_b"))
    assert update_agent(stored, {"multiagent": team()}, LATER, known())["multiagent"] == DEFAULT
    new = update_agent(stored, {"multiagent": coordinator("agent_c")}, LATER, known())
    assert new["multiagent"] == coordinator(pin("agent_c", 3))


def test_an_update_of_something_else_moves_no_pin() -> None:
    stored = made(coordinator("agent_b", SELF))
    moved = known(agent("agent_b", 4), agent("agent_b", 3, archived_at=NOW))
    new = update_agent(stored, {"system": "s"}, LATER, moved)
    assert new["multiagent"] == coordinator(pin("agent_b", 3), pin("agent_a", 2))
    again = update_agent(new, {"multiagent": coordinator("agent_c", SELF)}, LATER, moved)
    assert again["multiagent"] == coordinator(pin("agent_c", 3), pin("agent_a", 3))


def test_the_owner_in_a_team_moves_with_its_version() -> None:
    stored = made(team(workflows=ON | {"predefined_agents": [SELF]}, subagents=OFF))
    new = update_agent(stored, {"system": "s"}, LATER, known())
    assert new["multiagent"]["workflows"]["predefined_agents"] == [pin("agent_a", 2)]


def test_which_agents_a_roster_names() -> None:
    both = team(
        subagents=ON | {"predefined_agents": ["agent_b", SELF]},
        workflows=ON | {"predefined_agents": [pin("agent_c", 2)]},
    )
    assert roster.references(both) == [("agent_b", None), ("agent_c", 2)]
    assert roster.references(coordinator(ADVISOR, "agent_b")) == [("agent_b", None)]
    with pytest.raises(InvalidRequest, match=r"^multiagent\.agents: 21"):
        roster.references(coordinator(*MANY))
    assert roster.references(None) == roster.references(team(subagents=None)) == []
