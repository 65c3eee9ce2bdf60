"""What the installation of an environment's packages may take."""

from __future__ import annotations

from dataclasses import dataclass

from .base import GIB, Mount, SandboxSpec

MIRRORS = (
    "GONOSUMDB",
    "GOPROXY",
    "GOSUMDB",
    "NPM_CONFIG_REGISTRY",
    "PIP_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "npm_config_registry",
)
"""Variables by which managers know their mirrors."""


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


def handed_on(spec: SandboxSpec) -> tuple[dict[str, str], tuple[Mount, ...]]:
    """What of a sandbox its installers are given: the variables that name mirrors or certificates, and the
    certificates. The session's files are not for them."""
    files = tuple(mount for mount in spec.mounts if mount.target in spec.env.values())
    targets = {mount.target for mount in files}
    return {n: v for n, v in spec.env.items() if n in MIRRORS or v in targets}, files


def mirrors(spec: SandboxSpec) -> dict[str, str]:
    """The mirrors of a sandbox, on which it depends what is installed."""
    return {name: spec.env[name] for name in MIRRORS if name in spec.env}
