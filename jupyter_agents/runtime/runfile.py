"""Run files: one session as JSON lines, to read, to share and to replay.

The first line is the header with ``"schema": 1``. Then come ``event`` lines (what the API shows, with
the changed files of a call), ``mcp`` lines (what the MCP servers list), ``exchange`` lines (one per
answered model request, right behind its event), ``changes`` lines (files that changed late in a turn) and
``blob`` lines (base64 bytes that other lines name as ``{"$blob": sha256}``). A file is an export of the
journal, so it is never out of step with it.
Source: docs/decisions.md "Replay".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jupyter_agents._version import __version__
from jupyter_agents.domain.events import RESULTS, Record
from jupyter_agents.domain.prompt import build_request, exchange_key, position
from jupyter_agents.domain.session_object import IMPORTED
from jupyter_agents.domain.sessions import apply
from jupyter_agents.domain.state import State
from jupyter_agents.domain.window import EXCEEDED
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

SCHEMA = 1
SUFFIX = ".agentrun"
MIME = "application/vnd.jupyter-agents.agentrun+jsonl"
INLINE_BYTES = 1024
PLAYED = ("agent.tool_result", "agent.mcp_tool_result")
CHANGES = "private.changes"
KEPT = ("tool_use_id", "changes", "summary", "from")
TOO_LONG: Doc = {"response": {"content": [], "stop_reason": EXCEEDED}, "usage": {}}
"""How a request that was refused as too long is played again."""
NOT_RECORDED = ("metadata", "vault_ids", IMPORTED)


@dataclass(frozen=True)
class Exchange:
    """One recorded answer: `key` says to which request, `position` where in the thread."""

    key: str
    position: int
    response: Doc
    usage: Doc


@dataclass(frozen=True)
class Entry:
    """One record of the session as the file has it.

    event: the public event, or None for ``changes`` alone. private: what the record's private part takes.
    """

    event: Doc | None
    private: Doc


@dataclass
class Recording:
    """What a run file holds.

    results: recorded tool results by the model's id of the call. listings: what the MCP servers
    listed, each time that it changed (`domain.mcp.Listed`). entries: everything in its order, as
    `jupyter_agents.runtime.imports` needs it.
    """

    header: Doc = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    results: dict[str, Doc] = field(default_factory=dict)
    listings: list[Doc] = field(default_factory=list)
    events: list[Doc] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def export(records: Iterable[Record]) -> Iterator[str]:
    """The lines of a session's run file, from its journal."""
    state, blobs = State(), dict[str, str]()
    pending: Doc = {}
    for record in records:
        apply(state, record)
        kind = record.event["type"]
        if kind == "private.session":
            yield _line(_header(state))
        if kind == "private.mcp":
            yield _line({"type": "mcp", "servers": state.mcp})
        if kind == CHANGES:
            yield _line({"type": "changes", "changes": (record.private or {})["changes"]})
        if record.kind != "event" or kind.startswith("private.") or IMPORTED in (record.private or {}):
            continue
        if kind == "span.model_request_start":
            pending = build_request(state)
        line = {"type": "event", "event": record.event}
        private = record.private or {}
        line |= {name: private[name] for name in KEPT if name in private}
        yield from _with_blobs(line, blobs)
        if private.get("exceeded"):
            private = TOO_LONG
        if kind == "span.model_request_end" and "response" in private:
            yield from _with_blobs(_exchange(pending, state.params, private), blobs)


def _header(state: State) -> Doc:
    session = {k: v for k, v in state.session.items() if k not in NOT_RECORDED}
    return {
        "type": "header",
        "schema": SCHEMA,
        "producer": f"jupyter-agents {__version__}",
        "session": session,
    }


def _exchange(request: Doc, params: Doc, private: Doc) -> Doc:
    place = private.get("recorded") or {"key": exchange_key(request), "position": position(request)}
    return {
        "type": "exchange",
        "key": place["key"],
        "position": place["position"],
        "request": params,
        "response": private["response"],
        "usage": private["usage"],
    }


def _with_blobs(line: Doc, seen: dict[str, str]) -> Iterator[str]:
    found: dict[str, str] = {}
    body = _extract(line, found)
    for sha256, data in found.items():
        if sha256 not in seen:
            seen[sha256] = ""
            yield _line({"type": "blob", "sha256": sha256, "data": data})
    yield _line(body)


