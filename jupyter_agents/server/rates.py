"""How many requests a user may make a minute; off unless an administrator says otherwise.

A token bucket per user and kind: it holds a minute's worth, so that a burst passes, and fills evenly.
Source: spec section 18.3.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jupyter_agents.errors import RateLimited

KINDS = ("create", "read")
CREATE = re.compile(r".*/v1/[a-z_]+")
MOST_BUCKETS = 1000


@dataclass
class _Bucket:
    tokens: float
    at: float


class Rates:
    """Counts requests.

    Parameters
    ----------
    per_minute:
        Requests a minute by kind, ``create`` and ``read``; a kind that is not named has no limit.
    clock:
        Seconds, never going back.
    """

    def __init__(self, per_minute: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = dict(per_minute)
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def check(self, user: str, kind: str) -> None:
        """Count one request. Raises `RateLimited` with the seconds to wait where there is no room."""
        most = self._per_minute.get(kind)
        if most is None:
            return
        bucket = self._filled(user, kind, most)
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) * 60 / most)
            raise RateLimited(
                f"More than {most:g} {kind} requests a minute; try again in {wait} s.", retry_after=wait
            )
        bucket.tokens -= 1

    def _filled(self, user: str, kind: str, most: float) -> _Bucket:
        now = self._clock()
        full = max(most, 1.0)
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {key: b for key, b in self._buckets.items() if now - b.at < 60}
        bucket = self._buckets.setdefault((user, kind), _Bucket(full, now))
        bucket.tokens = min(full, bucket.tokens + (now - bucket.at) * most / 60)
        bucket.at = now
        return bucket


def kind_of(method: str, path: str) -> str | None:
    """``create`` for a POST to a collection, ``read`` for the API's other requests, else None."""
    if "/v1/" not in path:
        return None
    return "create" if method == "POST" and CREATE.fullmatch(path) else "read"
