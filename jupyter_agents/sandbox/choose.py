"""Picks the provider: the best that really works here, or the one that was asked for.

There is no fallback to a plain subprocess: ``auto`` never takes the kind ``unsafe``. What was passed
over is kept with its reason, so that the user can see why the sandbox is not the best one.

Source: docs/decisions.md (sandbox and network), docs/local-api.md (status, doctor).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from .base import Probe, SandboxProvider

AUTO, UNSAFE = "auto", "unsafe"
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
    probe_seconds: float = PROBE_SECONDS,
) -> Choice:
    """Probe all `providers` at once and pick one.

    Parameters
    ----------
    providers:
        Best first: Docker, bubblewrap, Landlock.
    wanted:
        A provider's kind, or ``auto`` for the first that works and isolates.
    probe_seconds:
        The longest that one probe may take, seconds.
    """
    if wanted == AUTO:
        providers = [provider for provider in providers if provider.kind != UNSAFE]
    if not providers:
        return Choice(None, (), NOTHING_ALLOWED, "Ask the administrator for JupyterAgents.allowed_sandboxes.")
    probes = tuple(await asyncio.gather(*(_probe(provider, probe_seconds) for provider in providers)))
    if wanted != AUTO:
        return _wanted(providers, probes, wanted)
    for index, probe in enumerate(probes):
        if probe.ok:
            over = probes[:index]
            better = "".join(f" {passed.kind} was passed over: {passed.reason}" for passed in over)
            return Choice(providers[index], probes, probe.reason + better, passed_over=over)
    reasons = " ".join(f"{probe.kind}: {probe.reason}" for probe in probes)
    remedies = " Or: ".join(probe.remedy for probe in probes if probe.remedy)
    return Choice(None, probes, f"No sandbox works here. {reasons}".strip(), remedies, probes)


def _wanted(providers: Sequence[SandboxProvider], probes: tuple[Probe, ...], wanted: str) -> Choice:
    for provider, probe in zip(providers, probes, strict=True):
        if probe.kind == wanted and probe.ok:
            return Choice(provider, probes, probe.reason)
        if probe.kind == wanted:
            reason = f"The sandbox {wanted!r} was asked for and does not work: {probe.reason}"
            return Choice(None, probes, reason, probe.remedy)
    kinds = ", ".join([AUTO, *(provider.kind for provider in providers)])
    return Choice(None, probes, f"There is no sandbox of the kind {wanted!r}.", f"Use one of: {kinds}.")


async def _probe(provider: SandboxProvider, seconds: float) -> Probe:
    try:
        async with asyncio.timeout(seconds):
            return await provider.probe()
    except TimeoutError:
        return Probe(provider.kind, False, f"It did not start within {seconds:g} s.")
    except Exception as error:
        _log.exception("the probe of the sandbox %s failed", provider.kind)
        return Probe(provider.kind, False, f"Its probe failed with {type(error).__name__}.")
