"""A session's state: what all its records say. How a record changes it is in `sessions`.

Pure. Source: spec sections 3 to 5, docs/decisions.md "Wire".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jupyter_agents.domain import budget, events, pricing
from jupyter_agents.domain.usage import Usage
from jupyter_agents.domain.window import Window

Doc = dict[str, Any]
Status = Literal["idle", "running", "rescheduling", "terminated"]
Kind = Literal["built_in", "mcp", "custom"]

DEFAULT_MAX_TURNS = 200
NEWS = "Note from the server: "
"""How a text begins that the server, not the user, adds to the thread."""


@dataclass
class Call:
    """One tool call of the newest model response.

    id is the public event's, tool_use_id the model's. server, url: of an MCP tool, whose name is the
    bare one. answer: what the client said, for an asked call. original: the model's own input, where
    the user changed it.
    """

    id: str
    tool_use_id: str
    name: str
    input: Doc
    kind: Kind
    permission: Literal["allow", "ask", "deny"]
    reason: str = ""
    server: str = ""
    url: str = ""
    answer: Literal["allow", "deny"] | None = None
    original: Doc | None = None
    done: bool = False

    @property
    def custom(self) -> bool:
        """Whether the client runs it."""
        return self.kind == "custom"

    @property
    def waits(self) -> bool:
        """Whether only the client can bring it on."""
        return not self.done and (self.custom or (self.permission == "ask" and self.answer is None))

    @property
    def denied(self) -> bool:
        return not self.done and (self.permission == "deny" or self.answer == "deny")


@dataclass
class State:
    """Everything the records say. Lists grow in place.

    session: the object as created, with later updates; always the same dict. next_agent: one that waits
    for the end of the turn. received: when the first client event came in. messages: the Messages
    thread. said: the texts of the client's user messages, which alone are what the user wants. owes:
    whether the model has yet to answer what stands last in the thread. news: what the next request
    tells the model behind the newest user message, so that what was said before stays cached. announced:
    the calls that the newest ``requires_action`` named. mcp: what each MCP server lists
    (`domain.mcp.Listed`). rules: tools that the user always allows in this session, by the rule's id.
    request: the open model request. stopped: the newest stop reason. rounds, failures, cuts: model
    requests of this turn, and how many of the last ones failed or were cut at their token limit.
    window: how full the model's context is.
    """

    session: Doc = field(default_factory=dict)
    next_agent: Doc | None = None
    received: datetime | None = None
    startup_seconds: float | None = None
    status: Status = "idle"
    seq: int = 0
    last: datetime | None = None
    queue: list[Doc] = field(default_factory=list)
    messages: list[Doc] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    mcp: dict[str, Doc] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    rules: dict[str, Doc] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    answers: dict[str, Doc] = field(default_factory=dict)
    owes: bool = False
    announced: frozenset[str] = frozenset()
    request: str | None = None
    params: Doc = field(default_factory=dict)
    stop_reason: str | None = None
    stop_details: Doc | None = None
    stopped: Doc | None = None
    turn: int = 0
    rounds: int = 0
    failures: int = 0
    cuts: int = 0
    window: Window = field(default_factory=Window)
    exhausted: bool = False
    usage: Usage = field(default_factory=Usage)
    running_since: datetime | None = None

    @property
    def primary(self) -> Doc:
        """The fields that name the primary thread."""
        agent = self.session["agent"]
        return {"session_thread_id": self.session["thread_id"], "agent_name": agent["name"]}

    @property
    def waiting(self) -> list[Call]:
        """The calls that only the client can bring on."""
        return [call for call in self.calls.values() if call.waits]

    @property
    def news_blocks(self) -> list[Doc]:
        """The news as they go behind the newest message, where that is the user's."""
        if not self.news or not self.messages or self.messages[-1]["role"] != "user":
            return []
        return [{"type": "text", "text": NEWS + "\n".join(self.news)}]

    @property
    def max_turns(self) -> int:
        """Model requests per user turn (docs/decisions.md "Wire")."""
        return int(self.session["metadata"].get("jupyter-agents/max-turns", DEFAULT_MAX_TURNS))

    @property
    def over_budget(self) -> bool:
        """Whether the list cost has reached the session's budget."""
        return budget.spent(self.usage, self.session["budget"])

    @property
    def paused(self) -> bool:
        """Whether the session stopped at its budget."""
        return self.status == "idle" and self.stopped == events.BUDGET_REACHED

    @property
    def mid_turn(self) -> bool:
        """Whether the session is idle in the middle of a turn."""
        return bool(self.announced) or self.paused

    @property
    def crowded(self) -> bool:
        """Whether the thread must get shorter before the model is asked again."""
        return self.window.crowded(self.session["agent"]["model"]["id"])

    def startup(self, at: datetime) -> float:
        """Seconds from the first client event until `at`."""
        return 0.0 if self.received is None else round((at - self.received).total_seconds(), 6)

    def usage_wire(self, at: datetime | None = None) -> Doc:
        """The wire's usage object; with the time of a turn that is running, up to `at`."""
        usage = self.usage.wire(priced=pricing.model(self.session["agent"]["model"]["id"]).known)
        if at is not None and self.running_since is not None:
            elapsed = max((at - self.running_since).total_seconds(), 0.0)
            usage["active_seconds"] = round(self.usage.active_seconds + elapsed, 6)
        return usage
