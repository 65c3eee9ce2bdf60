"""What a session has used: tokens, time and list cost. Source: spec section 18.1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jupyter_agents.domain import pricing

Doc = dict[str, Any]


@dataclass
class Usage:
    """Sums over a session's model requests. active_seconds: time spent running, seconds."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    ephemeral_5m: int = 0
    ephemeral_1h: int = 0
    web_searches: int = 0
    cost: Decimal = Decimal(0)
    priced: bool = True
    active_seconds: float = 0.0

    def add(self, model: Doc, used: Doc, at: datetime) -> None:
        """Count one request. `model` is the agent's model object, `used` its token and search counts."""
        hourly = used.get("ephemeral_1h_input_tokens", 0)
        self.input_tokens += used["input_tokens"]
        self.output_tokens += used["output_tokens"]
        self.cache_read_input_tokens += used["cache_read_input_tokens"]
        self.ephemeral_1h += hourly
        self.ephemeral_5m += used["cache_creation_input_tokens"] - hourly
        self.web_searches += used.get("web_search_requests", 0)
        cost = pricing.list_cost(
            model["id"], used, at.date(), speed=model.get("speed"), geo=model.get("inference_geo")
        )
        if cost is None:
            self.priced = False
        else:
            self.cost += cost

    def wire(self, *, priced: bool) -> Doc:
        """The wire's usage object; `priced` tells whether the agent's model has a price at all."""
        written = self.ephemeral_5m + self.ephemeral_1h
        show_cost = priced and self.priced
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.ephemeral_5m,
                "ephemeral_1h_input_tokens": self.ephemeral_1h,
            }
            if written
            else None,
            "server_tool_use": {"web_search_requests": self.web_searches, "web_fetch_requests": 0},
            "active_seconds": round(self.active_seconds, 3),
            "list_cost": {"amount": pricing.cents(self.cost), "currency": "USD"} if show_cost else None,
        }
