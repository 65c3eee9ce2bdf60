"""What an administrator allows: models, endpoints, images, kinds of sandbox.

Lists hold names; in all but the endpoints' a ``*`` stands for any characters (``python:3.*``). The list
``*`` allows everything and an empty one nothing. Source: docs/configuration.md "Policy".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from jupyter_agents.domain.settings import AUTO, PREFIX, UNSAFE, Settings
from jupyter_agents.domain.urls import canonical
from jupyter_agents.errors import InvalidRequest

ANY = ("*",)


@dataclass(frozen=True)
class Policy:
    """The lists, and whether sandboxes without isolation may be asked for."""

    models: Sequence[str] = ANY
    endpoints: Sequence[str] = ANY
    images: Sequence[str] = ANY
    sandboxes: Sequence[str] = ANY
    unsafe: bool = False

    def check_agent(self, agent: Mapping[str, Any]) -> None:
        """Raises `InvalidRequest` for an agent whose model is not allowed."""
        problem = self.model_problem(agent["model"]["id"])
        if problem is not None:
            raise InvalidRequest(f"model: {problem}")

    def check_settings(self, asked: Settings) -> None:
        """Raises `InvalidRequest` for an image or a kind of sandbox that is not allowed."""
        for key, problem in (
            ("sandbox", self.sandbox_problem(asked.sandbox)),
            ("image", self.image_problem(asked.image)),
        ):
            if problem is not None:
                raise InvalidRequest(f"metadata.{PREFIX}{key}: {problem}")

    def model_problem(self, model: str) -> str | None:
        """Why `model` may not be used, with what to do; None where it may."""
        return _refusal(model, self.models, "model", "models")

    def endpoint_problem(self, base_url: str) -> str | None:
        """Why the Messages API endpoint at `base_url` may not be asked; None where it may."""
        allowed = {_endpoint(url) for url in self.endpoints}
        if "*" in self.endpoints or _endpoint(base_url) in allowed:
            return None
        return f"The model endpoint {base_url} is not allowed here. {_instead(self.endpoints, 'endpoints')}"

    def image_problem(self, image: str | None) -> str | None:
        """Why no sandbox may be made of `image`; None where one may, or where none was named."""
        return None if image is None else _refusal(image, self.images, "image", "images")

    def sandbox_problem(self, kind: str) -> str | None:
        """Why no sandbox of `kind` may be started; None where one may."""
        if kind == UNSAFE and not self.unsafe:
            return (
                "unsafe runs tools with no isolation and is switched off here. Use auto, or ask the "
                "administrator for JupyterAgents.allow_unsafe = True."
            )
        return None if kind == AUTO else _refusal(kind, self.sandboxes, "kind of sandbox", "sandboxes")

    def allows_kind(self, kind: str) -> bool:
        """Whether a provider of `kind` has a place on this server."""
        return self.sandbox_problem(kind) is None


def _refusal(name: str, allowed: Sequence[str], what: str, trait: str) -> str | None:
    if any(fnmatchcase(name, pattern) for pattern in allowed):
        return None
    return f"the {what} {name[:200]!r} is not allowed here. {_instead(allowed, trait)}"


def _instead(allowed: Sequence[str], trait: str) -> str:
    those = f"Allowed are: {', '.join(allowed)}" if allowed else "None is allowed"
    return f"{those} (JupyterAgents.allowed_{trait})."


def _endpoint(url: str) -> str:
    return canonical(url.rstrip("/").removesuffix("/v1"))
