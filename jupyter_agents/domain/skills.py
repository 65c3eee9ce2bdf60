"""The ``skills`` of an agent. Source: spec sections 1.1 and 1.4.

Their shape is checked, not that they exist: there is no registry here. A version that is not given is
``latest`` and stays that word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_agents.domain import limits
from jupyter_agents.errors import InvalidRequest

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
LATEST = "latest"

Doc = dict[str, Any]


def resolve_skills(given: list[Doc] | None) -> list[Doc]:
    """The skills as stored and shown. Raises `InvalidRequest` naming the field."""
    skills = given or []
    if len(skills) > limits.MAX_SKILLS:
        raise InvalidRequest(f"skills: {len(skills)} skills, at most {limits.MAX_SKILLS} are allowed.")
    found: list[Doc] = []
    for position, skill in enumerate(skills):
        where = f"skills.{position}"
        if not ID.fullmatch(skill["skill_id"]):
            raise InvalidRequest(f"{where}.skill_id: use 1 to 128 letters, digits, '_' or '-'.")
        if any(skill["skill_id"] == other["skill_id"] for other in found):
            raise InvalidRequest(f"{where}.skill_id: {skill['skill_id']!r} is given twice.")
        version = skill.get("version")
        if version is not None:
            limits.text(f"{where}.version", version, limits.MAX_NAME, shortest=1)
        found.append({"type": skill["type"], "skill_id": skill["skill_id"], "version": version or LATEST})
    return found


def check_readable(agent: Mapping[str, Any], read: Mapping[str, Any] | None) -> None:
    """Raises `InvalidRequest` where `agent` has skills and `read`, its tool's configuration, is off."""
    if agent["skills"] and not (read is not None and read["enabled"]):
        raise InvalidRequest("skills: they need the tool read enabled; add it to tools or clear skills.")
