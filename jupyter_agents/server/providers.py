"""The kinds of sandbox of this server: the built-in ones, and those of installed packages.

Source: docs/providers.md.
"""

from __future__ import annotations

import platform
from functools import cached_property
from pathlib import Path

from jupyter_agents.domain.packages import digest
from jupyter_agents.domain.settings import SANDBOXES
from jupyter_agents.sandbox.base import Mount, SandboxProvider
from jupyter_agents.sandbox.plugins import PluginProvider, ProviderContext, discover
from jupyter_agents.server.traits import Traits


class Providers(Traits):
    """The traits, and the providers that they make."""

    @cached_property
    def plugins(self) -> tuple[list[PluginProvider], list[str]]:
        """Those of installed packages, not imported yet; and a sentence about each that has no place."""
        return discover(SANDBOXES, self._context_of)

    def _context_of(self, kind: str) -> ProviderContext:
        return ProviderContext(
            kind=kind,
            data_dir=self.data_folder / "providers" / kind,
            owner=digest(f"{platform.node()}:{self.data_folder.resolve()}"),
            options=self.sandbox_options.get(kind, {}),
        )

    def providers(self) -> list[SandboxProvider]:
        """All kinds of sandbox; the policy may leave out some."""
        from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
        from jupyter_agents.sandbox.docker import DockerProvider
        from jupyter_agents.sandbox.landlock import LandlockProvider
        from jupyter_agents.sandbox.unsafe import UnsafeProvider

        bubblewrap = BubblewrapProvider(packages=self.packages_folder, installs=self.installs)
        return [
            DockerProvider(
                image=self.image,
                runtime=self.docker_runtime or None,
                mounts=tuple(Mount(Path(path), path) for path in self.docker_mounts),
                installs=self.installs,
            ),
            bubblewrap,
            LandlockProvider(prefixes=bubblewrap.prefixes),
            UnsafeProvider(prefixes=bubblewrap.prefixes),
            *self.plugins[0],
        ]
