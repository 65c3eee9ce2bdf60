"""What of a server's list of tools is taken: bounded, and only what a model's endpoint would accept.

One tool that an endpoint turns down would fail every request of the session, so it is left out and
named. Pure. Source: spec section 17, docs/mcp.md "Limits".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Doc = dict[str, Any]

MOST_TOOLS = 256
LONGEST_TOOL_NAME = 128
LONGEST_DESCRIPTION = 8192
LARGEST_SCHEMA = 64 * 1024
LARGEST_LISTING = 512 * 1024
PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
NAMED = 3


@dataclass
class Listing:
    """The tools that are taken, as the journal keeps them, and why others are not.

    left_out: reason -> names, at most `NAMED` of them; counts: reason -> how many.
    """

    tools: list[Doc] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    size: int = 0

    def leave_out(self, name: str, reason: str) -> None:
        """Count a tool that is not taken."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        names = self.left_out.setdefault(reason, [])
        if len(names) < NAMED:
            names.append(name[:60])

    def take(self, tools: Iterable[Mapping[str, Any]], wanted: Callable[[str], bool]) -> None:
        """Add a page of ``{"name", "description", "input_schema"}``; what is not `wanted` is passed over."""
        for tool in tools:
            name = tool["name"]
            if not wanted(name):
                continue
            reason = self._refusal(name, tool["input_schema"])
            if reason is None:
                self._add(tool)
            else:
                self.leave_out(name, reason)

    def done(self) -> list[Doc]:
        """The tools, sorted by name."""
        return sorted(self.tools, key=lambda tool: str(tool["name"]))

    def problem(self) -> str | None:
        """A sentence about what was left out, or None."""
        if not self.counts:
            return None
        parts = [
            f"{self.counts[reason]} because {reason} ({', '.join(repr(name) for name in names)})"
            for reason, names in self.left_out.items()
        ]
        return f"Tools were left out: {'; '.join(parts)}."

    def _add(self, tool: Mapping[str, Any]) -> None:
        schema = {"type": "object"} | dict(tool["input_schema"])
        description = tool["description"].strip() or f"The tool {tool['name']} of an MCP server."
        if len(description) > LONGEST_DESCRIPTION:
            description = description[:LONGEST_DESCRIPTION] + " [cut]"
        taken = {"name": tool["name"], "description": description, "input_schema": schema}
        size = len(json.dumps(taken))
        if self.size + size > LARGEST_LISTING:
            self.leave_out(tool["name"], f"the list is larger than {LARGEST_LISTING // 1024} KiB")
            return
        self.size += size
        self.names.add(tool["name"])
        self.tools.append(taken)

    def _refusal(self, name: str, schema: Mapping[str, Any]) -> str | None:
        if not 0 < len(name) <= LONGEST_TOOL_NAME:
            return f"the name is not 1 to {LONGEST_TOOL_NAME} characters long"
        if name in self.names:
            return "the name is listed twice"
        if len(self.tools) >= MOST_TOOLS:
            return f"at most {MOST_TOOLS} tools of a server are used"
        return schema_problem(schema)


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Why a model's endpoint would turn an input schema down, or None."""
    try:
        if len(json.dumps(schema)) > LARGEST_SCHEMA:
            return f"the input schema is larger than {LARGEST_SCHEMA // 1024} KiB"
        if schema.get("type", "object") != "object":
            return "the input schema is not that of an object"
        if any(word in schema for word in ("oneOf", "anyOf", "allOf")):
            return "the input schema is a union at its top"
        properties = schema.get("properties", {})
        if not isinstance(properties, dict) or not all(PROPERTY.fullmatch(name) for name in properties):
            return "a property's name is not 1 to 64 letters, digits, '_', '.' or '-'"
        return None if _is_schema(schema) else "the input schema is not a valid JSON Schema"
    except RecursionError:
        return "the input schema is nested too deep"


def _is_schema(schema: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema))
