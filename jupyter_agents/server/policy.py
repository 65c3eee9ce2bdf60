"""What an administrator allows, as traits of the server extension.

Source: docs/configuration.md "Policy".
"""

from __future__ import annotations

from traitlets import Bool, List, Unicode
from traitlets.config import Configurable

from jupyter_agents.domain.policy import ANY, Policy
from jupyter_agents.domain.settings import Settings
from jupyter_agents.errors import UserError

NO_EMBEDDED = (
    "The administrator of this machine allows no agents server that a kernel starts for itself "
    "(JupyterAgents.allow_embedded). Use JupyterLab, or set JUPYTER_AGENTS_URL and JUPYTER_AGENTS_TOKEN "
    "to a server that runs."
)


class PolicyTraits(Configurable):
    """The traits, and the `Policy` that they make."""

    allowed_models = List(
        Unicode(), ANY, help="Models that agents may name; a * stands for any characters."
    ).tag(config=True)
    allowed_endpoints = List(
        Unicode(), ANY, help="Base URLs that the model endpoint may have, whole; * alone is any."
    ).tag(config=True)
    allowed_images = List(
        Unicode(), ANY, help="Images that sandboxes may be made of; a * stands for any characters."
    ).tag(config=True)
    allowed_sandboxes = List(Unicode(), ANY, help="Kinds of sandbox that may be used.").tag(config=True)
    allow_unsafe = Bool(
        False, help="Whether sandbox='unsafe' may be asked for: tools as a plain process, no isolation."
    ).tag(config=True)
    allow_embedded = Bool(
        True, help="Whether a kernel without a Jupyter server may start a server for itself."
    ).tag(config=True)

    @property
    def policy(self) -> Policy:
        """The policy."""
        return Policy(
            models=tuple(self.allowed_models),
            endpoints=tuple(self.allowed_endpoints),
            images=tuple(self.allowed_images),
            sandboxes=tuple(self.allowed_sandboxes),
            unsafe=self.allow_unsafe,
        )

    def check_embedded(self, embedded: bool) -> None:
        """Raises `UserError` where a kernel started this server and may not."""
        if embedded and not self.allow_embedded:
            raise UserError(NO_EMBEDDED)


def check_defaults(policy: Policy, default_model: str, defaults: Settings) -> None:
    """Raises `ValueError` naming the trait for a default that the policy itself refuses."""
    for trait, problem in (
        ("default_model", policy.model_problem(default_model)),
        ("sandbox", policy.sandbox_problem(defaults.sandbox)),
        ("image", policy.image_problem(defaults.image)),
    ):
        if problem is not None:
            raise ValueError(f"JupyterAgents.{trait}: {problem}")
