"""Abuse that broke something naive, for every provider of ours that works here.

After each, the session goes on: `alive_after` runs one more command in the same sandbox.
"""

from __future__ import annotations

from conformance import OneKind

from jupyter_agents.testing.conformance import AbuseChecks, AstrayChecks, BoundsChecks, IsolationChecks


class TestAbuse(OneKind, AbuseChecks, AstrayChecks, IsolationChecks, BoundsChecks):
    """What a sandbox withstands."""
