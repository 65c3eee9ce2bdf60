"""Answers of people to calls that wait: rules of a session, changed inputs, and who said what.

Pure. Source: docs/decisions.md "Wire", docs/approvals.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_agents.domain import mcp
from jupyter_agents.domain.agents import tool_config
from jupyter_agents.domain.events import Record, text_blocks
from jupyter_agents.domain.state import Call, State
from jupyter_agents.domain.tools import BUILT_IN, OFFERED
from jupyter_agents.errors import Conflict, InvalidRequest, NotFound

Doc = dict[str, Any]

RULE, RULE_GONE, INPUT = "private.rule", "private.rule_removed", "private.input"
MOST_RULES = 100
MOST_INPUT = 256 * 1024
LONGEST_NAME = 128

_TYPES: dict[str, type] = {"string": str, "boolean": bool, "integer": int, "array": list}


def new_rule(state: State, body: Mapping[str, Any]) -> Doc | None:
    """The rule that ``{"tool", "server"?}`` asks for, or None where the session has it already.

    A rule of an MCP tool holds for the server's present address only.
    Raises `InvalidRequest` for a tool that this session does not have or does not ask for, `Conflict`
    for a session that is over.
    """
    check_open(state)
    tool, server = body.get("tool"), body.get("server")
    if not _name(tool) or not (server is None or _name(server)) or set(body) - {"tool", "server"}:
        raise InvalidRequest('expected {"tool": "<name>", "server": "<MCP server>" or null}.')
    agent = state.session["agent"]
    url = None
    if server is None:
        config = tool_config(agent, str(tool)) if tool in OFFERED else None
    else:
        url = next((s["url"] for s in agent["mcp_servers"] if s["name"] == server), None)
        config = mcp.tool_config(agent, server, str(tool)) if url is not None else None
    if config is None or not config["enabled"]:
        raise InvalidRequest(f"tool: {tool!r} is no tool of this session that the server runs.")
    if config["permission_policy"]["type"] != "always_ask":
        raise InvalidRequest(f"tool: {tool!r} is allowed without asking already.")
    rule = {"tool": tool, "server": server, "url": url}
    if any(_same(known, rule) for known in state.rules.values()):
        return None
    if len(state.rules) >= MOST_RULES:
        raise InvalidRequest(f"A session has at most {MOST_RULES} rules; delete one first.")
    return rule


def known_rule(state: State, rule_id: str) -> Doc:
    """The rule of this id; raises `NotFound`, or `Conflict` for a session that is over."""
    check_open(state)
    if rule_id not in state.rules:
        raise NotFound(f"This session has no rule `{rule_id[:100]}`.")
    return state.rules[rule_id]


def ruled(state: State, name: str, target: mcp.Target | None) -> str | None:
    """The id of the rule that allows a call to a built-in tool `name`, or to `target`."""
    wanted = {"tool": name, "server": None, "url": None}
    if target is not None:
        wanted = {"tool": target.name, "server": target.server, "url": target.url}
    return next((id for id, rule in state.rules.items() if _same(rule, wanted)), None)


def _same(rule: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(rule[key] == other[key] for key in ("tool", "server", "url"))


def _name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME


def check_open(state: State) -> None:
    """Raises `Conflict` for a session that is over."""
    if state.status == "terminated":
        raise Conflict("The session is archived and takes no more answers.")


def asked(state: State) -> list[Call]:
    """The calls that wait for a yes or a no, and that nobody has answered."""
    answered = {event.get("tool_use_id") for event in state.queue}
    return [call for call in state.waiting if not call.custom and call.id not in answered]


def new_input(state: State, call_id: str, body: Mapping[str, Any]) -> Doc:
    """The input in ``{"input": {...}}``; of a built-in tool it must fit the tool.

    Raises `InvalidRequest`. Whether the call waits is the business of `inbox.check`.
    """
    check_open(state)
    given = body.get("input")
    if set(body) != {"input"} or not isinstance(given, dict):
        raise InvalidRequest('expected {"input": {...}}, the whole new input of the call.')
    if len(json.dumps(given)) > MOST_INPUT:
        raise InvalidRequest(f"input: larger than {MOST_INPUT} bytes.")
    call = state.calls.get(call_id)
    if call is not None and call.kind == "built_in" and call.name in BUILT_IN:
        _check_fits(BUILT_IN[call.name]["input_schema"], given, call.name)
    return given


def _check_fits(schema: Mapping[str, Any], given: Mapping[str, Any], name: str) -> None:
    properties = schema["properties"]
    for key in schema["required"]:
        if key not in given:
            raise InvalidRequest(f"input.{key}: the tool {name!r} needs it.")
    for key, value in given.items():
        if key not in properties:
            raise InvalidRequest(f"input.{key[:100]}: the tool {name!r} has no such field.")
        wanted = properties[key]["type"]
        if not isinstance(value, _TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool)):
            raise InvalidRequest(f"input.{key}: expected {_article(wanted)} {wanted}.")


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def said(call: Call) -> list[Doc]:
    """How the result of a call begins whose input the user changed: with what it ran in truth."""
    if call.original is None:
        return []
    changed = {k: v for k, v in call.input.items() if k not in call.original or call.original[k] != v}
    gone = [key for key in call.original if key not in call.input]
    text = "The user changed the input of this call before allowing it."
    if changed:
        text += f" It ran with {json.dumps(changed, ensure_ascii=False)}."
    if gone:
        text += f" Left out: {', '.join(gone)}."
    return text_blocks(text)


def history(records: Iterable[Record]) -> list[Doc]:
    """Every yes and no to a call, oldest first: which, what, why, who, when, and the changed input."""
    inputs: dict[str, Doc] = {}
    found = []
    for record in records:
        event, private = record.event, record.private or {}
        if event["type"] == INPUT:
            inputs[private["call_id"]] = private["input"]
        elif record.kind == "queued" and event["type"] == "user.tool_confirmation":
            found.append(
                {
                    "call_id": event["tool_use_id"],
                    "result": event["result"],
                    "reason": event.get("deny_message"),
                    "by": private.get("by"),
                    "at": private.get("received_at"),
                    "input": inputs.get(event["tool_use_id"]),
                }
            )
    return found
