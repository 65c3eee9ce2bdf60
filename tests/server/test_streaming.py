"""The event stream: what it promises to those who read, and to the server of those who do not."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.lib.sessions import accumulate_managed_agents_event

from jupyter_agents.testing import Fault, Reply, ScriptedModel, call, say, think
from tests.support import TOKEN, Home, Server, serving, types, user

BOTH = ("agent.message", "agent.thinking")
PREVIEWS = ("event_start", "event_delta")
SECONDS = 30.0
MEGABYTE = 1_000_000
QUICK = "from jupyter_agents.server import events; events.KEEPALIVE_SECONDS = 0.2; "
QUICK += "from jupyter_agents.cli import main; main()"


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextlib.contextmanager
def connected(server: Server, session_id: str, query: str = "") -> Iterator[socket.socket]:
    """A client that has asked for the stream, has its headers, and reads no more."""
    host, port = server.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as client:
        path = f"/jupyter-agents/v1/sessions/{session_id}/events/stream{query}"
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        head = b""
        while b": connected" not in head:
            head += client.recv(4096)
        yield client


def connections(server: Server) -> int:
    """How many sockets the server's process has."""
    found = 0
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += str(entry.readlink()).startswith("socket:")
    return found


def memory(server: Server) -> int:
    """Bytes of the server's process that are in memory."""
    text = Path(f"/proc/{server.process.pid}/statm").read_text()
    return int(text.split()[1]) * 4096


def test_nothing_is_replayed_and_nothing_sent_inside_the_stream_is_lost(
    server: Server, scripted: ScriptedModel
) -> None:
    scripted.script += [[say(word)] for word in ("one", "two", "three")]
    session = server.session()
    before = {e.id for e in server.turn(session.id, "first")}
    for text in ("second", "third"):
        heard = server.turn(session.id, text)
        assert types(heard)[0] == "session.status_running" and not before & {e.id for e in heard}
        before |= {e.id for e in heard}
    assert before == {e.id for e in server.events(session.id)}


def check_previews(events: list[Any]) -> None:
    """The guarantees of spec section 6.4."""
    texts: dict[str, list[str]] = {}
    final: set[str] = set()
    for event in events:
        if event.type == "event_start":
            assert event.event.id not in texts and event.event.id not in final
            texts[event.event.id] = []
        elif event.type == "event_delta":
            parts, index = texts[event.event_id], event.delta.index or 0
            assert index in (len(parts) - 1, len(parts)) and event.event_id not in final
            if index == len(parts):
                parts.append("")
            parts[index] += event.delta.content.text
        elif event.type in BOTH:
            final.add(event.id)
            if event.type == "agent.message" and event.id in texts:
                whole = [block.text for block in event.content]
                assert "\0".join(whole).startswith("\0".join(texts[event.id]))


def test_previews_keep_every_guarantee(server: Server, scripted: ScriptedModel) -> None:
    long = "The quick brown fox. " * 20
    scripted.script += [
        Reply([think(), say("First. "), say(long), call("bash", command="true")], chunk=7),
        Fault(broken=True),
        Reply([say("One. "), think(), say("Two.")], chunk=3),
    ]
    session = server.session()
    events = server.turn(session.id, "go", deltas=BOTH)
    check_previews(events)
    started = [(e.event.type, e.event.id) for e in events if e.type == "event_start"]
    finals = [(e.type, e.id) for e in events if e.type in BOTH]
    assert [kind for kind, _ in started] == [
        "agent.thinking",
        "agent.message",
        "agent.message",
        "agent.message",
        "agent.thinking",
        "agent.message",
    ]
    lost = [pair for pair in started if pair not in finals]
    assert len(lost) == 1 and len(finals) == 5
    at = events.index(next(e for e in events if e.type == "event_start" and e.event.id == lost[0][1]))
    ends = [e for e in events[at:] if e.type == "span.model_request_end"]
    assert ends[0].is_error
    indexes = {e.delta.index for e in events if e.type == "event_delta"}
    assert indexes == {0, 1}
    thinking = {id for kind, id in started if kind == "agent.thinking"}
    assert not thinking & {e.event_id for e in events if e.type == "event_delta"}
    accumulated: dict[str, Any] = {}
    for event in events:
        if event.type in PREVIEWS or event.type == "agent.message":
            key = (
                event.event.id
                if event.type == "event_start"
                else getattr(event, "event_id", None) or event.id
            )
            accumulated[key] = accumulate_managed_agents_event(accumulated.get(key), event)
    assert not any(kind in PREVIEWS for kind in types(server.events(session.id)))


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ((), set()),
        (("agent.message",), {"agent.message"}),
        (("agent.thinking",), {"agent.thinking"}),
        (BOTH, set(BOTH)),
    ],
)
def test_previews_are_what_the_connection_asked_for(
    server: Server, scripted: ScriptedModel, wanted: tuple[str, ...], kinds: set[str]
) -> None:
    scripted.script.append([think(), say("Hello.")])
    events = server.turn(server.session().id, "go", deltas=wanted)
    assert {e.event.type for e in events if e.type == "event_start"} == kinds


