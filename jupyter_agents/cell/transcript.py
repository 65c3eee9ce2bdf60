"""One turn as a value: its steps, its status, and how a step is put into it.

The fold from events is `jupyter_agents.cell.fold`. Source: docs/transcript.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jupyter_agents.cell.steps import Step, Text, Thinking, Tool

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
OVER = frozenset({"done", "interrupted", "failed", "refused", "budget_reached"})


@dataclass(frozen=True)
class Transcript:
    """One turn of a session.

    first_event_id: the turn's ``user.message``; with `None` the first one seen opens the turn.
    tokens: the turn's, by the four names of `TOKENS`.
    """

    first_event_id: str | None = None
    status: str = "running"
    prompt: str = ""
    steps: tuple[Step, ...] = ()
    tokens: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TOKENS, 0))
    opened: bool = False
    interrupted: bool = False
    first_at: str | None = None
    last_at: str | None = None
    seen: frozenset[str] = frozenset()

    @property
    def over(self) -> bool:
        """Whether the turn has ended; a turn that waits for an answer has not."""
        return self.status in OVER

    @property
    def seconds(self) -> float:
        """From the first to the last event of the turn."""
        return elapsed(self.first_at, self.last_at) or 0.0

    @property
    def text(self) -> str:
        """Everything the agent said, paragraphs apart."""
        return joined(step.markdown for step in self.steps if isinstance(step, Text))

    @property
    def waiting(self) -> tuple[Tool, ...]:
        """The calls that wait for an answer."""
        tools = (step for step in self.steps if isinstance(step, Tool))
        return tuple(tool for tool in tools if tool.status == "waiting")

    @property
    def running(self) -> frozenset[str]:
        """The ids of the calls that run."""
        tools = (step for step in self.steps if isinstance(step, Tool))
        return frozenset(tool.id for tool in tools if tool.status == "running")

    def to_dict(self) -> dict[str, Any]:
        """The transcript of docs/transcript.md; files and most of the footer are the caller's."""
        return {
            "status": self.status,
            "prompt": self.prompt,
            "steps": [step.to_dict() for step in self.steps],
            "files": [],
            "footer": {**self.tokens, "seconds": self.seconds},
        }


def cut(transcript: Transcript, status: str) -> Transcript:
    """The turn as it stands, ended with `status`: for a turn that nobody follows any more."""
    ended = close_previews(transcript)
    steps = tuple(
        replace(step, status="interrupted")
        if isinstance(step, Tool) and step.status in ("running", "waiting")
        else step
        for step in ended.steps
    )
    return replace(ended, status=status, steps=steps)


def stopping(transcript: Transcript) -> str:
    """What a stop ends, or ended, in words: ``Stopped while running bash``."""
    for tool in (step for step in transcript.steps if isinstance(step, Tool)):
        if tool.status == "waiting" or (tool.status == "interrupted" and tool.seconds is None):
            return f"Stopped while {tool.name} waited for an answer"
        if tool.status in ("running", "interrupted"):
            return f"Stopped while running {tool.name}"
    return "Stopped while the model was at work"


def joined(texts: Iterable[str]) -> str:
    """Texts with a blank line between them, empty ones left out."""
    return "\n\n".join(text for text in texts if text)


def plain(content: Any) -> str:
    """The text of content blocks."""
    blocks = content if isinstance(content, list) else []
    return joined(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def elapsed(start: str | None, end: str | None) -> float | None:
    """Seconds between two times of the wire, to the millisecond, never negative."""
    if start is None or end is None:
        return None
    delta = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return max(0.0, round(delta.total_seconds(), 3))


def mark(transcript: Transcript, id: str, **changes: Any) -> Transcript:
    """What only the kernel knows of a call that it runs itself: its place, state and displays."""
    tool = find_tool(transcript, id)
    if tool is None or transcript.over:
        return transcript
    marked = put(transcript, replace(tool, **changes))
    return replace(marked, status="waiting" if marked.waiting else "running")


def find(transcript: Transcript, id: str) -> Step | None:
    return next((step for step in reversed(transcript.steps) if step.id == id), None)


def find_tool(transcript: Transcript, id: str) -> Tool | None:
    step = find(transcript, id)
    return step if isinstance(step, Tool) else None


def put(transcript: Transcript, step: Step) -> Transcript:
    """`step` in the place of the one with its id, or at the end."""
    steps = transcript.steps
    if find(transcript, step.id) is None:
        return replace(transcript, steps=(*steps, step))
    return replace(transcript, steps=tuple(step if s.id == step.id else s for s in steps))


def close_previews(transcript: Transcript) -> Transcript:
    """What was seen of a preview stays; one without any text goes."""
    closed = tuple(
        replace(step, partial=False) if isinstance(step, Text | Thinking) else step
        for step in transcript.steps
        if not (isinstance(step, Text) and step.partial and not step.markdown)
    )
    return replace(transcript, steps=closed)
