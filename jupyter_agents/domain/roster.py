"""The ``multiagent`` field of an agent: which agents it may start, each pinned to a version.

Two kinds: a ``coordinator`` with one list, and ``multiagent_20261001`` whose three members are merged
into what is stored. Source: spec section 15.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_agents.domain import limits
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]
Reference = tuple[str, int | None]
Found = Mapping[Reference, Mapping[str, Any]]
"""The referenced agents as they are stored, by id and version; None is the newest version."""

MOST = 20
COORDINATOR = "coordinator"
ADVISOR_NAME = "anthropic.advisor"
ENABLED: Doc = {"type": "enabled"}
DISABLED: Doc = {"type": "disabled"}
TEAMS = ("subagents", "workflows")


def references(multiagent: Mapping[str, Any] | None) -> list[Reference]:
    """The agents that a given or a stored configuration names, ``self`` and the advisor aside.

    Raises `InvalidRequest` for a list of more than 20, so that no more are ever looked up.
    """
    lists = list(_lists(multiagent or {}))
    for where, entries in lists:
        _check_length(where, entries)
    found = (_reference(entry) for _, entries in lists for entry in entries)
    return [reference for reference in found if reference is not None]


def merge(given: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Doc:
    """`given` with what it leaves out: from `stored` where the types agree, else the default.

    A coordinator is replaced whole. A key that is null takes its default.
    """
    if given["type"] == COORDINATOR:
        return dict(given)
    base = stored if stored is not None and stored["type"] == given["type"] else {}
    merged = {
        name: _member(given, base, name, DISABLED if name == "advisor" else ENABLED)
        for name in (*TEAMS, "advisor")
    }
    return {"type": given["type"], **merged}


def resolve(merged: Mapping[str, Any], own: Reference, found: Found) -> Doc:
    """`merged` with every entry pinned to a version, as stored and shown.

    Parameters
    ----------
    own:
        Id and version of the agent that owns the configuration; ``self`` is resolved to it.
    found:
        The agents that `references` names.

    Raises `InvalidRequest` naming the entry: more than 20, repeated, unknown, archived, or with a
    ``multiagent`` of its own.
    """
    if merged["type"] == COORDINATOR:
        entries = _resolve_list("multiagent.agents", merged["agents"], own, found)
        if not entries:
            raise InvalidRequest(f"multiagent.agents: give 1 to {MOST} entries.")
        return {"type": COORDINATOR, "agents": sorted(entries, key=lambda entry: entry["type"] == "advisor")}
    new: Doc = {"type": merged["type"]}
    for name in TEAMS:
        new[name] = dict(merged[name])
        if new[name]["type"] != "enabled":
            continue
        where = f"multiagent.{name}.predefined_agents"
        entries = _resolve_list(where, new[name]["predefined_agents"], own, found)
        if not entries and new[name]["inline_agents"]["type"] == "disabled":
            raise InvalidRequest(f"{where}: without inline agents, name at least one agent.")
        new[name]["predefined_agents"] = entries
    if merged["advisor"]["type"] == "enabled":
        limits.text("multiagent.advisor.model", merged["advisor"]["model"], limits.MAX_NAME, shortest=1)
    return new | {"advisor": dict(merged["advisor"])}


def repin(multiagent: Mapping[str, Any] | None, own: Reference, version: int) -> Doc | None:
    """`multiagent` where the entry for the owning agent names its new `version`."""
    if multiagent is None:
        return None

    def moved(entry: Mapping[str, Any]) -> Doc:
        return dict(entry) | ({"version": version} if _reference(entry) == own else {})

    if multiagent["type"] == COORDINATOR:
        return {"type": COORDINATOR, "agents": [moved(entry) for entry in multiagent["agents"]]}
    new = dict(multiagent)
    for name in TEAMS:
        if new[name]["type"] == "enabled":
            entries = [moved(entry) for entry in new[name]["predefined_agents"]]
            new[name] = new[name] | {"predefined_agents": entries}
    return new


def check_roster(agent: Mapping[str, Any], found: Found) -> None:
    """Names in a roster differ, and geographies agree. Raises `InvalidRequest`."""
    for where, entries in _lists(agent["multiagent"] or {}):
        members = [
            agent if reference[0] == agent["id"] else found.get(reference)
            for entry in entries
            if (reference := _reference(entry)) is not None
        ]
        names = [member["name"] for member in members if member is not None]
        if ADVISOR_NAME in names:
            raise InvalidRequest(f"{where}: the name {ADVISOR_NAME!r} is reserved.")
        for position, name in enumerate(names):
            if name in names[:position]:
                raise InvalidRequest(f"{where}: two agents are named {name[:100]!r}.")
        places = {m["model"]["inference_geo"] for m in (agent, *members) if m is not None} - {None}
        if len(places) > 1:
            raise InvalidRequest(f"{where}: the agents' models name different inference_geo values.")


def _member(given: Mapping[str, Any], stored: Mapping[str, Any], name: str, default: Doc) -> Doc:
    value = given[name] if name in given else stored.get(name)
    value = default if value is None else value
    if name == "advisor" or value["type"] != "enabled":
        return dict(value)
    base = stored.get(name) or {}
    known = base if given.get(name) is not None and base.get("type") == "enabled" else {}
    whole = {**known, **value}
    return {
        "type": "enabled",
        "predefined_agents": list(whole.get("predefined_agents") or []),
        "inline_agents": whole.get("inline_agents") or ENABLED,
    }


def _lists(multiagent: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    yield "multiagent.agents", multiagent.get("agents") or []
    for name in TEAMS:
        team = multiagent.get(name) or {}
        yield f"multiagent.{name}.predefined_agents", team.get("predefined_agents") or []


def _reference(entry: Any) -> Reference | None:
    if isinstance(entry, str):
        return entry, None
    return (entry["id"], entry.get("version")) if entry["type"] == "agent" else None


def _check_length(where: str, entries: list[Any]) -> None:
    if len(entries) > MOST:
        raise InvalidRequest(f"{where}: {len(entries)} entries, at most {MOST} are allowed.")


def _resolve_list(where: str, entries: list[Any], own: Reference, found: Found) -> list[Doc]:
    _check_length(where, entries)
    resolved: list[Doc] = []
    for position, entry in enumerate(entries):
        new = _resolve_entry(f"{where}.{position}", entry, own, found)
        if any(_same(new, other) for other in resolved):
            raise InvalidRequest(f"{where}.{position}: this agent is in the list already.")
        resolved.append(new)
    return resolved


def _same(one: Doc, other: Doc) -> bool:
    return one["type"] == other["type"] and one.get("id") == other.get("id")


def _resolve_entry(where: str, entry: Any, own: Reference, found: Found) -> Doc:
    if not isinstance(entry, str) and entry["type"] == "advisor":
        limits.text(f"{where}.model", entry["model"], limits.MAX_NAME, shortest=1)
        return dict(entry)
    reference = _reference(entry)
    if reference is None or reference in (own, (own[0], None)):
        return {"type": "agent", "id": own[0], "version": own[1]}
    version = reference[1]
    if version is not None and version < 1:
        raise InvalidRequest(f"{where}.version: expected 1 or more.")
    agent = found.get(reference)
    if agent is None:
        at = "" if version is None else f" with version {version}"
        raise InvalidRequest(f"{where}: there is no agent `{reference[0][:100]}`{at}.")
    if agent["archived_at"] is not None:
        raise InvalidRequest(f"{where}: agent `{agent['id']}` is archived.")
    if agent["multiagent"] is not None:
        raise InvalidRequest(f"{where}: agent `{agent['id']}` has a multiagent of its own; one level only.")
    return {"type": "agent", "id": agent["id"], "version": agent["version"]}
