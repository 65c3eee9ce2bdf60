"""What a session's sandbox is: which provider serves it, where its workspace lies, what it may use.

Source: docs/decisions.md "Names" and "Sandbox and network".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_agents.domain import environments, mcp, network, packages
from jupyter_agents.domain import settings as keys
from jupyter_agents.domain.hosting import Life
from jupyter_agents.domain.settings import Settings
from jupyter_agents.errors import InvalidRequest, SandboxUnavailable
from jupyter_agents.runtime import places
from jupyter_agents.runtime.choices import Choices
from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.mounted import Mounted
from jupyter_agents.runtime.outside import Outside, find_outside, rules, uses_network
from jupyter_agents.runtime.shared import Shared
from jupyter_agents.sandbox.base import (
    ImageProvider,
    Limits,
    Refusal,
    SandboxProvider,
    SandboxSpec,
    Warm,
    WarmProvider,
)
from jupyter_agents.sandbox.beside import Beside, folder_of
from jupyter_agents.sandbox.choose import Choice
from jupyter_agents.sandbox.obstacle import obstacle
from jupyter_agents.sandbox.workspace import FOLDER
from jupyter_agents.store.catalog import Catalog

Doc = dict[str, Any]

IMAGE = f"{keys.PREFIX}image"

Told = Callable[[Refusal], None]
Providers = Callable[[], Sequence[SandboxProvider]]


class Sandboxes:
    """The sandboxes of one server process.

    Parameters
    ----------
    providers:
        Makes the sandbox providers, best first.
    """

    def __init__(self, config: Config, providers: Providers, catalog: Catalog, mounted: Mounted) -> None:
        self.config = config
        allowed = config.policy.allows_kind
        made = tuple(providers())
        self.kinds = tuple(dict.fromkeys((*keys.SANDBOXES, *(one.kind for one in made))))
        self.providers = tuple(one for one in made if allowed(one.kind))
        self.choices = Choices(self.providers, self._chosen, config.auto_sandboxes)
        self.pythons: dict[str, tuple[Path, ...]] = {}
        self.shared: dict[str, Shared] = {}
        self.catalog = catalog
        self.mounted = mounted
        self.find_outside = find_outside
        self.outside = Outside()
        self._finding: asyncio.Task[Outside] | None = None

    def start(self) -> None:
        """Find out which providers work."""
        self.choice(self.config.defaults.sandbox)

    async def close(self) -> None:
        """End the providers' sandboxes.

        A probe that is under way is let through: cut short, its first process could be left behind.
        """
        await self.choices.settle()
        if self._finding is not None:
            await asyncio.wait([self._finding])
        await self.choices.close()
        await asyncio.gather(*(p.close() for p in self.providers), return_exceptions=True)

    def choice(self, wanted: str) -> asyncio.Task[Choice]:
        """Which provider serves ``auto`` or a kind; where none does, that is looked at again when asked."""
        return self.choices.get(wanted)

    def _chosen(self, wanted: str, choice: Choice) -> None:
        provider, number = choice.provider, self.config.warm_pool
        if isinstance(provider, WarmProvider):
            first = self._plain_spec() if wanted == self.config.defaults.sandbox else None
            provider.keep_warm(number, self.config.root_dir, self.config.data_dir, first)

    async def _choice_for(self, asked: Settings) -> Choice:
        """As `choice`, for a sandbox of the image that is asked for, where it is not the server's own."""
        image = None if asked.image == self.config.defaults.image else asked.image
        return await asyncio.shield(self.choices.get(asked.sandbox, image))

    def warm(self) -> dict[str, Warm]:
        """The sandboxes that wait for a session, by kind."""
        able = [one for one in self.providers if isinstance(one, WarmProvider)]
        return {one.kind: state for one in able if (state := one.warm) is not None}

    def _plain_spec(self) -> SandboxSpec:
        """That of a session which asks for nothing, in an environment without a network."""
        asked = self.config.defaults
        return SandboxSpec(
            "", Path(), Path(), limits=_limits(asked), image=asked.image, uid=self.config.sandbox_uid
        )

    def check_environment(self, environment: Doc) -> None:
        """Raises `InvalidRequest` for metadata of ours that cannot be served."""
        keys.check_keys(environment["metadata"], keys.SHARED)
        self._check_settings(environment["metadata"])
        network.check_maximum(environment, self.config.network)

    def check_startable(self, environment: Doc) -> None:
        """Raises `InvalidRequest` for an environment that starts no session here."""
        environments.check_startable(environment)
        network.check_maximum(environment, self.config.network)

    def check_session(self, session: Doc, environment: Doc) -> None:
        """Raises `InvalidRequest` for what a session asks and this server cannot serve."""
        metadata = session["metadata"]
        keys.check_keys(metadata, keys.SHARED | keys.SESSION)
        self._check_settings(environment["metadata"], metadata)
        keys.check_shared(self.settings(session), metadata)
        self.config.policy.check_agent(session["agent"])
        keys.max_turns(metadata, 1)
        keys.notebook_folder(metadata)
        mcp.check_servers(session["agent"], self.config.mcp.programs)
        given = metadata.get("jupyter-agents/workspace")
        if given is not None:
            root = self.config.root_dir.resolve()
            place = Path(os.path.normpath(root / given))
            if not place.is_relative_to(root) or place == root or Path(given).is_absolute():
                raise InvalidRequest(
                    "metadata.jupyter-agents/workspace: expected a folder below the server's root, "
                    "as a relative path."
                )
            data = self.config.data_dir.resolve()
            if data.is_relative_to(place) or place.is_relative_to(data):
                raise InvalidRequest(
                    "metadata.jupyter-agents/workspace: the server keeps its own files there."
                )
            there = obstacle(root, place)
            if there is not None:
                raise InvalidRequest(f"metadata.jupyter-agents/workspace: {there}")

    async def check_image(self, *metadata: Mapping[str, str | None]) -> None:
        """Raises `InvalidRequest` for an image that is named and that the engine does not have.

        metadata: as given or as stored; an empty value is one that is taken away.
        """
        given_keys = [{key: value for key, value in given.items() if value} for given in metadata]
        asked = self._check_settings(*given_keys)
        if not any(IMAGE in given for given in given_keys) or asked.image is None:
            return
        for provider in self.providers:
            if asked.sandbox in (keys.AUTO, provider.kind) and isinstance(provider, ImageProvider):
                problem = await provider.image_problem(asked.image)
                if problem is not None:
                    raise InvalidRequest(f"metadata.{IMAGE}: {problem}")

    def _check_settings(self, *metadata: Mapping[str, str]) -> Settings:
        asked = self._settings(*metadata)
        self.config.policy.check_settings(asked)
        return asked

    def _settings(self, *metadata: Mapping[str, str]) -> Settings:
        return keys.settings(self.config.defaults, self.config.ceilings, *metadata, kinds=self.kinds)

    async def check_packages(self, session: Doc, environment: Doc) -> None:
        """Raises `InvalidRequest` for packages that the session's sandbox cannot install."""
        lists = packages.wanted(environment["config"]["packages"])
        if not lists:
            return
        asked = self.settings(session)
        choice = await self._choice_for(asked)
        if choice.provider is None:
            return
        able = choice.provider.managers
        for manager in lists:
            if manager not in able:
                raise InvalidRequest(packages.refused(manager, choice.provider.kind, able))

    def settings(self, session: Doc) -> Settings:
        """What the session asks of its sandbox, defaults filled in."""
        environment = self.catalog.find("environment", session["environment_id"]) or {"metadata": {}}
        return self._settings(environment["metadata"], session["metadata"])

    def life(self, session: Doc) -> Life:
        """What becomes of the session's idle sandbox; the default, if a ceiling was lowered since."""
        try:
            return self.settings(session).life
        except InvalidRequest:
            return self.config.defaults.life

    def workspace(self, session: Doc) -> Path:
        """The host folder that is the session's ``/workspace``."""
        return places.workspace(self.config.root_dir, session, self._shared(session))

    def beside(self, session: Doc) -> Beside | None:
        """The folder of the session's notebook, where its sandbox is to show it. Blocks."""
        if self._shared(session) is not None:
            return None
        metadata = session["metadata"]
        notebook = metadata.get("jupyter-agents/notebook")
        if notebook is None or not self.config.notebook_folder or not keys.notebook_folder(metadata):
            return None
        folder = folder_of(self.config.root_dir, notebook, self.config.data_dir)
        workspace = self.workspace(session).resolve()
        if folder is None or folder.is_relative_to(workspace):
            return None
        return Beside(folder, (folder / FOLDER, workspace, self.config.data_dir.resolve()))

    async def provider(self, session: Doc) -> SandboxProvider:
        """Who starts the session's sandbox.

        Raises `SandboxUnavailable`, and `InvalidRequest` where what it asks is no longer allowed.
        """
        asked = self.settings(session)
        self.config.policy.check_settings(asked)
        choice = await self._choice_for(asked)
        if choice.provider is None:
            raise SandboxUnavailable(choice.reason)
        environment = self.catalog.get("environment", session["environment_id"])
        if uses_network(environment, session["agent"], self.config):
            await self._find_outside()
        shared = self._shared(session)
        if shared is None:
            return choice.provider
        return self._together(shared["id"], choice.provider)

    def _shared(self, session: Doc) -> Doc | None:
        """The session's environment, where its sessions share a sandbox."""
        if self.life(session).pattern != "shared":
            return None
        return self.catalog.get("environment", session["environment_id"])

    def _together(self, environment_id: str, provider: SandboxProvider) -> Shared:
        if environment_id not in self.shared:
            self.shared[environment_id] = Shared(environment_id, provider)
        return self.shared[environment_id]

    async def _find_outside(self) -> None:
        """Find out once what this machine's sandboxes with a network are given."""
        if self._finding is None:
            folder = self.config.data_dir / "certificates"
            self._finding = asyncio.create_task(asyncio.to_thread(self.find_outside, folder))
        self.outside = await asyncio.shield(self._finding)

    def spec(self, session: Doc, told: Told | None = None) -> SandboxSpec:
        """What the session's sandbox is started with; `told` of what its network refuses. Blocks."""
        asked = self.settings(session)
        environment = self.catalog.get("environment", session["environment_id"])
        outside = rules(environment, session["agent"], self.config, self.outside)
        shared, resources = self._shared(session), self._resources(session["id"])
        uploads, mounts = self.mounted.uploads(session["id"]), self.mounted.mounts(session["id"], resources)
        if shared is not None:
            uploads = self.config.data_dir / "shared" / shared["id"]
            uploads.mkdir(mode=0o755, parents=True, exist_ok=True)
            mounts = self.mounted.mounts(session["id"], resources, uploads=True)
        return SandboxSpec(
            session_id=session["id"],
            workspace=self.workspace(session),
            uploads=uploads,
            mounts=(*mounts, *outside.mounts),
            limits=_limits(asked),
            network=outside.network and replace(outside.network, told=told),
            image=asked.image,
            uid=self.config.sandbox_uid,
            python=self.pythons.get(session["id"], self.config.python),
            env=outside.env,
            beside=self.beside(session),
            packages=packages.wanted(environment["config"]["packages"]),
            notes=outside.notes,
        )

    def _resources(self, session_id: str) -> list[Doc]:
        """The session's resources as they are now."""
        found: list[Doc] = self.catalog.get("session", session_id)["resources"]
        return found

    def forget(self, session_id: str) -> None:
        """Told of every session that is deleted."""
        self.pythons.pop(session_id, None)


def _limits(asked: Settings) -> Limits:
    return Limits(
        cpus=asked.cpus,
        memory=asked.memory,
        pids=asked.pids,
        open_files=asked.open_files,
        file_size=asked.file_size,
        disk=asked.disk,
        call_seconds=asked.call_timeout,
    )
