"""What the web tools' configuration entries have beyond the other tools'. Source: spec section 1.3."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from jupyter_agents.domain import limits
from jupyter_agents.domain.web_domains import domains
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]

COUNTRY = re.compile(r"[A-Z]{2}")
PLACE = ("city", "region", "country", "timezone")
SOURCES = ("user_input", "server_tool_results", "client_tool_results")
WEB_TOOLS = frozenset({"web_search", "web_fetch"})
MOST_TOOLS = 128
LONGEST_NAME = 128


def web_extras(where: str, entry: Mapping[str, Any], custom: frozenset[str]) -> Doc:
    """The resolved extra fields of a configuration entry, all of them, null where not given.

    Parameters
    ----------
    where:
        Where the entry stands in the request.
    custom:
        Names of the custom tools in the same ``tools`` array.

    Empty for a tool that is no web tool. Raises `InvalidRequest` naming the field.
    """
    resolve = EXTRAS.get(entry["name"])
    return {} if resolve is None else resolve(where, entry, custom)


def _search(where: str, entry: Mapping[str, Any], _: frozenset[str]) -> Doc:
    return _domains(where, entry, paths=True) | {
        "user_location": _location(f"{where}.user_location", entry.get("user_location"))
    }


def _fetch(where: str, entry: Mapping[str, Any], custom: frozenset[str]) -> Doc:
    most = entry.get("max_content_tokens")
    if most is not None and most < 1:
        raise InvalidRequest(f"{where}.max_content_tokens: expected 1 or more.")
    return _domains(where, entry, paths=False) | {
        "max_content_tokens": most,
        "url_sources": _sources(f"{where}.url_sources", entry.get("url_sources"), custom),
    }


EXTRAS: dict[str, Callable[[str, Mapping[str, Any], frozenset[str]], Doc]] = {
    "web_search": _search,
    "web_fetch": _fetch,
}


def _domains(where: str, entry: Mapping[str, Any], *, paths: bool) -> Doc:
    allowed, blocked = entry.get("allowed_domains"), entry.get("blocked_domains")
    if allowed is not None and blocked is not None:
        raise InvalidRequest(f"{where}: give allowed_domains or blocked_domains, not both.")
    return {
        "allowed_domains": domains(f"{where}.allowed_domains", allowed, paths=paths),
        "blocked_domains": domains(f"{where}.blocked_domains", blocked, paths=paths),
    }


def _location(where: str, given: Mapping[str, Any] | None) -> Doc | None:
    if given is None:
        return None
    found: Doc = {"type": "approximate", **{key: given.get(key) for key in PLACE}}
    if all(found[key] is None for key in PLACE):
        raise InvalidRequest(f"{where}: give at least one of {', '.join(PLACE)}.")
    for key in PLACE:
        if found[key] is not None:
            limits.text(f"{where}.{key}", found[key], limits.MAX_NAME - 1, shortest=1)
    if found["country"] is not None and not COUNTRY.fullmatch(found["country"]):
        raise InvalidRequest(f"{where}.country: expected two capital letters, such as 'DE'.")
    if found["timezone"] is not None and found["timezone"] not in _timezones():
        raise InvalidRequest(f"{where}.timezone: expected an IANA name, such as 'Europe/Berlin'.")
    return found


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _sources(where: str, given: Mapping[str, Any] | None, custom: frozenset[str]) -> Doc | None:
    if given is None:
        return None
    known = {"server_tool_results": WEB_TOOLS, "client_tool_results": custom}
    found = {key: _source(f"{where}.{key}", given.get(key), known.get(key, frozenset())) for key in SOURCES}
    if all(source is not None and source["type"] == "none" for source in found.values()):
        raise InvalidRequest(f"{where}: with no source at all nothing can be fetched; disable the tool.")
    return found


def _source(where: str, given: Any, known: frozenset[str]) -> Doc | None:
    if given is None:
        return None
    if isinstance(given, str):
        return {"type": given}
    if "tools" not in given:
        return dict(given)
    names = [tool["name"] for tool in given["tools"]]
    if not 1 <= len(names) <= MOST_TOOLS:
        raise InvalidRequest(f"{where}.tools: give 1 to {MOST_TOOLS} tools.")
    for position, name in enumerate(names):
        limits.text(f"{where}.tools.{position}.name", name, LONGEST_NAME, shortest=1)
        if name not in known:
            raise InvalidRequest(
                f"{where}.tools.{position}.name: {name!r} is not one of {', '.join(sorted(known)) or 'none'}."
            )
        if name in names[:position]:
            raise InvalidRequest(f"{where}.tools.{position}.name: {name!r} is given twice.")
    return dict(given)
