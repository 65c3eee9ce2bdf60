"""Which URLs a conversation has shown, and by whom: what ``url_sources`` of ``web_fetch`` goes by.

Source: spec section 1.3 (``url_sources``). Sources are the text of user messages, the results of
``web_search`` and ``web_fetch`` (server tools), and the results of custom tools (client tools). The
results of other tools are no source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from jupyter_agents.domain.web_config import WEB_TOOLS

Doc = dict[str, Any]

_URL = re.compile(r"https?://[^\s<>\"'`\\^{}|\x00-\x1f]{1,8192}", re.IGNORECASE)
_AROUND = ".,;:!?*_~]"
_PORTS = {"http": 80, "https": 443}


def shown(messages: Sequence[Mapping[str, Any]], custom: Iterable[str]) -> dict[tuple[str, str], set[str]]:
    """The canonical URLs in a Messages thread, by source and tool.

    Keys are ``("user_input", "")``, ``("server_tool_results", name)`` and
    ``("client_tool_results", name)``; `custom` names the custom tools.
    """
    kinds = dict.fromkeys(WEB_TOOLS, "server_tool_results") | dict.fromkeys(custom, "client_tool_results")
    calls: dict[str, str] = {}
    found: dict[tuple[str, str], set[str]] = {}
    for message in messages:
        for block in message["content"]:
            if block["type"] == "tool_use":
                calls[block["id"]] = block["name"]
            elif message["role"] == "user" and block["type"] == "tool_result":
                name = calls.get(block["tool_use_id"], "")
                if name in kinds:
                    found.setdefault((kinds[name], name), set()).update(_in_blocks(block["content"]))
            elif message["role"] == "user":
                found.setdefault(("user_input", ""), set()).update(_in_blocks([block]))
    return found


def refusal(
    rules: Mapping[str, Any], url: str, messages: Sequence[Mapping[str, Any]], custom: Iterable[str]
) -> str | None:
    """Why `url` may not be fetched under the ``url_sources`` `rules`, or None where it may."""
    wanted = canonical(url)
    places = [key for key, urls in shown(messages, custom).items() if wanted in urls]
    if any(_admits(rules.get(source), tool) for source, tool in places):
        return None
    if places:
        source, tool = places[0]
        return f"url_sources.{source} does not admit URLs from {tool or 'user messages'}"
    return "url_sources admits only URLs that this conversation has shown, and it has not shown this one"


def canonical(url: str) -> str:
    """`url` in the form by which two are compared: no fragment, no default port, lower-case host."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "").removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))


def _admits(rule: Mapping[str, Any] | None, tool: str) -> bool:
    names = {named["name"] for named in (rule or {}).get("tools", [])}
    match (rule or {"type": "all"})["type"]:
        case "all":
            return True
        case "only":
            return tool in names
        case "except":
            return tool not in names
        case _:
            return False


def _in_blocks(content: Any) -> Iterator[str]:
    blocks: Sequence[Doc] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        match block["type"]:
            case "text":
                yield from _in_text(block["text"])
            case "search_result":
                yield canonical(block["source"])
                yield from _in_blocks(block["content"])
            case "document" if block["source"]["type"] == "text":
                yield from _in_text(block["source"]["data"])


def _in_text(text: str) -> Iterator[str]:
    """Each URL as it stands, and without the punctuation or bracket that may only follow it."""
    for match in _URL.finditer(text):
        url = match.group()
        yield canonical(url)
        url = url.rstrip(_AROUND)
        yield canonical(url)
        while url.count(")") > url.count("("):
            url = url[: url.rindex(")")].rstrip(_AROUND)
        yield canonical(url)
