"""Resources of a session that lives, through the SDK."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from jupyter_agents import wire
from jupyter_agents.testing import ScriptedModel, call, say
from tests.needs import need
from tests.server.test_sdk import complete
from tests.support import Home, Server, home_of, serving


def upload(server: Server, data: bytes = b"a,b\n", name: str = "data.csv") -> str:
    return server.client.beta.files.upload(file=(name, data, "text/csv")).id


def add(server: Server, session_id: str, file_id: str, path: str | None = None) -> Any:
    given: Any = {} if path is None else {"mount_path": path}
    return server.client.beta.sessions.resources.add(session_id, type="file", file_id=file_id, **given)


def results(events: list[Any]) -> list[tuple[str, bool]]:
    found = [event for event in events if event.type == "agent.tool_result"]
    return [(event.content[0].text, event.is_error) for event in found]


def test_add_list_retrieve_and_delete(server: Server) -> None:
    resources = server.client.beta.sessions.resources
    session = server.session()
    file_id = upload(server)
    one = add(server, session.id, file_id, "/workspace/in/one.csv")
    two = add(server, session.id, file_id)
    assert one.file_id not in (file_id, two.file_id)
    assert (one.mount_path, two.mount_path) == (
        "/workspace/in/one.csv",
        f"/mnt/session/uploads/{two.file_id}",
    )
    path = f"v1/sessions/{session.id}/resources/{one.id}"
    complete(wire.FileResource, server.request("GET", path).json())
    assert resources.retrieve(one.id, session_id=session.id) == one
    assert list(resources.list(session.id)) == [one, two]
    assert server.client.beta.sessions.retrieve(session.id).resources == [one, two]
    scoped = {f.id for f in server.client.beta.files.list(scope_id=session.id)}
    assert scoped == {one.file_id, two.file_id}
    deleted = resources.delete(one.id, session_id=session.id)
    assert deleted.to_dict() == {"id": one.id, "type": "session_resource_deleted"}
    assert list(resources.list(session.id)) == [two]
    with pytest.raises(anthropic.NotFoundError):
        resources.delete(one.id, session_id=session.id)
    with pytest.raises(anthropic.NotFoundError):
        server.client.beta.files.retrieve_metadata(one.file_id)
    assert server.client.beta.files.retrieve_metadata(file_id).id == file_id


def test_a_list_in_pages(server: Server) -> None:
    file_id = upload(server)
    session = server.session(resources=[{"type": "file", "file_id": file_id}] * 3)
    made = [r.id for r in session.resources] + [add(server, session.id, file_id).id for _ in range(2)]
    resources = server.client.beta.sessions.resources
    first = resources.list(session.id, limit=2)
    assert [r.id for r in first.data] == made[:2] and first.next_page
    assert [r.id for r in first] == made
    assert resources.list(session.id).next_page is None
    resources.delete(made[1], session_id=session.id)
    assert [r.id for r in resources.list(session.id, limit=2, page=first.next_page)] == made[2:]
    for query in ({"limit": "0"}, {"limit": "1001"}, {"page": "page_x"}):
        answer = server.request("GET", f"v1/sessions/{session.id}/resources", params=query)
        assert answer.status_code == 400, query


def test_a_file_added_to_a_session_that_lives_is_read_and_the_model_is_told(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [[call("bash", command="echo ready")], [say("Ready.")]]
    session = server.session()
    server.turn(session.id, "go")
    before = scripted.requests[-1]
    add(server, session.id, upload(server), "/workspace/in/data.csv")
    add(server, session.id, upload(server, b"x\n"), "/mnt/session/uploads/deep/x.csv")
    command = "cat in/data.csv /mnt/session/uploads/workspace/in/data.csv /mnt/session/uploads/deep/x.csv"
    scripted.script += [
        [call("bash", command=command), call("bash", command="echo y >> in/data.csv"),
         call("read", file_path="/workspace/in/data.csv"),
         call("bash", command="echo y >> /mnt/session/uploads/deep/x.csv")],
        [say("Done.")],
    ]  # fmt: skip
    said = results(server.turn(session.id, "read them"))
    assert said[0] == ("a,b\na,b\nx\n", False)
    assert [is_error for _, is_error in said] == [False, True, False, True]
    after = scripted.requests[-2]
    assert after["system"] == before["system"]
    kept = len(before["messages"])
    assert _bare(after["messages"][:kept]) == _bare(before["messages"])
    told = [block["text"] for block in after["messages"][-1]["content"]]
    assert told[0] == "read them"
    assert "added the file /workspace/in/data.csv" in told[1] and "/deep/x.csv" in told[1]
    assert _bare(scripted.requests[-1]["messages"][: kept + 2]) == _bare(after["messages"])


def _bare(messages: list[Any]) -> list[Any]:
    """Messages without their cache marks."""
    return [
        {**m, "content": [{k: v for k, v in b.items() if k != "cache_control"} for b in m["content"]]}
        for m in messages
    ]


def test_a_file_that_is_taken_out_is_gone_from_the_sandbox(server: Server, scripted: ScriptedModel) -> None:
    session = server.session()
    places = ["/workspace/a.csv", "/mnt/session/uploads/b.csv", "/data/c.csv", "/workspace/kept.csv"]
    added = [add(server, session.id, upload(server), place) for place in places]
    scripted.script += [
        [call("bash", command=f"cat {' '.join(places)}; rm kept.csv; echo mine > kept.csv")],
        [say("Ready.")],
    ]
    assert results(server.turn(session.id, "go")) == [("a,b\n" * 4, False)]
    for resource in added:
        server.client.beta.sessions.resources.delete(resource.id, session_id=session.id)
    look = "for f in " + " ".join(places) + "; do cat $f 2>/dev/null || echo gone; done"
    uploads = "find /mnt/session/uploads -type f"
    scripted.script += [[call("bash", command=f"{look}; {uploads}")], [say("Done.")]]
    assert results(server.turn(session.id, "look")) == [("gone\ngone\ngone\nmine\n", False)]
    assert "removed the file /data/c.csv" in str(scripted.requests[-1]["messages"])


def test_a_file_added_while_a_call_runs_reaches_the_next_request(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [
        [call("bash", command="until [ -e late.csv ]; do sleep 0.02; done; cat late.csv")],
        [say("Done.")],
    ]
    session = server.session()
    found: list[Any] = []
    with server.client.beta.sessions.events.stream(session.id) as stream:
        server.send(session.id, {"type": "user.message", "content": [{"type": "text", "text": "wait"}]})
        for event in stream:
            found.append(event)
            if event.type == "agent.tool_use":
                add(server, session.id, upload(server), "/workspace/late.csv")
            if event.type == "session.status_idle":
                break
    assert results(found) == [("a,b\n", False)]
    last = scripted.requests[-1]["messages"][-1]["content"]
    assert [block["type"] for block in last] == ["tool_result", "text"]
    assert "late.csv" in last[1]["text"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "file"}, "file_id"),
        ({"type": "file", "file_id": "file_none"}, "file_id: File `file_none` not found"),
        ({"type": "file", "file_id": "{}", "mount_path": "data.csv"}, "mount_path"),
        ({"type": "file", "file_id": "{}", "mount_path": "/etc/passwd"}, "reserved"),
        ({"type": "file", "file_id": "{}", "mount_path": "/workspace/taken"}, "at, above or below"),
        ({"type": "file", "file_id": "{}", "mount_path": "/workspace/taken/x"}, "at, above or below"),
        ({"type": "github_repository", "url": "https://github.com/a/b"}, ""),
        ({"type": "memory_store", "memory_store_id": "memstore_1"}, ""),
        ({"type": "file", "file_id": "{}", "more": 1}, "more"),
    ],
)
def test_a_resource_that_cannot_be_added(server: Server, body: dict[str, Any], message: str) -> None:
    file_id = upload(server)
    taken: Any = {"type": "file", "file_id": file_id, "mount_path": "/workspace/taken"}
    session = server.session(resources=[taken])
    given = {k: file_id if v == "{}" else v for k, v in body.items()}
    answer = server.request("POST", f"v1/sessions/{session.id}/resources", json=given)
    assert answer.status_code == 400 and message in answer.json()["error"]["message"], answer.text
    assert len(server.client.beta.sessions.retrieve(session.id).resources) == 1
    assert len(list(server.client.beta.files.list(scope_id=session.id))) == 1


def test_what_a_resource_has_no_token_for_is_refused(server: Server) -> None:
    session = server.session(resources=[{"type": "file", "file_id": upload(server)}])
    with pytest.raises(anthropic.BadRequestError, match="authorization_token"):
        server.client.beta.sessions.resources.update(
            session.resources[0].id, session_id=session.id, authorization_token="t"
        )


def test_an_archived_or_unknown_session_takes_no_files(server: Server) -> None:
    file_id = upload(server)
    session = server.session(resources=[{"type": "file", "file_id": file_id}])
    server.client.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        add(server, session.id, file_id)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        server.client.beta.sessions.resources.delete(session.resources[0].id, session_id=session.id)
    assert len(list(server.client.beta.sessions.resources.list(session.id))) == 1
    with pytest.raises(anthropic.NotFoundError):
        add(server, "sesn_none", file_id)
    with pytest.raises(anthropic.NotFoundError):
        server.client.beta.sessions.resources.list("sesn_none")


def test_a_hundred_files_at_most(server: Server) -> None:
    file_id = upload(server)
    session = server.session(resources=[{"type": "file", "file_id": file_id}] * 100)
    with pytest.raises(anthropic.BadRequestError, match="at most 100"):
        add(server, session.id, file_id)
    server.client.beta.sessions.resources.delete(session.resources[7].id, session_id=session.id)
    assert add(server, session.id, file_id).id


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the sandbox's user can get to."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("kind", ["docker", "bubblewrap", "landlock"])
def test_every_sandbox_reads_what_is_added_while_it_runs(
    kind: str, open_folder: Path, scripted: ScriptedModel
) -> None:
    need({"bubblewrap": "bwrap"}.get(kind, kind))
    with serving(home_of(kind, open_folder, scripted.url)) as server:
        scripted.script += [[call("bash", command="echo ready")], [say("Ready.")]]
        session = server.session()
        assert results(server.turn(session.id, "go")) == [("ready\n", False)]
        add(server, session.id, upload(server), "/workspace/in/a.csv")
        added = add(server, session.id, upload(server, b"elsewhere\n"), "/data/b.csv")
        reads = ["/workspace/in/a.csv", "/mnt/session/uploads/workspace/in/a.csv", "/data/b.csv"]
        scripted.script += [[call("read", file_path=path) for path in reads], [say("Done.")]]
        said = results(server.turn(session.id, "read"))
        assert said == [("a,b\n", False), ("a,b\n", False), ("elsewhere\n", False)]
        server.client.beta.sessions.resources.delete(added.id, session_id=session.id)
        scripted.script += [[call("read", file_path="/data/b.csv"), call("bash", command="cat in/a.csv")]]
        scripted.script += [[say("Done.")]]
        gone, still = results(server.turn(session.id, "again"))
        assert gone[1] and still == ("a,b\n", False)


def test_a_resource_outlives_kill_nine(home: Home, scripted: ScriptedModel) -> None:
    need("bwrap")
    with serving(home) as server:
        session = server.session()
        added = add(server, session.id, upload(server), "/workspace/in/data.csv")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with serving(home) as server:
        assert list(server.client.beta.sessions.resources.list(session.id)) == [added]
        scripted.script += [[call("bash", command="cat in/data.csv")], [say("Done.")]]
        assert results(server.turn(session.id, "go")) == [("a,b\n", False)]
        assert "added the file /workspace/in/data.csv" in str(scripted.requests[0]["messages"])
