"""The server extension: configuration, wiring, routes.

Source: docs/decisions.md "Names" (traits, environment variables, routes).
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from jupyter_server.extension.application import ExtensionApp

from jupyter_agents.errors import UserError
from jupyter_agents.runtime.context import Context
from jupyter_agents.server import (
    agents,
    approvals,
    archives,
    environments,
    events,
    files,
    front_ends,
    health,
    local,
    openapi,
    resources,
    rewind,
    sessions,
    snapshots,
    threads,
)
from jupyter_agents.server.providers import Providers
from jupyter_agents.server.rates import Rates
from jupyter_agents.server.unbuilt import NothingHere

ROOT = "jupyter-agents"
PROBLEM = "jupyter_agents_problem"
"""The setting that says why the extension did not load."""


class JupyterAgents(Providers, ExtensionApp):
    """Agents, environments, sessions, events and files on this Jupyter server."""

    name = "jupyter_agents"
    extension_url = "/lab"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Build the runtime."""
        server: Any = self.serverapp
        try:
            self.check_embedded(self.embedded)
            self.context = Context(self.runtime_config(server.root_dir), self.providers)
        except (ValueError, UserError) as error:
            server.web_app.settings[PROBLEM] = str(error)
            raise
        for problem in self.plugins[1]:
            self.log.warning("Sandbox provider: %s", problem)
        self.settings["jupyter_agents_context"] = self.context
        self.settings["jupyter_agents_rates"] = Rates(self.rate_limits)
        self.settings["jupyter_agents_embedded"] = self.embedded
        self.settings["jupyter_agents_front_ends"] = front_ends.FrontEnds()

    def initialize_handlers(self) -> None:
        """Register the routes; what is none of them answers 404 in the wire's shape."""
        modules: Sequence[Any] = (
            *(agents, environments, sessions, events, threads, resources, files),
            *(local, snapshots, health, archives, approvals, rewind, front_ends, openapi),
        )
        routes = [(rf"/{ROOT}{path}", handler) for m in modules for path, handler in m.ROUTES]
        self.handlers.extend([*routes, (rf"/{ROOT}/(.*)", NothingHere)])

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Called on the running loop, once the server listens.

        What the process has loaded stays, and is taken from the garbage collector: each of its full
        rounds through that would stop the loop for more than 100 ms.
        """
        parent: Any = super()
        await parent._start_jupyter_server_extension(serverapp)
        if not hasattr(self, "context"):
            return
        url = serverapp.connection_url.rstrip("/")
        self.context.endpoint.own_urls = (f"{url}/{ROOT}",)
        await self.context.start()
        if not gc.get_freeze_count():
            gc.freeze()

    async def stop_extension(self) -> None:
        """End sandboxes and streams, then close the store."""
        if hasattr(self, "context"):
            await self.context.stop()
