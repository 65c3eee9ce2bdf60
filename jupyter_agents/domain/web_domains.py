"""The domain lists of the web tools: which names may stand there. Source: spec section 1.3.

The public suffix list is the one that the ``publicsuffixlist`` package carries: nothing is fetched.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address

from publicsuffixlist import PublicSuffixList

from jupyter_agents.errors import InvalidRequest

MOST = 64
LONGEST = 255
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
PATH = re.compile(r"[\x21-\x7e]*")
LOCAL = ("localhost", "local", "internal")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def domains(field: str, names: list[str] | None, *, paths: bool) -> list[str] | None:
    """`names` if each is a public host name, else `InvalidRequest` naming the entry.

    Parameters
    ----------
    field:
        Where the list stands in the request.
    paths:
        Whether an entry may end in a path, as ``example.com/docs``.
    """
    if names is None:
        return None
    if not 1 <= len(names) <= MOST:
        raise InvalidRequest(f"{field}: give 1 to {MOST} domains, or leave the field out.")
    seen: set[str] = set()
    for position, name in enumerate(names):
        reason = refusal(name, paths=paths)
        if reason is None and _key(name) in seen:
            reason = f"{name!r} is given twice"
        if reason is not None:
            raise InvalidRequest(f"{field}.{position}: {reason}.")
        seen.add(_key(name))
    return list(names)


def refusal(name: str, *, paths: bool) -> str | None:
    """Why `name` cannot stand in a domain list, or None."""
    host, slash, path = name.partition("/")
    host = host.lower()
    if not 1 <= len(name) <= LONGEST:
        return f"a domain has 1 to {LONGEST} characters"
    if not name.isascii():
        return "write the domain in ASCII (its xn-- form)"
    if "://" in name:
        return "give a plain host such as example.com, without a scheme"
    if _is_address(host):
        return "IP addresses are not supported; give a host name"
    if ":" in host:
        return "give a plain host such as example.com, without a port"
    if "*" in host:
        return "wildcards are not supported; a domain covers its subdomains"
    if slash and not paths:
        return "give a plain host such as example.com, without a path"
    if not PATH.fullmatch(path):
        return "the path has characters that an address cannot have"
    labels = host.split(".")
    if not all(LABEL.fullmatch(label) for label in labels):
        return f"{name[:100]!r} is not a host name"
    if labels[-1] in LOCAL:
        return f"{name[:100]!r} is not a public host"
    if len(labels) < 2:
        return f"{name[:100]!r} is a single label; give a whole domain such as example.com"
    if labels[-1].isdigit() or _suffixes().privatesuffix(host) is None:
        return f"{name[:100]!r} is a public suffix; give a domain below it"
    return None


def _key(name: str) -> str:
    host, slash, path = name.partition("/")
    return host.lower() + slash + path


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return all(part.isdigit() for part in host.split(".")) and host != ""
    return True
