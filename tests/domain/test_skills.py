from __future__ import annotations

from typing import Any

import pytest

from jupyter_agents.domain.skills import resolve_skills
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]


def skill(id: str = "skill_1", **more: Any) -> Doc:
    return {"type": "custom", "skill_id": id, **more}


@pytest.mark.parametrize(
    ("version", "kept"), [({}, "latest"), ({"version": None}, "latest"), ({"version": "7"}, "7")]
)
def test_a_version_is_latest_or_as_given(version: Doc, kept: str) -> None:
    found = resolve_skills([skill(**version)])
    assert found == [{"type": "custom", "skill_id": "skill_1", "version": kept}]
    assert resolve_skills(found) == found


def test_twenty_at_most() -> None:
    assert len(resolve_skills([skill(f"s{n}") for n in range(20)])) == 20
    with pytest.raises(InvalidRequest, match=r"^skills: 21"):
        resolve_skills([skill(f"s{n}") for n in range(21)])


@pytest.mark.parametrize("given", [None, []])
def test_none(given: Any) -> None:
    assert resolve_skills(given) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (skill(""), "skill_id"),
        (skill("x" * 129), "skill_id"),
        (skill("../x"), "skill_id"),
        (skill(version=""), "version"),
        (skill(version="x" * 257), "version"),
        (skill("one"), "skill_id"),
    ],
)
def test_what_is_refused(given: Doc, field: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^skills\.1\.{field}"):
        resolve_skills([skill("one"), given])
