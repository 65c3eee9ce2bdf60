"""What every part of the suite stands on: the provider under test, and sandboxes of it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_agents.sandbox.base import SandboxProvider
from jupyter_agents.testing.conformance.box import Box, Capabilities, Opening


class Fixtures:
    """A subclass gives `provider`, and `capabilities` where something is not there."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def provider(self) -> SandboxProvider:
        """The provider under test, a new one for each test; the suite closes it."""
        raise NotImplementedError("give the fixture `provider`: what makes the sandboxes under test.")

    @pytest.fixture
    def capabilities(self) -> Capabilities:
        """What the provider declares; by default, everything."""
        return Capabilities()

    @pytest_asyncio.fixture
    async def opening(self, provider: SandboxProvider, capabilities: Capabilities) -> AsyncIterator[Opening]:
        """Opens sandboxes with limits, mounts or a network of a test's own."""
        yield Opening(provider, capabilities)
        await provider.close()

    @pytest_asyncio.fixture
    async def box(self, opening: Opening) -> AsyncIterator[Box]:
        """A sandbox with default limits and one upload."""
        async with opening(files={"data.csv": "a,b\n1,2\n"}) as opened:
            yield opened

    @pytest_asyncio.fixture
    async def alive_after(self, box: Box) -> AsyncIterator[Box]:
        """`box`, which must answer one more command when the test is over."""
        yield box
        assert await box.good("echo still here") == "still here\n"

    @pytest.fixture
    def open_path(self) -> Iterator[Path]:
        """A directory that every user may enter; pytest's own are closed to others."""
        directory = Path(f"/tmp/jupyter-agents-tests-{secrets.token_hex(6)}")
        directory.mkdir(mode=0o755)
        yield directory
        shutil.rmtree(directory)
