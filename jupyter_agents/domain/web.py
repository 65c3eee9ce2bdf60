"""Which hosts the domain lists of ``web_fetch`` and ``web_search`` let through.

Source: spec section 1.3 (web entries).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTS = ("allowed_domains", "blocked_domains")


def domain_refusal(config: Mapping[str, Any], host: str, path: str = "/") -> str | None:
    """Why the entry's lists keep `host` (lower-case ASCII) out, or None where they let it through."""
    allowed, blocked = (config.get(field) for field in LISTS)
    if allowed and not any(covers(domain, host, path) for domain in allowed):
        return f"{host} is not one of the allowed_domains"
    if blocked and any(covers(domain, host, path) for domain in blocked):
        return f"{host} is one of the blocked_domains"
    return None


def covers(domain: str, host: str, path: str = "/") -> bool:
    """Whether `domain`, with a path or without, means `host` or a host above it."""
    name, _, below = domain.partition("/")
    name, below = name.lower(), f"/{below}".rstrip("/")
    beneath = path == below or path.startswith(f"{below}/")
    return (host == name or host.endswith(f".{name}")) and beneath
