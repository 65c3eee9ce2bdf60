"""The contract of `Sandbox` and `SandboxProvider`, for every provider of ours that works here."""

from __future__ import annotations

from conformance import OneKind

from jupyter_agents.testing.conformance import BashChecks, FileChecks, LifeChecks


class TestConformance(OneKind, BashChecks, FileChecks, LifeChecks):
    """What a sandbox promises while nobody means harm."""
