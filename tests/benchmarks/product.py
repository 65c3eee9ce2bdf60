"""Our figures, through the official SDK against a real server in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import anthropic

TOOLSET: Any = [{"type": "agent_toolset_20260401"}]


@dataclass(frozen=True)
class Server:
    """A running server and what a client needs. talker: an agent without tools."""

    client: anthropic.Anthropic
    root: Path
    agent: str
    environment: str
    talker: str
    url: str
    pid: int

    def session(self) -> Any:
        """A new session."""
        return self.client.beta.sessions.create(agent=self.agent, environment_id=self.environment)

    def talk(self) -> Any:
        """A new session without tools."""
        return self.client.beta.sessions.create(agent=self.talker, environment_id=self.environment)


@contextmanager
def server(
    model_url: str, sandbox: str, extra: tuple[str, ...] = (), fill: Callable[[Path], object] = bool
) -> Iterator[Server]:
    """`jupyter agents serve` with one kind of sandbox, "" for whatever there is.

    fill: given the data directory before the start.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "data")
        folder.chmod(0o755)
        (folder / "root").mkdir()
        (folder / "token").write_text("benchmark")
        environment = {
            **os.environ,
            "JUPYTER_AGENTS_MODEL_URL": model_url,
            "JUPYTER_AGENTS_DATA_DIR": str(folder / "data"),
            "JUPYTER_CONFIG_DIR": str(_config(folder, sandbox, extra)),
        }
        command = [sys.executable, "-m", "jupyter_agents.cli", "serve"]
        command += ["--token-file", str(folder / "token"), "--ready-file", str(folder / "ready")]
        command += ["--root-dir", str(folder / "root"), "--parent-pid", str(os.getpid())]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
            try:
                yield _connect(folder, process, bool(sandbox))
            finally:
                assert process.stdin
                process.stdin.close()
                process.wait(20)


def _config(folder: Path, sandbox: str, extra: tuple[str, ...]) -> Path:
    config = folder / "config"
    config.mkdir()
    lines = [f"c.JupyterAgents.sandbox = {sandbox or 'auto'!r}", *extra]
    (config / "jupyter_server_config.py").write_text("\n".join(lines))
    return config


def _connect(folder: Path, process: subprocess.Popen[bytes], needs_sandbox: bool) -> Server:
    while not (folder / "ready").exists():
        if process.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
        time.sleep(0.05)
    url = json.loads((folder / "ready").read_text())["url"]
    client = anthropic.Anthropic(base_url=f"{url.rstrip('/')}/jupyter-agents", auth_token="benchmark")
    status: Any = client.get("/local/status", cast_to=object)
    if needs_sandbox and not status["sandbox"]["ready"]:
        raise RuntimeError(status["sandbox"]["reason"])
    agent = client.beta.agents.create(name="bench", model="claude-opus-4-7", tools=TOOLSET)
    environment = client.beta.environments.create(
        name="bench", config={"type": "cloud", "networking": {"type": "limited"}}
    )
    talker = client.beta.agents.create(name="talker", model="claude-opus-4-7")
    return Server(client, folder / "root", agent.id, environment.id, talker.id, url, process.pid)


def turn(server: Server, session_id: str, text: str, deltas: bool = False) -> list[tuple[float, int, Any]]:
    """Send `text`; every event until idle as (seconds since sending, clock in ns, event)."""
    client, found = server.client, []
    wanted: Any = ["agent.message"] if deltas else []
    with client.beta.sessions.events.stream(session_id, event_deltas=wanted) as stream:
        start = time.perf_counter()
        content: Any = [{"type": "text", "text": text}]
        client.beta.sessions.events.send(session_id, events=[{"type": "user.message", "content": content}])
        for event in stream:
            found.append((time.perf_counter() - start, time.time_ns(), event))
            if event.type == "session.status_idle":
                return found
    raise RuntimeError("the stream ended before the session was idle")


def crowded(server: Server, files: int) -> str:
    """A session that has made a call, with `files` files in its workspace; its id."""
    session = server.session()
    turn(server, session.id, "calls 1")
    place: Any = server.client.get(f"/local/sessions/{session.id}/sandbox", cast_to=object)
    folder = Path(place["workspace"]) / "many"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}.txt").write_text("x")
    turn(server, session.id, "calls 1")
    return str(session.id)


def per_call(server: Server, session_id: str, calls: int) -> float:
    """Seconds per tool call."""
    events = turn(server, session_id, f"calls {calls}")
    results = [event for _, _, event in events if event.type == "agent.tool_result"]
    assert len(results) == calls and not any(result.is_error for result in results)
    return events[-1][0] / calls


def first_result(server: Server, times: int = 5) -> float:
    """Median seconds from sending to the first tool result, in fresh sessions."""
    seconds = []
    for _ in range(times):
        events = turn(server, server.session().id, "calls 1")
        seconds.append(next(at for at, _, e in events if e.type == "agent.tool_result"))
    return median(seconds)


def delta(server: Server, deltas: int = 200) -> float:
    """Median seconds from the model's delta to the SDK's client."""
    late = []
    for _, now, event in turn(server, server.session().id, f"deltas {deltas}", deltas=True):
        if event.type == "event_delta":
            late += [(now - int(stamp)) / 1e9 for stamp in event.delta.content.text.split()]
    return median(late)
