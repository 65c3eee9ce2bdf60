"""Picks the provider: the best that really works here, or the one that was asked for.

``auto`` tries the kinds that an administrator listed for it, and no other: never the kind ``unsafe``, and
never one of an installed package that is not on the list. What was passed
over is kept with its reason, so that the user can see why the sandbox is not the best one.

Source: docs/decisions.md (sandbox and network), docs/local-api.md (status, doctor).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.settings import AUTO, BEST_FIRST, UNSAFE
from .base import ImageProvider, Probe, SandboxProvider

NO_IMAGES = "It makes no sandboxes of images."
NOTHING_ALLOWED = "No kind of sandbox is allowed here."
PROBE_SECONDS = 40.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What was found.

    provider: `None` where no sandbox can be had. probes: of every provider, best first. reason: one
    sentence for the user; remedy: what to do about it, or "". passed_over: the probes of better
    providers that do not work.
    """

    provider: SandboxProvider | None
    probes: tuple[Probe, ...]
    reason: str
    remedy: str = ""
    passed_over: tuple[Probe, ...] = ()


async def choose(
    providers: Sequence[SandboxProvider],
    wanted: str = AUTO,
    *,
    auto: Sequence[str] = BEST_FIRST,
    image: str | None = None,
    probe_seconds: float = PROBE_SECONDS,
) -> Choice:
    """Probe the `providers` at once and pick one.

    Parameters
    ----------
    providers:
        All that may be used. Those that are neither on the list `auto` nor asked for are not probed.
    wanted:
        A provider's kind, or ``auto`` for the first on the list that works.
    auto:
        Kinds, best first.
    image:
        One that the sandbox is to be made of; a kind without images does not do then.
    probe_seconds:
        The longest that one probe may take, seconds.
    """
    kinds = [kind for kind in (*auto, wanted) if kind != UNSAFE or kind == wanted]
    known = {provider.kind: provider for provider in providers}
    if wanted not in (AUTO, *known) and known:
        names = ", ".join([AUTO, *known])
        return Choice(None, (), f"There is no sandbox of the kind {wanted!r}.", f"Use one of: {names}.")
    providers = [known[kind] for kind in dict.fromkeys(kinds) if kind in known]
    if not providers:
        return Choice(None, (), NOTHING_ALLOWED, "Ask the administrator for JupyterAgents.allowed_sandboxes.")
    probes = tuple(await asyncio.gather(*(try_out(provider, probe_seconds, image) for provider in providers)))
    if wanted != AUTO:
        place = providers.index(known[wanted])
        return _wanted(providers[place], probes[place], probes)
    for index, probe in enumerate(probes):
        if probe.ok:
            over = probes[:index]
            better = "".join(f" {passed.kind} was passed over: {passed.reason}" for passed in over)
            return Choice(providers[index], probes, probe.reason + better, passed_over=over)
    reasons = " ".join(f"{probe.kind}: {probe.reason}" for probe in probes)
    remedies = " Or: ".join(probe.remedy for probe in probes if probe.remedy)
    return Choice(None, probes, f"No sandbox works here. {reasons}".strip(), remedies, probes)


def _wanted(provider: SandboxProvider, probe: Probe, probes: tuple[Probe, ...]) -> Choice:
    if probe.ok:
        return Choice(provider, probes, probe.reason)
    reason = f"The sandbox {provider.kind!r} was asked for and does not work: {probe.reason}"
    return Choice(None, probes, reason, probe.remedy)


async def try_out(
    provider: SandboxProvider, seconds: float = PROBE_SECONDS, image: str | None = None
) -> Probe:
    """Whether `provider` works, within `seconds`, with `image` where one is asked for. Never raises."""
    try:
        async with asyncio.timeout(seconds):
            return await _probe(provider, image)
    except TimeoutError:
        return Probe(provider.kind, False, f"It did not start within {seconds:g} s.")
    except Exception as error:
        _log.exception("the probe of the sandbox %s failed", provider.kind)
        return Probe(provider.kind, False, f"Its probe failed with {type(error).__name__}.")


async def _probe(provider: SandboxProvider, image: str | None) -> Probe:
    if image is None:
        return await provider.probe()
    if isinstance(provider, ImageProvider):
        return await provider.probe(image)
    return Probe(provider.kind, False, NO_IMAGES)
