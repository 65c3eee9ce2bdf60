"""What a transcript is made of: text, thinking, tool calls, steering, notices.

Source: docs/transcript.md, the table of steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Text:
    """What the agent said, as markdown; while it is still arriving, `partial` and in `blocks`."""

    id: str
    markdown: str = ""
    partial: bool = False
    blocks: tuple[str, ...] = ()
    kind: str = field(default="text", init=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "id": self.id,
            "markdown": self.markdown,
            "partial": self.partial,
        }


@dataclass(frozen=True)
class Thinking:
    """The agent thinks or thought; there is no text to it (spec section 4.3)."""

    id: str
    partial: bool = False
    kind: str = field(default="thinking", init=False)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "partial": self.partial}


@dataclass(frozen=True)
class Tool:
    """One tool call. `started` is the time that `seconds` counts from; it is not drawn.

    place, shown: for a tool of this kernel, ``kernel``, and what the function printed and displayed.
    """

    id: str
    name: str
    input: dict[str, Any]
    server: str | None = None
    status: str = "running"
    output: tuple[dict[str, Any], ...] = ()
    seconds: float | None = None
    started: str | None = None
    place: str | None = None
    shown: tuple[dict[str, Any], ...] = ()
    kind: str = field(default="tool", init=False)

    def to_dict(self) -> dict[str, Any]:
        made = {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "server": self.server,
            "input": self.input,
            "status": self.status,
            "output": list(self.output),
            "seconds": self.seconds,
        }
        if self.place is not None:
            made |= {"place": self.place, "shown": list(self.shown)}
        return made


@dataclass(frozen=True)
class Steer:
    """What the user said while the turn was running."""

    id: str
    text: str
    kind: str = field(default="steer", init=False)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "text": self.text}


@dataclass(frozen=True)
class Notice:
    """A sentence of the session: `level` is ``info``, ``warning`` or ``error``."""

    id: str
    level: str
    text: str
    kind: str = field(default="notice", init=False)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "level": self.level, "text": self.text}


Step = Text | Thinking | Tool | Steer | Notice