def _extract(value: Any, found: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_extract(item, found) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "base64" and len(str(value.get("data"))) > INLINE_BYTES:
        sha256 = hashlib.sha256(value["data"].encode()).hexdigest()
        found[sha256] = value["data"]
        return value | {"data": {"$blob": sha256}}
    return {key: _extract(item, found) for key, item in value.items()}


def _insert(value: Any, blobs: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_insert(item, blobs) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$blob"}:
        return blobs[value["$blob"]]
    return {key: _insert(item, blobs) for key, item in value.items()}


def parse(text: str) -> Recording:
    """Read a run file; raises `InvalidRequest` naming the line that cannot be read."""
    recording, blobs, calls = Recording(), dict[str, str](), dict[str, str]()
    for number, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
            _take(recording, line, blobs, calls)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidRequest(f"The run file cannot be read: line {number}: {error!r}"[:300]) from None
    if not recording.header:
        raise InvalidRequest("The run file has no header line; is it an .agentrun file?")
    return recording


def _take(recording: Recording, line: Doc, blobs: dict[str, str], calls: dict[str, str]) -> None:
    match line["type"]:
        case "header":
            if line["schema"] != SCHEMA:
                raise ValueError(f"schema {line['schema']}; this version reads schema {SCHEMA}")
            recording.header = line
        case "blob":
            _check_blob(line)
            blobs[line["sha256"]] = line["data"]
        case "event":
            event = _insert(line["event"], blobs)
            _check_event(event)
            if "summary" in line:
                _check_block(line["summary"])
                _check(isinstance(line["from"], int), "from")
            recording.events.append(event)
            recording.entries.append(Entry(event, {name: line[name] for name in KEPT if name in line}))
            if "tool_use_id" in line:
                calls[event["id"]] = line["tool_use_id"]
            call = event[RESULTS[event["type"]]] if event["type"] in PLAYED else None
            if call in calls:
                recording.results[calls[call]] = event
        case "mcp":
            _check_listing(line["servers"])
            recording.listings.append(line["servers"])
        case "exchange":
            response = _insert(line["response"], blobs)
            _check_response(response)
            key, place, usage = line["key"], line["position"], line["usage"]
            _check(isinstance(key, str) and isinstance(place, int), "key or position")
            _check(all(isinstance(n, int) and n >= 0 for n in usage.values()), "usage")
            recording.exchanges.append(Exchange(key, place, response, usage))
            _attach(recording.entries, line, response)
        case "changes":
            recording.entries.append(Entry(None, {"changes": line["changes"]}))
        case _:
            pass


def _attach(entries: list[Entry], line: Doc, response: Doc) -> None:
    """Give an answer to the event in front of it, where that is the end of its request."""
    if entries and entries[-1].event and entries[-1].event["type"] == "span.model_request_end":
        recorded = {"key": line["key"], "position": line["position"]}
        entries[-1].private.update(
            response=response, usage=line["usage"], request=line.get("request", {}), recorded=recorded
        )


def _check(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(f"{what} is not as a run file has it")


def _check_event(event: Doc) -> None:
    """The events that replaying reads: prompts and tool results."""
    _check(isinstance(event["type"], str), "event.type")
    if event["type"] in ("user.message", *PLAYED):
        _check(isinstance(event["id"], str), "event.id")
        for block in event["content"]:
            _check_block(block)


def _check_response(response: Doc) -> None:
    _check(isinstance(response["content"], list), "response.content")
    for block in response["content"]:
        _check_block(block)
    _check(isinstance(response["stop_reason"], str), "response.stop_reason")
    _check(isinstance(response.get("stop_details"), dict | None), "response.stop_details")
    _check(all(isinstance(response.get(k, ""), str) for k in ("model", "id")), "response.model or id")


def _check_listing(servers: Doc) -> None:
    for name, listed in servers.items():
        _check(isinstance(name, str) and isinstance(listed["url"], str), "a server's listing")
        for tool in listed["tools"]:
            texts = all(isinstance(tool[key], str) for key in ("name", "description"))
            _check(texts and isinstance(tool["input_schema"], dict), "a listed tool")


def _check_block(block: Doc) -> None:
    texts = {"text": ("text",), "tool_use": ("id", "name")}.get(block["type"], ())
    _check(all(isinstance(block[key], str) for key in texts), f"a block of type {block['type'][:50]}")
    _check(block["type"] != "tool_use" or isinstance(block["input"], dict), "the input of a call")


def _check_blob(line: Doc) -> None:
    if hashlib.sha256(line["data"].encode()).hexdigest() != line["sha256"]:
        raise ValueError("a blob does not match its sha256")
    try:
        base64.b64decode(line["data"], validate=True)
    except binascii.Error:
        raise ValueError("a blob is not base64") from None


def _line(value: Doc) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
