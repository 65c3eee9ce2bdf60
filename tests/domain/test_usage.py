from __future__ import annotations

from jupyter_agents import wire
from jupyter_agents.domain.usage import Usage
from tests.domain.talk import START, USAGE

MODEL = {"id": "claude-opus-5", "speed": "standard", "inference_geo": None}


def test_requests_add_up() -> None:
    usage = Usage()
    for _ in range(3):
        usage.add(MODEL, USAGE, START)
    shown = usage.wire(priced=True)
    assert (shown["input_tokens"], shown["output_tokens"]) == (3000, 300)
    assert shown["list_cost"] == {"amount": "2", "currency": "USD"}
    assert shown["cache_creation"] is None
    wire.Session.model_fields["usage"].annotation.model_validate(shown)  # type: ignore[union-attr]


def test_searches_are_counted_and_cost_a_cent_each() -> None:
    usage = Usage()
    usage.add(MODEL | {"inference_geo": "us"}, dict.fromkeys(USAGE, 0) | {"web_search_requests": 3}, START)
    shown = usage.wire(priced=True)
    assert shown["server_tool_use"] == {"web_search_requests": 3, "web_fetch_requests": 0}
    assert shown["list_cost"] == {"amount": "3", "currency": "USD"}


def test_one_request_without_a_price_takes_the_cost_away() -> None:
    usage = Usage()
    usage.add(MODEL, USAGE, START)
    usage.add(MODEL | {"id": "local"}, USAGE, START)
    assert usage.wire(priced=True)["list_cost"] is None
