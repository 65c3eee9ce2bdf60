"""Whatever is sent, the answer is an error of the sender's in the wire's shape, never a 500."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_agents import wire
from tests.bodies import ACCEPTED
from tests.support import Server
from tests.test_wire import changed, places

Doc = dict[str, Any]

CREATE = {
    wire.AgentCreate: "v1/agents",
    wire.EnvironmentCreate: "v1/environments",
    wire.SessionCreate: "v1/sessions",
}
STRANGE = [
    None,
    "",
    "\x00",
    "\u202e",
    "x" * 5000,
    -1,
    0,
    2**63,
    10**400,
    True,
    [],
    {},
    [[]],
    {"type": "nonsense"},
    {"type": None},
    {"type": {"a": 1}},
]


def path_for(server: Server, params: Any) -> str:
    if params in CREATE:
        return CREATE[params]
    if params is wire.AgentUpdate:
        return f"v1/agents/{server.agent().id}"
    if params is wire.EnvironmentUpdate:
        return f"v1/environments/{server.session().environment_id}"
    if params is wire.SessionUpdate:
        return f"v1/sessions/{server.session().id}"
    return f"v1/sessions/{server.session().id}/events"


def strange_bodies(body: Doc) -> Iterator[Any]:
    for at, _ in places(body):
        if at:
            for strange in STRANGE:
                yield changed(body, at, lambda holder, key, value=strange: holder.__setitem__(key, value))
            yield changed(body, at, lambda holder, key: holder.pop(key))


@pytest.mark.parametrize(("name", "params", "body", "_"), ACCEPTED, ids=[name for name, *_ in ACCEPTED])
def test_a_strange_value_anywhere_in_a_body(
    server: Server, name: str, params: Any, body: Doc, _: Any
) -> None:
    path = path_for(server, params)
    for strange in strange_bodies(copy.deepcopy(body)):
        answer = server.request("POST", path, content=json.dumps(strange))
        assert answer.status_code < 500, f"{strange}: {answer.text}"
        if answer.status_code >= 400:
            found = answer.json()
            assert found["type"] == "error" and found["error"]["message"] and found["request_id"]


DEEP = b"[" * 900 + b"]" * 900
RAW = {
    "NaN": b'{"name": "a", "model": "m", "tools": [NaN]}',
    "infinity by size": b'{"name":"a","model":"m","tools":[{"type":"custom","name":"t","description":"d",'
    b'"input_schema":{"type":"object","properties":{"x":{"maximum":1e999}}}}]}',
    "a huge number": b'{"name": "a", "model": "m", "description": ' + b"9" * 5000 + b"}",
    "nested as deep as the parser goes": b'{"name":"a","model":"m","tools":[{"type":"custom","name":"t",'
    b'"description":"d","input_schema":{"type":"object","properties":{"x":'
    + b"[" * 900
    + b"]" * 900
    + b"}}}]}",
    "half of a surrogate pair": b'{"name": "\\ud83d", "model": "m"}',
    "half of a pair deep inside": b'{"name":"a","model":"m","tools":[{"type":"custom","name":"t",'
    b'"description":"d","input_schema":{"type":"object","properties":{"x":{"title":"\\udfff"}}}}]}',
    "nested deeper than the parser goes": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "invalid UTF-8": b'{"name": "\xff", "model": "m"}',
    "only a number": b"5",
    "null": b"null",
    "twice": b"{}{}",
}


@pytest.mark.parametrize("what", RAW)
@pytest.mark.parametrize("path", ["v1/agents", "v1/environments", "v1/sessions", "v1/sessions/{}/events"])
def test_a_strange_body(server: Server, what: str, path: str) -> None:
    answer = server.request("POST", path.format(server.session().id), content=RAW[what])
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_whole_pair_is_text(server: Server) -> None:
    answer = server.request("POST", "v1/agents", content=b'{"name": "\\ud83d\\ude00", "model": "m"}')
    assert answer.json()["name"] == "\U0001f600"


IDS = ["x" * 5000, "%00", "%ff", "a%2Fb", "..%2F..", "agent_1'--", "%F0%9F%98%80", "null", "0", "*"]


@pytest.mark.parametrize("id", IDS)
def test_a_strange_id(server: Server, id: str) -> None:
    for method, path in (
        ("GET", "v1/agents/{}"),
        ("POST", "v1/agents/{}"),
        ("GET", "v1/agents/{}/versions"),
        ("GET", "v1/environments/{}"),
        ("POST", "v1/environments/{}"),
        ("DELETE", "v1/environments/{}"),
        ("POST", "v1/environments/{}/archive"),
        ("GET", "v1/sessions/{}"),
        ("POST", "v1/sessions/{}"),
        ("GET", "v1/sessions/{}/threads"),
        ("GET", "v1/sessions/sesn_1/threads/{}"),
        ("GET", "v1/sessions/sesn_1/threads/{}/stream"),
        ("DELETE", "v1/sessions/{}"),
        ("GET", "v1/sessions/{}/events"),
        ("GET", "v1/sessions/{}/events/stream"),
        ("GET", "v1/files/{}"),
        ("GET", "v1/files/{}/content"),
        ("GET", "local/sessions/{}/sandbox"),
        ("GET", "local/sessions/{}/run"),
    ):
        answer = server.request(method, path.format(id), **({"json": {}} if method == "POST" else {}))
        assert answer.status_code in (400, 404), f"{path}: {answer.status_code} {answer.text}"
        assert answer.json()["type"] == "error"


def test_an_id_of_another_kind(server: Server) -> None:
    session = server.session()
    for path in (f"v1/agents/{session.id}", f"v1/sessions/{session.agent.id}", f"v1/files/{session.id}"):
        assert server.request("GET", path).status_code == 404


QUERIES = [
    "limit",
    "page",
    "order",
    "created_at[gte]",
    "created_at[gt]",
    "version",
    "agent_id",
    "agent_version",
    "statuses[]",
    "types[]",
    "ids[]",
    "scope_id",
    "include_archived",
    "event_deltas[]",
    "after",
]
VALUES = [
    *(
        "",
        "-1",
        "0",
        "1e9",
        "9" * 18,
        "9" * 19,
        "9" * 400,
        "--1",
        "nan",
        "true",
        "%00",
        "%ff",
        "page_",
        "page_WzFd",
    ),
    *("2026-01-01", "2026-01-01T00:00:00+99:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23:59"),
]


@pytest.mark.parametrize("name", QUERIES)
def test_a_strange_query(server: Server, name: str) -> None:
    session = server.session()
    for path in (
        "v1/agents",
        f"v1/agents/{session.agent.id}",
        f"v1/agents/{session.agent.id}/versions",
        "v1/environments",
        "v1/sessions",
        f"v1/sessions/{session.id}/events",
        f"v1/sessions/{session.id}/threads",
        "v1/files",
        f"local/sessions/{session.id}/changes",
    ):
        for value in VALUES:
            query = f"{path}?{name}={value}" + ("&agent_id=x" if name == "agent_version" else "")
            answer = server.request("GET", query)
            assert answer.status_code in (200, 400, 404), f"{query}: {answer.text}"


def test_a_roster_beyond_all_bounds_is_refused_at_once(server: Server) -> None:
    agents = [f"agent_{n}" for n in range(200_000)]
    body = {"name": "a", "model": "m", "multiagent": {"type": "coordinator", "agents": agents}}
    answer = server.request("POST", "v1/agents", json=body, timeout=10)
    assert answer.status_code == 400 and "at most 20" in answer.json()["error"]["message"]


def test_verbs_that_are_none(server: Server) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = server.request(method, "v1/agents")
        assert answer.status_code == 405 and answer.json()["type"] == "error"


def test_the_log_has_no_traceback(server: Server) -> None:
    assert "Traceback" not in (server.home.folder / "log").read_text()
