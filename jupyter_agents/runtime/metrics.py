"""What this process does, as Prometheus metrics on Jupyter's ``/metrics``.

Everything is registered when this module is imported, so once in a process, however often the extension
loads. No label holds what a user or a model wrote: tools of MCP servers and of clients count under their
kind. Source: docs/hosting.md.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import prometheus_client
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jupyter_agents.domain.state import Call
from jupyter_agents.domain.tools import WEB
from jupyter_agents.runtime.model import Answer, Model, Preview
from jupyter_agents.sandbox.base import SANDBOX_TOOLS, ToolResult

Samples = Iterable[tuple[str, str]]
Now = Callable[[], tuple[Samples, dict[str, int]]]
"""A runtime's sandboxes, as kind and state, and its number of sessions by status."""

STATUSES = ("idle", "running", "rescheduling", "terminated")
BUILT_IN = (*SANDBOX_TOOLS, *WEB)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TOKENS = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_input_tokens": "cache_read",
    "cache_creation_input_tokens": "cache_write",
}

_calls = Counter(
    "jupyter_agents_tool_calls", "Tool calls that are answered, by tool and outcome.", ["tool", "outcome"]
)
_requests = Counter("jupyter_agents_model_requests", "Model requests, by outcome.", ["outcome"])
_tokens = Counter("jupyter_agents_model_tokens", "Tokens of model requests, by kind.", ["kind"])
_starts = Histogram(
    "jupyter_agents_sandbox_start_seconds", "How long sandboxes take to start.", ["kind"], buckets=SECONDS
)


class _Runtimes(Collector):
    """Gauges over all runtimes of this process, read when they are asked for."""

    def __init__(self) -> None:
        self.now: list[Now] = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        boxes = GaugeMetricFamily(
            "jupyter_agents_sandboxes", "Sandboxes by kind and state.", labels=["kind", "state"]
        )
        sessions = GaugeMetricFamily("jupyter_agents_sessions", "Sessions by status.", labels=["status"])
        running: Tally[tuple[str, str]] = Tally()
        statuses: Tally[str] = Tally(dict.fromkeys(STATUSES, 0))
        for ask in self.now:
            found, counts = ask()
            running.update(found)
            statuses.update(counts)
        for labels, number in running.items():
            boxes.add_metric(labels, number)
        for status, number in statuses.items():
            sessions.add_metric([status], number)
        yield boxes
        yield sessions

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is read at registration."""
        return iter(())


_runtimes = _Runtimes()
prometheus_client.REGISTRY.register(_runtimes)


def watch(now: Now) -> None:
    """Show the gauges of one more runtime, until `unwatch`."""
    _runtimes.now.append(now)


def unwatch(now: Now) -> None:
    """Show them no longer."""
    if now in _runtimes.now:
        _runtimes.now.remove(now)


def tool_label(call: Call) -> str:
    """A tool's name where it is one of the built-in ones, else its kind."""
    if call.kind in ("mcp", "custom"):
        return call.kind
    return call.name if call.name in BUILT_IN else "unknown"


def answered(call: Call, result: ToolResult) -> None:
    """Count a call that has its result."""
    outcome = "limit" if result.limit else "error" if result.is_error else "ok"
    _calls.labels(tool_label(call), outcome).inc()


def settled(answers: Iterable[dict[str, Any]]) -> None:
    """Count the results that a client gave to tools of its own."""
    for answer in answers:
        if answer["type"] == "user.custom_tool_result":
            _calls.labels("custom", "error" if answer.get("is_error") else "ok").inc()


def no_sandbox(call: Call) -> None:
    """Count a call that the provider failed."""
    _calls.labels(tool_label(call), "provider").inc()


def started(kind: str, seconds: float) -> None:
    """Note a sandbox that started."""
    _starts.labels(kind).observe(seconds)


class CountedModel:
    """A model whose requests are counted; a `Model`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def answer(self, request: dict[str, object], preview: Preview) -> Answer:
        """See `Model`."""
        try:
            answer = await self._model.answer(request, preview)
        except Exception:
            _requests.labels("error").inc()
            raise
        _requests.labels("replayed" if answer.replayed else "ok").inc()
        for field, kind in TOKENS.items():
            if not answer.replayed:
                _tokens.labels(kind).inc(answer.usage.get(field) or 0)
        return answer