def test_who_comes_in_mid_message_gets_no_half_of_it(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 60)], delay=0.02))
    session = server.session()
    with server.client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as first:
        server.send(session.id, user("go"))
        for event in first:
            if event.type == "event_delta":
                break
        with server.client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as late:
            heard = []
            for event in late:
                heard.append(event)
                if event.type == "session.status_idle":
                    break
    assert types(heard)[0] == "agent.message"


def test_an_unknown_delta_is_named(server: Server) -> None:
    session = server.session()
    wrong: Any = ["agent.message", "agent.tool_use"]
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.tool_use") as caught:
        server.client.beta.sessions.events.stream(session.id, event_deltas=wrong).__enter__()
    assert "event_deltas" in str(caught.value)


def test_thirty_readers_hear_the_same(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 100)]))
    session = server.session()
    stream = server.client.beta.sessions.events.stream
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(stream(session.id, event_deltas=["agent.message"])) for _ in range(30)]
        server.send(session.id, user("go"))
        heard = []
        for reader in readers:
            found = []
            for event in reader:
                found.append(event)
                if event.type == "session.status_idle":
                    break
            heard.append([event.to_json() for event in found])
    assert all(found == heard[0] for found in heard) and len(heard[0]) > 30


def test_a_client_that_vanishes_is_forgotten(server: Server, scripted: ScriptedModel) -> None:
    scripted.script.append(Reply([say("word " * 200)], delay=0.01))
    session = server.session()
    server.until(session.id, "idle")
    before = connections(server)
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connected(server, session.id, "?event_deltas[]=agent.message"))
        server.send(session.id, user("go"))
        assert connections(server) >= before + 10
    eventually(lambda: connections(server) <= before + 3, "the server keeps the connections")
    server.until(session.id, "idle")


def test_a_client_that_never_reads_is_cut_off_and_costs_no_memory(
    server: Server, scripted: ScriptedModel
) -> None:
    size = 10 * MEGABYTE

    def reply() -> Reply:
        return Reply([{"type": "text", "text": ("x" * 100_000 for _ in range(size // 100_000))}])

    def turn() -> None:
        session = server.session()
        with contextlib.ExitStack() as stack:
            for _ in range(stuck):
                stack.enter_context(connected(server, session.id, "?event_deltas[]=agent.message"))
            scripted.script.append(reply())
            server.send(session.id, user("go"))
            server.until(session.id, "running")
            server.until(session.id, "idle", 60)
            eventually(lambda: connections(server) <= before + 2, "a client that never reads is kept")
        server.client.beta.sessions.delete(session.id)

    stuck = 0
    before = connections(server)
    for _ in range(5):
        turn()
    plain = memory(server)
    stuck = 5
    for _ in range(5):
        turn()
    print(f"memory: {plain} bytes after five turns without them, {memory(server)} after five with five each")
    assert memory(server) - plain < 100 * MEGABYTE


def test_a_quiet_stream_is_kept_alive(home: Home) -> None:
    with serving(home, ("-c", QUICK)) as server:
        session = server.session()
        with (
            httpx2.Client(trust_env=False, timeout=SECONDS) as client,
            client.stream(
                "GET",
                f"{server.url}/v1/sessions/{session.id}/events/stream",
                headers={"Authorization": f"Bearer {TOKEN}"},
            ) as answer,
        ):
            lines = answer.iter_lines()
            assert [next(lines) for _ in range(6)] == [": connected", "", ":keepalive", "", ":keepalive", ""]
