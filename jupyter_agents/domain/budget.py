"""A session's budget: a cap on the list cost of its model requests.

The cap is compared with the exact cost, not with the rounded cents that the wire shows.
Source: spec sections 3.1, 3.4 and 5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jupyter_agents.domain.usage import Usage
from jupyter_agents.errors import InvalidRequest

Doc = dict[str, Any]


def check(budget: Mapping[str, Any]) -> None:
    """A budget in whole cents of USD above zero."""
    amount, currency = budget["max_list_cost"]["amount"], budget["max_list_cost"]["currency"]
    if currency != "USD":
        raise InvalidRequest("budget.max_list_cost.currency: expected 'USD'.")
    whole = amount.isascii() and amount.isdigit() and not amount.startswith("0")
    if not whole or len(amount) > 12:
        raise InvalidRequest(
            'budget.max_list_cost.amount: expected whole cents above zero as a string, such as "50".'
        )


def spent(usage: Usage, budget: Mapping[str, Any] | None) -> bool:
    """Whether `usage` has reached `budget`; never where there is none."""
    return budget is not None and usage.cost * 100 >= Decimal(budget["max_list_cost"]["amount"])


def replace(stored: Doc | None, given: Doc | None, usage: Usage) -> Doc | None:
    """The budget after an update: `given` in place of `stored`, None removes it for good.

    Raises `InvalidRequest` with code ``budget_create_only`` where the session has none, and
    ``budget_not_raised`` where `given` is not above what `usage` has cost.
    """
    if given is None:
        return None
    check(given)
    if stored is None:
        raise InvalidRequest(
            "budget: this session has none, and one cannot be added later; create a session with a budget.",
            code="budget_create_only",
        )
    if spent(usage, given):
        raise InvalidRequest(
            "budget.max_list_cost must be greater than the session's consumed list cost.",
            code="budget_not_raised",
        )
    return given
