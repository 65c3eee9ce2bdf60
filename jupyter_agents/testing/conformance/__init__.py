"""The contract of sandboxes as a pytest suite, for every provider: ours, and those made elsewhere.

A test class of yours is a subclass that says what is tested::

    class TestMine(SandboxConformance):
        @pytest.fixture
        def provider(self) -> SandboxProvider:
            return MyProvider()

        @pytest.fixture
        def capabilities(self) -> Capabilities:
            return Capabilities(own_paths=False)

Needs pytest and pytest-asyncio. Source: docs/providers.md.
"""

from __future__ import annotations

import pytest

_PARTS = ("box", "bash", "files", "life", "abuse", "astray", "isolation", "bounds")
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from jupyter_agents.testing.conformance.abuse import AbuseChecks  # noqa: E402
from jupyter_agents.testing.conformance.astray import AstrayChecks  # noqa: E402
from jupyter_agents.testing.conformance.bash import BashChecks  # noqa: E402
from jupyter_agents.testing.conformance.bounds import BoundsChecks  # noqa: E402
from jupyter_agents.testing.conformance.box import (  # noqa: E402
    BEAT,
    MIB,
    Box,
    Capabilities,
    Opening,
    open_box,
    said,
)
from jupyter_agents.testing.conformance.files import FileChecks  # noqa: E402
from jupyter_agents.testing.conformance.isolation import IsolationChecks  # noqa: E402
from jupyter_agents.testing.conformance.life import LifeChecks  # noqa: E402

__all__ = [
    "BEAT",
    "MIB",
    "AbuseChecks",
    "AstrayChecks",
    "BashChecks",
    "BoundsChecks",
    "Box",
    "Capabilities",
    "FileChecks",
    "IsolationChecks",
    "LifeChecks",
    "Opening",
    "SandboxConformance",
    "open_box",
    "said",
]


class SandboxConformance(
    BashChecks, FileChecks, LifeChecks, AbuseChecks, AstrayChecks, IsolationChecks, BoundsChecks
):
    """All of it. A provider that isolates or bounds nothing is tested with the other parts alone, and
    says so in its sandboxes' notes."""
