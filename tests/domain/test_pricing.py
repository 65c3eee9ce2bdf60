from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from jupyter_agents.domain import pricing

TODAY = date(2026, 11, 21)
RUNNING_HOUR = Decimal("0.08")


def cost(model: str, on: date = TODAY, **given: Any) -> Decimal | None:
    options = {k: given.pop(k) for k in ("speed", "geo") if k in given}
    return pricing.list_cost(model, given, on, **options)


@pytest.mark.parametrize(
    ("read", "worth"),
    [(0, Decimal("0.705")), (40_000, Decimal("0.525"))],
)
def test_the_worked_example_less_its_running_hour(read: int, worth: Decimal) -> None:
    usage = {"input_tokens": 50_000 - read, "cache_read_input_tokens": read, "output_tokens": 15_000}
    assert cost("claude-opus-5", **usage) == worth - RUNNING_HOUR


@pytest.mark.parametrize(
    ("model", "given", "worth"),
    [
        ("claude-opus-4-7", {"output_tokens": 1_000_000}, 25),
        ("claude-opus-4-5-20251101", {"input_tokens": 1_000_000}, 5),
        ("claude-opus-5", {"cache_creation_input_tokens": 1_000_000}, "6.25"),
        (
            "claude-opus-5",
            {"cache_creation_input_tokens": 1_000_000, "ephemeral_1h_input_tokens": 1_000_000},
            10,
        ),
        ("claude-opus-5", {"input_tokens": 1_000_000, "speed": "fast"}, 10),
        ("claude-opus-5", {"input_tokens": 1_000_000, "geo": "us"}, "5.5"),
        ("claude-haiku-5-5", {"input_tokens": 100_000}, "0.01"),
        ("claude-haiku-5-5", {"input_tokens": 100_001}, "0.0500005"),
        ("claude-sonnet-5-5", {"cache_read_input_tokens": 1_000_000}, "0.1"),
        ("claude-sonnet-5-5", {"cache_read_input_tokens": 1_000_000, "on": date(2026, 10, 6)}, "0.2"),
        ("claude-opus-5", {}, 0),
    ],
)
def test_prices(model: str, given: dict[str, Any], worth: Any) -> None:
    assert cost(model, **given) == Decimal(worth)


def test_an_unknown_model_has_no_cost_and_plain_facts() -> None:
    assert cost("my-model", input_tokens=1) is None
    facts = pricing.model("my-model")
    assert not facts.known and not facts.features and facts.effort is None


@pytest.mark.parametrize(
    ("dollars", "shown"), [("0", "0"), ("0.004", "0"), ("0.006", "1"), ("1.875", "188"), ("12", "1200")]
)
def test_cents_are_whole(dollars: str, shown: str) -> None:
    assert pricing.cents(Decimal(dollars)) == shown


@pytest.mark.parametrize("name", pricing.known_models())
def test_every_listed_model_is_complete_and_its_prices_newest_first(name: str) -> None:
    facts = pricing.model(name)
    assert facts.known and facts.context and 1000 <= facts.max_tokens <= facts.context
    prices = pricing._table()["models"][name]["prices"]
    dates = [price["from"] for price in prices]
    assert dates == sorted(dates, reverse=True)
    for price in prices:
        assert price["read"] < price["input"] < price["write_5m"] < price["write_1h"] < price["output"]
        json.dumps(price)
