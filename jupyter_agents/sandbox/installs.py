"""What the installation of an environment's packages may take."""

from __future__ import annotations

from dataclasses import dataclass

from .base import GIB


@dataclass(frozen=True)
class Installs:
    """seconds: of time. size: bytes on disk. network: the engine's network for image builds, such as
    ``host``; `None` is its default. store: names whose images these are, for `derive.prune`."""

    seconds: float = 900.0
    size: int = 10 * GIB
    network: str | None = None
    store: str = "none"

    @property
    def too_long(self) -> str:
        """What is said when the time is over."""
        return f"The packages were not installed within {self.seconds:g} s. The next call tries again."
