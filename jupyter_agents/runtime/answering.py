"""Whether the model endpoint answers and takes the key; asked for its models, so that no token is spent.

Source: docs/local-api.md (doctor).
"""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_agents.runtime.endpoint import Endpoint

ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Answering:
    """ok: whether it can be worked with. how: what it did, for a person. todo: what to do, or ""."""

    ok: bool
    how: str
    todo: str = ""


async def ask(endpoint: Endpoint, seconds: float = ASK_SECONDS) -> Answering:
    """Ask the endpoint once, for at most `seconds`; never raises for what it does."""
    from anthropic import APIConnectionError, APIError, AuthenticationError, PermissionDeniedError

    problem = endpoint.problem()
    if problem is not None:
        return Answering(False, "it cannot be asked", problem)
    try:
        await endpoint.client().with_options(timeout=seconds).models.list(limit=1)
    except (AuthenticationError, PermissionDeniedError):
        return Answering(False, "the key is refused", "Run `%agent login` with another key.")
    except APIConnectionError:
        todo = "Check the network and the address; a local model server must be running."
        return Answering(False, "nothing answers there", todo)
    except (APIError, ValueError):
        return Answering(True, "it answers, without a list of its models")
    return Answering(True, "it answers")
