"""A real server for tests: a process of its own, with its own store, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx2

TOKEN = "test-token"
TOOLSET: Any = [{"type": "agent_toolset_20260401"}]
NO_NETWORK: Any = {"type": "cloud", "networking": {"type": "limited"}}
OWN = ("ANTHROPIC_", "JUPYTER_", "JPY_")
START_SECONDS = 60.0

Doc = dict[str, Any]


@dataclass
class Home:
    """The folders of one server: its store, its root directory, its configuration."""

    folder: Path
    model_url: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("root", "config"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        (self.folder / "token").write_text(TOKEN)
        traits = {"sandbox": "bubblewrap", **self.traits}
        config = {"JupyterAgents": traits}
        (self.folder / "config" / "jupyter_server_config.json").write_text(json.dumps(config))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
        return kept | {
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "JUPYTER_AGENTS_DATA_DIR": str(self.data),
            "JUPYTER_AGENTS_MODEL_URL": self.model_url,
            "DOCKER_HOST": "unix:///nowhere",
            **self.variables,
        }


def home_of(
    kind: str,
    folder: Path,
    url: str,
    traits: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Home:
    """Folders for a server whose sandboxes are of `kind`; every user may enter `folder`."""
    if kind != "docker":
        home = Home(folder, url, {"sandbox": kind, **(traits or {})}, variables or {})
        home.data.mkdir(mode=0o711)
        return home
    import docker

    from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image

    client = docker.from_env()
    image = import_host_image(client)
    client.close()
    mounts = [str(mount.source) for mount in HOST_MOUNTS]
    traits = {"sandbox": "docker", "image": image, "docker_mounts": mounts, **(traits or {})}
    return Home(folder, url, traits, {"DOCKER_HOST": "unix:///var/run/docker.sock", **(variables or {})})


class Server:
    """A server that answers; `client` is the official SDK."""

    def __init__(self, url: str, home: Home, process: Any = None) -> None:
        self.process = process
        self.url = f"{url.rstrip('/')}/jupyter-agents"
        self.home = home
        self.client = anthropic.Anthropic(base_url=self.url, auth_token=TOKEN, max_retries=0)
        self._http = httpx2.Client(trust_env=False, timeout=30)

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A plain request below the API's root, with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return self._http.request(method, f"{self.url}/{path}", headers=headers, **options)

    def bare(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A plain request without a token, and without the cookie that one with a token left."""
        self._http.cookies.clear()
        return self._http.request(method, f"{self.url}/{path}", **options)

    def close(self) -> None:
        self.client.close()
        self._http.close()

    def agent(self, **options: Any) -> Any:
        return self.client.beta.agents.create(
            **{"name": "coder", "model": "claude-opus-4-7", "tools": TOOLSET, **options}
        )

    def session(self, tools: Any = TOOLSET, **options: Any) -> Any:
        """A session of a new agent in an environment without a network."""
        agent = self.agent(tools=tools, **{k: options.pop(k) for k in ("model", "system") if k in options})
        name = f"env-{time.monotonic_ns()}"
        environment = self.client.beta.environments.create(name=name, config=NO_NETWORK)
        return self.client.beta.sessions.create(agent=agent.id, environment_id=environment.id, **options)

    def send(self, session_id: str, *events: Any) -> Any:
        return self.client.beta.sessions.events.send(session_id, events=events)

    def turn(self, session_id: str, *sent: Any, deltas: Sequence[str] = ()) -> list[Any]:
        """Send events (a text is a user message); everything on the stream until it is idle."""
        found: list[Any] = []
        wanted: Any = list(deltas) or anthropic.omit
        with self.client.beta.sessions.events.stream(session_id, event_deltas=wanted) as stream:
            self.send(session_id, *(user(e) if isinstance(e, str) else e for e in sent))
            for event in stream:
                found.append(event)
                if event.type in ("session.status_idle", "session.status_terminated"):
                    break
        return found

    def events(self, session_id: str) -> list[Any]:
        return list(self.client.beta.sessions.events.list(session_id))

    def until(self, session_id: str, status: str, seconds: float = 20.0) -> Any:
        """The session once it has `status`."""
        deadline = time.monotonic() + seconds
        while (found := self.client.beta.sessions.retrieve(session_id)).status != status:
            assert time.monotonic() < deadline, f"still {found.status}"
            time.sleep(0.02)
        return found


def user(text: str) -> Doc:
    """A ``user.message``."""
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def types(events: Sequence[Any]) -> list[str]:
    """The types of events."""
    return [event["type"] if isinstance(event, dict) else event.type for event in events]


def wait_ready(path: Path, alive: Any, log: Path) -> str:
    """The address in a ready file, once it is there."""
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        assert alive() and time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    url: str = json.loads(path.read_text())["url"]
    return url


@contextmanager
def serving(home: Home, launch: Sequence[str] = ("-m", "jupyter_agents.cli")) -> Iterator[Server]:
    """``python -m jupyter_agents.cli serve``, as a user starts it."""
    ready = home.folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, *launch, "serve", "--root-dir", str(home.root)]
    command += ["--token-file", str(home.folder / "token"), "--ready-file", str(ready)]
    with (home.folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=home.environment(), stdout=log, stderr=log)
    try:
        url = wait_ready(ready, lambda: process.poll() is None, home.folder / "log")
        server = Server(url, home, process)
        yield server
        server.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
