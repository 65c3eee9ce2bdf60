"""The wire as a client meets it: authentication, headers, errors, the official quickstart."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.server import agents, environments, events, files, local, sessions, threads
from jupyter_agents.testing import ScriptedModel, call, say
from tests.support import TOKEN, Home, Server, serving, types

ROUTES = [
    (method, pattern.replace("([^/]+)", "some_id").removeprefix("/"))
    for module in (agents, environments, sessions, events, threads, files, local)
    for pattern, handler in module.ROUTES
    for method in ("GET", "POST", "DELETE")
    if method.lower() in vars(handler)
]
UNKNOWN = {(method, path) for method, path in ROUTES if "some_id" in path}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_verb_needs_a_token(server: Server, method: str, path: str) -> None:
    answer = server.bare(method, path)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    wrong = server.bare(method, path, headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401


@pytest.mark.parametrize(("method", "path"), sorted(UNKNOWN))
def test_an_unknown_id_is_a_404(server: Server, method: str, path: str) -> None:
    bodies = {
        "v1/sessions/some_id/events": {"events": [{"type": "user.interrupt"}]},
        "local/sessions/some_id/sandbox": {"python": []},
    }
    options = {"json": bodies.get(path, {})} if method == "POST" else {}
    answer = server.request(method, path, **options)
    assert answer.status_code == 404, answer.text
    body = answer.json()
    assert body["type"] == "error"
    assert body["error"]["type"] == "not_found_error"
    assert "some_id" in body["error"]["message"]
    assert body["request_id"] == answer.headers["request-id"]


def test_handlers_pass_jupyters_own_check_of_authentication(tmp_path: Any, scripted: ScriptedModel) -> None:
    home = Home(tmp_path, scripted.url)
    config = home.folder / "config" / "jupyter_server_config.json"
    settings = json.loads(config.read_text()) | {"ServerApp": {"allow_unauthenticated_access": False}}
    config.write_text(json.dumps(settings))
    with serving(home) as running:
        assert running.request("GET", "local/status").status_code == 200
    log = (home.folder / "log").read_text()
    assert "JupyterServerAuthWarning" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("header", ["x-api-key", "bearer", "token"])
def test_the_token_is_taken_as_clients_send_it(server: Server, header: str) -> None:
    value = {"x-api-key": TOKEN, "bearer": f"Bearer {TOKEN}", "token": f"token {TOKEN}"}[header]
    name = "x-api-key" if header == "x-api-key" else "Authorization"
    assert server.bare("GET", "v1/agents", headers={name: value}).status_code == 200


def test_beta_in_the_query_and_any_version_are_taken(server: Server) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}
    answer = server.request("GET", "v1/agents?beta=true", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["request-id"].startswith("req_")


def test_a_conflict_is_not_tried_again(server: Server) -> None:
    agent = server.agent()
    answer = server.request("POST", f"v1/agents/{agent.id}", json={"version": 7, "name": "other"})
    assert answer.status_code == 409
    assert answer.json()["error"]["type"] == "conflict_error"
    assert answer.headers["x-should-retry"] == "false"
    with pytest.raises(anthropic.ConflictError):
        server.client.beta.agents.update(agent.id, version=7, name="other")


DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000
BAD_BODIES = {
    "not json": "{",
    "an array": "[]",
    "a string": '"x"',
    "not a number": '{"name": NaN, "model": "m"}',
    "nested too deep": DEEP,
    "not text": b"\xff\xfe{}",
    "a lone surrogate": '{"name": "\\ud800", "model": 1}',
    "a null byte": '{"name": "a", "model": "m", "\\u0000": 1}',
    "missing": "{}",
    "extra": '{"name": "a", "model": "m", "bogus": 1}',
    "too long": json.dumps({"name": "a" * 257, "model": "m"}),
    "wrong type": '{"name": 1, "model": "m"}',
}


@pytest.mark.parametrize("what", BAD_BODIES)
def test_a_bad_body_is_a_400_that_says_why(server: Server, what: str) -> None:
    answer = server.request("POST", "v1/agents", content=BAD_BODIES[what])
    assert answer.status_code == 400, answer.text[:300]
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert len(error["message"]) > 10
    if what in ("missing", "extra", "too long", "wrong type"):
        field = {"missing": "model", "extra": "bogus"}.get(what, "name")
        assert field in error["message"]


def test_a_body_that_is_too_large_is_a_413(server: Server) -> None:
    body = json.dumps({"name": "a", "model": "m", "system": "x" * 33 * 1024 * 1024})
    answer = server.request("POST", "v1/agents", content=body)
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


@pytest.mark.parametrize(
    "query",
    [
        "v1/agents?limit=0",
        "v1/agents?limit=101",
        "v1/agents?limit=x",
        "v1/agents?page=nonsense",
        "v1/agents?created_at[gte]=yesterday",
        "v1/sessions?statuses[]=sleeping",
        "v1/sessions?order=up",
        "v1/sessions?agent_version=1",
        "v1/sessions?limit=101",
        "v1/sessions?page=page_WzFd",
        "v1/files?scope_id=agent_1",
        "v1/files?ids[]=a&limit=3",
    ],
)
def test_a_bad_query_is_a_400_that_names_the_parameter(server: Server, query: str) -> None:
    answer = server.request("GET", query)
    assert answer.status_code == 400, answer.text
    name = query.partition("?")[2].partition("=")[0]
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["v1/nothing", "v1", "", "v1/sessions/x/y/z", "local/nothing", "v1/agents/../../etc/passwd"]
)
def test_a_path_that_is_none_answers_in_the_wires_shape(server: Server, path: str) -> None:
    answer = server.request("GET", path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["error"]["type"] == "not_found_error"


UNBUILT: list[tuple[str, Any]] = [
    ("self_hosted", ("v1/environments", {"config": {"type": "self_hosted"}})),
    ("vault_ids", ("v1/sessions", {"vault_ids": ["vlt_1"]})),
    (
        "memory_store",
        ("v1/sessions", {"resources": [{"type": "memory_store", "memory_store_id": "memstore_1"}]}),
    ),
]


@pytest.mark.parametrize(("feature", "request_"), UNBUILT, ids=[name for name, _ in UNBUILT])
def test_what_is_not_built_is_refused_by_name(server: Server, feature: str, request_: Any) -> None:
    path, extra = request_
    base = {
        "v1/environments": {"name": feature},
        "v1/sessions": {"agent": "agent_1", "environment_id": "env_1"},
    }[path]
    answer = server.request("POST", path, json=base | extra)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["details"]["error_code"] == "not_supported"
    assert feature in error["message"]


STORED: list[tuple[str, Any]] = [
    ("agent.skills", {"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}),
    ("agent.multiagent", {"multiagent": {"type": "multiagent_20261001"}}),
    ("aws_role", {"execution_identity": {"type": "aws_role", "role_arn": "arn:aws:iam::1:role/r"}}),
]


@pytest.mark.parametrize(("feature", "agent"), STORED, ids=[name for name, _ in STORED])
def test_what_cannot_run_yet_is_stored_and_starts_no_session(
    server: Server, feature: str, agent: Any
) -> None:
    made = server.agent(**agent)
    place = server.client.beta.environments.create(name=f"stored: {feature}")
    with pytest.raises(anthropic.BadRequestError, match=feature) as caught:
        server.client.beta.sessions.create(agent=made.id, environment_id=place.id)
    body: Any = caught.value.body
    assert body["error"]["details"]["error_code"] == "not_supported"


ANSWERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "v1/agents", {}, 200),
    ("GET", "v1/agents/agent_none", {}, 404),
    ("POST", "v1/agents", {"content": "{"}, 400),
    ("PUT", "v1/agents", {}, 405),
    ("PATCH", "v1/environments/env_1", {}, 405),
    ("BREW", "v1/agents", {}, 405),
    ("DELETE", "v1/agents", {}, 405),
    ("GET", "v1/agents/agent_1/archive", {}, 405),
    ("POST", "v1/sessions/sesn_1/events/stream", {}, 405),
    ("GET", "v1/nothing", {}, 404),
    ("GET", "v1/vaults", {}, 400),
    ("GET", "v1/sessions/sesn_none/events/stream", {}, 404),
    ("POST", "v1/agents", {"content": b'{"name": "' + b"x" * 33 * 1024 * 1024 + b'"}'}, 413),
]


@pytest.mark.parametrize(("method", "path", "options", "status"), ANSWERS)
def test_every_answer_has_its_own_id(
    server: Server, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answers = [server.request(method, path, **options) for _ in range(2)]
    ids = [answer.headers["request-id"] for answer in answers]
    assert len(set(ids)) == 2 and all(id.startswith("req_01") for id in ids)
    for answer in answers:
        assert answer.status_code == status and answer.headers["content-type"] == "application/json"
        if status >= 400:
            body = answer.json()
            assert body.keys() == {"type", "error", "request_id"} and body["type"] == "error"
            assert body["request_id"] == answer.headers["request-id"]
            assert body["error"]["message"]


def test_a_stream_has_an_id_too(server: Server) -> None:
    with server.client.beta.sessions.events.stream(server.session().id) as stream:
        assert stream.response.headers["request-id"].startswith("req_01")
        assert stream.response.headers["content-type"] == "text/event-stream"


def test_a_cookie_alone_is_told_what_it_lacks(server: Server) -> None:
    server.request("GET", "v1/agents")
    cookies = dict(server.request("GET", "v1/agents").request.headers)
    assert "cookie" in cookies
    answer = server._http.post(f"{server.url}/v1/agents", json={"name": "a", "model": "m"})
    assert answer.status_code == 403
    assert "X-XSRFToken" in answer.json()["error"]["message"]


def test_ids_of_another_kind_are_found_nowhere(server: Server) -> None:
    session = server.session()
    ids = {"agents": session.agent.id, "environments": session.environment_id, "sessions": session.id}
    for kind in ("agents", "environments", "sessions", "files"):
        for other, id in ids.items():
            if other != kind:
                assert server.request("GET", f"v1/{kind}/{id}").status_code == 404
                assert server.request("DELETE", f"v1/{kind}/{id}").status_code in (404, 405)
    for other in (session.agent.id, session.id):
        body = {"agent": session.agent.id, "environment_id": other}
        answer = server.request("POST", "v1/sessions", json=body)
        assert answer.status_code == 404
        assert answer.json()["error"]["details"]["error_code"] == "environment_not_found"


def test_a_cursor_belongs_to_its_list_and_order(server: Server) -> None:
    sessions = [server.session() for _ in range(2)]
    for session in sessions:
        server.client.beta.agents.update(session.agent.id, name="again")
        server.send(session.id, {"type": "user.interrupt"}, {"type": "user.interrupt"})
        server.client.beta.files.upload(file=("f", b"x"))
    one, two = sessions
    lists = [
        "v1/agents",
        f"v1/agents/{one.agent.id}/versions",
        f"v1/agents/{two.agent.id}/versions",
        "v1/environments",
        "v1/sessions",
        f"v1/sessions/{one.id}/events",
        f"v1/sessions/{two.id}/events",
        "v1/files",
    ]
    pages = {path: server.request("GET", f"{path}?limit=1").json()["next_page"] for path in lists}
    assert all(pages.values())
    for path in lists:
        for other, page in pages.items():
            answer = server.request("GET", f"{path}?limit=1&page={page}")
            assert answer.status_code == (200 if path == other else 400), (path, other)
    for path, order in (("v1/sessions", "asc"), (f"v1/sessions/{one.id}/events", "desc")):
        answer = server.request("GET", f"{path}?order={order}&page={pages[path]}")
        assert answer.status_code == 400 and "order" in answer.json()["error"]["message"]


NULLS: list[tuple[str, Any, int]] = [
    ("v1/agents", {"name": "a", "model": "m", "system": None, "description": None, "multiagent": None}, 200),
    ("v1/agents", {"name": "a", "model": "m", "execution_identity": None}, 200),
    ("v1/agents", {"name": None, "model": "m"}, 400),
    ("v1/agents", {"name": "a", "model": None}, 400),
    ("v1/agents", {"name": "a", "model": "m", "metadata": None}, 400),
    ("v1/agents", {"name": "a", "model": "m", "tools": None}, 400),
    ("v1/environments", {"name": "nulls", "config": None, "description": None, "scope": None}, 200),
    ("v1/environments", {"name": None}, 400),
    ("v1/environments", {"name": "nulls too", "metadata": None}, 400),
]


@pytest.mark.parametrize(("path", "body", "status"), NULLS)
def test_null_where_it_may_stand(server: Server, path: str, body: Any, status: int) -> None:
    assert server.request("POST", path, json=body).status_code == status


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_an_empty_body_archives(server: Server, content: bytes) -> None:
    session = server.session()
    for path in (
        f"v1/sessions/{session.id}",
        f"v1/agents/{session.agent.id}",
        f"v1/environments/{session.environment_id}",
    ):
        answer = server.request(
            "POST", f"{path}/archive", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200 and answer.json()["archived_at"]
        assert server.request("POST", f"{path}/archive").json() == answer.json() | (
            {"stats": answer.json()["stats"]} if "sessions" in path else {}
        )


def test_the_official_quickstart(server: Server, scripted: ScriptedModel) -> None:
    scripted.script[:] = [
        [say("I'll write it."), call("write", file_path="/workspace/f.py", content="print(4181)")],
        [call("bash", command="python3 f.py > fibonacci.txt")],
        [call("bash", command="cat fibonacci.txt")],
        [say("It ends with 4181.")],
    ]
    client = server.client
    agent = client.beta.agents.create(
        name="Coding Assistant",
        model="claude-opus-4-7",
        system="You are a helpful coding assistant.",
        tools=[{"type": "agent_toolset_20260401"}],
    )
    environment = client.beta.environments.create(
        name="quickstart-env", config={"type": "cloud", "networking": {"type": "unrestricted"}}
    )
    session = client.beta.sessions.create(
        agent=agent.id, environment_id=environment.id, title="Quickstart session"
    )
    printed = []
    with client.beta.sessions.events.stream(session.id) as stream:
        content: Any = [{"type": "text", "text": "Fibonacci, please"}]
        client.beta.sessions.events.send(session.id, events=[{"type": "user.message", "content": content}])
        for event in stream:
            match event.type:
                case "agent.message":
                    printed += [block.text for block in event.content if block.type == "text"]
                case "agent.tool_use":
                    printed.append(f"[{event.name}]")
                case "session.status_idle":
                    break
    assert printed == ["I'll write it.", "[write]", "[bash]", "[bash]", "It ends with 4181."]
    listed = server.events(session.id)
    results = [event for event in listed if event.type == "agent.tool_result"]
    assert results[-1].content[0].text == "4181\n"
    adapter = wire.event_adapter()
    for event in listed:
        adapter.validate_python(json.loads(event.to_json()))


def test_the_order_of_one_turn_is_the_hosted_services(server: Server, scripted: ScriptedModel) -> None:
    scripted.script[:] = [[call("bash", command="echo $((2+2))")], [say("Four.")]]
    heard = server.turn(server.session().id, "2+2?")
    assert types(heard) == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "span.model_request_start",
        "agent.tool_use",
        "span.model_request_end",
        "agent.tool_result",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    result = next(event for event in heard if event.type == "agent.tool_result")
    assert (result.content[0].text, result.is_error) == ("4\n", False)
