"""Git repositories of a session, through the SDK, from a git host on loopback."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.testing import ScriptedModel, call, say
from tests.git_host import TOKEN, GitHost
from tests.needs import need
from tests.server.test_resources import results
from tests.server.test_sdk import complete
from tests.support import Home, Server, serving


@pytest.fixture(scope="module")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    with GitHost(tmp_path_factory.mktemp("git")).serving() as running:
        yield running


@pytest.fixture(scope="module")
def _place(
    _host: GitHost, tmp_path_factory: pytest.TempPathFactory, _scripted_model: ScriptedModel
) -> Iterator[Server]:
    need("bwrap")
    folder = tmp_path_factory.mktemp("repositories")
    home = Home(folder, _scripted_model.url, {"repository_hosts": [_host.url], "max_repository": "1MiB"})
    with serving(home) as running:
        yield running


@pytest.fixture
def place(_place: Server, scripted: ScriptedModel) -> Server:
    """A server that takes repositories from the git host of these tests."""
    return _place


@pytest.fixture
def host(_host: GitHost, request: pytest.FixtureRequest) -> Iterator[GitHost]:
    yield _host
    _host.private.clear()
    _host.forbidden.clear()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository's name that no other test has."""
    return f"lib-{abs(hash(request.node.name)) % 10**8}"


def repository(host: GitHost, name: str, **more: Any) -> Any:
    return {"type": "github_repository", "url": host.address(name), **more}


def workspace(place: Server, session_id: str) -> Path:
    found: Any = place.client.get(f"/local/sessions/{session_id}/sandbox", cast_to=object)
    return Path(found["workspace"])


def errors(events: list[Any]) -> list[Any]:
    return [event.error for event in events if event.type == "session.error"]


def test_a_repository_is_there_before_the_first_call(
    place: Server, host: GitHost, name: str, scripted: ScriptedModel
) -> None:
    sha = host.repository(name, {"README": b"hello\n", "bin/run": b"#!/bin/sh\n"})
    session = place.session(resources=[repository(host, name)])
    (shown,) = session.resources
    assert (shown.type, shown.mount_path, shown.checkout) == ("github_repository", f"/workspace/{name}", None)
    found = place.request("GET", f"v1/sessions/{session.id}/resources/{shown.id}").json()
    complete(wire.RepositoryResource, found)
    git = f"cd {name} && git status --short && git rev-parse HEAD && echo more > new && git add new"
    scripted.script += [[call("bash", command=f"cat {name}/README; {git}")], [say("Done.")]]
    events = place.turn(session.id, "go")
    assert results(events) == [(f"hello\n{sha}\n", False)] and errors(events) == []
    assert f"- /workspace/{name} ({host.address(name)})" in str(scripted.requests[0]["system"])
    there = workspace(place, session.id)
    owners = {path.lstat().st_uid for path in (there / name).rglob("*")}
    assert owners == {there.stat().st_uid}
    assert [path.name for path in there.parent.iterdir()].count("jupyter-agents") == 0
    changes: Any = place.client.get(f"/local/sessions/{session.id}/changes", cast_to=object)
    assert [change["path"] for change in changes["data"]] == [f"{name}/new"]


def test_a_token_is_used_and_found_nowhere(
    place: Server, host: GitHost, name: str, scripted: ScriptedModel
) -> None:
    host.repository(name, {"a": b"secret\n"})
    host.private.add(name)
    given = repository(host, name, authorization_token=TOKEN, checkout={"type": "branch", "name": "main"})
    session = place.session(resources=[given])
    look = f"cat {name}/a {name}/.git/config; env; cat /proc/*/environ /proc/*/cmdline 2>&1 | tr '\\0' ' '"
    scripted.script += [[call("bash", command=look)], [say("Done.")]]
    ((said, is_error),) = results(place.turn(session.id, "go"))
    assert said.startswith("secret\n") and not is_error and TOKEN not in said
    wired = place.request("GET", f"v1/sessions/{session.id}").text
    wired += place.request("GET", f"v1/sessions/{session.id}/events").text
    wired += place.request("GET", f"local/sessions/{session.id}/run").text
    assert TOKEN not in wired and TOKEN not in str(scripted.requests)
    kept = place.home.data / "repositories" / f"{session.id}.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert with_token(place.home.folder) == [str(kept)]
    place.client.beta.sessions.delete(session.id)
    assert with_token(place.home.folder) == []


def with_token(folder: Path) -> list[str]:
    """The files below `folder` that hold the token."""
    found = subprocess.run(["grep", "-rla", TOKEN, str(folder)], capture_output=True, text=True)
    return found.stdout.splitlines()


