"""Which hosts and addresses a sandbox may reach.

Two questions, asked in this order: does the environment's network name the host (`Hosts.refusal`),
and is the address that the name led to a public one (`address_refusal`)? Only addresses that passed
the second are ever connected to.

Source: spec section 2.2 (``allowed_hosts``), docs/decisions.md (sandbox and network).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa", "lan", "corp")
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")


class Hosts:
    """The host names that a network's rules let through.

    Parameters
    ----------
    allowed:
        Bare host names and ``*.example.com`` patterns (which do not match ``example.com`` itself);
        `None` means every public host.
    trusted:
        ``host`` or ``host:port`` that the server's operator vouches for, such as a company's package
        mirror: where `allowed` lets it through it may be at a private address, and with its port named
        on this machine itself.
    """

    def __init__(self, allowed: Iterable[str] | None, trusted: Iterable[str] = ()) -> None:
        self._allowed = None if allowed is None else tuple(pattern.lower() for pattern in allowed)
        self._trusted = frozenset(host.lower() for host in trusted)

    def trusts(self, host: str, port: int) -> bool:
        """Whether `host` may be at a private address."""
        return host in self._trusted or self.trusts_here(host, port)

    def trusts_here(self, host: str, port: int) -> bool:
        """Whether `host` may be this machine itself."""
        return f"{host}:{port}" in self._trusted

    def refusal(self, host: str, port: int) -> str | None:
        """Why `host` (normalised) is not let through, or `None` where it is."""
        if not self.trusts(host, port):
            literal = literal_address(host)
            if literal is not None and (reason := address_refusal(literal)):
                return reason
            if literal is None and _is_local_name(host):
                return f"{host} is not a public host name"
        if self._allowed is None or any(_matches(host, pattern) for pattern in self._allowed):
            return None
        listed = ", ".join(self._allowed[:10]) or "no host"
        more = f" and {len(self._allowed) - 10} more" if len(self._allowed) > 10 else ""
        return f"the environment's network allows {listed}{more} only"


def normalise(host: str) -> str | None:
    """`host` in lower-case ASCII without brackets and final dot; `None` when it is no host name."""
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            return None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return None
    return host


def literal_address(host: str) -> Address | None:
    """The address that `host` spells out, in any form the C library takes (``0x7f.1`` too)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def address_refusal(address: Address) -> str | None:
    """Why `address` is never reached from a sandbox, or `None` where it is a public one.

    IPv4 addresses inside IPv6 ones (mapped, translated, NAT64, 6to4) are judged as themselves.
    """
    inner = _inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return address_refusal(inner)
    scoped = isinstance(address, IPv6Address) and address.scope_id is not None
    public = address.is_global and not (
        scoped
        or address.is_private
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _NOT_PUBLIC)
    )
    return None if public else f"{address} is not a public address"


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64 or address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_local_name(host: str) -> bool:
    return "." not in host or any(host.endswith("." + name) for name in _LOCAL_NAMES)


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern
