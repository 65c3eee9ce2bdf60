"""What an agent may configure of ``web_fetch`` and ``web_search``, and which hosts its lists let through.

Source: spec section 1.3 (web entries).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

LISTS = ("allowed_domains", "blocked_domains")
SOURCES = ("user_input", "server_tool_results", "client_tool_results")
WEB_TOOLS = ("web_fetch", "web_search")
FIELDS = {
    "web_fetch": (*LISTS, "max_content_tokens", "url_sources"),
    "web_search": (*LISTS, "user_location"),
}
MOST_DOMAINS = 64
MOST_TOOLS = 128
LONGEST_DOMAIN = 255
LOCAL = ("localhost", "local", "internal")
PLACES = ("city", "region", "country", "timezone")

_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"/[!-~]*")
_TIMEZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


def resolved(where: str, config: Mapping[str, Any]) -> Doc:
    """All the web fields of a toolset's entry, checked: null where not given, ``url_sources`` as an object.

    where: the entry's path in the request. Raises `InvalidRequest` naming the field.
    """
    if config["name"] not in WEB_TOOLS:
        return {}
    found = {field: config.get(field) for field in FIELDS[config["name"]]}
    given = {field: config[field] for field in LISTS if config.get(field) is not None}
    if len(given) == 2:
        raise InvalidRequest(f"{where}: give allowed_domains or blocked_domains, not both.")
    for field, domains in given.items():
        _check_domains(f"{where}.{field}", domains, paths=config["name"] == "web_search")
    tokens = config.get("max_content_tokens")
    if tokens is not None and tokens <= 0:
        raise InvalidRequest(f"{where}.max_content_tokens: expected a number above 0.")
    if config.get("user_location") is not None:
        _check_location(f"{where}.user_location", config["user_location"])
        found["user_location"] = dict.fromkeys(PLACES) | config["user_location"]
    if config.get("url_sources") is not None:
        found["url_sources"] = _sources(f"{where}.url_sources", config["url_sources"])
    return found


def check_references(tools: Iterable[Mapping[str, Any]]) -> None:
    """Raises `InvalidRequest` where ``url_sources`` names a tool that cannot be its source."""
    tools = list(tools)
    custom = {tool["name"] for tool in tools if tool["type"] == "custom"}
    known = {"server_tool_results": set(WEB_TOOLS), "client_tool_results": custom}
    for number, tool in enumerate(tools):
        for place, config in enumerate(tool.get("configs") or []):
            for source, names in known.items():
                rule = (config.get("url_sources") or {}).get(source) or {}
                for named in rule.get("tools", []):
                    if named["name"] not in names:
                        raise InvalidRequest(
                            f"tools.{number}.configs.{place}.url_sources.{source}: there is no tool "
                            f"{named['name'][:100]!r} here; known are {', '.join(sorted(names)) or 'none'}."
                        )


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


def _check_domains(where: str, domains: list[str], *, paths: bool) -> None:
    if not 1 <= len(domains) <= MOST_DOMAINS:
        raise InvalidRequest(f"{where}: expected 1 to {MOST_DOMAINS} domains; leave it out for no list.")
    for number, domain in enumerate(domains):
        if not _is_domain(domain, paths=paths):
            raise InvalidRequest(
                f"{where}.{number}: {domain[:100]!r} is not a domain; give a plain host such as "
                "docs.example.com, without scheme, port or wildcard."
            )
    if len({domain.lower() for domain in domains}) < len(domains):
        raise InvalidRequest(f"{where}: a domain is named twice.")


def _is_domain(domain: str, *, paths: bool) -> bool:
    name, slash, below = domain.lower().partition("/")
    if len(domain) > LONGEST_DOMAIN or not _HOST.fullmatch(name) or name.rpartition(".")[2] in LOCAL:
        return False
    if slash and not (paths and _PATH.fullmatch(slash + below)):
        return False
    try:
        ip_address(name)
    except ValueError:
        return not name.rpartition(".")[2].isdigit()
    return False


def _check_location(where: str, location: Mapping[str, Any]) -> None:
    if not any(location.get(field) for field in PLACES):
        raise InvalidRequest(f"{where}: give at least one of {', '.join(PLACES)}.")
    country, timezone = location.get("country"), location.get("timezone")
    if country is not None and not re.fullmatch("[A-Z]{2}", country):
        raise InvalidRequest(f"{where}.country: expected two capital letters such as DE.")
    if timezone is not None and not _TIMEZONE.fullmatch(timezone):
        raise InvalidRequest(f"{where}.timezone: expected a name such as Europe/Berlin.")


def _sources(where: str, given: Mapping[str, Any]) -> Doc:
    found: Doc = {}
    for source in SOURCES:
        rule = given.get(source)
        found[source] = {"type": rule} if isinstance(rule, str) else rule
        tools = (found[source] or {}).get("tools")
        if tools is not None:
            names = [tool["name"] for tool in tools]
            if not 1 <= len(names) <= MOST_TOOLS or len(set(names)) < len(names):
                raise InvalidRequest(f"{where}.{source}.tools: expected 1 to {MOST_TOOLS} different tools.")
    if all((rule or {}).get("type") == "none" for rule in found.values()):
        raise InvalidRequest(f"{where}: with no source at all nothing could be fetched; disable the tool.")
    return found
