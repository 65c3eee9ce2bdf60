"""From a session's state to the Messages request, and the key by which a recording finds it again.

Pure. Source: spec section 4.6 (content blocks), docs/decisions.md "Replay" and "Model endpoint".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_agents.domain import compaction, excerpt, hygiene, permissions, pricing, tools
from jupyter_agents.domain.state import NEWS, State

Doc = dict[str, Any]

EPHEMERAL = {"type": "ephemeral"}

PLACES = """\
You work in a sandbox with its own file system. Your working directory is /workspace: it is a folder \
of the user's notebook workspace, so files that you leave there reach the user. Files that the user \
gave you are read-only below /mnt/session/uploads. Put files that are meant as results of their own \
into /mnt/session/outputs. The sandbox shares no variables with the user's notebook: exchange data \
through files."""

NOTEBOOK_NOTE = """\
The folder of the user's notebook is read-only at /mnt/notebook, so a file that the user names without \
a path is most likely there. Copy into /workspace what you want to change. Hidden files are not shown."""

WEB_NOTE = """\
web_fetch and web_search work outside the sandbox. What they find comes back as text, not as a file."""

CUSTOM_NOTE = """\
These tools run where the user's own code runs, such as the notebook's kernel, and not in the sandbox; \
they see none of its files unless they are given a file of /workspace by name: """


def build_request(state: State, dropped: Iterable[str] = ()) -> Doc:
    """The Messages request that goes on with `state`, or that has it summarised while that is what is open.

    Parameters
    ----------
    dropped:
        Features that the endpoint turned down before, such as ``cache_control``.
    """
    agent = state.session["agent"]
    model = agent["model"]
    facts = pricing.model(model["id"])
    features = facts.features - set(dropped)
    request: Doc = {
        "model": model["id"],
        "max_tokens": facts.max_tokens,
    }
    system = _system(state, agent)
    definitions = tools.definitions(agent, state.mcp)
    if system:
        request["system"] = system
    if definitions:
        request["tools"] = definitions
    if "thinking_adaptive" in features:
        request["thinking"] = {"type": "adaptive"}
    if "effort" in features and model["effort"] is not None:
        request["output_config"] = {"effort": model["effort"]["type"]}
    if model["speed"] == "fast":
        request["speed"] = "fast"
    if model["inference_geo"] is not None:
        request["inference_geo"] = model["inference_geo"]
    request = _with_messages(request, state, native="compaction" in features)
    if "cache_control" in features:
        _mark(request)
    return request


def _with_messages(request: Doc, state: State, *, native: bool) -> Doc:
    if not state.window.compacting:
        messages = state.messages if native else compaction.plain(state.messages)
        cleaned = hygiene.clean(messages)
        if cleaned:
            cleaned[-1]["content"] += state.news_blocks
        return request | {"messages": cleaned}
    attempt = state.window.attempts
    room = compaction.room(request["model"], attempt, exceeded=state.window.exceeded)
    messages = state.messages[: compaction.cut(state.messages, attempt)]
    if room is not None:
        messages = excerpt.fit(compaction.plain(messages), room)
        request = {k: v for k, v in request.items() if k != "thinking"}
    elif not native:
        messages = compaction.plain(messages)
    request = request | {"messages": hygiene.clean(messages, resumed=False)}
    return compaction.asking(request, native=native and room is None)


def _system(state: State, agent: Mapping[str, Any]) -> list[Doc]:
    texts = [agent["system"]] if agent["system"] else []
    if tools.needs_sandbox(agent):
        notes = [PLACES, *_elsewhere(agent), *state.session["notes"], *state.notes.values()]
        texts.append("\n\n".join(note for note in notes if note))
    return [{"type": "text", "text": text} for text in texts]


def _elsewhere(agent: Mapping[str, Any]) -> list[str]:
    """Which of the agent's tools do not work in its sandbox."""
    web = bool(tools.WEB.intersection(permissions.enabled_tools(agent, tools.OFFERED)))
    custom = [tool["name"] for tool in agent["tools"] if tool["type"] == "custom"]
    return [
        *([WEB_NOTE] if web else []),
        *([f"{CUSTOM_NOTE}{', '.join(custom)}."] if custom else []),
    ]


def _mark(request: Doc) -> None:
    """Cache marks on the system prompt and behind the two newest messages that the model did not write.

    The older one stood in the request before: the endpoint looks only 20 blocks back from a mark, and an
    answer with many calls is longer.
    """
    if "system" in request:
        request["system"][-1] = request["system"][-1] | {"cache_control": EPHEMERAL}
    asked = [message["content"] for message in request["messages"] if message["role"] != "assistant"]
    for content in asked[-2:]:
        content[-1] = content[-1] | {"cache_control": EPHEMERAL}


def exchange_key(request: Mapping[str, Any]) -> str:
    """What makes a request the same as a recorded one, as a hex digest.

    Model, tool definitions, user text and earlier assistant blocks count; notes of the server, results
    of tools, ids and cache marks do not. Nor does it whether the endpoint summarises by itself.
    """
    request = compaction.spelled_out(request)
    parts = {
        "model": request["model"],
        "tools": [
            {k: t[k] for k in ("name", "description", "input_schema")} for t in request.get("tools", [])
        ],
        "thread": [_key_message(m) for m in request["messages"]],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _key_message(message: Mapping[str, Any]) -> list[Any]:
    blocks: list[Any] = []
    for block in message["content"]:
        match block["type"]:
            case "text":
                if not block["text"].startswith(NEWS):
                    blocks.append(["text", block["text"]])
            case "tool_use":
                blocks.append(["call", block["name"], block["input"]])
            case "tool_result" | "thinking" | "redacted_thinking":
                pass
            case other:
                blocks.append([other])
    return [message["role"], blocks]


def position(request: Mapping[str, Any]) -> int:
    """How many answers of the model the request already holds."""
    return sum(m["role"] == "assistant" for m in request["messages"])


def tool_results(request: Mapping[str, Any]) -> dict[str, Doc]:
    """Every tool result in the request, by the model's id of the call."""
    return {
        block["tool_use_id"]: block
        for message in request["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    }
