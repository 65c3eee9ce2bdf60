"""How full the model's context window is: the part of a session's fold that compactions are decided by.

Source: spec sections 4.5 and 5.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_agents.domain import compaction

Doc = dict[str, Any]

EXCEEDED = "model_context_window_exceeded"
COUNTED = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


@dataclass
class Window:
    """What the requests of a session say about the length of its thread.

    tokens: what the newest answered request and its answer took. exceeded: whether the endpoint has said
    that the thread is too long. compacting: whether the open request is for a summary. attempts: how many
    of those there were since the last that helped.
    """

    tokens: int = 0
    exceeded: bool = False
    compacting: bool = False
    attempts: int = 0

    def crowded(self, model_id: str) -> bool:
        """Whether the thread must get shorter before the model is asked again."""
        return self.exceeded or self.tokens > compaction.threshold(model_id)

    def failed(self, private: Doc) -> None:
        """The open request failed; the private part of its end says whether it was too long."""
        if private.get("exceeded"):
            self.exceeded = True
            self.attempts += self.compacting
        self.compacting = False

    def summarised(self) -> None:
        """The request for a summary was answered, with one or without."""
        self.attempts += 1
        self.compacting = False

    def answered(self, stop_reason: str, used: Doc, model_id: str) -> None:
        """A request was answered; `used` are its token counts."""
        self.exceeded = stop_reason == EXCEEDED
        self.tokens = sum(used.get(key, 0) for key in COUNTED)
        if not self.crowded(model_id):
            self.attempts = 0

    def shortened(self) -> None:
        """The thread is shorter now; how much, the next request says."""
        self.tokens, self.exceeded = 0, False
