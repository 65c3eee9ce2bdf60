from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from jupyter_agents.ids import IdSource, after, parse_time, rfc3339

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_ids_have_their_shape_and_sort_by_the_time_of_their_making() -> None:
    source = IdSource(lambda: NOW)
    made = [source("sesn") for _ in range(1000)]
    assert all(re.fullmatch(r"sesn_01[1-9A-HJ-NP-Za-km-z]{22}", id) for id in made)
    assert made == sorted(made) and len(set(made)) == 1000
    later = IdSource(lambda: NOW + timedelta(seconds=1))("sesn")
    assert later > made[-1]


def test_ids_are_unique_among_threads_and_sources() -> None:
    source, other, made = IdSource(), IdSource(), list[str]()
    threads = [
        threading.Thread(target=lambda s=s: made.extend(s("x") for _ in range(500)))  # type: ignore[misc]
        for s in (source, source, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1500


def test_a_time_is_later_than_the_last_one() -> None:
    assert after(lambda: NOW, None) == NOW
    assert after(lambda: NOW, NOW - timedelta(seconds=1)) == NOW
    for last in (NOW, NOW + timedelta(days=1)):
        assert after(lambda: NOW, last) == last + timedelta(microseconds=1)


def test_times_are_written_in_utc_with_microseconds() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert rfc3339(there) == "2026-11-21T12:00:00.000000Z"
    assert parse_time(rfc3339(there)) == NOW
    assert parse_time("2026-11-21T17:30:00+05:30") == NOW


@pytest.mark.parametrize("text", ["2026-11-21", "2026-11-21T12:00:00", "noon", ""])
def test_a_time_without_an_offset_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
