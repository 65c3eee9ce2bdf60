"""What the `auto` policy says about one thing, and how several things add up. Source: spec section 4.3."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Ruling(IntEnum):
    """Ordered by weight: of several rulings the heaviest holds."""

    ALLOW = 0
    ASK = 1
    DENY = 2

    @property
    def evaluation(self) -> dict[str, str]:
        """The wire's judgement, with its ``reason_code``."""
        match self:
            case Ruling.ALLOW:
                return {"type": "allow"}
            case Ruling.ASK:
                return {"type": "ask", "reason_code": "indeterminate"}
            case Ruling.DENY:
                return {"type": "deny", "reason_code": "high_risk"}


def heaviest(rulings: Iterable[Ruling]) -> Ruling:
    """The ruling over all of `rulings`; nothing at all is allowed."""
    return max(rulings, default=Ruling.ALLOW)
