"""``%agent`` alone: the state, and what to do about what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jupyter_agents.cell import words
from jupyter_agents.kernel.problems import OR_REPLAY
from jupyter_agents.kernel.sheet import plain
from jupyter_agents.kernel.skew import skew

Row = tuple[str, bool, str, str]
"""What, whether it works, how it is, and what to do."""

BARE_PAGE: Row = (
    "page",
    True,
    "without the front end of jupyter-agents: calls that wait are answered with %agent approve and deny",
    "In JupyterLab or Notebook, reload the page; if jupyter-agents was installed while Jupyter ran, restart "
    "JupyterLab to see outputs go on by themselves, with buttons.",
)

KEYS = {
    "environment": "key from the environment",
    "login": "key from %agent login",
    "dummy": "no key needed",
    "none": "no key",
}


class State:
    """What `%agent` shows, as a table and as text."""

    def __init__(self, rows: Sequence[Row], next_step: str) -> None:
        self.rows = tuple(rows)
        self.next_step = next_step

    def __repr__(self) -> str:
        lines = [
            f"{'✓' if ok else '✗'} {what:<9} {how}" + (f"\n  {'':<9} {todo}" if todo else "")
            for what, ok, how, todo in self.rows
        ]
        return "\n".join([*lines, "", self.next_step])

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;vertical-align:top"'
        rows = "".join(
            f"<tr><td {cell}>{'✓' if ok else '✗'}</td><th {cell}>{escape(what)}</th>"
            f"<td {cell}>{escape(how)}{f'<br><em>{escape(todo)}</em>' if todo else ''}</td></tr>"
            for what, ok, how, todo in self.rows
        )
        return f"<table>{rows}</table><p>{escape(self.next_step)}</p>"

    def _repr_markdown_(self) -> str:
        lines = [
            f"- {'✓' if ok else '✗'} **{what}** {plain(how)}" + (f" *{plain(todo)}*" if todo else "")
            for what, ok, how, todo in self.rows
        ]
        return "\n".join([*lines, "", plain(self.next_step)])


def state(
    status: Mapping[str, Any], base_url: str, origin: str, kernel_sessions: int, *, bare_page: bool = False
) -> State:
    """The state from ``local/status`` and from what this kernel knows.

    bare_page: whether a page shows this kernel that has not our front end.
    """
    rows = [
        server_row(status, base_url, origin),
        model_row(status),
        _sandbox(status["sandbox"]),
        _sessions(status["sessions"], kernel_sessions),
        *([BARE_PAGE] if bare_page else []),
    ]
    return State(
        rows,
        "Write %%agent and a message below it to begin; %agent help lists what there is.",
    )


def server_row(status: Mapping[str, Any], base_url: str, origin: str) -> Row:
    """The server and its version; one that differs from this kernel's is a fault."""
    version = status.get("version")
    todo = skew(version)
    return ("server", todo is None, f"{base_url} ({origin}), version {version}", todo or "")


def model_row(status: Mapping[str, Any]) -> Row:
    """The model's endpoint, and what to do where it cannot be asked, or was and did not answer."""
    model = status["model"]
    if status.get("replay"):
        problem = status.get("replay_problem") or ""
        return ("model", not problem, f"replayed from {status['replay']}; no model is asked", problem)
    how = f"{model['default_model']} at {model['base_url']}, {KEYS.get(model['key'], model['key'])}"
    if "how" in model:
        how = f"{how}; {model['how']}"
    if model["ready"]:
        return ("model", model.get("answers", True), how, str(model.get("todo") or _local(model)))
    return ("model", False, how, f"{model.get('problem') or ''} {OR_REPLAY}".strip())


def _local(model: Mapping[str, Any]) -> str:
    """A local server rarely has the default model: how to name its own."""
    if model["key"] != "dummy" or not str(model["default_model"]).startswith("claude-"):
        return ""
    return (
        "If this endpoint has no Claude models, name one of its own: %agent define default --model NAME. "
        "Tokens are counted, a price is not known."
    )


def _sandbox(sandbox: Mapping[str, Any]) -> Row:
    passed = sandbox.get("passed_over") or []
    better = "; ".join(f"{probe['kind']}: {probe['reason']}" for probe in passed)
    remedies = " ".join(probe["remedy"] for probe in passed if probe.get("remedy"))
    if sandbox["ready"]:
        how = str(words.sandbox(sandbox["kind"])) + (f" (passed over: {better})" if better else "")
        return ("sandbox", True, how, "")
    reason = sandbox.get("reason") or better or "none was found"
    return ("sandbox", False, f"none: {reason}", str(sandbox.get("remedy") or remedies))


def _sessions(counts: Mapping[str, Any], kernel_sessions: int) -> Row:
    how = f"{counts['running']} running, {counts['idle']} idle; {kernel_sessions} of this notebook"
    return ("sessions", True, how, "")
