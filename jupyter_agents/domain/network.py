"""Where a session's sandbox may go: its environment's networking below the administrator's maximum.

Source: spec section 2.2, docs/configuration.md (`network`, `network_hosts`, `package_hosts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_agents.domain.limits import HOST
from jupyter_agents.domain.toolsets import server_host
from jupyter_agents.errors import InvalidRequest

UNRESTRICTED, LIMITED, NONE = MAXIMA = ("unrestricted", "limited", "none")
SWITCHES = ("allow_mcp_servers", "allow_package_managers")
NARROWED = (
    "The network is narrower than the environment's: this server's administrator set JupyterAgents.network "
    "to {!r}, so the sandbox reaches no host."
)

Doc = Mapping[str, Any]


def check_maximum(environment: Doc, maximum: str) -> None:
    """Raises `InvalidRequest` for networking above `maximum`, one of `MAXIMA`."""
    asked = _excess(environment["config"]["networking"], maximum)
    if asked is None:
        return
    instead = "'limited' with allowed_hosts" if maximum == LIMITED else "'limited' without any host"
    raise InvalidRequest(
        f"config.networking.{asked}: this server's administrator set JupyterAgents.network to {maximum!r}; "
        f"use networking of type {instead}."
    )


def reachable(
    environment: Doc, agent: Doc, maximum: str = UNRESTRICTED, package_hosts: Iterable[str] = ()
) -> tuple[str, ...] | None:
    """The hosts that the sandbox of an agent's session may reach; None is every public host.

    package_hosts: what ``allow_package_managers`` adds.
    """
    networking = environment["config"]["networking"]
    if maximum == NONE:
        return ()
    if networking["type"] == UNRESTRICTED:
        return None if maximum == UNRESTRICTED else ()
    servers = agent["mcp_servers"] if networking["allow_mcp_servers"] else ()
    packages = package_hosts if networking["allow_package_managers"] else ()
    hosts = (*networking["allowed_hosts"], *filter(None, map(server_host, servers)), *packages)
    return tuple(dict.fromkeys(hosts))


def uses_indexes(environment: Doc, maximum: str) -> bool:
    """Whether the sandbox may reach the indexes of package managers."""
    networking = environment["config"]["networking"]
    if networking["type"] == UNRESTRICTED:
        return maximum == UNRESTRICTED
    return maximum != NONE and bool(networking["allow_package_managers"])


def narrowed(environment: Doc, maximum: str) -> tuple[str, ...]:
    """What the user is told where a session's network is narrower than its environment says."""
    if _excess(environment["config"]["networking"], maximum) is None:
        return ()
    return (NARROWED.format(maximum),)


def describe(environment: Doc, agent: Doc) -> str:
    """What the model is told of the network."""
    hosts = reachable(environment, agent)
    if hosts is None:
        return "The sandbox reaches public hosts by HTTP and HTTPS only."
    packages = environment["config"]["networking"]["allow_package_managers"]
    names = [*hosts, *(["the indexes of package managers"] if packages else [])]
    if names:
        return f"The sandbox reaches these hosts only, by HTTP and HTTPS: {', '.join(names)}."
    return "The sandbox has no network."


def listed(trait: str, hosts: Iterable[str], *, wildcards: bool = False) -> tuple[str, ...]:
    """An administrator's ``host`` or ``host:port`` entries, checked; raises ValueError naming the trait.

    wildcards: whether the entries are patterns such as ``*.example.com``, which have no port.
    """
    found = []
    for entry in hosts:
        host, _, port = entry.lower().partition(":")
        fits = HOST.fullmatch(host) and (wildcards or not host.startswith("*"))
        if not fits or (":" in entry and (wildcards or not (port.isascii() and port.isdecimal()))):
            forms = "example.com or *.example.com" if wildcards else "example.com or example.com:8080"
            raise ValueError(f"JupyterAgents.{trait}: {entry[:100]!r} is not a host such as {forms}.")
        found.append(entry.lower())
    return tuple(found)


def _excess(networking: Doc, maximum: str) -> str | None:
    if maximum != UNRESTRICTED and networking["type"] == UNRESTRICTED:
        return "type"
    if maximum == NONE:
        return next((name for name in ("allowed_hosts", *SWITCHES) if networking[name]), None)
    return None
