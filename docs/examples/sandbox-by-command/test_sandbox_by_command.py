"""The suite of jupyter-agents, without its parts about isolation and about limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sandbox_by_command import CommandProvider

from jupyter_agents.sandbox.base import SandboxProvider
from jupyter_agents.sandbox.plugins import ProviderContext
from jupyter_agents.testing.conformance import (
    AbuseChecks,
    AstrayChecks,
    BashChecks,
    Capabilities,
    FileChecks,
    LifeChecks,
)

USER = [] if os.geteuid() else ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"]
"""Where we are root, the command reaches this machine as another user."""


class TestByCommand(BashChecks, FileChecks, LifeChecks, AbuseChecks, AstrayChecks):
    @pytest.fixture
    def provider(self, open_path: Path) -> SandboxProvider:
        open_path.chmod(0o1777)
        here = ["env", f"TMPDIR={open_path}", *USER, "sh", "-c"]
        return CommandProvider(ProviderContext("by-command", open_path, "tests", {"command": here}))

    @pytest.fixture
    def capabilities(self) -> Capabilities:
        return Capabilities(own_paths=False, network=False, proc=False, memory=False)
