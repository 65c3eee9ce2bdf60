"""What a sandbox is given for its way out: the hosts, the package mirrors and the certificates.

Source: docs/sandboxes.md "Network".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_agents.domain import network as rule
from jupyter_agents.runtime.config import Config
from jupyter_agents.sandbox.base import Mount, Network
from jupyter_agents.sandbox.certificates import Certificates, find_certificates
from jupyter_agents.sandbox.indexes import Indexes, find_indexes

Doc = dict[str, Any]


@dataclass(frozen=True)
class Outside:
    """What this machine's sandboxes with a network are given."""

    indexes: Indexes = field(default_factory=Indexes)
    certificates: Certificates = field(default_factory=Certificates)


@dataclass(frozen=True)
class Given:
    """What one sandbox is given, see `SandboxSpec`."""

    network: Network | None
    notes: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def find_outside(folder: Path) -> Outside:
    """Ask this machine; certificates are copied to `folder`. Blocks; never raises."""
    return Outside(find_indexes(), find_certificates(folder))


def uses_network(environment: Doc, agent: Doc, config: Config) -> bool:
    """Whether the sandbox has a network at all."""
    if rule.reachable(environment, agent, config.network) == ():
        return rule.uses_indexes(environment, config.network)
    return True


def rules(environment: Doc, agent: Doc, config: Config, outside: Outside) -> Given:
    """What the sandbox of an agent's session is given in an environment."""
    notes = rule.narrowed(environment, config.network)
    found, certificates = outside.indexes, outside.certificates
    hosts = rule.reachable(environment, agent, config.network, (*found.hosts, *config.package_hosts))
    if hosts == ():
        return Given(None, notes)
    mirrors = found.trusted if rule.uses_indexes(environment, config.network) else ()
    return Given(
        Network(hosts, (*config.network_hosts, *mirrors)),
        (*notes, *found.notes, *certificates.notes),
        certificates.mounts,
        {**found.env, **certificates.env},
    )
