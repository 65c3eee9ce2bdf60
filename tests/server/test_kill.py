"""kill -9 at any moment: nothing acknowledged is lost, nothing runs twice, the session goes on."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from jupyter_agents.server.standalone import serve
from jupyter_agents.testing import ScriptedModel, call, say
from tests.needs import need
from tests.support import NO_NETWORK, TOOLSET, Home, Server

Doc = dict[str, Any]

KILLS = 50
CALLS = 3
LONGEST = 0.6
END_SECONDS = 60.0


def worker(request: Doc) -> list[Doc]:
    """A model that appends each line of each job to a file once, one call a line."""
    text = " ".join(str(message["content"]) for message in request["messages"])
    jobs = list(dict.fromkeys(re.findall(r"job (\d+)", text)))
    asked = set(re.findall(r"echo (\d+\.\d+) >>", text))
    for job in jobs:
        for line in range(CALLS):
            if f"{job}.{line}" not in asked:
                return [call("bash", command=f"echo {job}.{line} >> lines.txt")]
    return [say(f"Done with {len(jobs)} jobs.")]


def run(environment: dict[str, str], root: Path, token: Path, ready: Path) -> None:
    """The server's process, forked from one that has imported everything."""
    os.environ.clear()
    os.environ.update(environment)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    serve(port=0, token_file=token, root_dir=root, ready_file=ready, parent_pid=None, embedded=False)


@contextmanager
def server(home: Home, context: Any) -> Iterator[tuple[Server, Any]]:
    """A server that is killed at the end, at the latest."""
    ready = home.folder / "ready.json"
    ready.unlink(missing_ok=True)
    arguments = (home.environment(), home.root, home.folder / "token", ready)
    process = context.Process(target=run, args=arguments)
    process.start()
    try:
        begin = time.monotonic()
        while not ready.exists():
            assert process.is_alive() and time.monotonic() - begin < END_SECONDS
            time.sleep(0.005)
        yield Server(json.loads(ready.read_text())["url"], home), process
    finally:
        process.kill()
        process.join()


def listen(running: Server, session_id: str, seen: dict[str, str]) -> None:
    """Note every event that a client is told of, until the server is gone."""
    with (
        suppress(anthropic.APIError, httpx2.HTTPError, OSError),
        running.client.beta.sessions.events.stream(session_id) as stream,
    ):
        for event in stream:
            seen[event.id] = event.type


def test_killed_fifty_times_nothing_is_lost_and_nothing_runs_twice(
    home: Home, scripted: ScriptedModel
) -> None:
    need("bwrap")
    scripted.script[:] = [worker] * 10_000
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jupyter_agents.server.standalone", "anthropic"])
    chance = random.Random(20261121)
    told: dict[str, str] = {}
    acknowledged: list[str] = []
    session_id = ""

    for job in range(KILLS):
        with server(home, context) as (running, process):
            if not session_id:
                session_id = new_session(running)
            threading.Thread(target=listen, args=(running, session_id, told), daemon=True).start()
            threading.Timer(chance.uniform(0, LONGEST), process.kill).start()
            with suppress(anthropic.APIError):
                acknowledged.append(send(running, session_id, f"job {job}"))
            process.join()

    with server(home, context) as (running, _):
        events = finish(running, session_id)
        check_events(events, told, acknowledged)
        check_session(running, session_id, events)
        check_lines(running, session_id, events)


def new_session(running: Server) -> str:
    sdk = running.client.beta
    agent = sdk.agents.create(name="worker", model="claude-opus-4-7", tools=TOOLSET)
    environment = sdk.environments.create(name="here", config=NO_NETWORK)
    return sdk.sessions.create(agent=agent.id, environment_id=environment.id).id


def send(running: Server, session_id: str, text: str) -> str:
    content: Any = [{"type": "text", "text": text}]
    message: Any = {"type": "user.message", "content": content}
    sent = running.client.beta.sessions.events.send(session_id, events=[message])
    assert sent.data
    return sent.data[0].id


def finish(running: Server, session_id: str) -> list[Any]:
    """Every event of the session, once it is idle and takes a last message."""
    begin = time.monotonic()
    send(running, session_id, "job 1000")
    while running.client.beta.sessions.retrieve(session_id).status != "idle":
        assert time.monotonic() - begin < END_SECONDS
        time.sleep(0.05)
    return list(running.client.beta.sessions.events.list(session_id))


def check_events(events: list[Any], told: dict[str, str], acknowledged: list[str]) -> None:
    ids = Counter(event.id for event in events)
    assert not [id for id, times in ids.items() if times > 1]
    assert not {id: kind for id, kind in told.items() if id not in ids}
    assert len(acknowledged) > KILLS / 5
    assert not [id for id in acknowledged if id not in ids]
    times = [event.processed_at for event in events]
    assert times == sorted(set(times))


def check_session(running: Server, session_id: str, events: list[Any]) -> None:
    session = running.client.beta.sessions.retrieve(session_id)
    reported = [event for event in events if event.type == "session.usage"]
    assert session.usage.output_tokens == reported[-1].usage.output_tokens
    used = [event.model_usage for event in events if event.type == "span.model_request_end"]
    assert session.usage.output_tokens == sum(usage.output_tokens for usage in used)
    starts = Counter(e.id for e in events if e.type == "span.model_request_start")
    ends = Counter(e.model_request_start_id for e in events if e.type == "span.model_request_end")
    assert starts == ends
    for before, event in itertools.pairwise(events):
        assert event.type != "session.status_idle" or before.type == "session.usage"


def check_lines(running: Server, session_id: str, events: list[Any]) -> None:
    uses = {e.id: e.input["command"] for e in events if e.type == "agent.tool_use"}
    results = Counter(e.tool_use_id for e in events if e.type == "agent.tool_result")
    assert results == Counter(uses.keys())
    place: Any = running.client.get(f"/local/sessions/{session_id}/sandbox", cast_to=object)
    lines = Counter((Path(place["workspace"]) / "lines.txt").read_text().split())
    assert max(lines.values()) == 1
    fine = {e.tool_use_id for e in events if e.type == "agent.tool_result" and not e.is_error}
    done = {uses[id].split()[1] for id in fine}
    assert done <= lines.keys()
    assert {f"1000.{line}" for line in range(CALLS)} <= done
