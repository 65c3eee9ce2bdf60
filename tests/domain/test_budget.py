from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jupyter_agents.domain import budget
from jupyter_agents.domain.usage import Usage
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]


def cap(amount: str) -> Doc:
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}


def used(cents: str) -> Usage:
    return Usage(cost=Decimal(cents) / 100)


@pytest.mark.parametrize(
    ("cents", "limit", "spent"),
    [("4.99", "5", False), ("5", "5", True), ("5.01", "5", True), ("0", "1", False), ("9.7", "10", False)],
)
def test_a_cap_is_reached_by_the_exact_cost(cents: str, limit: str, spent: bool) -> None:
    assert budget.spent(used(cents), cap(limit)) is spent


def test_no_budget_is_never_spent() -> None:
    assert not budget.spent(used("1000"), None)


@pytest.mark.parametrize(
    ("stored", "given", "cents", "after"),
    [
        (cap("5"), cap("9"), "5", cap("9")),
        (cap("9"), cap("6"), "5.9", cap("6")),
        (cap("9"), cap("9"), "5", cap("9")),
        (cap("9"), None, "12", None),
        (None, None, "12", None),
    ],
)
def test_a_budget_is_raised_lowered_or_removed(
    stored: Doc | None, given: Doc | None, cents: str, after: Doc | None
) -> None:
    assert budget.replace(stored, given, used(cents)) == after


@pytest.mark.parametrize(
    ("stored", "given", "cents", "code"),
    [
        (None, cap("5"), "0", "budget_create_only"),
        (cap("5"), cap("5"), "5", "budget_not_raised"),
        (cap("9"), cap("5"), "5.01", "budget_not_raised"),
        (cap("9"), cap("0"), "0", None),
    ],
)
def test_what_a_budget_cannot_become(stored: Doc | None, given: Doc, cents: str, code: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        budget.replace(stored, given, used(cents))
    assert caught.value.code == code
