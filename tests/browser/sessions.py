"""Sessions of the real server whose model says each word when a test wants it, and what a page opens."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Iterator
from typing import Any

import anthropic

from jupyter_agents.testing import call, say
from tests.browser.lab import TOKEN, Place
from tests.browser.runs import run

TOOLSET: Any = [{"type": "agent_toolset_20260401"}]
WAIT = "until [ -e go ]; do sleep 0.05; done; echo live"
NUMBERS = itertools.count(1)
SECONDS = 20.0


class Mouth:
    """What a model says, piece by piece: `block` is its text, which goes on until `close`."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[str | None] = queue.Queue()

    @property
    def block(self) -> dict[str, Any]:
        return {"type": "text", "text": self._spoken()}

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            self._pieces.put(piece)

    def close(self) -> None:
        self._pieces.put(None)

    def _spoken(self) -> Iterator[str]:
        while (piece := self._pieces.get(timeout=120)) is not None:
            yield piece


class Session:
    """A session that belongs to the notebook `name`."""

    def __init__(self, place: Place, name: str = "", tools: Any = TOOLSET) -> None:
        self.lab, self.model = place
        number = next(NUMBERS)
        self.name = name or f"session{number}.ipynb"
        self.client = anthropic.Anthropic(
            base_url=f"{self.lab.url}jupyter-agents", auth_token=TOKEN, max_retries=0
        ).beta
        agent = self.client.agents.create(name=f"live{number}", model="claude-opus-4-7", tools=tools)
        network: Any = {"type": "cloud", "networking": {"type": "limited"}}
        environment = self.client.environments.create(name=f"live{number}", config=network)
        self.id = self.client.sessions.create(
            agent=agent.id, environment_id=environment.id, metadata={"jupyter-agents/notebook": self.name}
        ).id

    def begin(self, *script: Any) -> str:
        """Send a message that `script` answers; the turn's id."""
        self.model.script[:] = list(script)
        content: Any = [{"type": "text", "text": "Do it."}]
        events: Any = [{"type": "user.message", "content": content}]
        answer = self.client.sessions.events.send(self.id, events=events)
        data: Any = answer.data
        return str(data[0].id)

    def calls(self) -> str:
        """Begin a turn whose call runs until `go`; what it says then is **done**."""
        turn = self.begin([call("bash", command=WAIT)], [say("It is **done**.")])
        self.until("agent.tool_use")
        return turn

    def go(self) -> None:
        """Let the call end."""
        place = self.lab.request(f"jupyter-agents/local/sessions/{self.id}/sandbox")["path"]
        folder = self.lab.root / place
        deadline = time.monotonic() + SECONDS
        while not folder.is_dir():
            assert time.monotonic() < deadline, "no workspace"
            time.sleep(0.05)
        (folder / "go").touch()

    def until(self, type: str, count: int = 1) -> None:
        """Wait until the session has so many events of a type."""
        deadline = time.monotonic() + SECONDS
        while sum(event.type == type for event in self.client.sessions.events.list(self.id)) < count:
            assert time.monotonic() < deadline, f"no {type}"
            time.sleep(0.05)

    def saved(self, turn: str, *steps: Any) -> dict[str, Any]:
        """What a notebook has of a turn that was saved in its middle."""
        payload = run(*steps, live=True, status="running", footer={})
        return {**payload, "session_id": self.id, "first_event_id": turn}

    def notebook(self, turn: str, *steps: Any, kernel: bool = False) -> str:
        """Write the notebook as it was saved in the middle of `turn`; its address."""
        return self.lab.notebook(self.name, self.saved(turn, *steps), kernel=kernel)


class Streams:
    """The event streams that a page has open, and ever opened."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._open: set[Any] = set()
        self.opened = 0
        page.on("request", self._begun)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, self._ended)

    @property
    def open(self) -> int:
        return len(self._open)

    def _begun(self, request: Any) -> None:
        if "/events/stream" in request.url:
            self._open.add(request)
            self.opened += 1

    def _ended(self, request: Any) -> None:
        self._open.discard(request)

    def wait(self, open: int) -> None:
        """Wait until so many are open."""
        deadline = time.monotonic() + SECONDS
        while self.open != open:
            assert time.monotonic() < deadline, f"{self.open} streams are open, {self.opened} were"
            self._page.wait_for_timeout(50)
