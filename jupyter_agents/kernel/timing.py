"""Where the time of a turn went: folded from its events.

Calls of one response run one after the other, so a call's time begins at the end of the one before
it. The time in which a call waits for an answer is nobody's work and is counted apart.

Source: docs/runs.md; spec sections 5 and 25 (order of events).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from jupyter_agents.cell.fold import TOOL_RESULTS, TOOL_USES
from jupyter_agents.cell.transcript import elapsed

Event = Mapping[str, Any]

ANSWERS = ("agent.message", "agent.thinking", *sorted(TOOL_USES))


@dataclass(frozen=True)
class StepTime:
    """One model request, call, or wait for an answer.

    kind: ``model``, ``tool`` or ``wait``. name: the tool's. id: of the event that began it. seconds:
    None while it runs.
    """

    kind: str
    name: str
    id: str
    seconds: float | None


@dataclass(frozen=True)
class Timing:
    """The time of a turn, seconds.

    first_token: from the message to the first sign of the model, None where nothing came yet. total:
    from the message to the newest event. steps: `StepTime`s in their order.
    """

    first_token: float | None
    total: float
    steps: tuple[StepTime, ...]

    @property
    def model(self) -> float:
        """Time in which the model was asked."""
        return self._sum("model")

    @property
    def tools(self) -> float:
        """Time in which tools ran."""
        return self._sum("tool")

    @property
    def waiting(self) -> float:
        """Time in which a call waited for an answer."""
        return self._sum("wait")

    def _sum(self, kind: str) -> float:
        return round(sum(step.seconds or 0.0 for step in self.steps if step.kind == kind), 3)

    def rows(self) -> list[tuple[str, str]]:
        """What there is to show, as label and time."""
        steps = [(f"{step.kind} {step.name}".strip(), step.seconds) for step in self.steps]
        sums = [("all model requests", self.model), ("all tools", self.tools)]
        if self.waiting:
            sums.append(("waiting for an answer", self.waiting))
        every = [("first token", self.first_token), *steps, *sums, ("total", self.total)]
        return [(label, "-" if seconds is None else f"{seconds:.3f} s") for label, seconds in every]

    def __repr__(self) -> str:
        return "\n".join(f"{label[:60]:<30} {seconds:>12}" for label, seconds in self.rows())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th><td>{escape(seconds)}</td></tr>'
            for label, seconds in self.rows()
        )
        return f"<table><caption>Where the time went</caption><tbody>{rows}</tbody></table>"


def timing(events: Sequence[Event], first_token: float | None = None) -> Timing:
    """The timing of one turn.

    Parameters
    ----------
    events:
        The turn's events as the wire's JSON, beginning with its ``user.message``.
    first_token:
        When the first preview was seen, seconds after the message, where someone watched. A call has
        no preview, so the first whole event of the model counts where that was earlier.
    """
    if not events:
        return Timing(None, 0.0, ())
    times = [at for event in events if (at := event.get("processed_at"))]
    start = times[0] if times else None
    answer = next((e.get("processed_at") for e in events if e.get("type") in ANSWERS), None)
    seen = [moment for moment in (first_token, elapsed(start, answer)) if moment is not None]
    first = round(min(seen), 3) if seen else None
    return Timing(first, elapsed(start, times[-1] if times else None) or 0.0, tuple(_steps(events)))


def _steps(events: Sequence[Event]) -> list[StepTime]:
    made: dict[str, StepTime] = {}
    began: dict[str, str] = {}
    last = ""
    for event in events:
        kind, id, at = str(event.get("type")), str(event.get("id")), str(event.get("processed_at"))
        if kind == "span.model_request_start":
            made[id], began[id] = StepTime("model", "", id, None), at
        elif kind == "span.model_request_end":
            _end(made, began, str(event.get("model_request_start_id")), at)
        elif kind in TOOL_USES:
            made[id], began[id] = StepTime(_kind(event), str(event.get("name")), id, None), at
        elif kind == "user.tool_confirmation":
            use = str(event.get("tool_use_id"))
            _end(made, began, use, at)
            if use in made and event.get("result") == "allow":
                step = made.pop(use)
                made[f"{use} wait"], began[use] = step, at
                made[use] = StepTime("tool", step.name, use, None)
        elif kind in TOOL_RESULTS:
            use = str(event.get(TOOL_RESULTS[kind]))
            if use in made and made[use].seconds is None:
                began[use] = max(began[use], last)
                _end(made, began, use, at)
            last = at
    return list(made.values())


def _kind(use: Event) -> str:
    asks = use.get("evaluated_permission") == "ask" or use.get("type") == "agent.custom_tool_use"
    return "wait" if asks else "tool"


def _end(made: dict[str, StepTime], began: dict[str, str], id: str, at: str) -> None:
    if id in made:
        step = made[id]
        made[id] = StepTime(step.kind, step.name, id, elapsed(began[id], at))
