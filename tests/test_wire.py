"""The SDK's types as the wire: what `strict` takes and refuses, and what becomes of every event type."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from jupyter_agents import wire
from jupyter_agents.domain.sessions import HANDLERS
from jupyter_agents.errors import InvalidRequest
from tests.bodies import ACCEPTED

Doc = dict[str, Any]
Place = tuple[str | int, ...]

IDS = [name for name, _, _, _ in ACCEPTED]
OPEN = {"metadata", "input_schema", "properties", "city"}
"""Keys below which any key is allowed."""


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value inside `value`, itself included, with its place."""
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key not in OPEN:
            yield from places(inner, (*at, key))


def changed(body: Doc, at: Place, change: Any) -> Any:
    """A copy of `body` in which `change` was applied to the container and key of place `at`."""
    body = copy.deepcopy(body)
    holder: Any = body
    for key in at[:-1]:
        holder = holder[key]
    change(holder, at[-1])
    return body


@pytest.mark.parametrize(("name", "params", "body", "_"), ACCEPTED, ids=IDS)
def test_real_bodies_pass_unchanged(name: str, params: Any, body: Doc, _: Any) -> None:
    assert wire.strict(params)(copy.deepcopy(body)) == body


@pytest.mark.parametrize(("name", "params", "body", "_"), ACCEPTED, ids=IDS)
def test_an_unknown_key_is_refused_wherever_it_stands(name: str, params: Any, body: Doc, _: Any) -> None:
    for at, value in places(body):
        if isinstance(value, dict):
            wrong = changed(body, (*at, "bogus"), lambda holder, key: holder.update({key: 1}))
            with pytest.raises(InvalidRequest, match="bogus"):
                wire.strict(params)(wrong)


@pytest.mark.parametrize(("name", "params", "body", "_"), ACCEPTED, ids=IDS)
def test_a_value_of_another_type_is_refused_by_name(name: str, params: Any, body: Doc, _: Any) -> None:
    for at, value in places(body):
        if not at:
            continue
        for wrong in (12.5, ["x"] if not isinstance(value, list) else {"a": 1}):
            with pytest.raises(InvalidRequest) as caught:
                wire.strict(params)(changed(body, at, lambda h, k, w=wrong: h.__setitem__(k, w)))
            first = str(next(part for part in at if isinstance(part, str)))
            assert first in caught.value.message


@pytest.mark.parametrize(("name", "params", "body", "required"), ACCEPTED, ids=IDS)
def test_a_required_field_cannot_be_left_out(name: str, params: Any, body: Doc, required: Any) -> None:
    for path in required:
        at = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        with pytest.raises(InvalidRequest) as caught:
            wire.strict(params)(changed(body, at, lambda holder, key: holder.pop(key)))
        assert path.rpartition(".")[0] in caught.value.message


@pytest.mark.parametrize("body", [None, 1, "x", [], [{}]])
def test_what_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(InvalidRequest):
        wire.strict(wire.AgentCreate)(body)


def test_the_reason_names_the_field_and_what_is_allowed() -> None:
    send = wire.strict(wire.EventSend)
    with pytest.raises(InvalidRequest, match=r"events\.0\.result: 'maybe' is not allowed"):
        send({"events": [{"type": "user.tool_confirmation", "tool_use_id": "x", "result": "maybe"}]})
    with pytest.raises(InvalidRequest, match=r"events\.0: .*'user\.message'"):
        send({"events": [{"type": "user.nonsense"}]})
    with pytest.raises(InvalidRequest, match=r"^environment_id: this field is required"):
        wire.strict(wire.SessionCreate)({"agent": "agent_01"})


def test_a_reason_is_short_whatever_was_sent() -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.strict(wire.AgentCreate)({"name": ["x" * 10_000_000], "model": "m"})
    assert len(caught.value.message) < 500


def test_queries_are_typed_and_unknown_names_pass() -> None:
    read = wire.query(wire.SessionList)
    given = {
        "limit": ["5"],
        "include_archived": ["true"],
        "statuses[]": ["idle", "running"],
        "created_at[gte]": ["2026-01-01T00:00:00Z"],
        "beta": ["true"],
        "agent_version": ["2"],
    }
    assert read(given) == {
        "limit": 5,
        "include_archived": True,
        "statuses": ["idle", "running"],
        "created_at_gte": "2026-01-01T00:00:00Z",
        "agent_version": 2,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "many"),
        ("limit", "9" * 30),
        ("limit", "--5"),
        ("limit", "-"),
        ("include_archived", "perhaps"),
        ("statuses[]", "asleep"),
        ("order", "sideways"),
    ],
)
def test_a_query_of_another_type_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.query(wire.SessionList)({name: [value]})
    assert caught.value.message.startswith(f"{name}:")


