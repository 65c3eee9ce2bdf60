"""Prefixed, sortable ids and the clock; whoever needs one is given it, so that tests can fix both.

Source: spec section 0.3 (prefixes and shape). Clients must not parse ids; ours sort by creation time.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BODY = 24

Clock = Callable[[], datetime]
"""Returns the time now, aware, in UTC."""

NewId = Callable[[str], str]
"""Takes a prefix such as ``sesn`` and returns a new id."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def after(clock: Clock, last: datetime | None) -> datetime:
    """The time now, or one microsecond after `last` where the clock has not moved on."""
    now = clock()
    return now if last is None or now > last else last + timedelta(microseconds=1)


def rfc3339(moment: datetime) -> str:
    """`moment` as the wire writes it: UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as an aware datetime; raises ValueError when it is none or has no offset."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("the time has no offset")
    return moment.astimezone(UTC)


class IdSource:
    """Makes ids such as ``sesn_01`` + 22 base-58 characters that sort by the time of their making."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self, prefix: str) -> str:
        micros = int(self._clock().timestamp() * 1_000_000)
        with self._lock:
            self._last = max(micros, self._last + 1)
            stamp = self._last
        random = secrets.randbits(80)
        return f"{prefix}_01{_base58(stamp, 9)}{_base58(random, BODY - 11)}"


def _base58(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 58)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))
