"""What goes wrong in a cell, in one sentence and without a traceback.

A magic that fails raises `AgentError`. The cell counts as failed, so papermill, nbclient and "Run
All" stop there, and the notebook shows only the message (IPython asks for ``_render_traceback_``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from jupyter_agents.errors import UserError

if TYPE_CHECKING:
    import anthropic

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
OR_REPLAY = "Without a model, a recording can be replayed: %%agent --replay FILE."


class AgentError(UserError):
    """A `UserError` that a notebook shows as its message alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class RunFailed(AgentError):
    """The turn ended without an answer: an error, a refusal, or the budget.

    in_short: what a notebook shows where the reason stands in the output right above it.
    """

    def __init__(self, message: str, in_short: str = "") -> None:
        super().__init__(message)
        self.in_short = in_short or message
        self.is_read = False

    def _render_traceback_(self) -> list[str]:
        return [self.in_short if self.is_read else str(self)]


class Interrupted(AgentError):
    """The user stopped the turn."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean x or y?``, or nothing."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def explain(error: Exception) -> AgentError:
    """What an error of the SDK, of HTTP or of ours means for a person at a notebook."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, UserError):
        return AgentError(str(error))
    import anthropic

    match error:
        case anthropic.AuthenticationError() | anthropic.PermissionDeniedError():
            return AgentError(
                "The server did not accept this kernel's token. Restart the kernel; "
                "if JUPYTER_AGENTS_TOKEN is set, check it."
            )
        case anthropic.APIStatusError():
            return AgentError(_message(error))
        case anthropic.APITimeoutError():
            return AgentError("The server did not answer in time. Try again.")
        case anthropic.APIConnectionError():
            return AgentError(
                f"The server of this notebook, {_place(error)}, cannot be reached. "
                f"If it was stopped, start it again and restart the kernel.{_proxy(error)}"
            )
        case OSError():
            return AgentError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        case _:
            raise error


def _place(error: anthropic.APIConnectionError) -> str:
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode()}"


def _proxy(error: anthropic.APIConnectionError) -> str:
    """What an HTTP proxy of this environment has to do with it; nothing for this machine."""
    host = error.request.url.host
    set_here = [name for name in PROXIES if os.environ.get(name)]
    if not set_here or host in ("localhost", "::1") or host.startswith("127."):
        return ""
    return f" {set_here[0]} is set here: if the server is not behind that proxy, add {host} to NO_PROXY."


def _message(error: anthropic.APIStatusError) -> str:
    if not isinstance(error.body, dict):
        return (
            f"The answer {error.status_code} is not of jupyter-agents: something stands between this kernel "
            "and its server, such as an HTTP proxy or a login page. If a proxy is set here, add the server's "
            "host to NO_PROXY and restart the kernel."
        )
    inner = error.body.get("error")
    message = inner.get("message") if isinstance(inner, dict) else None
    return str(message or error.message)
