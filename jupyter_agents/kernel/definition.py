"""A definition of an agent: the fields of the API's create request, with names for the built-in tools.

A definition is the whole configuration: what it does not give is the default.
Source: spec section 1.1, docs/decisions.md "Magics", "default agent, environment".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_agents.kernel.problems import AgentError, did_you_mean

TOOLSET = "agent_toolset_20260401"
TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search")
MAX_TURNS = "jupyter-agents/max-turns"
FIELDS = (
    *("model", "system", "description", "tools", "mcp_servers", "skills", "multiagent"),
    *("metadata", "execution_identity"),
)
"""The fields of a definition but its name, in the order in which they are shown."""

Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Definition:
    """What ``define`` says of an agent.

    model: an id or the API's object; None is the server's. tools: names of built-in tools and the API's
    tool objects; None is all built-in tools and every tool of the MCP servers. max_turns: model
    requests of one turn. The other fields are the API's.
    """

    name: str
    model: str | Doc | None = None
    system: str | None = None
    description: str | None = None
    tools: Sequence[str | Doc] | None = None
    max_turns: int | None = None
    mcp_servers: Sequence[Doc] = ()
    skills: Sequence[Doc] = ()
    multiagent: Doc | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    execution_identity: Doc | None = None

    def body(self, default_model: str) -> dict[str, Any]:
        """Every field of the API's request but the name.

        Raises `AgentError` for a name that is no tool.
        """
        turns = {} if self.max_turns is None else {MAX_TURNS: str(self.max_turns)}
        model = self.model or default_model
        return {
            "model": {"id": model, "effort": None} if isinstance(model, str) else dict(model),
            "system": self.system,
            "description": self.description,
            "tools": all_tools(self.tools, self.mcp_servers),
            "mcp_servers": list(self.mcp_servers),
            "skills": list(self.skills),
            "multiagent": self.multiagent,
            "metadata": {**_words(self.metadata), **turns},
            "execution_identity": self.execution_identity,
        }


def from_fields(name: str | None, given: Mapping[str, Any], options: Mapping[str, Any]) -> Definition:
    """The definition in `given`, the YAML's fields, and in `options`, those of the line.

    Raises `AgentError` for an unknown field, one that is given in both, and a name that differs.
    """
    for key in given:
        if key not in (*FIELDS, "name"):
            raise AgentError(
                f"An agent has no field {key!r}.{did_you_mean(key, FIELDS)} "
                f"The fields are {', '.join(FIELDS)}."
            )
    wanted = {key: value for key, value in options.items() if value is not None}
    for key in wanted:
        if key in given:
            raise AgentError(f"{key} is given twice: as an option and in the YAML.")
    own = given.get("name")
    if own is not None and name is not None and own != name:
        raise AgentError(f"The YAML names the agent {own!r}, the line {name!r}.")
    known = name or own
    if not isinstance(known, str) or not known:
        raise AgentError("The agent needs a name: %agent define NAME, or 'name:' in the YAML.")
    fields = {key: value for key, value in given.items() if key != "name" and value is not None}
    return Definition(known, **_checked(fields), **wanted)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with the shapes that are looked into here; the server looks at the rest."""
    tools = fields.get("tools")
    if isinstance(tools, str):
        fields["tools"] = named(tools)
    elif tools is not None and not _is_list(tools, (str, dict)):
        raise AgentError("tools: expected names such as [bash, read], or the API's tool objects.")
    for key in ("mcp_servers", "skills"):
        if key in fields and not _is_list(fields[key], (dict,)):
            raise AgentError(f"{key}: expected a list of objects.")
    if not isinstance(fields.get("model", ""), str | dict):
        raise AgentError("model: expected a model's id, or an object with 'id'.")
    if not isinstance(fields.get("metadata", {}), dict):
        raise AgentError("metadata: expected lines such as 'team: data'.")
    return fields


def _is_list(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(one, kinds) for one in value)


def named(text: str) -> tuple[str, ...] | None:
    """The tools in ``bash,read``; ``none`` is no tool, ``all`` is None."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names == ("none",):
        return ()
    return None if names == ("all",) else names


def toolset(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """The ``tools`` array for the named built-in tools; None is all of them.

    Raises `AgentError` for a name that is no tool.
    """
    if names is None:
        return [{"type": TOOLSET}]
    for name in names:
        if name not in TOOLS:
            raise AgentError(
                f"There is no tool {name!r}.{did_you_mean(name, TOOLS)} "
                f"The tools are {', '.join(TOOLS)}; --tools none is an agent without tools."
            )
    if not names:
        return []
    return [
        {
            "type": TOOLSET,
            "default_config": {"enabled": False},
            "configs": [{"name": name, "enabled": True} for name in dict.fromkeys(names)],
        }
    ]


def all_tools(tools: Sequence[str | Doc] | None, servers: Sequence[Doc] = ()) -> list[dict[str, Any]]:
    """The ``tools`` array for names and tool objects; None is every tool there is."""
    if tools is None:
        return toolset(None) + [
            {"type": "mcp_toolset", "mcp_server_name": server.get("name")} for server in servers
        ]
    names = [tool for tool in tools if isinstance(tool, str)]
    return toolset(names) + [dict(tool) for tool in tools if not isinstance(tool, str)]


def fields_of(agent: Any) -> dict[str, Any]:
    """The definition that an agent of the server has, without what is empty or the default."""
    doc = agent.to_dict(mode="json")
    found = {key: doc.get(key) for key in FIELDS}
    found["tools"] = [short for tool in found["tools"] for short in _short(tool)]
    found["model"] = _brief_model(found["model"])
    if found["execution_identity"] == {"type": "service_account"}:
        found["execution_identity"] = None
    kept = {key: value for key, value in found.items() if value or key == "tools"}
    return {key: value for key, value in kept.items() if value != [{"type": TOOLSET}]}


def changed(before: Any, after: Any) -> list[str]:
    """The fields in which two versions of an agent differ."""
    old, new = before.to_dict(mode="json"), after.to_dict(mode="json")
    return [key for key in FIELDS if old.get(key) != new.get(key)]


def _brief_model(model: Doc) -> Any:
    plain = {key: value for key, value in model.items() if value not in (None, "standard")}
    return plain["id"] if set(plain) == {"id"} else plain


def _short(tool: Doc) -> list[str | Doc]:
    """The names that stand for a tool object, or the object without what goes without saying."""
    brief = _brief(tool)
    names = [str(config["name"]) for config in brief.get("configs", ())]
    return list(names) if names and [brief] == toolset([n for n in names if n in TOOLS]) else [brief]


def _brief(tool: Doc) -> dict[str, Any]:
    """A tool object without the settings that it would have anyway."""
    made = dict(tool)
    if tool["type"] == "custom":
        return made
    built_in = tool["type"] == TOOLSET
    policy = {"type": "always_allow" if built_in else "always_ask"}
    ordinary = {"enabled": True, "permission_policy": policy}
    default = dict(tool["default_config"])
    made["default_config"] = {key: value for key, value in default.items() if value != ordinary.get(key)}
    made["configs"] = [
        {"name": config["name"]}
        | {key: value for key, value in config.items() if key != "type" and value != default.get(key)}
        for config in tool["configs"]
    ]
    kept = {key: value for key, value in made.items() if value not in ([], {}, None)}
    return {"type": kept.pop("type"), **kept}


def _words(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata are texts on the wire; a number or a truth value is written as one."""
    return {
        key: str(value).lower()
        if isinstance(value, bool)
        else str(value)
        if isinstance(value, int | float)
        else value
        for key, value in metadata.items()
    }
