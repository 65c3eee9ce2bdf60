"""What is known of models: limits, features, and the list cost of what they used.

The figures stand in ``models.json``. A model that is not listed there has no cost, never zero.
Source: spec sections 1.2, 18.1 and 18.2.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from importlib.resources import files
from typing import Any

PLAIN_MAX_TOKENS = 8192
PLAIN_CONTEXT = 64_000
GEO_SURCHARGE = Decimal("1.1")
SEARCH_PRICE = Decimal("0.01")


@dataclass(frozen=True)
class Model:
    """One model's facts.

    max_tokens and context are tokens; features are request fields it takes; system_messages tells whether
    it takes them in mid-conversation; effort is the level where none is given and efforts are all it has;
    geo tells whether it takes ``inference_geo``.
    """

    id: str
    known: bool
    max_tokens: int = PLAIN_MAX_TOKENS
    context: int | None = None
    features: frozenset[str] = frozenset()
    effort: str | None = None
    efforts: tuple[str, ...] = ()
    fast: bool = False
    system_messages: bool = False
    geo: bool = True

    @property
    def window(self) -> int:
        """The context window in tokens; a careful guess where it is not known."""
        return self.context or PLAIN_CONTEXT


@cache
def _table() -> dict[str, Any]:
    text = files("jupyter_agents.domain").joinpath("models.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def _entry(model_id: str) -> dict[str, Any] | None:
    models: dict[str, Any] = _table()["models"]
    return models.get(model_id) or models.get(re.sub(r"-\d{8}$", "", model_id))


def known_models() -> tuple[str, ...]:
    """Ids of the models with facts."""
    return tuple(_table()["models"])


def model(model_id: str) -> Model:
    """The facts about `model_id`; a dated id has those of the undated one."""
    entry = _entry(model_id)
    if entry is None:
        return Model(model_id, known=False)
    return Model(
        model_id,
        known=True,
        max_tokens=entry["max_tokens"],
        context=entry["context"],
        features=frozenset(_table()["features"][entry["features"]]),
        effort=entry["effort"],
        efforts=tuple(_table()["efforts"][entry["efforts"]]),
        fast=entry.get("fast", False),
        geo=entry.get("geo", True),
        system_messages=entry.get("system_messages", False),
    )


def list_cost(
    model_id: str,
    usage: dict[str, Any],
    on: date,
    *,
    speed: str | None = None,
    geo: str | None = None,
) -> Decimal | None:
    """The list cost in USD of one model request, or None for a model without a price.

    Parameters
    ----------
    usage:
        Token counts as in ``span.model_request_end.model_usage``; ``ephemeral_1h_input_tokens``
        tells which part of the cache writes lives an hour, ``web_search_requests`` how many
        searches the endpoint made.
    on:
        The day of the request, which picks the price.
    """
    entry = _entry(model_id)
    if entry is None:
        return None
    dated = [p for p in entry["prices"] if p["from"] <= on.isoformat()]
    price = dated[0] if dated else entry["prices"][-1]
    if speed == "fast" and "fast" in price:
        price = price["fast"]
    fresh = usage.get("input_tokens", 0)
    read = usage.get("cache_read_input_tokens", 0)
    written = usage.get("cache_creation_input_tokens", 0)
    hourly = usage.get("ephemeral_1h_input_tokens", 0)
    if "long" in price and fresh + read + written > price["long"]["above"]:
        price = price["long"]
    counts = {
        "input": fresh,
        "write_5m": written - hourly,
        "write_1h": hourly,
        "read": read,
        "output": usage.get("output_tokens", 0),
    }
    cost = sum((Decimal(str(price[k])) * n for k, n in counts.items()), Decimal(0)) / 1_000_000
    searches = SEARCH_PRICE * int(usage.get("web_search_requests", 0))
    return (cost * GEO_SURCHARGE if geo == "us" else cost) + searches


def cents(cost: Decimal) -> str:
    """`cost` in USD as the wire's whole cents."""
    return str((cost * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
