"""Which of two versions to upgrade."""

from __future__ import annotations

import pytest

from jupyter_agents import __version__
from jupyter_agents.kernel.skew import skew


@pytest.mark.parametrize(
    ("server", "kernel", "says"),
    [
        ("0.1.0", "0.2.0", "pip install -U jupyter-agents in that environment"),
        ("0.9.0", "0.10.0", "restart Jupyter"),
        ("0.2.0", "0.1.0", "%pip install -U jupyter-agents, then restart the kernel"),
        ("0.2.0", "0.2.0rc1", "the same version in both"),
    ],
)
def test_the_older_one_is_upgraded(server: str, kernel: str, says: str) -> None:
    found = skew(server, kernel)
    assert found is not None and says in found
    assert f"server has jupyter-agents {server}, this kernel has {kernel}" in found


def test_the_same_version_needs_nothing() -> None:
    assert skew("0.1.0", "0.1.0") is None
    assert skew(__version__) is None
    assert skew(None) is None


def test_a_version_that_is_none() -> None:
    assert "this kernel has" in (skew("x" * 500, "0.1.0") or "")
    assert len(skew("x" * 500, "0.1.0") or "") < 300
