"""Providers from elsewhere: entry points of the group ``jupyter_agents.sandboxes``.

An entry point's name is the kind; it names a factory that takes a `ProviderContext` and gives a
`SandboxProvider`. Nothing of it is imported before it is asked for, and that happens in a thread; one that
cannot be imported is a provider that does not work, with the reason.

Source: docs/providers.md.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ..errors import SandboxUnavailable
from .base import ImageProvider, Probe, Sandbox, SandboxProvider, SandboxSpec
from .contained import Contained, failure
from .tools import ToolhostSandbox

GROUP = "jupyter_agents.sandboxes"
KIND = re.compile(r"[a-z][a-z0-9_-]{0,39}")
METHODS = ("probe", "start", "close")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProviderContext:
    """What a factory is called with.

    kind: the entry point's name. data_dir: a folder of the provider's own in the server's data directory,
    which it makes if it needs one. owner: names this server's store, the same at every start: label with it
    what is made elsewhere. options: what the administrator set for this kind in
    ``JupyterAgents.sandbox_options``.
    """

    kind: str
    data_dir: Path
    owner: str
    options: Mapping[str, Any] = field(default_factory=dict)


class PluginProvider:
    """The provider behind an entry point; a `SandboxProvider` before it is imported, too.

    Parameters
    ----------
    entry:
        Its name is the kind.
    context:
        What its factory is called with.
    """

    def __init__(self, entry: EntryPoint, context: ProviderContext) -> None:
        self.kind = entry.name
        self.source = _source(entry)
        self._entry = entry
        self._context = context
        self._provider: SandboxProvider | None = None
        self._loading = asyncio.Lock()

    @property
    def managers(self) -> tuple[str, ...]:
        """Empty until it was asked for once."""
        return () if self._provider is None else tuple(getattr(self._provider, "managers", ()))

    async def probe(self) -> Probe:
        try:
            found = await (await self._load()).probe()
        except SandboxUnavailable as error:
            remedy = f"Update {self.source}, or see what it wants in JupyterAgents.sandbox_options."
            return Probe(self.kind, False, str(error), remedy)
        return Probe(self.kind, found.ok, found.reason, found.remedy)

    async def start(self, spec: SandboxSpec) -> Sandbox:
        provider = await self._load()
        try:
            started = await provider.start(spec)
        except SandboxUnavailable:
            raise
        except Exception as error:
            raise failure(self.kind, error) from error
        return started if isinstance(started, ToolhostSandbox) else Contained(started, self.kind)

    async def image_problem(self, image: str) -> str | None:
        """See `base.ImageProvider`."""
        provider = await self._load()
        return await provider.image_problem(image) if isinstance(provider, ImageProvider) else None

    async def close(self) -> None:
        """End all sandboxes of this provider, if it was ever asked for."""
        if self._provider is not None:
            await self._provider.close()

    async def _load(self) -> SandboxProvider:
        async with self._loading:
            if self._provider is None:
                self._provider = await asyncio.to_thread(self._make)
            return self._provider

    def _make(self) -> SandboxProvider:
        try:
            provider: SandboxProvider = self._entry.load()(self._context)
        except SandboxUnavailable:
            raise
        except (Exception, SystemExit) as error:
            _log.warning("the sandbox provider %s cannot be loaded", self.kind, exc_info=True)
            why = f": {' '.join(str(error).split())[:200]}" if isinstance(error, ImportError) else ""
            said = f"{self.source} cannot be loaded: {type(error).__name__}{why}."
            raise SandboxUnavailable(said) from error
        lacking = [name for name in METHODS if not callable(getattr(provider, name, None))]
        if lacking:
            raise SandboxUnavailable(f"{self.source} gives no sandbox provider: {lacking[0]}() is missing.")
        return provider


def discover(
    taken: Collection[str], context: Callable[[str], ProviderContext]
) -> tuple[list[PluginProvider], list[str]]:
    """The providers that installed packages offer, by kind; and a sentence about each that has no place.

    Parameters
    ----------
    taken:
        Kinds that no package may offer.
    context:
        What the factory of a kind is called with.
    """
    found: dict[str, PluginProvider] = {}
    problems = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, _source(entry))):
        if not KIND.fullmatch(entry.name):
            problems.append(f"{_source(entry)} offers {entry.name[:60]!r}, which is no name of a kind.")
        elif entry.name in taken:
            problems.append(f"{_source(entry)} offers {entry.name!r}, a kind that is built in.")
        elif entry.name in found:
            other = found[entry.name].source
            problems.append(f"{_source(entry)} offers {entry.name!r}, which {other} offers already.")
        else:
            found[entry.name] = PluginProvider(entry, context(entry.name))
    return list(found.values()), problems


def _source(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