def test_a_filter_that_a_list_does_not_have_is_refused_by_name() -> None:
    for params, name in (
        (wire.AgentList, "created_at[gt]"),
        (wire.EnvironmentList, "created_at[gte]"),
        (wire.AgentVersionList, "statuses[]"),
    ):
        with pytest.raises(InvalidRequest, match=re.escape(f"{name}: ")):
            wire.query(params)({name: ["2026-01-01T00:00:00Z"]})


def test_null_passes_where_the_api_takes_it() -> None:
    clear = {"model": None, "tools": None, "mcp_servers": None, "skills": None, "system": None}
    agent = {"type": "agent_with_overrides", "id": "agent_01", **clear}
    body = {"agent": agent, "environment_id": "env_01"}
    assert wire.strict(wire.SessionCreate)(body) == body
    for name in ("web_search", "web_fetch"):
        entry = {"name": name, "allowed_domains": None, "blocked_domains": None}
        tools = [{"type": "agent_toolset_20260401", "configs": [entry]}]
        assert wire.strict(wire.AgentCreate)({"name": "a", "model": "m", "tools": tools})["tools"] == tools
    with pytest.raises(InvalidRequest, match="allowed_domains"):
        tools[0]["configs"] = [{"name": "web_search", "allowed_domains": [None]}]
        wire.strict(wire.AgentCreate)({"name": "a", "model": "m", "tools": tools})


@pytest.mark.parametrize(("data", "fits"), [("aQ==", True), (b"i", False), (None, False)])
def test_what_json_has_no_form_of_is_no_choice(data: object, fits: bool) -> None:
    """The SDK takes open files and paths where the wire has base64."""
    source = {"type": "base64", "media_type": "image/png", "data": data}
    message = {"role": "user", "content": [{"type": "image", "source": source}]}
    body = {"model": "m", "max_tokens": 1, "messages": [message]}
    validate = wire.strict(MessageCreateParamsNonStreaming)
    if fits:
        assert validate(body) == body
    else:
        with pytest.raises(InvalidRequest):
            validate(body)


NOT_MADE = {
    "user.tool_result": "refused: for self-hosted environments only",
    "user.define_outcome": "refused: outcomes are not built",
    "agent.thread_message_sent": "never made: one thread only",
    "agent.thread_message_received": "never made: one thread only",
    "session.thread_created": "never made: one thread only",
    "span.outcome_evaluation_start": "never made: outcomes are not built",
    "span.outcome_evaluation_ongoing": "never made: outcomes are not built",
    "span.outcome_evaluation_end": "never made: outcomes are not built",
    "workflow_run.created": "never made: workflows are not built",
    "workflow_run.status_running": "never made: workflows are not built",
    "workflow_run.status_idle": "never made: workflows are not built",
    "workflow_run.status_ended": "never made: workflows are not built",
    "workflow_run.error": "never made: workflows are not built",
    "workflow_run.phase_started": "never made: workflows are not built",
    "workflow_run.phase_ended": "never made: workflows are not built",
}
TYPES = sorted(wire.literal(member) for member in wire.members(wire.Event))
NOT_FOLDED = {
    "agent.message": "the thread is rebuilt from the private part of the request's end",
    "agent.thinking": "the thread is rebuilt from the private part of the request's end",
    "session.deleted": "streamed only: its journal is gone",
    "session.thread_status_running": "says what session.status_running says",
    "session.thread_status_idle": "says what session.status_idle says",
    "session.thread_status_rescheduled": "says what session.status_rescheduled says",
    "session.thread_status_terminated": "says what session.status_terminated says",
}


@pytest.mark.parametrize("type", TYPES)
def test_every_event_type_of_the_sdk_has_its_place(type: str) -> None:
    assert (type in HANDLERS) + (type in NOT_MADE) + (type in NOT_FOLDED) == 1


def test_nothing_is_handled_that_the_sdk_does_not_know() -> None:
    known = set(TYPES)
    assert {t for t in HANDLERS if not t.startswith("private.")} <= known
    assert NOT_MADE.keys() | NOT_FOLDED.keys() <= known


def test_the_type_filter_knows_every_event_that_is_kept() -> None:
    assert set(TYPES) - set(wire.event_types()) == {"session.deleted"}


def test_an_event_is_read_as_its_own_type() -> None:
    event = {
        "id": "sevt_01",
        "type": "agent.message",
        "processed_at": datetime.now(UTC),
        "content": [{"type": "text", "text": "hi"}],
    }
    assert type(wire.event_adapter().validate_python(event)).__name__ == "BetaManagedAgentsAgentMessageEvent"