def test_a_failure_is_said_and_tried_again_at_the_next_turn(
    place: Server, host: GitHost, name: str, scripted: ScriptedModel
) -> None:
    host.repository(name, {"a": b"there\n"})
    host.private.add(name)
    session = place.session(resources=[repository(host, name, authorization_token="ghp_old")])
    look = call("bash", command=f"cat {name}/a")
    scripted.script += [[look], [look], [say("Without it, then.")]]
    first = place.turn(session.id, "go")
    (error,) = errors(first)
    assert (error.type, error.retry_status.type) == ("repository_authentication_error", "retrying")
    assert error.repository_url == host.address(name)
    assert [is_error for _, is_error in results(first)] == [True, True]
    assert first[-1].stop_reason.type == "end_turn"
    assert f"the repository {host.address(name)} is not at" in str(scripted.requests[1]["messages"])
    resources = place.client.beta.sessions.resources
    with pytest.raises(anthropic.BadRequestError):
        resources.update(session.resources[0].id, session_id=session.id, authorization_token="not one\n")
    changed: Any = resources.update(session.resources[0].id, session_id=session.id, authorization_token=TOKEN)
    assert changed.updated_at > changed.created_at
    assert resources.retrieve(changed.id, session_id=session.id) == changed
    scripted.script += [[look], [say("There.")]]
    second = place.turn(session.id, "again")
    assert errors(second) == [] and results(second) == [("there\n", False)]
    uid = workspace(place, session.id).stat().st_uid
    assert (workspace(place, session.id) / name / "a").stat().st_uid == uid
    changes: Any = place.client.get(f"/local/sessions/{session.id}/changes", cast_to=object)
    assert changes["data"] == []


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "forbidden"),
        ({"checkout": {"type": "branch", "name": "nope"}}, "checkout"),
        ({"url": "/owner/nothing"}, "not_found"),
        ({"url": "/owner/large"}, "clone"),
    ],
)
def test_every_kind_of_failure_is_an_event_of_the_sdk(
    place: Server, host: GitHost, name: str, scripted: ScriptedModel, given: Any, kind: str
) -> None:
    host.repository(name, {"a": b"1"})
    if kind == "forbidden":
        host.forbidden.add(name)
    if kind == "clone":
        host.repository("large", {"a": b"0" * 2 * 1024**2})
    more = {k: host.url + v if k == "url" else v for k, v in given.items()}
    session = place.session(resources=[repository(host, name) | more])
    scripted.script += [[call("bash", command="echo on")], [say("Done.")]]
    events = place.turn(session.id, "go")
    (error,) = errors(events)
    assert error.type == f"repository_{kind}_error"
    assert results(events) == [("on\n", False)]
    for found in place.request("GET", f"v1/sessions/{session.id}/events").json()["data"]:
        wire.event_adapter().validate_python(found)
    left = [path.name for path in workspace(place, session.id).parent.iterdir()]
    assert not [found for found in left if found.startswith("jupyter-agents-")]


def test_what_the_agent_did_to_a_clone_stays_over_a_restart(
    host: GitHost, name: str, home: Home, scripted: ScriptedModel
) -> None:
    need("bwrap")
    host.repository(name, {"a": b"1\n"})
    home = Home(home.folder, home.model_url, {"repository_hosts": [host.url]})
    with serving(home) as server:
        session = server.session(resources=[repository(host, name)])
        scripted.script += [[call("bash", command=f"echo mine > {name}/a")], [say("Done.")]]
        server.turn(session.id, "go")
    with serving(home) as server:
        look = f"cat {name}/a; rm -rf {name}; ln -s /etc {name}"
        scripted.script += [[call("bash", command=look)], [say("Done.")]]
        assert results(server.turn(session.id, "go")) == [("mine\n", False)]
    with serving(home) as server:
        scripted.script += [[call("bash", command="echo on")], [say("Done.")]]
        events = server.turn(session.id, "go")
        assert results(events) == [("on\n", False)]
        assert [error.type for error in errors(events)] == ["repository_clone_error"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"url": "https://github.com/a/b"}, "resources.1.url: expected http://127.0.0.1"),
        ({"mount_path": "/repo"}, "below /workspace"),
        ({"mount_path": "/workspace/in"}, "at, above or below"),
        ({"mount_path": "/workspace/in/data.csv/repo"}, "at, above or below"),
        ({"authorization_token": "a\nb"}, "authorization_token"),
        ({"checkout": {"type": "commit", "sha": "abc"}}, "checkout.sha"),
        ({"checkout": {"type": "tag", "name": "v1"}}, "checkout"),
    ],
)
def test_a_repository_that_cannot_be_had_is_refused_at_once(
    place: Server, host: GitHost, more: Any, message: str
) -> None:
    before = list((place.home.data / "repositories").iterdir())
    upload = place.client.beta.files.upload(file=("data.csv", b"x"))
    file: Any = {"type": "file", "file_id": upload.id, "mount_path": "/workspace/in/data.csv"}
    with pytest.raises(anthropic.BadRequestError) as caught:
        place.session(resources=[file, repository(host, "x", authorization_token=TOKEN) | more])
    assert message in str(caught.value.body)
    assert TOKEN not in str(caught.value.body)
    assert list((place.home.data / "repositories").iterdir()) == before


def test_a_repository_stays_for_as_long_as_its_session(place: Server, host: GitHost, name: str) -> None:
    session = place.session(resources=[repository(host, name)])
    with pytest.raises(anthropic.BadRequestError, match="stays"):
        place.client.beta.sessions.resources.delete(session.resources[0].id, session_id=session.id)
