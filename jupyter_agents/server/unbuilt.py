"""Paths below the API's root that no route serves: known but not built, or unknown.

What the SDK can ask for and this server does not do yet answers 400 ``not_supported`` with its name,
so that nothing is silently ignored. Source: docs/decisions.md "Wire".
"""

from __future__ import annotations

import re

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.errors import NotFound, NotSupported
from jupyter_agents.server.handlers import Handler

FEATURES = {
    r"v1/environments/[^/]+/work(/.*)?": "environments.work",
    r"v1/memory_stores(/.*)?": "memory_stores",
    r"v1/vaults(/.*)?": "vaults",
    r"v1/skills(/.*)?": "skills",
    r"v1/deployments(/.*)?": "deployments",
    r"v1/deployment_runs(/.*)?": "deployment_runs",
    r"v1/dreams(/.*)?": "dreams",
}
"""Pattern of a path to the feature's name in the SDK."""


class NothingHere(Handler):
    """Any path that is no route."""

    @authenticated
    @authorized
    async def get(self, path: str = "") -> None:
        """400 for a feature that is not built, else 404."""
        for pattern, feature in FEATURES.items():
            if re.fullmatch(pattern, path):
                raise NotSupported(feature)
        raise NotFound(f"There is nothing at {self.request.path[:200]}.")

    post = put = patch = delete = get
